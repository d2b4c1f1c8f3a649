"""A run from queued to its end: who may begin it, what chain it belongs to, what it stores, and how it ends when its
agent does not say so."""

import json
import os
import secrets
import threading

import pytest

from client import Agent, event, problem
from upload import PART, Upload, path_of
from wait import wait_until

SMALL = secrets.token_bytes(1000)
PER_OBJECT = 1000
VOLUME = PER_OBJECT * PART
TICK_S = 40  # housekeeping comes every ten seconds


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


def run_of(operator, run_id):
    return operator.ok("GET", f"/api/runs/{run_id}")["run"]


def runs(operator, **query):
    return operator.ok("GET", "/api/runs?" + "&".join(f"{k}={v}" for k, v in query.items()))["items"]


def run_now(operator, config):
    return operator.ok("POST", f"/api/configs/{config['id']}/run")


def commands(agent):
    return agent.ok("GET", "/api/agent/commands")["commands"]


def start(agent, config, filename="a.tar.zst", **fields):
    return agent.post("/api/agent/backup/start",
                      {"configId": config["id"], "filename": filename, "multipart": True, **fields})


def progress(agent, upload, **fields):
    return agent.ok("POST", "/api/agent/backup/progress", {"logId": upload.log_id, **fields})


def objects(stack, run_id):
    """{number: (path, size)} of what a run stores."""
    rows = stack.query("SELECT number, s3_path, size_bytes FROM backup_objects WHERE run_id = ?", run_id)
    return {number: (path, size) for number, path, size in rows}


def stored(stack, path):
    return stack.var / "store/objects" / path


def staged(stack, upload):
    return [p for p in (stack.var / "store/uploads").iterdir() if p.name.startswith(upload.log_id)]


# --- queued, and taken over ---


def test_run_now_is_a_queued_run_that_the_agent_takes_over(operator, agent, config):
    asked = run_now(operator, config)
    queued = run_of(operator, asked["runId"])
    assert (queued["status"], queued["origin"], queued["filename"]) == ("queued", "person", "")
    assert queued["queued_ms"] and queued["finished_ms"] is None
    assert operator.ok("GET", f"/api/configs/{config['id']}")["lastRun"]["id"] == asked["runId"]
    assert [(c["id"], c["args"]) for c in commands(agent)] == [(asked["commandId"], {"configId": config["id"]})]
    upload = Upload(agent, config, commandId=asked["commandId"])
    assert upload.log_id == asked["runId"]
    running = run_of(operator, upload.log_id)
    assert (running["status"], running["origin"]) == ("running", "person")
    assert running["filename"] == upload.filename and running["queued_ms"] == queued["queued_ms"]
    upload.add(SMALL)
    assert upload.complete().status_code == 200
    assert run_of(operator, upload.log_id)["status"] == "completed"
    # The command was for that run. One that comes again, as after a crash of the agent, makes no other.
    problem(start(agent, config, commandId=asked["commandId"]), 409, "conflict")


def test_a_queued_run_is_taken_over_by_an_agent_that_knows_no_command_ids(operator, agent, config):
    asked = run_now(operator, config)
    assert Upload(agent, config).log_id == asked["runId"]


def test_one_run_of_a_config_at_a_time(operator, agent, config):
    run_now(operator, config)
    problem(operator.post(f"/api/configs/{config['id']}/run"), 409, "conflict")
    Upload(agent, config)
    problem(operator.post(f"/api/configs/{config['id']}/run"), 409, "conflict")
    problem(start(agent, config), 409, "conflict")
    assert len(runs(operator, configId=config["id"])) == 1
    Upload(agent, operator.add_config(agent, "another"))


def test_a_start_told_again_is_the_same_run_until_something_is_stored(stack, agent, config):
    first = start(agent, config, "again.tar").json()
    assert start(agent, config, "again.tar").json() == first
    upload = Upload.__new__(Upload)
    upload.agent, upload.log_id, upload.parts = agent, first["logId"], []
    assert len(staged(stack, upload)) == 1
    upload.add(SMALL)
    problem(start(agent, config, "again.tar"), 409, "conflict")
    assert upload.complete().status_code == 200
    # What it is called later is another thing, even by the same name.
    again = start(agent, config, "again.tar").json()
    assert again["logId"] != first["logId"] and again["upload"]["s3Path"] != first["upload"]["s3Path"]
    assert start(agent, config, "again.tar").json() == again


