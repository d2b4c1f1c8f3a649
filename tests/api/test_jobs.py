"""Restores and proofs that people ask for: who may ask whom for what, and how such a job ends."""

import json

import pytest

from chains import StoredRun, chain
from client import event, problem
from wait import wait_until

TICK_S = 25  # the server looks at what is due every ten seconds


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


@pytest.fixture
def run(stack, agent, config):
    return StoredRun(stack, agent, config)


def ask(person, run, kind="restore", **body):
    if kind == "restore" and not body.keys() & {"target", "original"}:
        body["target"] = "/restore/here"
    return person.post(f"/api/runs/{run.id}/{kind}", body)


def asked(person, run, kind="restore", **body):
    reply = ask(person, run, kind, **body)
    assert reply.status_code == 201, reply.text
    return reply.json()["job"]


def job_of(person, job):
    return person.ok("GET", f"/api/jobs/{job['id']}")["job"]


def commands(agent):
    return {c["args"]["jobId"]: c for c in agent.ok("GET", "/api/agent/commands")["commands"] if "jobId" in c["args"]}


def report(agent, job, status, **fields):
    return agent.post("/api/agent/backup/job", {"jobId": job["id"], "status": status, **fields})


def answer(agent, job, status, detail=""):
    command = commands(agent)[job["id"]]
    agent.say(event(answer.seq, kind="command_result", commandId=command["id"], status=status, detail=detail),
              epoch=f"{int(agent.id[-8:], 16):016x}")
    answer.seq += 1


answer.seq = 1


def becomes(person, job, status):
    return wait_until(lambda: (now := job_of(person, job))["status"] == status and now, TICK_S,
                      lambda: f"{status}: {job_of(person, job)}")


# --- asking ---


def test_a_restore_reaches_the_agent_as_it_was_asked_for(stack, operator, agent, run):
    job = asked(operator, run, target="/restore/x", paths=["/etc/hosts/", "srv/my\\040notes", "b\\134c"],
                patterns=["*.conf"], policy="newer", dryRun=True)
    assert (job["kind"], job["status"], job["runId"], job["agentId"]) == ("restore", "queued", run.id, agent.id)
    assert job["createdBy"] == f"user:{operator.user['id']}" and job["percent"] is None
    want = {"target": "/restore/x", "paths": ["etc/hosts", "srv/my notes", "b\\c"], "patterns": ["*.conf"],
            "policy": "newer", "dryRun": True}
    assert job["request"] == want
    command = commands(agent)[job["id"]]
    assert command["kind"] == "restore" and command["args"] == {"jobId": job["id"], "logId": run.id, **want}
    assert job["id"] in [j["id"] for j in operator.ok("GET", f"/api/jobs?runId={run.id}")["items"]]
    action, detail = stack.query("SELECT action, detail FROM audit WHERE target = ?", f"run:{run.id}")[0]
    assert action == "run.restore" and json.loads(detail)["job"] == job["id"] and json.loads(detail)["paths"] == 3


def test_the_least_that_can_be_said_restores_everything_and_replaces_nothing(operator, agent, run):
    job = asked(operator, run, original=True, paths=["/"])
    assert commands(agent)[job["id"]]["args"] == {"jobId": job["id"], "logId": run.id, "original": True, "paths": [],
                                                  "patterns": [], "policy": "never", "dryRun": False}


@pytest.mark.parametrize("body, pointer", [
    ({"target": "relative"}, "/target"), ({"target": "/a/../b"}, "/target"),
    ({"target": "/a/.."}, "/target"), ({"target": "/x", "original": True}, "/target"),
    ({"target": "/x", "paths": ["a/../b"]}, "/paths"), ({"target": "/x", "paths": ["\\056./etc"]}, "/paths"),
    ({"target": "/x", "paths": ["caf\\351"]}, "/paths"), ({"target": "/x", "paths": [""]}, "/paths/0"),
    ({"target": "/x", "paths": ["x"] * 1001}, "/paths"), ({"target": "/x", "patterns": ["x"] * 201}, "/patterns"),
    ({"target": "/x", "policy": "sometimes"}, "/policy"), ({"target": "/x", "agentId": "x"}, "/agentId")])
