"""What is kept and what goes, with a real server and the local store: rows, objects, audit trail. Time is let pass in the
database; the rules themselves have a table of cases in tests/unit/test_retention.c."""

import json
import secrets
import shutil
import time

import pytest

from client import Person, problem
from stack import Stack
from upload import Upload
from wait import wait_until

DAY_MS = 86_400_000
ROUND_S = 45  # housekeeping looks every ten seconds


class Kept:
    """A config and the backups of it, made by an agent that these tests play."""

    def __init__(self, stack, operator, agent, name):
        self.stack, self.operator, self.agent = stack, operator, agent
        self.config = operator.add_config(agent, name)
        self.id = self.config["id"]
        self.paths = {}

    def rules(self, days=None, **keep):
        """Behind the server's back, with all that the table in docs/openapi.yaml knows."""
        options = {**self.config["options"], "retentionDays": days, "retention": keep}
        options.pop("rev", None)
        assert self.stack.change("UPDATE backup_configs SET options = ? WHERE id = ?", json.dumps(options), self.id)

    def backup(self, days_ago=0, data=None, origin="schedule", upon=None, seq=0):
        """A run that the server has had since then; an incremental one when it stands upon another."""
        upload = Upload(self.agent, self.config)
        upload.add(data or secrets.token_bytes(2000))
        assert upload.complete().status_code == 200
        back = int(days_ago * DAY_MS)
        self.stack.change("UPDATE backup_runs SET started_ms = started_ms - ?, finished_ms = finished_ms - ?, origin = ?,"
                          " type = ?, chain_id = ?, chain_seq = ? WHERE id = ?", back, back, origin,
                          "incremental" if upon else "full", upon or upload.log_id, seq, upload.log_id)
        self.paths[upload.log_id] = upload.s3_path
        return upload.log_id

    def preview(self, person=None, **rules):
        query = "&".join(f"{name}={value}" for name, value in rules.items())
        return (person or self.operator).ok("GET", f"/api/configs/{self.id}/retention?{query}")

    def verdicts(self, **rules):
        return {c["chainId"]: ", ".join(c["reasons"]) if c["action"] == "keep" else None
                for c in self.preview(**rules)["items"]}

    def chains(self):
        return self.operator.ok("GET", f"/api/configs/{self.id}/chains")["items"]

    def act(self):
        """What the server does about every hour, at once."""
        self.stack.app("backup-config", "retention", self.id, "--apply")

    def look(self):
        """Has the server act on the config itself, and waits until it has."""
        self.stack.change("UPDATE backup_configs SET retention_due_ms = 0 WHERE id = ?", self.id)
        wait_until(lambda: self.stack.query("SELECT retention_due_ms FROM backup_configs WHERE id = ?", self.id)[0][0],
                   ROUND_S, "retention has looked")

    def row(self, run, columns):
        return self.stack.query(f"SELECT {columns} FROM backup_runs WHERE id = ?", run)[0]

    def is_there(self, run):
        return (self.stack.var / "store/objects" / self.paths[run]).exists()

    def is_given_up(self, run):
        return self.row(run, "deleted_ms")[0] is not None

    def wait_gone(self, run):
        wait_until(lambda: self.row(run, "purged_ms")[0], ROUND_S, "the run was purged")
        assert not self.is_there(run)


@pytest.fixture
def kept(request, stack, operator, agent):
    return Kept(stack, operator, agent, request.node.name[-60:])


def audit_rows(stack, action, target):
    return stack.query("SELECT actor, result, detail FROM audit WHERE action = ? AND target = ? ORDER BY seq", action,
                       target)


# --- what retention does ---


def test_the_preview_is_what_is_done(stack, kept):
    runs = [kept.backup(days) for days in (9, 8, 7, 3, 2, 1)]
    kept.rules(keepLast=2, keepDaily=3)
    preview = kept.preview()
    kept.look()
    gone = [c["chainId"] for c in preview["items"] if c["action"] == "delete"]
    assert gone == [runs[2], runs[1], runs[0]] and preview["freedBytes"] == 6000
    assert [c["chainId"] for c in kept.chains()] == [runs[5], runs[4], runs[3]]
    for run in gone:
        kept.wait_gone(run)
        assert "retention" in kept.row(run, "deleted_reason")[0]
        actor, result, detail = audit_rows(stack, "chain.delete", f"chain:{run}")[0]
        assert (actor, result) == ("system", "ok")
        assert json.loads(detail) == {"why": "retention", "config": kept.id, "runs": 1, "bytes": 2000}
        problem(kept.agent.post("/api/agent/restore", {"logId": run}), 404, "not-found")
    assert all(kept.is_there(run) for run in runs[3:])
    assert kept.preview()["freedBytes"] == 0
    stack.app("audit", "verify")


