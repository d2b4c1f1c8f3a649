"""An update from the release to the commit or the way back, with the real server, launcher and agents."""

import os
import signal
import subprocess
import time

import pytest

import releases
from releases import UpdatableHost
from wait import wait_until


@pytest.fixture
def updatable(stack):
    with UpdatableHost(stack) as host:
        yield host.enrol()


@pytest.fixture
def running(updatable):
    updatable.start()
    return updatable.wait_version_known()


def update(host, name, *options):
    version = releases.publish(host.stack, name, *options)
    host.offer(version)
    return version


# --- it works ---


def test_a_release_arrives_is_tried_and_committed(running):
    before = os.stat(running.agent)
    version = update(running, releases.GOOD)
    running.wait_reported("committed", version)
    assert running.version() == version
    assert running.shown()["version"] == version
    wait_until(lambda: running.litter() == [], 10, "nothing is left beside the binary")
    after = os.stat(running.agent)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    running.stop()
    running.assert_events_whole()


def test_init_sees_one_process_throughout(running):
    version = update(running, releases.GOOD)
    running.wait_reported("committed", version)
    assert running.daemon.poll() is None
    assert len([p for p in running.children()]) == 1


def test_by_signal(updatable):
    updatable.write_conf(UPDATE_RESTART_METHOD="signal")
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, releases.GOOD)
    updatable.wait_reported("committed", version)
    assert "the configuration was read again" in updatable.log_text()
    assert updatable.daemon.poll() is None


def test_mode_owner_and_attributes_of_the_file_stay(updatable):
    os.chmod(updatable.agent, 0o750)
    os.chown(updatable.agent, 0, 12)
    os.setxattr(updatable.agent, "user.muster", b"kept")
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, releases.GOOD)
    updatable.wait_reported("committed", version)
    now = os.stat(updatable.agent)
    assert (now.st_mode & 0o7777, now.st_uid, now.st_gid) == (0o750, 0, 12)
    assert os.getxattr(updatable.agent, "user.muster") == b"kept"


# --- it does not ---


@pytest.mark.parametrize("name, reason", [
    (releases.CRASH, "crashed: signal 6"),
    (releases.HANG, "silent"),
    (releases.EXIT, "exited: code 4"),
    (releases.DEAF, "not acknowledged within 10 s"),
    (releases.SHRED, "event log"),
])
def test_a_bad_release_is_taken_back_and_reported(updatable, name, reason, monkeypatch):
    monkeypatch.setenv("MUSTER_TEST_EXIT_S", "2")
    monkeypatch.setenv("MUSTER_TEST_STATE_DIR", str(updatable.state))
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, name)
    told = updatable.wait_reported("restored", version, 90)
    assert reason in told[2], told
    assert updatable.version() == "0.1.0"
    wait_until(lambda: updatable.litter() == [], 10, "nothing is left beside the binary")
    status = updatable.json("update", "status")
    assert [s["version"] for s in status["skipped"]] == [version]
    evidence = updatable.state / "update/evidence" / f"{version}.log"
    assert reason in evidence.read_text() and evidence.stat().st_mode & 0o777 == 0o600
    wait_until(lambda: any(e[2] == "update" and "last words" in e[4] for e in updatable.stored_events()), 10,
               "the last words are with the server")
    updatable.stop()
    if name != releases.SHRED:
        updatable.assert_events_whole()


def test_a_version_that_failed_is_skipped_until_somebody_says_otherwise(running):
    version = update(running, releases.CRASH)
    running.wait_reported("restored", version)
    running.offer(version)
    assert "crashed" in running.wait_reported("skipped", version)[2]
    assert running.version() == "0.1.0"
    newer = update(running, releases.GOOD)  # any other is not
    assert newer != version
    running.wait_reported("committed", newer)


def test_an_outage_rolls_nothing_back(running):
    """The server goes down when the trial begins, for longer than the trial takes."""
    version = releases.publish(running.stack, releases.GOOD)
    running.offer(version)
    wait_until(lambda: "on trial" in running.log_text(), 30, "the trial begins")
    running.stack.kill_app()
    wait_until(lambda: "putting 0.1.0 back" in running.log_text(), 60, "the old version is asked whether it can")
    wait_until(lambda: "outage" in running.log_text() or "another trial" in running.log_text(), 60,
               "the launcher sees that it is an outage")
    running.stack.up()
    running.stack.wait_ready()
    running.wait_reported("committed", version, 120)
    assert running.version() == version
    assert running.json("update", "status")["skipped"] == []


# --- the host's own word ---


def test_a_pinned_host_stays_and_says_why(updatable):
    updatable.write_conf(UPDATE_PIN="0.1.0")
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, releases.GOOD)
    assert "UPDATE_PIN" in updatable.wait_reported("skipped", version)[2]


def test_a_host_that_opts_out_stays(updatable):
    updatable.write_conf(UPDATE_ROLLOUT_PERCENT="0")
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, releases.GOOD)
    assert "UPDATE_ROLLOUT_PERCENT" in updatable.wait_reported("skipped", version)[2]


def test_without_a_launcher_nothing_is_installed(updatable):
    releases.publish(updatable.stack, releases.GOOD)
    updatable.start("run", program="muster-agent")
    updatable.wait_online()
    assert '"update"' not in updatable.capabilities()
    assert "muster-launcher" in updatable.ok("update", "status").stdout or updatable.litter() == []


def test_a_host_without_a_root_trusts_nothing(updatable):
    os.unlink(updatable.state / "update/root.json")
    done = updatable.run("update", "check")
    assert done.returncode == 1 and "muster-agent update pin" in done.stderr
    wrong = "sha256:" + "0" * 64
    done = updatable.run("update", "pin", "--tuf-fingerprint", wrong)
    assert done.returncode == 1 and "not the one of the fingerprint" in done.stderr
    right = subprocess.run(["sha256sum", updatable.stack.var / "updates/public/tuf/1.root.json"], capture_output=True,
                           text=True, check=True).stdout.split()[0]
    updatable.ok("update", "pin", "--tuf-fingerprint", "sha256:" + right)
    releases.publish(updatable.stack, releases.GOOD)
    assert updatable.json("update", "check")["current"] == "0.1.0"


# --- the processes ---


def test_the_agent_may_be_killed_at_any_moment_of_an_update(running):
    """Not sampled points but a storm: whatever was under way, the host ends with a working, committed release."""
    version = releases.publish(running.stack, releases.GOOD)
    running.offer(version)
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for pid in running.children()[:1]:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.3)
    state = wait_until(lambda: running.reported()[0] in ("committed", "restored") and running.reported(), 90,
                       "the update has an end")
    assert running.version() == (version if state[0] == "committed" else "0.1.0")
    running.wait_online()
