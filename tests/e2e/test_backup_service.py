"""Backups as a service: the server decides, a polling agent does, and people watch, cancel, restore and prove."""

import os
import signal
import subprocess
import threading
import time

import pytest

from client import Person
from host import Host
from spec import Spec
from stack import Stack
from wait import wait_until


@pytest.fixture
def polling(host):
    host.start().wait_online()
    yield host


def boss(host):
    return host.stack.boss


def config_of(host, name="service", source=None, **options):
    body = {"name": name, "agentId": host.id, "sources": [{"path": str(source or host.source)}],
            "options": {"type": "incremental", "compression": True, "encryption": False, **options}}
    return boss(host).ok("POST", "/api/configs", body)


def run_of(host, run_id):
    return boss(host).ok("GET", f"/api/runs/{run_id}")["run"]


def run_now(host, config):
    return boss(host).ok("POST", f"/api/configs/{config['id']}/run")["runId"]


def ended(host, run_id, seconds=60):
    def look():
        run = run_of(host, run_id)
        return None if run["status"] in ("queued", "running") else run
    return wait_until(look, seconds, f"run {run_id} has ended")


def job_ended(host, job, seconds=60):
    def look():
        now = boss(host).ok("GET", f"/api/jobs/{job['id']}")["job"]
        return None if now["status"] in ("thawing", "queued", "running") else now
    return wait_until(look, seconds, f"job {job['id']} has ended")


def test_run_now_begins_within_one_poll(polling):
    (polling.source / "file").write_text("x")
    config = config_of(polling)
    asked = time.monotonic()
    run_id = run_now(polling, config)
    assert run_of(polling, run_id)["status"] in ("queued", "running", "completed")
    run = ended(polling, run_id)
    assert (run["status"], run["origin"], run["type"]) == ("completed", "person", "full"), run
    assert time.monotonic() - asked < 15
    again = ended(polling, run_now(polling, config))
    assert (again["type"], again["chainSeq"], again["chainId"]) == ("incremental", 1, run_id)


def test_a_schedule_starts_runs_by_itself(polling):
    (polling.source / "file").write_text("x")
    config = config_of(polling, "scheduled", schedule={"cron": "* * * * *", "timeZone": "Europe/Berlin"})

    def run():
        last = boss(polling).ok("GET", f"/api/configs/{config['id']}")["lastRun"]
        return last if last and last["status"] == "completed" else None

    last = wait_until(run, 120, "the schedule has started a run that completed")
    assert last["origin"] == "schedule"


def test_a_missed_run_is_caught_up_once(host):
    """The host is away while several are due: one is queued, and runs when it is back."""
    (host.source / "file").write_text("x")
    config = config_of(host, "missed", schedule={"cron": "* * * * *", "timeZone": "UTC"})

    def queued():
        last = boss(host).ok("GET", f"/api/configs/{config['id']}")["lastRun"]
        return last if last and last["status"] == "queued" else None

    first = wait_until(queued, 90, "a run is due")
    host.stack.change("UPDATE backup_configs SET due_ms = due_ms - 3600000 WHERE id = ?", config["id"])
    wait_until(lambda: host.stack.query("SELECT due_ms FROM backup_configs WHERE id = ?", config["id"])[0][0] > time.time() * 1000,
               30, "the server has seen that another was due")
    assert host.stack.query("SELECT COUNT(*) FROM backup_runs WHERE config_id = ?", config["id"]) == [(1,)]
    host.start().wait_online()
    assert ended(host, first["id"])["status"] == "completed"