def test_overrides_of_the_preview_change_nothing(kept):
    old, new = kept.backup(5), kept.backup(1)
    kept.rules(days=30)
    assert kept.verdicts() == {old: "within 30 days", new: "newest good, newest asked for, within 30 days"}
    assert kept.verdicts(retentionDays=0, keepLast=1) == {old: None, new: "newest good, newest asked for, last 1"}
    assert kept.verdicts(retentionDays=0)[old] == "no rule"
    assert kept.preview(keepLast=7)["policy"] == {"keepLast": 7, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0,
                                                  "keepYearly": 0, "retentionDays": 30}
    for name, value in (("keepLast", -1), ("keepDaily", 10001), ("retentionDays", "x")):
        problem(kept.operator.get(f"/api/configs/{kept.id}/retention?{name}={value}"), 422, "invalid-field")
    kept.act()
    assert len(kept.chains()) == 2


def test_the_last_good_backup_is_never_deleted(kept):
    only = kept.backup(4000)
    failed = Upload(kept.agent, kept.config)
    assert failed.complete("failed").status_code == 200
    kept.rules(days=1)
    assert kept.verdicts() == {only: "newest good, newest asked for"}
    kept.look()
    assert kept.row(only, "deleted_ms") == (None,) and kept.is_there(only)


def test_a_chain_goes_as_a_whole_or_not_at_all(kept):
    first = kept.backup(60)
    upon_first = kept.backup(50, upon=first, seq=1)
    second = kept.backup(40)
    upon_second = kept.backup(20, upon=second, seq=1)
    last = kept.backup(1)
    kept.rules(days=30)
    assert kept.verdicts() == {first: None, second: "within 30 days",
                               last: "newest good, newest asked for, within 30 days"}
    assert [[r["id"] for r in c["runs"]] for c in kept.chains()] == [[last], [second, upon_second], [first, upon_first]]
    kept.act()
    for run in first, upon_first:
        kept.wait_gone(run)
    assert all(kept.is_there(run) for run in (second, upon_second, last))


def test_what_is_proven_or_in_use_stays(stack, kept):
    proven, used, between, last = [kept.backup(days) for days in (40, 30, 20, 10)]
    stack.change("UPDATE backup_runs SET proven_ms = 5 WHERE id = ?", proven)
    stack.change("INSERT INTO backup_jobs (id, kind, run_id, agent_id, user_id, request, status, created_by, created_ms,"
                 " active_ms) VALUES (?, 'restore', ?, ?, ?, '{}', 'running', 'system', 1, 1)", used + "-job", used,
                 kept.agent.id, kept.operator.user["id"])
    kept.rules(keepLast=1)
    try:
        assert kept.verdicts() == {proven: "newest proven", used: "in use", between: None,
                                   last: "newest good, newest asked for, last 1"}
        assert kept.operator.ok("GET", f"/api/configs/{kept.id}")["provenRun"] == {
            "runId": proven, "proven_ms": 5, "finished_ms": kept.row(proven, "finished_ms")[0]}
        kept.act()
        assert kept.is_given_up(between)
        assert kept.is_there(proven) and kept.is_there(used)
    finally:
        stack.change("DELETE FROM backup_jobs WHERE id = ?", used + "-job")


