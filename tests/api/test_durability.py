"""What the server has acknowledged survives kill -9; it drains on SIGTERM and takes new settings on SIGHUP.

On a stack of its own, since these tests take it down."""

import contextlib
import os
import signal
import threading
import time

import pytest
import requests

from client import Client, Person, Script, event, problem
from stack import Stack
from upload import Upload
from wait import wait_until


@pytest.fixture(scope="module")
def own(spec):
    with Stack("durability", MUSTER_AGENT_RATE="1000000", MUSTER_AGENT_BURST="1000000") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield stack


class Writers:
    """Threads that write without a pause and remember what was acknowledged."""

    def __init__(self, own, spec):
        self.own, self.spec, self.stop = own, spec, threading.Event()
        self.agents = [own.boss.register(f"writer-{i}") for i in range(4)]
        self.events = {a.id: [] for a in self.agents}
        self.registered, self.refused = [], 0
        self.threads = [threading.Thread(target=self.talk, args=(a,)) for a in self.agents]
        self.threads.append(threading.Thread(target=self.register))

    def attempt(self, act):
        try:
            return act()
        except (requests.RequestException, AssertionError):
            self.refused += 1
            return None

    def talk(self, agent):
        seq = 0
        while not self.stop.is_set():
            batch = [event(seq + i, message=f"event {seq + i}") for i in range(1, 6)]
            acked = self.attempt(lambda: agent.say(*batch)["acked"])
            if acked:
                self.events[agent.id] += acked
                seq += 5

    def register(self):
        while not self.stop.is_set():
            agent = self.attempt(lambda: self.own.boss.register(f"made-{len(self.registered)}"))
            if agent:
                self.registered.append(agent)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for t in self.threads:
            t.join()

    def progress(self):
        return min(len(e) for e in self.events.values()) if len(self.registered) > 3 else 0


def test_what_was_acknowledged_survives_kill_9(own, spec):
    with Writers(own, spec) as writers:
        for _ in range(3):
            so_far = writers.progress()
            wait_until(lambda: writers.progress() > so_far + 50, 30, "writes are acknowledged")
            own.kill_app(signal.SIGKILL)
            own.up()
            own.wait_ready()
    assert writers.refused > 0, "the kill was noticed by somebody"
    for agent_id, acked in writers.events.items():
        rows = own.query("SELECT seq, COUNT(*) FROM agent_logs WHERE agent_id = ? GROUP BY seq", agent_id)
        assert set(acked) <= {seq for seq, _ in rows}, "an acknowledged event is lost"
        assert all(count == 1 for _, count in rows)
    kept = {row[0] for row in own.query("SELECT id FROM agents")}
    assert {a.id for a in writers.registered} <= kept, "a registered agent is lost"
    assert own.query("PRAGMA integrity_check") == [("ok",)]
    assert own.app_json("audit", "verify")


def test_a_part_that_was_acknowledged_survives_kill_9(own):
    agent = own.boss.register("uploader")
    upload = Upload(agent, own.boss.add_config(agent))
    upload.add(b"x" * 5000)
    own.kill_app(signal.SIGKILL)
    own.up()
    own.wait_ready()
    assert upload.complete().status_code == 200
    assert (own.var / "store/objects" / upload.s3_path).read_bytes() == b"x" * 5000


def test_an_object_that_was_made_when_the_app_was_killed_is_found_made(own):
    """The database is held while the store makes the object, so that the app dies in between."""
    agent = own.boss.register("in between")
    upload = Upload(agent, own.boss.add_config(agent))
    upload.add(b"x" * 5000)
    upload.store(1, b"index", object="index")
    made = own.var / "store/objects" / upload.s3_path
    replies = []

    def complete():
        with contextlib.suppress(requests.RequestException, AssertionError):
            replies.append(upload.complete().status_code)

    with own.database() as db:
        db.execute("BEGIN IMMEDIATE")
        asking = threading.Thread(target=complete)
        asking.start()
        wait_until(made.exists, 10, "the object is made")
        own.kill_app(signal.SIGKILL)
    asking.join()
    assert 200 not in replies
    assert own.query("SELECT status FROM backup_runs WHERE id = ?", upload.log_id) == [("running",)]
    assert own.query("SELECT COUNT(*) FROM backup_objects WHERE run_id = ? AND size_bytes IS NOT NULL",
                     upload.log_id) == [(0,)]
    own.up()
    own.wait_ready()
    for _ in range(2):
        assert upload.complete().status_code == 200
    assert own.query("SELECT number, size_bytes FROM backup_objects WHERE run_id = ? ORDER BY number",
                     upload.log_id) == [(0, 5), (1, 5000)]
    assert made.read_bytes() == b"x" * 5000