def test_an_agent_that_refuses_the_command_fails_the_run(operator, agent, config):
    asked = run_now(operator, config)
    agent.say(event(1, kind="command_result", commandId=asked["commandId"], status="refused",
                    detail="outside its roots"))
    wait_until(lambda: run_of(operator, asked["runId"])["status"] == "failed", TICK_S, "the run failed")
    run = run_of(operator, asked["runId"])
    assert "refused: outside its roots" in run["errors"][0]["message"]
    run_now(operator, config)


def test_a_run_nobody_comes_for_is_lost(stack, operator, agent, config):
    asked = run_now(operator, config)
    assert stack.change("UPDATE commands SET status = 'expired' WHERE id = ?", asked["commandId"]) == 1
    wait_until(lambda: run_of(operator, asked["runId"])["status"] == "lost", TICK_S, "the run is lost")


def test_a_queued_run_of_a_deleted_config_is_called_off(operator, agent, config):
    asked = run_now(operator, config)
    operator.ok("DELETE", f"/api/configs/{config['id']}")
    wait_until(lambda: run_of(operator, asked["runId"])["status"] == "cancelled", TICK_S, "the run is cancelled")
    assert commands(agent) == []


# --- cancelled ---


def test_a_queued_run_that_is_cancelled_never_begins(stack, operator, agent, config):
    asked = run_now(operator, config)
    run = operator.ok("POST", f"/api/runs/{asked['runId']}/cancel")["run"]
    assert (run["status"], run["errorCount"]) == ("cancelled", 1)
    assert commands(agent) == []
    problem(start(agent, config, commandId=asked["commandId"]), 409, "conflict")
    problem(operator.post(f"/api/runs/{asked['runId']}/cancel"), 409, "conflict")
    target = f"run:{asked['runId']}"
    assert stack.query("SELECT action FROM audit WHERE target = ?", target) == [("run.cancel",)]
    assert Upload(agent, config).log_id != asked["runId"]


def test_a_running_run_that_is_cancelled_stops_and_leaves_nothing(stack, operator, agent, config):
    upload = Upload(agent, config)
    upload.add(SMALL)
    assert progress(agent, upload) == {"success": True, "cancel": False}
    assert operator.ok("POST", f"/api/runs/{upload.log_id}/cancel")["run"]["status"] == "cancelled"
    assert progress(agent, upload) == {"success": True, "cancel": True, "reason": "The run is over: it is cancelled."}
    problem(upload.announce(2, SMALL), 409, "conflict")
    assert staged(stack, upload) == []
    problem(upload.complete("completed"), 409, "conflict")
    for status in "cancelled", "failed":
        assert upload.complete(status).status_code == 200
    assert run_of(operator, upload.log_id)["status"] == "cancelled"
    Upload(agent, config)


def test_only_who_sees_a_run_may_cancel_it(operator, neighbour, viewer, agent, config):
    upload = Upload(agent, config)
    problem(neighbour.post(f"/api/runs/{upload.log_id}/cancel"), 404, "not-found")
    problem(viewer.post(f"/api/runs/{upload.log_id}/cancel"), 403, "forbidden")
    assert run_of(operator, upload.log_id)["status"] == "running"


# --- lost ---


def test_a_run_that_falls_silent_is_lost_and_said_so(stack, operator, agent, config):
    upload = Upload(agent, config)
    upload.add(SMALL)
    assert stack.change("UPDATE backup_runs SET active_ms = active_ms - 86400000 WHERE id = ?", upload.log_id) == 1
    wait_until(lambda: run_of(operator, upload.log_id)["status"] == "lost", TICK_S, "the silent run is lost")
    wait_until(lambda: not staged(stack, upload), TICK_S, "its upload is given up")
    assert stack.query("SELECT kind FROM alerts WHERE agent_id = ?", agent.id) == [("backup.lost",)]
    assert progress(agent, upload)["cancel"] is True
    assert upload.complete("failed").status_code == 200
    problem(upload.complete("completed"), 409, "conflict")
    assert run_of(operator, upload.log_id)["status"] == "lost"
    Upload(agent, config)


# --- volumes ---


def fill_volume(stack, upload, number):
    """A whole volume as if its thousand parts had come: eight gigabytes that are a hole in a file."""
    upload_id = stack.query("SELECT upload_id FROM backup_objects WHERE run_id = ? AND number = ?", upload.log_id,
                            number)[0][0]
    with open(stack.var / "store/uploads" / upload_id, "r+b") as staging:
        staging.truncate(VOLUME)
    with stack.database() as db:
        db.executemany("INSERT OR REPLACE INTO backup_parts (run_id, object, number, size_bytes, md5, digest, stored_ms)"
                       " VALUES (?, ?, ?, ?, '', ?, 1)",
                       [(upload.log_id, number, n, PART, "0" * 32) for n in range(1, PER_OBJECT + 1)])