def test_a_proof_is_one_of_the_whole_chain(stack, kept):
    full = kept.backup(9)
    upon = kept.backup(8, upon=full, seq=1)
    later = kept.backup(7)
    shown = kept.operator.ok("GET", f"/api/configs/{kept.id}")
    assert (shown["provenRun"], shown["chains"], shown["storedBytes"]) == (None, 2, 6000)
    stack.change("UPDATE backup_runs SET proven_ms = 20 WHERE id = ?", upon)
    assert kept.operator.ok("GET", f"/api/configs/{kept.id}")["provenRun"] is None
    stack.change("UPDATE backup_runs SET proven_ms = 10 WHERE id = ?", full)
    proof = kept.operator.ok("GET", f"/api/configs/{kept.id}")["provenRun"]
    assert (proof["runId"], proof["proven_ms"]) == (upon, 10)
    stack.change("UPDATE backup_runs SET proven_ms = 30 WHERE id = ?", later)
    assert kept.operator.ok("GET", f"/api/configs/{kept.id}")["provenRun"]["runId"] == later
    assert [c["restorable"] for c in kept.chains()] == [True, True]
    stack.change("UPDATE backup_runs SET verify_error = 'it is torn' WHERE id = ?", later)
    assert kept.operator.ok("GET", f"/api/configs/{kept.id}")["provenRun"]["runId"] == upon
    assert [c["restorable"] for c in kept.chains()] == [False, True]


def test_deleted_backups_make_room_in_the_quota_and_the_usage(stack, kept):
    old, new = kept.backup(9, data=b"x" * 5000), kept.backup(1, data=b"x" * 300)

    def usage():
        return kept.operator.ok("GET", f"/api/storage?agentId={kept.agent.id}")

    before = usage()
    assert (before["bytes"], before["runs"]) == (5300, 2)
    assert before["items"] == [{"agentId": kept.agent.id, "agentName": kept.agent.name, "configId": kept.id,
                                "configName": kept.config["name"], "bytes": 5300, "runs": 2}]
    kept.rules(keepLast=1)
    kept.act()
    assert kept.is_given_up(old)
    assert (usage()["bytes"], usage()["runs"], usage()["history"][-1]["bytes"]) == (300, 1, 300)
    assert kept.is_there(new)


# --- a compromised agent ---


def test_an_agent_cannot_push_good_copies_out(kept):
    good = [kept.backup(days) for days in (3, 2)]
    kept.rules(keepLast=2, keepDaily=2)
    for _ in range(5):
        kept.backup(data=b"garbage" * 100, origin="agent")
    kept.act()
    assert all(kept.is_there(run) and kept.row(run, "deleted_ms") == (None,) for run in good)


def test_an_agent_cannot_bring_back_or_touch_what_was_given_up(kept):
    upload = Upload(kept.agent, kept.config)
    upload.add(b"y" * 1000)
    url = upload.url(1, b"y" * 1000)
    assert upload.complete().status_code == 200
    kept.paths[upload.log_id] = upload.s3_path
    kept.stack.change("UPDATE backup_runs SET finished_ms = finished_ms - ? WHERE id = ?", 9 * DAY_MS, upload.log_id)
    last = kept.backup(1)
    kept.rules(keepLast=1)
    kept.stack.change("UPDATE backup_runs SET origin = 'schedule' WHERE id = ?", upload.log_id)
    kept.act()
    kept.wait_gone(upload.log_id)
    assert upload.put(url, b"y" * 1000, ).status_code in (403, 409)
    problem(upload.announce(2, b"z"), 409, "conflict")
    assert upload.complete().status_code in (200, 409)
    assert not kept.is_there(upload.log_id) and kept.is_there(last)


def test_an_agents_key_opens_no_route_that_deletes(kept, page):
    run = kept.backup()
    for method, path in (("DELETE", f"/api/chains/{run}?force=1"), ("DELETE", f"/api/runs/{run}/pin")):
        problem(page.request(method, path, headers=kept.agent.headers), 401, "unauthenticated")
        assert kept.agent.request(method, path).status_code == 404
    assert kept.is_there(run)


# --- what people do ---


def test_a_pin_holds_until_it_is_taken_out(stack, kept, neighbour):
    old, last = kept.backup(9), kept.backup(1)
    upon = kept.backup(8, upon=old, seq=1)
    kept.rules(keepLast=1)
    problem(neighbour.request("PUT", f"/api/runs/{upon}/pin"), 404, "not-found")
    for _ in range(2):
        kept.operator.ok("PUT", f"/api/runs/{upon}/pin")
    assert kept.verdicts()[old] == "pinned" and [c["pinned"] for c in kept.chains()] == [False, True]
    kept.act()
    assert kept.is_there(old) and kept.is_there(upon)
    problem(neighbour.request("DELETE", f"/api/runs/{upon}/pin"), 404, "not-found")
    kept.operator.ok("DELETE", f"/api/runs/{upon}/pin")
    kept.act()
    assert kept.is_given_up(old) and kept.is_given_up(upon)
    problem(kept.operator.request("PUT", f"/api/runs/{upon}/pin"), 404, "not-found")
    actor = f"user:{kept.operator.user['id']}"
    assert [r[:2] for r in audit_rows(stack, "run.pin", f"run:{upon}")] == [(actor, "ok")] * 2
    assert [r[:2] for r in audit_rows(stack, "run.unpin", f"run:{upon}")] == [(actor, "ok")]
    assert kept.is_there(last)