def big_file(host, mib=96):
    with open(host.source / "m", "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(1 << 20))


def stopped_in_the_middle(host, run_id):
    """The backup process of this run, stopped while it reads the large file."""
    wait_until(lambda: run_of(host, run_id)["status"] == "running", 30, "the run is under way")
    return host.wait_reading(host.daemon, host.source / "m")


def test_a_running_backup_is_seen_and_cancelled(polling):
    big_file(polling)
    config = config_of(polling)
    run_id = run_now(polling, config)
    pid = stopped_in_the_middle(polling, run_id)
    assert boss(polling).post(f"/api/configs/{config['id']}/run").status_code == 409
    boss(polling).ok("POST", f"/api/runs/{run_id}/cancel")
    os.kill(pid, signal.SIGCONT)
    assert ended(polling, run_id)["status"] == "cancelled"
    wait_until(lambda: not polling.stack.query("SELECT 1 FROM backup_objects WHERE run_id = ? AND completed_ms IS NOT NULL", run_id),
               30, "nothing of it is kept")
    seen = set()

    def beats():
        status, last_seen = polling.stack.query("SELECT status, last_seen_ms FROM agents WHERE id = ?", polling.id)[0]
        seen.add(last_seen)
        assert status == "online", "what somebody has cancelled is no fault of the host's"
        return len(seen) > 3

    wait_until(beats, 60, "heartbeats after it")
    assert ended(polling, run_now(polling, config), 120)["status"] == "completed"


def test_a_host_that_is_killed_in_a_backup_goes_on_afterwards(polling):
    big_file(polling)
    config = config_of(polling)
    run_id = run_now(polling, config)
    stopped_in_the_middle(polling, run_id)
    polling.stop(signal.SIGKILL)
    polling.start().wait_online()
    assert ended(polling, run_id)["status"] == "failed"
    assert ended(polling, run_now(polling, config), 120)["status"] == "completed"


@pytest.mark.parametrize("victim", ["app", "nginx"])
def test_a_killed_server_costs_no_run(polling, victim):
    big_file(polling)
    config = config_of(polling)
    run_id = run_now(polling, config)
    pid = stopped_in_the_middle(polling, run_id)
    master = polling.stack.pid(victim)
    for process in [*polling.children(master), master]:  # nginx's workers would go on by themselves
        os.kill(process, signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    back = threading.Timer(2, polling.stack.up)
    back.start()
    back.join()
    assert ended(polling, run_id, 120)["status"] == "completed"


def test_files_come_back_by_the_page(polling):
    (polling.source / "wanted").write_text("wanted")
    (polling.source / "other").write_text("other")
    run_id = run_now(polling, config_of(polling))
    ended(polling, run_id)
    top = str(polling.source).lstrip("/")
    listed = boss(polling).ok("GET", f"/api/runs/{run_id}/files?path={top}")["entries"]
    assert [(e["name"], e["type"], e["size"]) for e in listed] == [("other", "file", 5), ("wanted", "file", 6)]
    found = boss(polling).ok("GET", f"/api/runs/{run_id}/files?search=wante")["entries"]
    assert [e["path"] for e in found] == [f"{top}/wanted"]
    asked = {"target": str(polling.restores / "back"), "paths": [f"/{top}/wanted"], "patterns": [], "policy": "never", "dryRun": False}
    job = job_ended(polling, boss(polling).ok("POST", f"/api/runs/{run_id}/restore", asked)["job"])
    assert (job["status"], job["files"] >= 1) == ("completed", True), job
    assert job["detail"] == f"restored into {polling.restores}/back"
    assert (polling.restores / "back" / top / "wanted").read_text() == "wanted"
    assert not (polling.restores / "back" / top / "other").exists()
    asked["dryRun"] = True
    job = job_ended(polling, boss(polling).ok("POST", f"/api/runs/{run_id}/restore", asked)["job"])
    assert job["detail"] == f"would be restored into {polling.restores}/back: 0 written, 0 replaced, 1 kept"


def test_a_restore_outside_the_hosts_roots_is_refused_and_told(polling, tmp_path):
    (polling.source / "file").write_text("x")
    run_id = run_now(polling, config_of(polling))
    ended(polling, run_id)
    asked = {"target": str(tmp_path / "out"), "paths": [], "patterns": [], "policy": "never", "dryRun": False}
    job = job_ended(polling, boss(polling).ok("POST", f"/api/runs/{run_id}/restore", asked)["job"])
    assert job["status"] == "refused" and "RESTORE_ROOTS" in job["detail"], job
    assert not (tmp_path / "out").exists()
    wait_until(lambda: any(e[2] == "restore_refused" for e in polling.stored_events()), 20, "the refusal is an event")


def test_a_source_outside_the_hosts_roots_is_refused_and_told(polling):
    run_id = run_now(polling, config_of(polling, source="/etc"))
    run = ended(polling, run_id)
    assert run["status"] == "failed" and "BACKUP_ROOTS" in str(run["errors"]), run


def test_a_config_that_fails_holds_up_no_other(polling):
    (polling.source / "file").write_text("x")
    gone, there = config_of(polling, "gone", source=polling.source / "gone"), config_of(polling, "there")
    runs = [run_now(polling, config) for config in (gone, there)]
    first, second = (ended(polling, run_id) for run_id in runs)
    assert (first["status"], second["status"]) == ("failed", "completed")
    assert "no source could be read" in str(first["errors"])


def test_a_proof_is_shown_with_its_age(polling):
    (polling.source / "file").write_text("x")
    config = config_of(polling)
    ended(polling, run_now(polling, config))
    run_id = run_now(polling, config)
    ended(polling, run_id)
    before = boss(polling).ok("GET", f"/api/configs/{config['id']}")
    assert before["provenRun"] is None
    job = job_ended(polling, boss(polling).ok("POST", f"/api/runs/{run_id}/verify", {})["job"])
    assert job["status"] == "completed", job
    after = boss(polling).ok("GET", f"/api/configs/{config['id']}")
    assert after["provenRun"]["runId"] == run_id
    assert abs(after["provenRun"]["proven_ms"] - time.time() * 1000) < 60_000


def test_an_encrypted_backup_is_intact_here_and_proven_where_the_key_is(stack, tmp_path):
    key = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout.strip()
    with Host(stack) as sealed, Host(stack) as prover:
        sealed.enrol(AGE_RECIPIENTS=public).start().wait_online()
        prover.enrol(AGE_IDENTITY=key).start().wait_online()
        (sealed.source / "secret").write_text("secret")
        config = config_of(sealed, encryption=True, verifyAgentId=prover.id)
        run_id = run_now(sealed, config)
        assert ended(sealed, run_id)["encrypted"]
        assert boss(sealed).get(f"/api/runs/{run_id}/files?path=").status_code == 409
        own = job_ended(sealed, boss(sealed).ok("POST", f"/api/runs/{run_id}/verify", {"agentId": sealed.id})["job"])
        run = run_of(sealed, run_id)
        assert (own["status"] in ("completed", "warning"), run["intact_ms"] is not None, run["proven_ms"]) == (True, True, None)
        job_ended(sealed, boss(sealed).ok("POST", f"/api/runs/{run_id}/verify", {"agentId": prover.id})["job"])
        assert run_of(sealed, run_id)["proven_ms"] is not None


def test_the_servers_own_host_runs_what_is_assigned_to_none():
    """MUSTER_SERVER_AGENT names it; here it is told by the environment of a server of its own."""
    with Stack("own-host", MUSTER_POLL_INTERVAL="1s") as stack, Host(stack) as host:
        host.enrol().start().wait_online()
        stack.boss = Person(stack, Spec(), stack.admin_env()["MUSTER_ADMIN_EMAIL"], stack.admin_env()["MUSTER_ADMIN_PASSWORD"])
        stack.env["MUSTER_SERVER_AGENT"] = host.id
        stack.down_app()
        stack.up()
        (host.source / "x").write_text("x")
        body = {"name": "own", "executionMode": "server", "sources": [{"path": str(host.source)}], "options": {"type": "full"}}
        config = stack.boss.ok("POST", "/api/configs", body)
        assert ended(host, run_now(host, config))["status"] == "completed"


def test_a_hook_runs_before_and_one_after(stack, tmp_path):
    hooks = tmp_path / "hooks"
    mark = tmp_path / "marks"
    hooks.write_text(f"before 10 /usr/bin/touch {mark}-before\nafter 10 /usr/bin/touch {mark}-after\nbroken 10 /bin/false\n")
    os.chmod(hooks, 0o600)
    with Host(stack) as host:
        host.enrol(HOOKS=hooks).start().wait_online()
        (host.source / "file").write_text("x")
        config = config_of(host, preHook="before", postHook="after")
        assert ended(host, run_now(host, config))["status"] == "completed"
        assert os.path.exists(f"{mark}-before") and os.path.exists(f"{mark}-after")
        broken = config_of(host, "broken", preHook="broken")
        assert ended(host, run_now(host, broken))["status"] == "failed"
        unknown = config_of(host, "unknown", preHook="rm")
        assert ended(host, run_now(host, unknown))["status"] == "failed"