def test_part_1001_begins_the_second_volume(stack, agent, config):
    upload = Upload(agent, config)
    assert upload.reply["partsPerObject"] == PER_OBJECT
    problem(upload.announce(2001, SMALL), 409, "conflict")  # nothing of the second one yet
    url = path_of(upload.url(1001, SMALL))
    assert upload.filename + ".00002?" in url and "partNumber=1&" in url
    upload.store(1001, SMALL)
    assert path_of(upload.url(2001, SMALL)).split("?")[0].endswith(upload.filename + ".00003")
    problem(upload.complete(), 409, "conflict")  # a thousand parts are missing
    assert sorted(objects(stack, upload.log_id)) == [1, 2, 3]


def test_an_archive_of_three_volumes_and_an_index(stack, operator, agent, config):
    upload = Upload(agent, config)
    fill_volume(stack, upload, 1)
    upload.store(1001, SMALL)
    fill_volume(stack, upload, 2)
    upload.store(1, SMALL, object="index")
    assert objects(stack, upload.log_id)[1][1] is None
    upload.store(2001, SMALL)
    # Nothing of the first one can be under way any more: it is made while the run goes on.
    wait_until(lambda: objects(stack, upload.log_id)[1][1] == VOLUME, TICK_S, "the first volume is made")
    assert stack.query("SELECT COUNT(*) FROM backup_parts WHERE run_id = ? AND object = 1", upload.log_id) == [(0,)]
    problem(upload.announce(5, SMALL), 409, "conflict")
    said = {"parts": [], "partCount": 2001, "size": 2 * VOLUME + len(SMALL), "indexPartCount": 1,
            "indexSize": len(SMALL), "listedFiles": 7, "listedBytes": 70, "skipped": 3}
    for lie in ({"partCount": 2000}, {"size": 5}, {"indexPartCount": 0}, {"indexSize": 5}):
        problem(upload.complete(**{**said, **lie}), 409, "conflict")
    for _ in range(2):
        assert upload.complete(**said).status_code == 200
    run = run_of(operator, upload.log_id)
    assert (run["status"], run["size"], run["volumes"], run["indexed"]) == ("completed", said["size"], 3, True)
    assert (run["listedFiles"], run["listedBytes"], run["skipped"], run["percent"]) == (7, 70, 3, 100)
    made = objects(stack, upload.log_id)
    base = upload.s3_path
    assert made == {0: (base + ".index", len(SMALL)), 1: (base, VOLUME), 2: (base + ".00002", VOLUME),
                    3: (base + ".00003", len(SMALL))}
    for path, size in made.values():
        assert stored(stack, path).stat().st_size == size
    assert stored(stack, base + ".00003").read_bytes() == SMALL
    assert stack.query("SELECT COUNT(*) FROM backup_parts WHERE run_id = ?", upload.log_id) == [(0,)]
    assert staged(stack, upload) == []


def test_an_end_told_by_many_at_once_is_told_once(stack, spec, operator, agent, config):
    """As after a reply that was slow: the tries find objects made, and parts gone, under their hands."""
    upload = Upload(agent, config)
    with stack.database() as db:
        for number in range(2, 41):
            upload_id, path = f"{upload.log_id}-{number}", f"{upload.s3_path}.{number:05}"
            (stack.var / "store/uploads" / upload_id).touch()
            db.execute("INSERT INTO backup_objects (run_id, number, s3_path, upload_id) VALUES (?, ?, ?, ?)",
                       (upload.log_id, number, path, upload_id))
    for number in range(1, 41):
        fill_volume(stack, upload, number)
    statuses = set()

    def complete(own):
        while statuses.isdisjoint({409}):
            status = own.post("/api/agent/backup/complete", upload.body(parts=[], partCount=40000)).status_code
            statuses.add(status)
            if status == 200:
                break

    told = {"id": agent.id, "name": agent.name, "apiKey": agent.key}
    tries = [threading.Thread(target=complete, args=(Agent(stack, spec, told),)) for _ in range(4)]
    for thread in tries:
        thread.start()
    for thread in tries:
        thread.join(60)
    assert statuses <= {200, 503} and 200 in statuses
    assert run_of(operator, upload.log_id)["size"] == 40 * VOLUME


