"""Encrypted backups, proofs, and what the server asks for."""

import json
import os

import pytest

from depot import FULL, NOISE, Run, chain, listing, member, slowly, tar, two
from wait import wait_until


# --- encrypted ---


def test_an_encrypted_chain_takes_an_identity(secret, keys):
    done = secret.agent("restore", "--target", secret.roots / "here")
    assert done.returncode == 1 and "--identity" in done.stderr
    assert listing(secret.roots) == {}
    assert secret.restore("--identity", keys[0][0]) == {"a": NOISE, "b": b"b"}


def test_the_identity_may_be_the_host_s(secret, keys):
    secret.settings["AGE_IDENTITY"] = keys[0][0]
    assert secret.restore() == {"a": NOISE, "b": b"b"}
    assert [e["path"] for e in json.loads(secret.ok("restore", "--list", "--json").stdout)["entries"]] == ["a"]


def test_another_identity_restores_nothing(secret, keys):
    done = secret.agent("restore", "--target", secret.roots / "here", "--policy", "always", "--identity", keys[1][0])
    assert done.returncode == 1 and "identit" in done.stderr
    assert not (secret.roots / "here").exists()


def test_an_identity_that_others_can_read_is_not_used(secret, keys):
    keys[0][0].chmod(0o644)
    done = secret.agent("restore", "--target", secret.roots / "here", "--identity", keys[0][0])
    assert done.returncode == 1 and "chmod 600" in done.stderr


# --- proofs ---


def verdicts(depot):
    return [(v["logId"], v["result"]) for v in depot.told("/api/agent/backup/verified")]


def test_a_proof_reads_every_archive_and_writes_nothing(depot):
    two(depot)
    assert depot.ok("verify").stdout.count("proven") == 2
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "proven")]
    assert depot.told("/api/agent/backup/verified")[0]["entries"] == len(FULL)
    assert listing(depot.roots) == {}


@pytest.mark.parametrize("way", ["flipped", "truncated", "gone", "no archive"])
def test_a_proof_finds_what_cannot_be_restored(depot, way):
    depot.add(*chain([member("a", NOISE)], [member("b", NOISE)]))
    run = depot.runs["run-1"]
    if way == "flipped":
        run.damage()
    elif way == "no archive":
        depot.add(Run("run-1", b"no archive at all", 1))
    elif way == "gone":
        depot.faults.append(lambda handler: "/run-1/" in handler.path and (handler.send(404) or True))
    else:
        run.objects[1], run.size = run.objects[1][:1000], 1000
    done = depot.agent("verify", "--json")
    assert done.returncode == 1 and "1 of 2 archives" in done.stderr
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "failed")]
    assert json.loads(done.stdout)["result"] == "failed"


def test_without_the_identity_an_encrypted_archive_is_intact_at_most(secret, keys):
    for options in ((), ("--identity", keys[1][0])):
        secret.said.clear()
        assert secret.agent("verify", *options).returncode == 3
        assert verdicts(secret) == [("run-0", "intact"), ("run-1", "intact")]
    secret.said.clear()
    secret.runs["run-0"].damage()
    assert secret.agent("verify").returncode == 1
    assert verdicts(secret) == [("run-0", "failed"), ("run-1", "intact")]


def test_with_the_identity_an_encrypted_archive_is_proven(secret, keys):
    secret.ok("verify", "--identity", keys[0][0])
    assert verdicts(secret) == [("run-0", "proven"), ("run-1", "proven")]


def test_a_server_that_is_gone_is_no_verdict(depot):
    depot.add(*chain(FULL))
    depot.faults.append(lambda handler: handler.send(403) or True)
    assert depot.agent("verify").returncode == 1
    assert verdicts(depot) == []


# --- jobs of the server's ---


def ask(depot, kind, **args):
    depot.commands.append({"id": f"c-{len(depot.commands)}", "kind": kind, "args": {"jobId": "job-1", **args}})


def job_ends(depot):
    return [j for j in depot.told("/api/agent/backup/job") if j["status"] != "running"]


def wait_end(depot, count=1):
    wait_until(lambda: len(job_ends(depot)) >= count, 30, "the job has ended")
    return job_ends(depot)[-1]


def wait_result(depot):
    return wait_until(lambda: depot.events("command_result"), 30, "the command's result is told")[-1]


