"""A real agent, whose backups go to a real S3 store behind TLS that the store's own authority has certified."""

import os
import signal

import pytest

import trees
from client import Person
from host import Host
from spec import Spec
from stack import Stack
from storedriver import StoreDriver
from swiftstore import MORE_STORES, Given, Swift
from test_backups import back_up, restore
from wait import wait_until

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(scope="module")
def elsewhere():
    with Swift() as swift, Stack("e2e-s3", store=swift, MUSTER_POLL_INTERVAL="1s") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, Spec(), env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield stack


@pytest.fixture
def swift(elsewhere):
    yield elsewhere.store
    elsewhere.store.kill()
    elsewhere.store.start()
    elsewhere.wait_ready()


@pytest.fixture
def host(elsewhere):
    with Host(elsewhere) as host:
        yield host.enrol(STORE_CA_FILE=elsewhere.store.ca)


@pytest.fixture(params=["swift", *MORE_STORES])
def anywhere(request):
    """A host whose backups go to a real store."""
    if request.param == "swift":
        yield request.getfixturevalue("host")
        return
    store = Given()
    with Stack("e2e-s3-other", store=store) as stack, Host(stack) as host:
        yield host.enrol(STORE_CA_FILE=store.settings.get("MUSTER_S3_CA_FILE"))


def test_a_tree_goes_to_the_store_and_comes_back(anywhere):
    trees.nasty(anywhere.source)
    (anywhere.source / "large").write_bytes(os.urandom(20 * MIB))
    run = back_up(anywhere)
    assert run["status"] == "completed", run
    assert StoreDriver(anywhere.stack.store.settings).head(run["s3_path"])[1] == "online"
    trees.assert_same(anywhere.source, restore(anywhere))
    assert not list((anywhere.stack.var / "store").rglob("users"))


def test_a_chain_is_browsed_and_deleted_where_it_is(elsewhere, host):
    """What the server itself reads and removes there: the lists of what is inside, and in the end everything."""
    boss, swift = elsewhere.boss, elsewhere.store
    (host.source / "first").write_bytes(os.urandom(MIB))
    full = back_up(host, type="incremental")
    (host.source / "second").write_bytes(os.urandom(MIB))
    upon = back_up(host)
    folder = str(host.source).lstrip("/")
    listed = boss.ok("GET", f"/api/runs/{upon['id']}/files?path={folder}")["entries"]
    assert [e["name"] for e in listed] == ["first", "second"] and listed[1]["seq"] == 1
    objects = [path for (path,) in elsewhere.query("SELECT s3_path FROM backup_objects WHERE run_id IN (?, ?)",
                                                   full["id"], upon["id"])]
    assert len(objects) == 4 and set(objects) <= set(swift.keys())
    boss.ok("DELETE", f"/api/chains/{full['id']}?force=1")
    wait_until(lambda: not set(objects) & set(swift.keys()), 60, "nothing of the chain is in the store")


def test_an_agent_does_not_send_to_a_store_that_strangers_certify(elsewhere):
    with Host(elsewhere) as host:
        host.enrol()
        (host.source / "file").write_bytes(b"x")
        run = back_up(host, expect=1)
        assert run["status"] == "failed"
        assert run["s3_path"] not in elsewhere.store.keys()


def stopped_in_the_middle(host):
    """A backup that has read a file and stands in the next one: sending is limited, so that this one, of which more is left
    than waits to be sent, is open for seconds."""
    for name, mib in (("a", 1), ("b", 72), ("c", 1)):
        (host.source / name).write_bytes(os.urandom(mib * MIB))
    host.add_config("everything", **{"rate-limit": 8 * KIB})
    agent = host.spawn("backup", "--config-name", "everything")
    return agent, host.wait_reading(agent, host.source / "b")


def test_a_store_that_is_killed_in_the_middle_loses_nothing(host, swift):
    agent, stopped = stopped_in_the_middle(host)
    swift.kill()
    os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: "Connection refused" in (swift.dir / "nginx.log").read_text(), 60, "the agent missed the store")
    swift.start()
    assert agent.wait(timeout=300) == 0
    assert host.runs()[0]["status"] == "completed"
    trees.assert_same(host.source, restore(host))


def test_a_store_that_fills_up_fails_the_backup_and_the_next_one_works(host, swift):
    """The agent is patient, since somebody may make room; here somebody gives up instead."""
    agent, stopped = stopped_in_the_middle(host)
    swift.kill()
    swift.start(full=True)
    os.kill(stopped, signal.SIGCONT)
    wait_until(lambda: "Insufficient Storage" in (swift.dir / "swift.log").read_text(), 60, "a part was refused")
    agent.terminate()
    assert agent.wait(timeout=60) != 0
    assert host.runs()[0]["status"] in ("failed", "cancelled")
    assert not swift.uploads()
    swift.kill()
    swift.start()
    assert back_up(host)["status"] == "completed"
    trees.assert_same(host.source, restore(host))