def test_what_is_not_in_the_store_cannot_be_pinned(kept):
    failed = Upload(kept.agent, kept.config)
    assert failed.complete("failed").status_code == 200
    problem(kept.operator.request("PUT", f"/api/runs/{failed.log_id}/pin"), 409, "conflict")


def test_an_admin_deletes_a_chain(stack, kept, admin):
    old, last = kept.backup(9), kept.backup(1)
    admin.ok("DELETE", f"/api/chains/{old}")
    problem(admin.request("DELETE", f"/api/chains/{old}"), 404, "not-found")
    problem(admin.request("DELETE", f"/api/chains/{last}"), 409, "conflict")
    kept.operator.ok("PUT", f"/api/runs/{last}/pin")
    problem(admin.request("DELETE", f"/api/chains/{last}?force=1"), 409, "conflict")
    kept.operator.ok("DELETE", f"/api/runs/{last}/pin")
    assert kept.is_there(last) and kept.row(last, "deleted_ms") == (None,)
    admin.ok("DELETE", f"/api/chains/{last}?force=1")
    kept.wait_gone(last)
    rows = audit_rows(stack, "chain.delete", f"chain:{last}")
    assert [(actor, json.loads(detail)["force"]) for actor, _, detail in rows] == [(f"user:{admin.user['id']}", True)]


def test_a_chain_that_is_being_written_is_not_deleted(kept, admin):
    running = Upload(kept.agent, kept.config)
    problem(admin.request("DELETE", f"/api/chains/{running.log_id}?force=1"), 409, "conflict")
    running.add(b"x")
    assert running.complete().status_code == 200


def test_a_chain_whose_config_is_gone_needs_force(kept, admin):
    runs = [kept.backup(9), kept.backup(1)]
    kept.operator.ok("DELETE", f"/api/configs/{kept.id}")
    for run in runs:
        problem(admin.request("DELETE", f"/api/chains/{run}"), 409, "conflict")
    admin.ok("DELETE", f"/api/chains/{runs[0]}?force=1")
    assert kept.is_given_up(runs[0]) and not kept.is_given_up(runs[1])


def test_people_see_what_is_theirs(kept, neighbour, admin, viewer):
    run = kept.backup()
    assert kept.preview(admin)["items"][0]["chainId"] == run
    for person in neighbour, viewer:
        problem(person.get(f"/api/configs/{kept.id}/retention"), 404, "not-found")
        problem(person.get(f"/api/configs/{kept.id}/chains"), 404, "not-found")
        assert kept.id not in person.get("/api/storage").text
    assert kept.id in admin.get("/api/storage").text
    kept.stack.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'config', ?, 1)",
                      viewer.user["id"], kept.id)
    assert kept.preview(viewer)["items"][0]["chainId"] == run
    assert viewer.ok("GET", f"/api/configs/{kept.id}/chains")["total"] == 1
    assert kept.id in [row["configId"] for row in viewer.ok("GET", "/api/storage")["items"]]
    problem(viewer.request("PUT", f"/api/runs/{run}/pin"), 403, "forbidden")


def test_the_history_has_the_days_before(stack, kept, neighbour):
    kept.backup(data=b"x" * 123)
    today = int(time.time() * 1000) // DAY_MS * DAY_MS
    days = [(today - n * DAY_MS, n) for n in (1, 30, 89, 90)]
    for day, n in days:
        stack.change("INSERT INTO storage_days (day_ms, user_id, agent_id, config_id, bytes, runs)"
                     " VALUES (?, ?, ?, ?, ?, 1)", day, kept.operator.user["id"], kept.agent.id, kept.id, 1000 + n)
    history = kept.operator.ok("GET", f"/api/storage?agentId={kept.agent.id}")["history"]
    assert [(d["day_ms"], d["bytes"]) for d in history] == [(days[2][0], 1089), (days[1][0], 1030), (days[0][0], 1001),
                                                           (today, 123)]
    assert history[-1]["day"] == time.strftime("%Y-%m-%d", time.gmtime(today / 1000))
    assert [d["bytes"] for d in neighbour.ok("GET", f"/api/storage?agentId={kept.agent.id}")["history"]] == [0]


