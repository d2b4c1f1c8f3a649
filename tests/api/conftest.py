"""One stack for the whole suite, people in each role, and agents on demand."""

import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from client import Client, Person  # noqa: E402
from spec import Spec  # noqa: E402
from stack import LOGS, Stack  # noqa: E402


@pytest.fixture(scope="session")
def spec():
    """What it has judged is kept for tests/run, which knows all of the suite."""
    spec = Spec()
    yield spec
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"answered-{os.getpid()}.json").write_text(json.dumps(sorted(spec.answered, key=str)))


@pytest.fixture(scope="session")
def stack():
    with Stack("api") as stack:
        yield stack


@pytest.fixture(scope="session")
def admin(stack, spec):
    env = stack.admin_env()
    return Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])


@pytest.fixture(scope="session")
def operator(stack, spec):
    return Person.add(stack, spec, "operator")


@pytest.fixture(scope="session")
def neighbour(stack, spec):
    """An operator too, of another tenant."""
    return Person.add(stack, spec, "operator")


@pytest.fixture(scope="session")
def viewer(stack, spec):
    return Person.add(stack, spec, "viewer")


@pytest.fixture
def page(stack, spec):
    """The admin listener as a stranger sees it."""
    return Client(stack, spec, "admin")


@pytest.fixture
def wire(stack, spec):
    """The agent listener as a stranger sees it."""
    return Client(stack, spec, "agent")


@pytest.fixture
def agent(operator):
    """A registered agent of the operator's, without a certificate."""
    return operator.register()


@pytest.fixture
def enrolled(operator):
    """An enrolled agent of the operator's, with its certificate."""
    agent = operator.enrol()
    yield agent
    agent.close()
