"""How far the trail is verified, and how long it is kept: on a stack of its own, whose trail is tampered with and whose
clock is moved."""

import json
import re
import subprocess
import time

import pytest

from client import Person, problem
from clocked import Clocked
from stack import Stack
from wait import wait_until


def first_admin(stack, spec):
    env = stack.admin_env()
    return Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])


@pytest.fixture(scope="module")
def whole(spec):
    """A stack whose trail stays whole."""
    with Stack("trail") as stack:
        yield stack, first_admin(stack, spec)


@pytest.fixture
def own():
    with Stack("trail") as stack:
        yield stack


@pytest.fixture
def boss(own, spec):
    return first_admin(own, spec)


def head(stack):
    return stack.query("SELECT MAX(seq) FROM audit")[0][0]


def standing(person):
    return person.ok("GET", "/api/audit/verified")


def alerts(stack, kind):
    return stack.query("SELECT message FROM alerts WHERE kind = ?", kind)


def test_what_is_new_is_verified_by_the_clock(whole):
    stack, boss = whole
    for _ in range(3):
        boss.register()
    wanted = head(stack)
    wait_until(lambda: standing(boss)["upTo_seq"] >= wanted, 60, "the trail is verified up to the newest row")
    told = standing(boss)
    assert told["ok"] and told["problem"] is None and told["cut"] is None
    assert told["rows"] == told["upTo_seq"] <= told["head_seq"] and told["at_ms"] and told["full_ms"]


def test_verify_now_answers_for_every_row_and_is_a_row(whole):
    stack, boss = whole
    boss.register()
    before = head(stack)
    told = boss.ok("POST", "/api/audit/verify")
    assert told["ok"] and told["upTo_seq"] >= before and told["head_seq"] == told["upTo_seq"] + 1
    row = boss.ok("GET", "/api/audit?action=audit.verify")["items"][0]
    assert (row["result"], row["actor"]) == ("ok", f"user:{boss.user['id']}")
    assert row["detail"] == {"rows": told["rows"], "upTo_seq": told["upTo_seq"]}


def test_a_row_that_was_changed_is_an_alarm_once_and_stays_one(own, boss):
    for _ in range(3):
        boss.register()
    boss.ok("POST", "/api/audit/verify")
    kept = own.query("SELECT actor FROM audit WHERE seq = 3")[0][0]
    own.change("UPDATE audit SET actor = 'user:nobody' WHERE seq = 3")
    told = boss.ok("POST", "/api/audit/verify")
    assert not told["ok"] and "row 3" in told["problem"] and told["problem_ms"]
    assert len(alerts(own, "audit.broken")) == 1 and "row 3" in alerts(own, "audit.broken")[0][0]
    assert standing(boss)["ok"] is False
    boss.ok("POST", "/api/audit/verify")
    assert len(alerts(own, "audit.broken")) == 1
    failed = boss.ok("GET", "/api/audit?action=audit.verify&result=failed")["items"]
    assert [r["actor"] for r in failed] == [f"user:{boss.user['id']}", f"user:{boss.user['id']}", "system"]
    assert own.app("audit", "verify", check=False).returncode == 1
    # Put right, it is forgotten by the next pass that sees all of it.
    own.change("UPDATE audit SET actor = ? WHERE seq = 3", kept)
    assert boss.ok("POST", "/api/audit/verify")["ok"] is True


def test_the_daily_pass_finds_what_was_changed_behind_the_mark(own, boss):
    for _ in range(3):
        boss.register()
    boss.ok("POST", "/api/audit/verify")
    kept = own.query("SELECT address FROM audit WHERE seq = 2")[0][0]
    own.change("UPDATE audit SET address = '10.0.0.1' WHERE seq = 2")
    clock = Clocked(own)
    try:
        clock.go("+25h")
        wait_until(lambda: alerts(own, "audit.broken"), 60, "the daily pass has found it")
        own.change("UPDATE audit SET address = ? WHERE seq = 2", kept)
        clock.go("+27h")
        wait_until(lambda: not own.query("SELECT 1 FROM facts WHERE name = 'audit_fault'"), 60, "the fault is forgotten")
    finally:
        clock.close()


def test_rows_cut_off_the_end_are_missed_by_the_mark(own, boss):
    """The chain by itself is whole then."""
    for _ in range(4):
        boss.register()
    boss.ok("POST", "/api/audit/verify")
    boss.register()
    own.change("DELETE FROM audit WHERE seq > (SELECT MAX(seq) - 3 FROM audit)")
    told = boss.ok("POST", "/api/audit/verify")
    assert not told["ok"] and "verified before" in told["problem"]
    done = own.app("audit", "verify", check=False)
    assert done.returncode == 1 and "verified before" in done.stderr


@pytest.mark.parametrize("forged", ["", "nonsense", "9:x:1:1:y", None])
def test_a_mark_without_our_signature_is_none(own, boss, forged):
    boss.register()
    boss.ok("POST", "/api/audit/verify")
    value = own.query("SELECT value FROM facts WHERE name = 'audit_verified'")[0][0]
    if forged is None:  # ours, moved on by one
        seq, rest = value.split(":", 1)
        forged = f"{int(seq) + 1}:{rest}"
    own.change("UPDATE audit SET target = 'x' WHERE seq = 2")
    own.change("UPDATE facts SET value = ? WHERE name = 'audit_verified'", forged)
    wait_until(lambda: alerts(own, "audit.broken"), 60, "all of it is verified, since there is no mark")