def test_a_failed_run_leaves_none_of_its_objects(stack, agent, config):
    upload = Upload(agent, config)
    fill_volume(stack, upload, 1)
    upload.store(1001, SMALL)
    upload.store(1, SMALL, object="index")
    fill_volume(stack, upload, 2)
    upload.store(2001, SMALL)
    wait_until(lambda: objects(stack, upload.log_id)[1][1] == VOLUME, TICK_S, "the first volume is made")
    paths = [path for path, _ in objects(stack, upload.log_id).values()]
    assert upload.complete("failed", parts=[]).status_code == 200
    assert not [p for p in paths if stored(stack, p).exists()] and staged(stack, upload) == []
    # Once more, when all that was under way then has ended: only then they are forgotten.
    stored(stack, paths[0]).write_bytes(b"made by a request that was late")
    assert stack.change("UPDATE backup_runs SET finished_ms = finished_ms - 660000 WHERE id = ?", upload.log_id) == 1
    wait_until(lambda: not objects(stack, upload.log_id), TICK_S, "its objects are forgotten")
    assert not stored(stack, paths[0]).exists()


def test_uploads_that_nobody_knows_are_given_up(stack, agent, config):
    known = Upload(agent, config)
    unknown = stack.var / "store/uploads/01900000-dead-7000-8000-000000000000-3"
    unknown.write_bytes(SMALL)
    for path in [unknown, *staged(stack, known)]:
        os.utime(path, (1e9, 1e9))
    wait_until(lambda: not unknown.exists(), TICK_S, "the unknown one is gone")
    assert staged(stack, known)


# --- chains ---


@pytest.fixture
def chained(stack, config):
    """The config, as one that asks for incremental backups with a full one after two."""
    def ask(**options):
        text = json.dumps({"type": "incremental", "fullEvery": 2, **options})
        stack.change("UPDATE backup_configs SET options = json_patch(options, ?) WHERE id = ?", text, config["id"])
    ask()
    config["ask"] = ask
    return config


def backup(agent, config, index=True, status="completed", **fields):
    """A whole run; the reply of its start, and its id."""
    upload = Upload(agent, config, **fields)
    upload.add(SMALL)
    if index:
        upload.store(1, SMALL, object="index")
    assert upload.complete(status).status_code == 200
    return upload.reply["run"], upload.log_id


def test_a_chain_grows_until_the_config_wants_a_full_one(operator, agent, chained):
    first, full = backup(agent, chained)
    assert (first["type"], first["chainSeq"], first["base"]) == ("full", 0, None)
    assert "No earlier" in first["reason"]
    base = full
    for seq in (1, 2):
        told, run_id = backup(agent, chained, base=base, status="warning" if seq == 1 else "completed")
        assert told == {"type": "incremental", "base": base, "chainSeq": seq, "reason": ""}
        run = run_of(operator, run_id)
        assert (run["type"], run["chainId"], run["chainSeq"], run["baseId"]) == ("incremental", full, seq, base)
        base = run_id
    told, run_id = backup(agent, chained, base=base)
    assert told["type"] == "full" and "as many" in told["reason"]
    run = run_of(operator, run_id)
    assert (run["chainId"], run["chainSeq"], run["baseId"], run["fullReason"]) == (run_id, 0, None, told["reason"])


def test_a_config_of_full_backups_makes_full_ones(agent, config):
    _, full = backup(agent, config)
    told, _ = backup(agent, config, base=full)
    assert (told["type"], told["reason"]) == ("full", "")


DOUBTS = {
    "no list": ({"base": None}, None),
    "not of the newest": ({"base": "older"}, None),
    "is encrypted": ({}, "UPDATE backup_runs SET encrypted = 1 WHERE id = :newest"),
    "not encrypted": ({"encrypted": True}, None),
    "no index": ({}, "DELETE FROM backup_objects WHERE number = 0 AND run_id = :newest"),
    "not there any more": ({}, "UPDATE backup_runs SET deleted_ms = 1 WHERE id = :older"),
    "could not be read back": ({}, "UPDATE backup_runs SET verify_error = 'damaged' WHERE id = :older"),
    "No earlier": ({}, "UPDATE backup_runs SET agent_id = NULL WHERE id IN (:newest, :older)"),
}


