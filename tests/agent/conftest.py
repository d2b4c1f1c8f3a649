"""One server for the whole suite; a host for each test."""

import concurrent.futures
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import tokens  # noqa: E402
from backupserver import BackupServer, context_of  # noqa: E402
import depot as stored  # noqa: E402
from client import Person  # noqa: E402
from host import Host  # noqa: E402
from spec import Spec  # noqa: E402
from stack import Stack  # noqa: E402


@pytest.fixture(scope="session")
def stack():
    with Stack("agent", MUSTER_POLL_INTERVAL="1s") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, Spec(), env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield stack


@pytest.fixture
def host(stack):
    """Enrolled, not running."""
    with Host(stack) as host:
        yield host.enrol()


@pytest.fixture
def fresh(stack):
    """With a configuration, not enrolled."""
    with Host(stack) as host:
        host.write_conf()
        yield host


@pytest.fixture
def backups(stack, fresh, tmp_path):
    """Starts a BackupServer, whose arguments it takes, and sets `fresh` up for it; settings: of its agent.conf."""
    from test_hostile_server import FAR, leaf_until
    context = context_of(*leaf_until(stack, FAR.replace(year=2030)), tmp_path)
    servers = []

    def start(settings=None, **arguments):
        server = BackupServer(context, fresh.source, **arguments)
        servers.append(server)
        fresh.write_conf(SERVER_URL=server.url, STORE_CA_FILE=stack.ca, CA_FILE=stack.ca, API_KEY=tokens.api_key(),
                         AGENT_ID="01900000-eeee-7000-8000-000000000001", **(settings or {}))
        fresh.conf.chmod(0o600)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def together():
    """Runs a function over many arguments side by side: for what mostly waits."""
    def run(function, arguments, wide=8):
        with concurrent.futures.ThreadPoolExecutor(wide) as pool:
            return list(pool.map(function, arguments))

    return run


@pytest.fixture
def depot(tmp_path):
    """A stand-in for server and store, for what is read back."""
    with stored.Depot(tmp_path) as depot:
        yield depot


@pytest.fixture
def keys(tmp_path):
    """(path of an age identity, its recipient), twice."""
    made = []
    for name in ("one", "other"):
        subprocess.run(["age-keygen", "-o", tmp_path / name], check=True, capture_output=True)
        recipient = subprocess.run(["age-keygen", "-y", tmp_path / name], capture_output=True, text=True).stdout.strip()
        made.append((tmp_path / name, recipient))
    return made


@pytest.fixture
def secret(depot, keys):
    """The depot with a chain of two that the first key decrypts."""
    def encrypted(data):
        return subprocess.run(["age", "-r", keys[0][1]], input=data, capture_output=True, check=True).stdout

    for seq, members in enumerate([[stored.member("a", stored.NOISE)], [stored.member("b", b"b")]]):
        index = stored.index(("f", "a", len(stored.NOISE), stored.OLD, 0))
        depot.add(stored.Run(f"run-{seq}", encrypted(stored.zstd(stored.tar(*members))), seq, volume=90_000,
                              encrypted=True, index=encrypted(index)))
    return depot