def test_what_makes_no_sense_is_refused(operator, run, body, pointer):
    reply = operator.post(f"/api/runs/{run.id}/restore", body)
    assert problem(reply, 422, "invalid-field")["pointer"] == pointer
    assert operator.ok("GET", f"/api/jobs?runId={run.id}")["items"] == []


def test_who_may_ask_whom(stack, operator, neighbour, viewer, admin, agent, config, run):
    other, verifier, foreign = operator.register("other"), operator.register("verifier"), neighbour.register("foreign")
    for kind in ("restore", "verify"):
        problem(ask(neighbour, run, kind), 404, "not-found")
        problem(ask(viewer, run, kind), 403, "forbidden")
        for named in (other, foreign):
            told = problem(ask(operator, run, kind, agentId=named.id), 422, "invalid-field")
            assert told["pointer"] == "/agentId"
        problem(ask(admin, run, kind, agentId=foreign.id), 422, "invalid-field")
    assert asked(operator, run, agentId=agent.id)["agentId"] == agent.id
    stack.change("UPDATE backup_configs SET agent_id = ? WHERE id = ?", other.id, config["id"])
    assert asked(operator, run)["agentId"] == other.id
    assert asked(operator, run, agentId=agent.id)["agentId"] == agent.id
    options = json.dumps({**config["options"], "verifyAgentId": verifier.id}, separators=(",", ":"))
    stack.change("UPDATE backup_configs SET options = ? WHERE id = ?", options, config["id"])
    assert asked(operator, run, "verify")["agentId"] == verifier.id
    assert asked(operator, run)["agentId"] == other.id
    assert asked(operator, run, "verify", agentId=other.id)["agentId"] == other.id


def test_one_who_was_granted_only_the_config_may_prove_but_not_restore(stack, operator, neighbour, agent, config, run):
    stack.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'config', ?, 1)",
                 neighbour.user["id"], config["id"])
    assert problem(ask(neighbour, run), 422, "invalid-field")["pointer"] == "/agentId"
    job = asked(neighbour, run, "verify")
    assert job_of(neighbour, job)["agentId"] == agent.id


def test_a_job_of_anothers_is_not_there(operator, neighbour, admin, agent, run):
    job = asked(operator, run)
    problem(neighbour.get(f"/api/jobs/{job['id']}"), 404, "not-found")
    problem(neighbour.post(f"/api/jobs/{job['id']}/cancel"), 404, "not-found")
    assert job["id"] not in [j["id"] for j in neighbour.ok("GET", "/api/jobs")["items"]]
    assert job_of(admin, job)["status"] == "queued"
    problem(report(neighbour.register(), job, "running"), 404, "not-found")
    assert job["id"] in commands(agent)


@pytest.mark.parametrize("columns", [{"status": "failed"}, {"status": "running"}, {"deleted_ms": 5}])
def test_a_run_that_cannot_be_read_back_is_not_asked_for(operator, run, columns):
    run.set(**columns)
    for kind in ("restore", "verify"):
        problem(ask(operator, run, kind), 409, "conflict")


def test_a_run_whose_chain_has_a_gap_is_not_asked_for(stack, operator, agent, config):
    runs = chain(stack, agent, config, 3)
    runs[1].set(deleted_ms=1)
    problem(ask(operator, runs[2]), 409, "conflict")
    assert asked(operator, runs[0])["status"] == "queued"


def test_a_run_whose_bytes_are_gone_ends_its_job(operator, run):
    run.file(1).unlink()
    job = asked(operator, run)
    assert job["status"] == "failed" and "no longer in the store" in job["detail"]


def test_a_proof_is_not_asked_for_twice_at_a_time(operator, agent, run):
    job = asked(operator, run, "verify")
    assert commands(agent)[job["id"]]["args"] == {"jobId": job["id"], "logId": run.id}
    problem(ask(operator, run, "verify"), 409, "conflict")
    assert report(agent, job, "completed").status_code == 200
    asked(operator, run, "verify")


