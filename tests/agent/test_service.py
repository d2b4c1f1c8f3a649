"""The agent as a service: polling, commands, outages, goodbyes, and the launcher above it."""

import datetime
import json
import os
import signal
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from wait import wait_until


@pytest.fixture
def running(host):
    host.start()
    host.wait_online()
    return host


def test_a_running_agent_stays_online_and_says_goodbye(running):
    seen = running.shown()["last_seen_ms"]
    wait_until(lambda: running.shown()["last_seen_ms"] > seen + 1000, 15, "it beats again")
    assert running.stop() == 0
    wait_until(lambda: running.shown()["state"] == "offline", 3, "the goodbye was heard")


def test_an_idle_agent_makes_one_request_an_interval(running):
    def requests():
        log = (running.stack.var / "log/app.log").read_text()
        return [line for line in log.splitlines() if running.id in line]

    start = len(requests())
    beats = len([r for r in requests() if "heartbeat" in r])
    wait_until(lambda: len([r for r in requests() if "heartbeat" in r]) >= beats + 4, 20, "four more heartbeats")
    others = [r for r in requests()[start:] if "heartbeat" not in r]
    assert len(others) <= 2, others


def test_the_server_has_a_backup_made(running):
    (running.source / "file").write_text("content")
    config = running.add_config("from the server")
    running.stack.app("backup-config", "run", config["id"])
    wait_until(lambda: [r["status"] for r in running.runs()] == ["completed"], 30, "the backup is completed")
    wait_until(lambda: running.stack.query("SELECT status FROM commands WHERE agent_id = ?", running.id) == [("done",)],
               15, "the command is over")


def test_a_command_is_carried_out_once_however_often_it_is_delivered(running):
    config = running.add_config("once only")
    running.stack.app("backup-config", "run", config["id"])
    wait_until(lambda: [r["status"] for r in running.runs()] == ["completed"], 30, "the backup is completed")
    beats = running.shown()["last_seen_ms"]
    wait_until(lambda: running.shown()["last_seen_ms"] > beats + 3000, 20, "three more polls")
    assert len(running.runs()) == 1


def test_a_source_outside_the_hosts_own_bounds_is_refused_and_reported(running):
    config = running.add_config("greedy", "/etc")
    running.stack.app("backup-config", "run", config["id"])
    finished = "SELECT status FROM commands WHERE agent_id = ?"
    wait_until(lambda: running.stack.query(finished, running.id) == [("refused",)], 20, "the command was refused")
    wait_until(lambda: any(e[2] == "backup_refused" for e in running.stored_events()), 10, "the refusal is an event")
    assert all(r["status"] != "completed" for r in running.runs())


def test_an_unknown_command_is_answered_unsupported(running):
    now = int(time.time() * 1000)
    running.stack.change("INSERT INTO commands (id, agent_id, kind, args, status, created_by, created_ms, expires_ms)"
                         " VALUES (?, ?, 'dance', '{}', 'pending', 'test', ?, ?)",
                         "01900000-cccc-7000-8000-%012x" % (now & 0xffffffffffff), running.id, now, now + 600_000,
                         topic="commands")
    status = "SELECT status FROM commands WHERE agent_id = ?"
    wait_until(lambda: running.stack.query(status, running.id) == [("unsupported",)], 20, "it was answered")


def test_a_deactivated_host_waits_and_keeps_its_identity(running):
    before = (running.state / "identity.json").read_bytes()
    running.stack.boss.ok("POST", f"/api/agents/{running.id}/deactivate")
    wait_until(lambda: "deactivated" in running.log_text(), 20, "the host's log says so")
    assert running.daemon.poll() is None
    assert (running.state / "identity.json").read_bytes() == before


def test_a_host_whose_key_is_unknown_keeps_its_identity(running):
    before, agent_id = (running.state / "identity.json").read_bytes(), running.id
    running.stack.boss.ok("DELETE", f"/api/agents/{agent_id}")
    wait_until(lambda: "401" in running.log_text() or "not known" in running.log_text()
               or "refuse" in running.log_text(), 20, "the host's log says so")
    assert running.daemon.poll() is None
    assert (running.state / "identity.json").read_bytes() == before


