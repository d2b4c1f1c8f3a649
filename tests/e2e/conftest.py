"""One server for the whole suite; an enrolled host for each test."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from client import Person  # noqa: E402
from host import Host  # noqa: E402
from spec import Spec  # noqa: E402
from stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def stack():
    with Stack("e2e", MUSTER_POLL_INTERVAL="1s") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, Spec(), env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield stack


@pytest.fixture
def host(stack):
    """Enrolled, not running."""
    with Host(stack) as host:
        yield host.enrol()