# --- the course of a job ---


def test_a_job_is_followed_to_its_end(operator, agent, run):
    job = asked(operator, run)
    reply = report(agent, job, "running", files=3, bytes=50, totalBytes=200).json()
    assert reply == {"success": True, "cancel": False}
    now = job_of(operator, job)
    assert (now["status"], now["files"], now["percent"]) == ("running", 3, 25) and now["started_ms"]
    errors = [{"path": f"/x/{i}", "message": "ü" * 400} for i in range(300)]
    assert report(agent, job, "warning", files=9, bytes=200, errorCount=300, errors=errors,
                  detail="some were there already").status_code == 200
    now = job_of(operator, job)
    assert (now["status"], now["percent"], now["errorCount"]) == ("warning", 100, 300) and now["finished_ms"]
    assert 0 < len(now["errors"]) <= 200 and len(json.dumps(now["errors"], ensure_ascii=False).encode()) < 100_000
    assert now["detail"] == "some were there already"


def test_an_end_stays(operator, agent, run):
    job = asked(operator, run)
    assert report(agent, job, "completed", files=5).status_code == 200
    assert report(agent, job, "completed", files=6).json()["cancel"] is True
    assert report(agent, job, "running").json()["cancel"] is True
    problem(report(agent, job, "failed"), 409, "conflict")
    problem(operator.post(f"/api/jobs/{job['id']}/cancel"), 409, "conflict")
    assert (job_of(operator, job)["status"], job_of(operator, job)["files"]) == ("completed", 5)


def test_a_cancelled_job_is_taken_back_and_its_agent_told(stack, operator, agent, run):
    waiting, begun = asked(operator, run), asked(operator, run)
    report(agent, begun, "running", files=1)
    for job in (waiting, begun):
        assert operator.ok("POST", f"/api/jobs/{job['id']}/cancel")["job"]["status"] == "cancelled"
    assert commands(agent) == {}
    assert report(agent, begun, "running", files=2).json()["cancel"] is True
    assert report(agent, begun, "completed").json() == {"success": True, "cancel": True}
    assert job_of(operator, begun)["status"] == "cancelled"
    assert stack.query("SELECT count(*) FROM audit WHERE action = 'job.cancel' AND target = ?",
                       f"job:{begun['id']}") == [(1,)]


def test_the_answer_to_the_command_ends_the_job(operator, agent, run):
    ends = {"unsupported": ("failed", "update it"), "refused": ("refused", "outside"), "failed": ("failed", "outside")}
    jobs = {said: asked(operator, run) for said in ends}
    for said, job in jobs.items():
        answer(agent, job, said, "/restore is outside RESTORE_ROOTS")
    for said, (status, told) in ends.items():
        assert told in becomes(operator, jobs[said], status)["detail"]


def test_a_job_that_falls_silent_or_that_nobody_came_for_is_lost(stack, operator, agent, run):
    silent, unwanted, done = (asked(operator, run) for _ in range(3))
    report(agent, silent, "running")
    answer(agent, done, "done")  # and not a word about the job
    for job in (silent, done):
        stack.change("UPDATE backup_jobs SET active_ms = active_ms - 3600000 WHERE id = ?", job["id"])
    stack.change("UPDATE commands SET status = 'expired' WHERE id = (SELECT command_id FROM backup_jobs WHERE id = ?)",
                 unwanted["id"])
    for job in (silent, done):
        assert "Nothing was heard" in becomes(operator, job, "lost")["detail"]
    assert "within a day" in becomes(operator, unwanted, "lost")["detail"]
    assert report(agent, silent, "running").json()["cancel"] is True


def test_a_job_that_was_only_written_down_is_handed_out(stack, operator, agent, run):
    """As the scheduler does, which cannot ask the store."""
    job = asked(operator, run, "verify")
    stack.change("UPDATE backup_jobs SET command_id = NULL WHERE id = ?", job["id"])
    stack.change("DELETE FROM commands WHERE agent_id = ?", agent.id)
    wait_until(lambda: job["id"] in commands(agent), TICK_S, "the command is there")
