"""muster-app backup …: runs, what is inside them, restores and proofs from the command line."""

import json
import threading

import pytest

from chains import StoredRun, listing, packed
from test_jobs import commands, report
from wait import wait_until

TREE = [("etc", "d"), ("etc/hosts",), ("etc/my notes", "f", "u", 0, 0, None)] + [(f"srv/{i:05}",) for i in range(1500)]


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent, name=f"of {agent.id}")


@pytest.fixture
def run(stack, agent, config):
    return StoredRun(stack, agent, config, index=packed(listing(TREE)))


def test_runs_are_listed(stack, agent, config, run):
    other = StoredRun(stack, agent, config)
    listed = stack.app_json("backup", "runs", config["name"])
    assert {r["id"] for r in listed} == {run.id, other.id}
    assert len(stack.app_json("backup", "runs", config["id"], "--limit", "1")) == 1
    later = StoredRun(stack, agent, config, base=StoredRun(stack, agent, config, base=run))
    shown = {line.split()[0]: line for line in stack.app("backup", "runs", config["id"]).stdout.splitlines()}
    assert " full " in shown[run.id] and shown[run.id].endswith(f"{config['name']}  {run.filename}")
    assert " incremental 2 " in shown[later.id] and shown[later.id].endswith(later.filename)
    assert stack.app("backup", "runs", "none of that name", check=False).returncode == 1
    assert stack.app("backup", "runs", "--limit", "0", check=False).returncode == 2


def test_what_is_inside_is_listed(stack, agent, config, run):
    assert [e["path"] for e in stack.app_json("backup", "files", run.id, "/etc")] == ["etc/hosts", "etc/my notes"]
    assert len(stack.app_json("backup", "files", run.id, "srv")) == 1500  # more than a page
    assert "etc/my notes" in stack.app("backup", "files", run.id, "--problems").stdout
    assert len(stack.app_json("backup", "files", run.id, "--search", "0149")) == 11
    for arguments in ((run.id, "nowhere"), ("01900000-dead-7000-8000-000000000000",)):
        assert stack.app("backup", "files", *arguments, check=False).returncode == 1
    locked = StoredRun(stack, agent, config, index=b"age-encryption.org/v1\n", encrypted=True)
    assert "muster-agent restore --list" in stack.app("backup", "files", locked.id, check=False).stderr


def test_a_restore_is_asked_for(stack, agent, run):
    job = stack.app("backup", "restore", run.id, "--target", "/restore", "--path", "/etc/hosts", "--path", "srv",
                    "--pattern", "*.x", "--policy", "always", "--dry-run").stdout.strip()
    args = wait_until(lambda: commands(agent).get(job), 15, "the command is there")["args"]
    assert args == {"jobId": job, "logId": run.id, "target": "/restore", "paths": ["etc/hosts", "srv"],
                    "patterns": ["*.x"], "policy": "always", "dryRun": True}
    actor, detail = stack.query("SELECT actor, detail FROM audit WHERE target = ?", f"run:{run.id}")[0]
    assert actor.startswith("cli:") and json.loads(detail)["job"] == job
    assert job in stack.app("backup", "jobs").stdout
    assert job in [j["id"] for j in stack.app_json("backup", "jobs")]


@pytest.mark.parametrize("arguments, code", [
    (["--target", "relative"], 2), (["--target", "/x", "--original"], 2),
    (["--original", "--policy", "sometimes"], 2), (["--original", "--path", "../x"], 2),
    (["--original", "--timeout", "soon"], 2), (["--original", "--agent", "nobody"], 1)])
def test_a_restore_that_makes_no_sense_is_not_asked_for(stack, run, arguments, code):
    done = stack.app("backup", "restore", run.id, *arguments, check=False)
    assert (done.returncode, done.stdout) == (code, "") and len(done.stderr.splitlines()) == 1
    assert stack.query("SELECT count(*) FROM backup_jobs WHERE run_id = ?", run.id) == [(0,)]


@pytest.mark.parametrize("end, code", [("completed", 0), ("failed", 1)])
def test_a_proof_is_waited_for(stack, agent, run, end, code):
    results = []
    thread = threading.Thread(target=lambda: results.append(
        stack.app("backup", "verify", run.id, "--agent", agent.id, "--wait", "--timeout", "30", check=False)))
    thread.start()
    job = wait_until(lambda: commands(agent), 15, "the command is there")
    report(agent, {"id": next(iter(job))}, end, files=3, bytes=6, detail="so it went")
    thread.join()
    assert results[0].returncode == code and f"{end}: 3 files, 6 bytes; so it went" in results[0].stdout


def test_waiting_ends(stack, agent, run):
    done = stack.app("backup", "verify", run.id, "--wait", "--timeout", "0", check=False)
    assert done.returncode == 1 and "it goes on" in done.stderr