def test_events_outlive_an_outage_and_come_once(running):
    """A server that is away loses nothing and gets nothing twice; nor does an agent that is killed meanwhile."""
    config = running.add_config("before")
    running.stack.app("backup-config", "run", config["id"])
    wait_until(lambda: running.runs(), 20, "a first backup")
    running.stack.down()
    try:
        crash(running)
        pending = wait_until(lambda: pending_events(running), 20, "what cannot be said is on disk")
    finally:
        running.stack.up()
    running.stack.wait_ready()
    crash(running)  # the back-off of an outage may be long; a start asks at once
    wait_until(lambda: not pending_events(running), 60, "everything was acknowledged")
    stored = [(e[0], e[1]) for e in running.stored_events()]
    assert len(stored) == len(set(stored))
    for epoch in {e for e, _ in stored}:
        seqs = sorted(s for e, s in stored if e == epoch)
        assert seqs == list(range(1, len(seqs) + 1)), "none is missing"
    assert {e["seq"] for e in pending} <= {s for _, s in stored}


def crash(host):
    """Kills the agent below the launcher, and waits for the next one."""
    before = host.children()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: set(host.children()) - set(before), 60, "the launcher started the agent again")


def pending_events(host):
    told = [json.loads(line) for line in host.ok("events", "--json").stdout.splitlines()]
    return [e for e in told if not e["acknowledged"]]


def test_the_launcher_starts_a_crashed_agent_again(running):
    crash(running)
    running.wait_online()
    assert running.daemon.poll() is None


def test_the_launcher_ends_an_agent_that_hangs(running):
    """A stopped process ticks no watchdog."""
    hung = running.children()[0]
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: running.children() and hung not in running.children(), 150, "the hung agent was replaced")
    running.wait_online()


def test_sigterm_leaves_nothing_behind(running):
    everyone = [running.daemon.pid, *running.children()]
    assert running.stop() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in everyone)


def test_a_second_agent_on_the_same_state_is_refused(running):
    done = running.run("run", timeout=30)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) >= 1 and str(running.state) in done.stderr or "already" in done.stderr


def test_the_status_tells_how_the_polling_goes(running):
    status = running.json("status")
    assert status["id"] == running.id
    text = running.ok("status").stdout
    assert running.id in text and running.stack.agent_url in text


def test_a_host_that_slept_past_its_certificate_comes_back(host):
    """Renewal needs the key alone. The certificate on disk is replaced by one that has run out long ago."""
    key = serialization.load_pem_private_key((host.state / "key.pem").read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    past = datetime.datetime(2024, 1, 1)
    old = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
           .not_valid_before(past).not_valid_after(past + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
    (host.state / "cert.pem").write_bytes(old.public_bytes(serialization.Encoding.PEM))
    host.start()
    host.wait_online()

    def renewed():
        certificate = x509.load_pem_x509_certificate((host.state / "cert.pem").read_bytes())
        return certificate.not_valid_after > datetime.datetime.utcnow()

    wait_until(renewed, 30, "the certificate was renewed")


def test_no_secret_is_in_the_hosts_log(running):
    running.stop()
    identity = json.loads((running.state / "identity.json").read_text())
    key = next(v for v in identity.values() if isinstance(v, str) and v.startswith("msk_"))
    assert key not in running.log_text()
    assert "X-Amz-Signature=" not in running.log_text()


def test_a_probe_learns_whether_the_agent_is_in_touch(host):
    """What a rollout in Kubernetes waits for: that a new pod has reached the server, not that its process is there."""
    def connected():
        return host.run("status", "--connected").returncode == 0

    assert host.run("status", "--connected").stderr.endswith("the agent does not run\n")
    host.start()
    host.wait_online()
    wait_until(connected, 10, "the probe says so")
    host.stop(signal.SIGKILL)
    wait_until(lambda: not connected(), 10, "the agent died with its launcher")
    host.write_conf(SERVER_URL="https://localhost:1")
    host.start("run", program="muster-agent")
    wait_until(lambda: "no contact" in host.run("status", "--connected").stderr, 20, "it says why not")
    assert host.run("status", "--connected").returncode == 1
