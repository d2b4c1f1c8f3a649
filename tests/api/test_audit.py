"""The audit trail: every privileged act is in it, and no change of it goes unnoticed."""

import sqlite3
import subprocess

import pytest

from client import Agent, Person, problem
from identity import Identity


def trail(stack, after=0):
    return stack.query("SELECT seq, actor, action, target, result, detail FROM audit WHERE seq > ? ORDER BY seq", after)


def last(stack):
    return stack.query("SELECT MAX(seq) FROM audit")[0][0]


def test_what_people_do_is_written_down(stack, admin, operator):
    start = last(stack)
    agent = operator.register()
    config = operator.add_config(agent)
    operator.ok("PATCH", f"/api/agents/{agent.id}", {"name": "x"})
    operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
    operator.ok("POST", f"/api/agents/{agent.id}/activate")
    minted = operator.mint()
    operator.ok("DELETE", f"/api/otps/{minted['id']}")
    operator.ok("POST", f"/api/configs/{config['id']}/run")
    operator.ok("DELETE", f"/api/configs/{config['id']}")
    admin.ok("DELETE", f"/api/agents/{agent.id}")
    rows = trail(stack, start)
    mine = [r for r in rows if r[1] == f"user:{operator.user['id']}" and r[2] != "auth.step_up"]
    assert len(mine) == 9, rows
    assert all(r[4] == "ok" for r in mine)
    assert rows[-1][1] == f"user:{admin.user['id']}" and agent.id in rows[-1][3]
    assert agent.key not in str(rows) and minted["otp"] not in str(rows)


def test_a_refused_try_is_written_down(stack, viewer):
    start = last(stack)
    problem(viewer.post("/api/otps", {}), 403, "forbidden")
    rows = trail(stack, start)
    assert [(r[1], r[4]) for r in rows] == [(f"user:{viewer.user['id']}", "denied")]


def test_a_flood_of_strangers_fills_no_trail(stack, wire):
    start = last(stack)
    for _ in range(200):
        wire.get("/api/agent/configs", headers={"X-Agent-API-Key": "msk_x"})
    assert len(trail(stack, start)) < 20


def test_a_flood_of_somebody_known_fills_no_trail_either(stack, spec):
    viewer = Person.add(stack, spec, "viewer")
    start = last(stack)
    for _ in range(60):
        problem(viewer.post("/api/otps", {}), 403, "forbidden")
    assert 10 <= len(trail(stack, start)) <= 50  # twenty a minute, and it may be two of them


def test_a_host_that_goes_on_asking_for_the_same_answer_fills_no_trail(stack, operator, wire):
    body = Agent.enrolment(operator.mint()["otp"], Identity())
    start = last(stack)
    for _ in range(60):
        wire.ok("POST", "/api/agent/enroll", body)
    assert 1 <= len(trail(stack, start)) <= 50


@pytest.fixture
def copy(stack, operator, tmp_path):
    """A copy of the live database, with a command to verify it."""
    operator.register()
    path = tmp_path / "copy.db"
    stack.app("backup-db", path)
    conf = tmp_path / "app.conf"
    lines = [line for line in (stack.var / "app.conf").read_text().splitlines() if not line.startswith("MUSTER_DB=")]
    conf.write_text("\n".join(lines + [f'MUSTER_DB="{path}"']) + "\n")

    def verify():
        return subprocess.run([stack.bin, "audit", "verify", "--config", conf], env=stack.env, capture_output=True,
                              text=True, timeout=60)

    return path, verify


def test_an_untouched_trail_verifies(copy):
    done = copy[1]()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tamper", [
    "UPDATE audit SET actor = 'user:nobody' WHERE seq = 2",
    "UPDATE audit SET action = 'agent.nothing' WHERE seq = (SELECT MAX(seq) FROM audit)",
    "UPDATE audit SET time_ms = time_ms + 1 WHERE seq = 2",
    "UPDATE audit SET result = 'denied' WHERE seq = 2",
    "UPDATE audit SET detail = '{}' || detail WHERE seq = 2",
    "UPDATE audit SET address = '10.0.0.1' WHERE seq = 2",
    "UPDATE audit SET request_id = 'x' WHERE seq = 2",
    "UPDATE audit SET target = 'x' WHERE seq = 2",
    "UPDATE audit SET mac = (SELECT mac FROM audit WHERE seq = 1) WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 1",
    "INSERT INTO audit SELECT 1000000, time_ms, actor, action, target, result, address, request_id, detail, mac"
    " FROM audit WHERE seq = 2",
    "UPDATE audit SET seq = -seq WHERE seq IN (2, 3); UPDATE audit SET seq = 5 + seq WHERE seq < 0",
])
def test_any_change_of_the_trail_is_noticed(copy, tamper):
    path, verify = copy
    with sqlite3.connect(path) as db:
        db.executescript(tamper)
    done = verify()
    assert done.returncode == 1, done.stdout
    assert "audit" in done.stderr.lower() or "row" in done.stderr.lower()


def test_the_live_trail_verifies_after_all_that(stack):
    assert stack.app("audit", "verify").returncode == 0