@pytest.mark.parametrize("why", DOUBTS)
def test_any_doubt_makes_a_full_backup(stack, operator, agent, chained, why):
    fields, change = DOUBTS[why]
    _, older = backup(agent, chained)
    _, newest = backup(agent, chained, base=older)
    if change:
        with stack.database() as db:
            assert db.execute(change, {"newest": newest, "older": older}).rowcount >= 1
    base = {None: {}, "older": {"base": older}}.get(fields.get("base", ""), {"base": newest})
    told, run_id = backup(agent, chained, **{k: v for k, v in fields.items() if k != "base"}, **base)
    assert told["type"] == "full" and why in told["reason"], told
    assert run_of(operator, run_id)["fullReason"] == told["reason"]


def test_a_start_told_again_without_a_base_becomes_a_full_one(operator, agent, chained):
    _, full = backup(agent, chained)
    first = start(agent, chained, base=full).json()
    assert first["run"]["type"] == "incremental"
    again = start(agent, chained).json()
    assert again["logId"] == first["logId"] and again["run"]["type"] == "full"
    run = run_of(operator, again["logId"])
    assert (run["type"], run["chainId"], run["baseId"]) == ("full", run["id"], None)


def test_failed_and_running_runs_are_no_base(agent, chained):
    _, full = backup(agent, chained)
    failed = Upload(agent, chained, base=full)
    assert failed.complete("failed").status_code == 200
    told, _ = backup(agent, chained, base=full)
    assert (told["type"], told["chainSeq"]) == ("incremental", 1)


# --- what is shown ---


def test_a_run_under_way_shows_how_far_it_is(stack, operator, agent, config):
    upload = Upload(agent, config, totalFiles=40, totalBytes=1000)
    progress(agent, upload, filesProcessed=10, bytesRead=250)
    stack.change("UPDATE backup_runs SET started_ms = active_ms - 10000 WHERE id = ?", upload.log_id)
    run = run_of(operator, upload.log_id)
    assert (run["percent"], run["bytesPerSecond"], run["etaS"]) == (25, 25, 30)
    progress(agent, upload, filesProcessed=5, bytesRead=5, totalBytes=500)  # late, and the tree has shrunk
    run = run_of(operator, upload.log_id)
    assert (run["filesProcessed"], run["bytesRead"], run["percent"], run["totalBytes"]) == (10, 250, 50, 500)


@pytest.mark.parametrize("fields", [{"unreadable": 1}, {"vanished": 2}, {"changed": 3}, {"errorCount": 1},
                                    {"errors": [{"path": "/x", "message": "gone", "kind": "vanished"}]}])
def test_a_run_with_losses_is_never_shown_as_completed(operator, agent, config, fields):
    upload = Upload(agent, config)
    upload.add(SMALL)
    for _ in range(2):
        assert upload.complete(**fields).status_code == 200
    run = run_of(operator, upload.log_id)
    assert run["status"] == "warning"
    for key, value in fields.items():
        assert run[key] == value


def test_what_was_left_out_on_purpose_is_no_loss(operator, agent, config):
    upload = Upload(agent, config)
    upload.add(SMALL)
    skipped = [{"path": "/run/x.sock", "message": "a socket", "kind": "skipped"}]
    assert upload.complete(skipped=1, errors=skipped).status_code == 200
    run = run_of(operator, upload.log_id)
    assert (run["status"], run["skipped"], run["errors"], run["errorCount"]) == ("completed", 1, skipped, 0)


def test_runs_are_filtered(stack, operator, agent, config):
    ids = [backup(agent, config)[1] for _ in range(3)]
    other = operator.add_config(agent, "another")
    elsewhere = backup(agent, other)[1]
    assert {r["id"] for r in runs(operator, agentId=agent.id)} == {*ids, elsewhere}
    assert [r["id"] for r in runs(operator, configId=config["id"])] == ids[::-1]
    stack.change("UPDATE backup_runs SET deleted_ms = 1, deleted_reason = 'old' WHERE id = ?", ids[0])
    assert [r["id"] for r in runs(operator, configId=config["id"])] == [ids[2], ids[1]]
    deleted = runs(operator, configId=config["id"], deleted=1)
    assert [(r["id"], r["deletedReason"]) for r in deleted] == [(ids[0], "old")]
    asked = run_now(operator, config)
    assert [r["id"] for r in runs(operator, configId=config["id"], status="queued")] == [asked["runId"]]
    assert runs(operator, configId=config["id"], status="lost") == []
    problem(operator.get("/api/runs?status=waiting"), 422, "invalid-field")