# --- sizes ---


def shrunk(stack, agent):
    return [row[0] for row in stack.query("SELECT message FROM alerts WHERE kind = 'backup.shrunk' AND agent_id = ?"
                                          " ORDER BY id", agent.id)]


def test_a_backup_that_shrinks_raises_an_alert_once(stack, operator, kept):
    for size in (1000, 1100, 900, 500):
        kept.backup(data=b"x" * size)
    assert shrunk(stack, kept.agent) == []
    kept.backup(data=b"x" * 400)
    assert len(shrunk(stack, kept.agent)) == 1 and kept.config["name"] in shrunk(stack, kept.agent)[0]
    kept.backup(data=b"x" * 400)
    assert len(shrunk(stack, kept.agent)) == 1
    other = Kept(stack, operator, kept.agent, "other")
    other.backup(data=b"x" * 1000)
    other.backup(data=b"x" * 499)
    assert len(shrunk(stack, kept.agent)) == 2


# --- the command line ---


def test_the_command_line_shows_and_does_the_same(stack, kept):
    old, last = kept.backup(9), kept.backup(1)
    kept.rules(keepLast=1)
    shown = stack.app_json("backup-config", "retention", kept.id)
    preview = kept.preview()
    assert (shown["chains"], shown["freedBytes"], shown["deletedChains"]) == (preview["items"], 2000, 0)
    text = stack.app("backup-config", "retention", kept.id).stdout
    assert "delete" in text and "newest good" in text
    stack.app("backup", "pin", old)
    assert stack.app_json("backup-config", "retention", kept.id, "--apply")["deletedChains"] == 0
    stack.app("backup", "unpin", old)
    assert stack.app_json("backup-config", "retention", kept.id, "--apply")["deletedChains"] == 1
    assert audit_rows(stack, "chain.delete", f"chain:{old}")[0][0].startswith("cli:")
    done = stack.app("backup", "delete-chain", last, check=False)
    assert done.returncode == 1 and "force" in done.stderr
    stack.app("backup", "delete-chain", last, "--force")
    assert kept.is_given_up(old) and kept.is_given_up(last)
    for command in (("backup", "pin", last), ("backup-config", "retention", "nothing of this name")):
        assert stack.app(*command, check=False).returncode == 1


# --- crashes and clocks: a server of their own ---


@pytest.fixture(scope="module")
def own(spec):
    with Stack("retention", MUSTER_STORE_QUOTA_MB="1") as stack:
        env = stack.admin_env()
        admin = Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield Kept(stack, admin, admin.register(), "own")


def fabricate(own, count):
    """Old runs, straight into the database and the store: uploading so many would take a minute."""
    model, runs = own.backup(10), []
    path = own.stack.var / "store/objects" / own.paths[model]
    with own.stack.database() as db:
        for n in range(count):
            run = f"{model[:-4]}{n:04x}"
            own.paths[run] = f"{own.paths[model]}.{n}"
            path.with_name(f"{path.name}.{n}").write_bytes(b"x")
            db.execute("INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, origin,"
                       " chain_id, filename, s3_path, size_bytes, started_ms, active_ms, finished_ms) SELECT ?, config_id,"
                       " agent_id, user_id, config_name, agent_name, status, origin, ?, filename, ?, 1, started_ms - ?,"
                       " active_ms, finished_ms - ? FROM backup_runs WHERE id = ?", (run, run, own.paths[run], n, n, model))
            runs.append(run)
    return [model, *runs]