def test_sigterm_finishes_what_is_under_way(own, spec):
    agents = [own.boss.register(f"poller-{i}") for i in range(5)]
    replies = []

    def poll(agent):
        replies.append(agent.get("/api/agent/commands?wait=50", timeout=60))

    pollers = [threading.Thread(target=poll, args=(agent,)) for agent in agents]
    for t in pollers:
        t.start()
    metrics = Client(own, spec, "admin")

    def parked():
        return sum(int(float(line.split()[-1])) for line in metrics.get("/metrics").text.splitlines()
                   if "parked" in line and line[0] != "#")

    wait_until(lambda: parked() >= 5, 10, "five polls are parked")
    started = time.monotonic()
    own.kill_app(signal.SIGTERM)
    assert time.monotonic() - started < 15
    for t in pollers:
        t.join(10)
    assert [r.status_code for r in replies] == [200] * 5
    assert all(r.json()["commands"] == [] for r in replies)
    assert not (own.var / "muster.db-wal").exists() or (own.var / "muster.db-wal").stat().st_size == 0
    # Down, nginx answers for it, in our own way.
    reply = requests.get(f"{own.url}/api/auth/session", verify=own.ca, timeout=10)
    assert reply.status_code in (502, 503, 504)
    assert reply.headers["Content-Type"] == "application/problem+json"
    own.up()
    own.wait_ready()


def test_sighup_takes_new_settings_without_dropping_anybody(own):
    agent = own.boss.register("steady")
    before = own.pid()
    conf = own.var / "app.conf"
    text = conf.read_text()
    kept = [line for line in text.splitlines() if not line.startswith("MUSTER_POLL_INTERVAL")]
    try:
        conf.write_text("\n".join(kept + ['MUSTER_POLL_INTERVAL="7s"']) + "\n")
        os.kill(before, signal.SIGHUP)
        wait_until(lambda: agent.beat()["nextPollS"] <= 9, 5, "agents are told of the new interval")
        # A broken file changes nothing.
        conf.write_text("MUSTER_POLL_INTERVAL=never\n")
        os.kill(before, signal.SIGHUP)
        wait_until(lambda: "MUSTER_POLL_INTERVAL" in own.log_text(), 5, "the mistake is logged")
        assert agent.beat()["nextPollS"] <= 9
    finally:
        conf.write_text(text)
    assert own.pid() == before


def test_the_database_is_copied_and_put_back(own, tmp_path):
    agent = own.boss.register("in the copy")
    script = Script(own.boss, "read")
    assert script.get("/api/agents").status_code == 200
    invited = own.app_json("user", "invite", "somebody@example.org")
    user = own.boss.user["id"]
    own.change("INSERT INTO devices VALUES ('d', 'd', ?, 'd', '', 1, 1, 9999999999999)", user)
    own.change("INSERT INTO signins VALUES ('s', ?, 'cookie', '', 0, 1, 9999999999999)", user)
    copy = tmp_path / "copy.db"
    own.app("backup-db", copy)
    later = own.boss.register("after the copy")
    own.kill_app(signal.SIGTERM)
    own.app("restore-db", copy)
    own.up()
    own.wait_ready()
    problem(script.get("/api/agents"), 401, "unauthenticated")  # it may have been revoked since
    own.boss.sign_in()
    agent.beat()
    assert later.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}).status_code == 401
    assert own.query("SELECT revoked_ms IS NULL FROM invitations WHERE id = ?", invited["id"]) == [(0,)], \
        "it may have been accepted since"
    assert own.query("SELECT 1 FROM devices UNION ALL SELECT 1 FROM signins") == [], "it may have been revoked since"
    actions = [row[0] for row in own.query("SELECT action FROM audit")]
    assert any("restor" in action for action in actions)
    assert own.app_json("audit", "verify")


def test_a_restore_that_could_not_be_recorded_changes_nothing(own, tmp_path):
    copy = tmp_path / "copy.db"
    own.app("backup-db", copy)
    own.boss.register("only in the live database")
    own.kill_app(signal.SIGTERM)
    before = own.query("SELECT name FROM agents ORDER BY name")
    key = own.var / "secrets/audit.key"
    key.chmod(0o644)
    refused = own.app("restore-db", copy, check=False)
    key.chmod(0o600)
    assert refused.returncode == 1 and "audit.key" in refused.stderr
    assert own.query("SELECT name FROM agents ORDER BY name") == before
    own.up()
    own.wait_ready()
    own.boss.sign_in()


def test_two_servers_on_one_database_are_refused_or_agree(own):
    """The command line writes beside the server; what it does is seen within a second."""
    agent = own.boss.register("shared")
    own.app("agent", "deactivate", agent.id)
    beat = {"version": "0.1.0", "platform": "linux"}
    wait_until(lambda: agent.post("/api/agent/heartbeat", beat).status_code == 403, 1, "the server heard of it")