def forward(own, clock, days):
    """So many days on, with the hold that a jump of the clock puts on deleting lifted."""
    clock.go(f"+{days}d")
    wait_until(lambda: own.query("SELECT 1 FROM retention_clock WHERE hold_ms > 0"), 60, "the jump was noticed")
    own.change("UPDATE retention_clock SET hold_ms = 0")


def test_old_rows_are_cut_signed_and_the_rest_verifies(own, boss, spec):
    agent = boss.enrol()
    wait_until(lambda: agent.beat()["auditHead"] != "", 30, "the agent has heard a head")
    old_head = agent.beat()["auditHead"]
    old = head(own)
    boss.ok("PATCH", "/api/policy", {"audit.days": 30})
    clock = Clocked(own)
    try:
        # A month is not over: nothing goes.
        forward(own, clock, 29)
        boss = Person(own, spec, boss.email, boss.password)
        boss.ok("POST", "/api/audit/verify")
        assert own.query("SELECT MIN(seq) FROM audit")[0][0] == 1
        young = head(own)
        forward(own, clock, 31)
        wait_until(lambda: own.query("SELECT MIN(seq) > ? FROM audit", old)[0][0], 60, "the old rows are gone")
        boss = Person(own, spec, boss.email, boss.password)
        told = boss.ok("POST", "/api/audit/verify")
        assert told["ok"] and old <= told["cut"]["seq"] < young
        assert own.query("SELECT MIN(seq) FROM audit")[0][0] == told["cut"]["seq"] + 1
        row = boss.ok("GET", "/api/audit?action=audit.cut")["items"][0]
        assert (row["actor"], row["target"]) == ("system", f"audit:{told['cut']['seq']}")
        assert row["detail"]["rows"] == told["cut"]["seq"]
        done = own.app("audit", "verify")
        assert f"behind row {told['cut']['seq']}" in done.stdout
        assert own.app_json("audit", "verify")["cut_seq"] == told["cut"]["seq"]
        # A head from before the cut says nothing, one that was forged behind it does.
        agent.beat(auditHead=old_head)
        assert not alerts(own, "audit.cut")
        agent.beat(auditHead=f"{young}:{'0' * 64}")
        assert len(alerts(own, "audit.cut")) == 1
        # Without its cut, or with a forged one, the trail is not whole.
        cut = own.query("SELECT seq, row_mac, cut_ms, mac FROM audit_cuts")[0]
        own.change("DELETE FROM audit_cuts")
        assert own.app("audit", "verify", check=False).returncode == 1
        own.change("INSERT INTO audit_cuts VALUES (?, ?, ?, ?)", cut[0], cut[1], cut[2] + 1, cut[3])
        assert "not ours" in own.app("audit", "verify", check=False).stderr
        assert standing(boss)["ok"] is False
        own.change("UPDATE audit_cuts SET cut_ms = ?", cut[2])
        assert own.app("audit", "verify").returncode == 0
    finally:
        clock.close()
        agent.close()


def test_a_clock_that_jumped_deletes_nothing_for_a_day(own, boss):
    boss.ok("PATCH", "/api/policy", {"audit.days": 30})
    before = head(own)
    clock = Clocked(own)
    try:
        clock.go("+400d")
        # The daily pass comes after the same look at the clock that retention takes, in the same round.
        full = "SELECT 1 FROM retention_clock WHERE hold_ms > seen_ms"
        wait_until(lambda: own.query(full), 60, "the jump was noticed")
        jumped_ms = (time.time() + 399 * 86400) * 1000
        mark = "SELECT value FROM facts WHERE name = 'audit_verified'"  # <seq>:<mac>:<when>:…
        wait_until(lambda: int(own.query(mark)[0][0].split(":")[2]) > jumped_ms, 60, "a round of after the jump is over")
        assert own.query("SELECT MIN(seq), COUNT(*) >= ? FROM audit", before)[0] == (1, 1)
        assert not own.query("SELECT 1 FROM audit_cuts")
    finally:
        clock.close()


def test_a_trail_with_a_fault_is_not_cut(own, boss):
    """What was tampered with is evidence."""
    boss.ok("PATCH", "/api/policy", {"audit.days": 30})
    own.change("UPDATE audit SET actor = 'x' WHERE seq = 2")
    boss.ok("POST", "/api/audit/verify")
    clock = Clocked(own)
    try:
        forward(own, clock, 60)
        moved_ms = (time.time() + 59 * 86400) * 1000
        fault = "SELECT value FROM facts WHERE name = 'audit_fault'"  # <when>:<what>
        wait_until(lambda: int(own.query(fault)[0][0].split(":")[0]) > moved_ms, 60, "it was looked at after the move")
        assert own.query("SELECT MIN(seq) FROM audit")[0][0] == 1 and not own.query("SELECT 1 FROM audit_cuts")
    finally:
        clock.close()


def test_a_copy_of_the_database_verifies_by_itself(whole, tmp_path):
    own, boss = whole
    boss.register()
    boss.ok("POST", "/api/audit/verify")
    copy = tmp_path / "copy.db"
    own.app("backup-db", copy)
    conf = tmp_path / "app.conf"
    text = (own.var / "app.conf").read_text()
    conf.write_text(re.sub(r'^MUSTER_DB=.*$', f'MUSTER_DB="{copy}"', text, flags=re.M))
    done = subprocess.run([own.bin, "audit", "verify", "--json", "--config", conf], env=own.env, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True


def test_verifying_takes_its_token_and_is_for_admins(whole, spec):
    own, boss = whole
    other = Person.add(own, spec, "operator")
    problem(other.post("/api/audit/verify"), 403, "forbidden")
    problem(boss.post("/api/audit/verify", headers={"X-CSRF-Token": ""}), 403, "csrf")