def test_the_server_may_ask_for_a_restore(depot):
    two(depot)
    ask(depot, "restore", logId="run-1", target=str(depot.roots / "here"), paths=["/d"], policy="never")
    with depot.running("run"):
        assert wait_end(depot)["status"] == "completed"
        assert "done" in json.dumps(wait_result(depot))
    assert listing(depot.roots / "here") == {"d": None, "d/kept": b"kept", "d/changes": b"after"}
    assert list((depot.dir / "state/jobs").iterdir()) == []
    assert len(job_ends(depot)) == 1  # though the command was named again and again


def test_the_server_may_ask_for_a_proof(depot):
    two(depot)
    ask(depot, "verify", logId="run-1")
    with depot.running("run"):
        assert wait_end(depot)["status"] == "completed"
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "proven")]


@pytest.mark.parametrize("args", [{"target": "/etc/muster-evil"}, {"original": True, "paths": ["/etc"]}])
def test_the_server_cannot_have_anything_written_outside_the_roots(depot, args):
    two(depot)
    ask(depot, "restore", logId="run-1", policy="always", **args)
    with depot.running("run"):
        end = wait_end(depot)
        assert end["status"] == "refused" and "RESTORE_ROOTS" in end["detail"]
        assert "refused" in json.dumps(wait_result(depot))
        wait_until(lambda: depot.events("restore_refused"), 30, "the refusal is an event")
    assert listing(depot.roots) == {} and not os.path.exists("/etc/muster-evil")


@pytest.mark.parametrize("args", [{"jobId": "../x"}, {"jobId": ""}, {"jobId": None}])
def test_a_job_without_an_id_is_refused(depot, args):
    two(depot)
    ask(depot, "restore", logId="run-1", **args)
    with depot.running("run"):
        assert "refused" in json.dumps(wait_result(depot))
    assert job_ends(depot) == []


@pytest.fixture
def endless(depot):
    depot.add(Run("run-0", tar(member("noise", NOISE))))
    depot.faults.append(lambda handler: slowly(handler) or True)
    (depot.roots / "here").mkdir()
    ask(depot, "restore", logId="run-0", target=str(depot.roots / "here"), policy="always")
    return depot


def test_a_job_is_cancelled_by_the_reply_to_its_progress(endless):
    with endless.running("run"):
        wait_until(lambda: any(j["bytes"] > 0 for j in endless.told("/api/agent/backup/job")), 30, "progress is told")
        assert endless.told("/api/agent/backup/job")[-1]["totalBytes"] == endless.runs["run-0"].size
        endless.cancel = True
        assert wait_end(endless)["status"] == "cancelled"
    assert listing(endless.roots / "here") == {}


def test_a_killed_job_is_told_as_failed(endless):
    with endless.running("run") as agent:
        child = wait_until(lambda: children(agent.pid), 30, "the job runs")[0]
        wait_until(lambda: endless.fetched, 30, "it reads")
        os.kill(child, 9)
        result = json.dumps(wait_result(endless))
    assert "failed" in result and "killed by signal 9" in result
    assert endless.runs["run-0"].size > 0 and not (endless.roots / "here/noise").exists()


def test_a_second_job_waits_for_the_first(endless):
    endless.commands.append({"id": "c-9", "kind": "verify", "args": {"jobId": "job-2", "logId": "run-0"}})
    with endless.running("run"):
        wait_until(lambda: endless.told("/api/agent/backup/job"), 30, "the job runs")
        polls = len(endless.told("/api/agent/commands"))
        wait_until(lambda: len(endless.told("/api/agent/commands")) > polls + 2, 30, "the command is named again")
        assert {j["jobId"] for j in endless.told("/api/agent/backup/job")} == {"job-1"}
        endless.faults.clear()
        endless.cancel = True
        wait_until(lambda: "job-2" in {j["jobId"] for j in endless.told("/api/agent/backup/job")}, 30, "it has its turn")


def test_the_heartbeat_says_what_this_agent_can(depot, keys):
    depot.settings.update(AGE_IDENTITY=keys[0][0], AGE_RECIPIENTS=keys[0][1])
    with depot.running("run"):
        wait_until(lambda: depot.told("/api/agent/heartbeat"), 30, "a heartbeat came")
    assert {"backup-2", "encrypt", "verify", "restore"} <= set(depot.told("/api/agent/heartbeat")[0]["capabilities"])


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        found = [int(word) for word in file.read().split()]
    return [child for child in found if b"restore" in open(f"/proc/{child}/cmdline", "rb").read()]