def test_killed_while_it_deletes_it_goes_on_and_loses_nothing(own):
    old = fabricate(own, 400)
    last = own.backup(1)
    own.rules(keepLast=1)
    own.stack.change("UPDATE backup_configs SET retention_due_ms = 0 WHERE id = ?", own.id)

    def purged():
        return own.stack.query("SELECT count(purged_ms) FROM backup_runs")[0][0]

    for kill in range(3):
        before = purged()
        wait_until(lambda so_far=before: purged() > so_far, ROUND_S, "some are purged")
        own.stack.kill_app()
        assert kill > 0 or purged() < len(old), "the kill came too late to be one in the middle"
        for run in old:
            deleted, done = own.row(run, "deleted_ms, purged_ms")
            assert done is None or not own.is_there(run)
            assert deleted is not None or own.is_there(run)
        own.stack.up()
        if purged() == len(old):
            break
    for run in old:
        own.wait_gone(run)
    assert own.is_there(last)
    assert len(own.stack.query("SELECT 1 FROM audit WHERE action = 'chain.delete'")) == len(old)
    own.stack.app("audit", "verify")


def test_rows_that_stand_for_nothing_are_forgotten(own):
    rows = []
    for age in (100, 80):
        upload = Upload(own.agent, own.config)
        assert upload.complete("failed").status_code == 200
        own.stack.change("UPDATE backup_runs SET finished_ms = finished_ms - ?, started_ms = started_ms - ? WHERE id = ?",
                         age * DAY_MS, age * DAY_MS, upload.log_id)
        rows.append(upload.log_id)
    last = own.backup(0.5)
    own.stack.down_app()
    own.stack.up()
    wait_until(lambda: not own.stack.query("SELECT 1 FROM backup_runs WHERE id = ?", rows[0]), ROUND_S, "it is forgotten")
    assert own.stack.query("SELECT 1 FROM backup_runs WHERE id = ?", rows[1]) and own.is_there(last)
    today = int(time.time() * 1000) // DAY_MS * DAY_MS
    assert own.stack.query("SELECT bytes > 0 FROM storage_days WHERE day_ms = ?", today) == [(1,)]


def test_an_object_that_cannot_be_removed_keeps_no_other_back(own):
    stuck, old, last = own.backup(9), own.backup(8), own.backup()
    own.rules(keepLast=1)
    path = own.stack.var / "store/objects" / own.paths[stuck]
    path.unlink()
    path.mkdir()
    (path / "in the way").touch()
    own.act()
    own.wait_gone(old)
    assert own.row(stuck, "purged_ms") == (None,)
    own.stack.change("UPDATE backup_runs SET deleted_ms = deleted_ms - ? WHERE id = ?", 2 * DAY_MS, stuck)
    wait_until(lambda: own.stack.query("SELECT 1 FROM alerts WHERE kind = 'backup.purge'"), ROUND_S, "people were told")
    shutil.rmtree(path)
    own.wait_gone(stuck)
    assert own.is_there(last)


def test_what_is_given_up_makes_room_in_the_quota(own):
    other = Kept(own.stack, own.operator, own.operator.register(), "large")
    large = other.backup(data=b"x" * 700_000)
    assert Upload(other.agent, own.operator.add_config(other.agent)).announce(1, b"y" * 700_000).status_code == 507
    other.operator.ok("DELETE", f"/api/chains/{large}?force=1")
    other.backup(data=b"y" * 700_000)


def test_after_a_jump_of_the_clock_nothing_is_deleted_for_a_day(own):
    old, last = own.backup(9), own.backup()
    own.rules(keepLast=1)
    assert own.stack.change("UPDATE retention_clock SET seen_ms = seen_ms - ?", 3 * DAY_MS) == 1
    wait_until(lambda: own.stack.query("SELECT hold_ms FROM retention_clock")[0][0] > time.time() * 1000, ROUND_S,
               "the jump was noticed")
    own.stack.change("UPDATE backup_configs SET retention_due_ms = 0 WHERE id = ?", own.id)
    seen = own.stack.query("SELECT seen_ms FROM retention_clock")[0][0]
    own.stack.change("UPDATE retention_clock SET seen_ms = seen_ms - ?", DAY_MS // 2)
    wait_until(lambda: own.stack.query("SELECT seen_ms FROM retention_clock")[0][0] >= seen, ROUND_S, "it looked again")
    assert own.row(old, "deleted_ms") == (None,)
    own.stack.change("UPDATE retention_clock SET hold_ms = 1")
    own.wait_gone(old)
    assert own.is_there(last)
