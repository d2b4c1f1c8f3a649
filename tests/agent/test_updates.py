"""An update from the release to the commit or the way back, with the real server, launcher and agents."""

import os
import signal
import subprocess
import time

import pytest

import updatable as releases
from updatable import UpdatableHost
from wait import wait_until


@pytest.fixture(scope="module")
def stack():
    """A server of its own, since versions only go up: all that is needed here is published in order, once."""
    with releases.server("updates") as stack:
        for name in (releases.GOOD, releases.CRASH, releases.HANG, releases.EXIT, releases.DEAF, releases.SHRED):
            releases.publish(stack, name)
        yield stack


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


def test_a_release_that_could_not_be_taken_back_yet_leaves_what_it_takes(updatable, monkeypatch):
    """It runs on for want of another, and must not tidy the old one away."""
    monkeypatch.setenv("MUSTER_TEST_EXIT_S", "4")
    updatable.start()
    updatable.wait_version_known()
    version = update(updatable, releases.EXIT)
    wait_until(lambda: f"{version} is on trial" in updatable.log_text(), 60, "the trial begins")
    backup = updatable.agent.with_name("muster-agent.backup")
    backup.chmod(0o644)
    wait_until(lambda: "0.1.0 cannot be put back" in updatable.log_text(), 30, "it is said")
    wait_until(lambda: updatable.log_text().count(f"muster-agent {version} starts") > 1, 30, "it runs again")
    backup.chmod(0o755)
    updatable.wait_reported("restored", version, 60)
    assert updatable.version() == "0.1.0"
    wait_until(lambda: updatable.litter() == [], 10, "nothing is left beside the binary")


def test_a_version_that_failed_is_skipped_until_somebody_says_otherwise(running):
    version = update(running, releases.CRASH)
    running.wait_reported("restored", version)
    running.offer(version)
    assert "crashed" in running.wait_reported("skipped", version)[2]
    assert running.version() == "0.1.0"
    running.wait_reported("committed", update(running, releases.GOOD))  # any other is not
    assert running.json("update", "status")["skipped"], "it is newer than what runs now"
    running.ok("update", "retry", version)
    running.offer(version)
    running.wait_reported("restored", version)


# --- the server is away ---


@pytest.fixture
def apart():
    """A server of its own, since it goes down, with a release that says that what runs is too old."""
    with releases.server("apart") as stack:
        with UpdatableHost(stack) as host:
            host.enrol()
            host.start()
            host.wait_version_known()
            stack.kill_app()
            yield host


def publish_minimum(host, name):
    """The command line works while the server is down."""
    return releases.publish(host.stack, name, "--min-version", releases.version_of(name))


def test_what_is_too_old_to_run_is_replaced_without_the_server_and_an_outage_rolls_nothing_back(apart):
    """Longer than two trials: the old version cannot reach the server either, so it is not the new one's fault."""
    version = publish_minimum(apart, releases.GOOD)
    apart.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: f"{version} is on trial" in apart.log_text(), 30, "the update begins with nginx alone")
    wait_until(lambda: apart.log_text().count("0.2.0 is on trial") >= 2, 90, "an outage gives it another trial")
    assert apart.json("update", "status")["skipped"] == []
    apart.stack.up()
    apart.stack.wait_ready()
    apart.wait_reported("committed", version, 120)
    assert apart.version() == version and apart.json("update", "status")["skipped"] == []
    apart.stop()
    apart.assert_events_whole()


def test_without_the_server_a_release_that_is_only_newer_waits_for_an_offer(apart):
    version = releases.publish(apart.stack, releases.GOOD)
    apart.daemon.send_signal(signal.SIGHUP)
    checked = apart.state / "update/progress.json"
    wait_until(lambda: checked.exists() and version in checked.read_text(), 30, "the agent has seen the release")
    assert apart.json("update", "check")["newest"] == version
    assert "on trial" not in apart.log_text() and apart.version() == "0.1.0"


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


@pytest.mark.parametrize("phase", ["trial", "restored", "waiting"])
def test_what_is_on_trial_is_not_replaced_by_hand(updatable, phase):
    version = releases.publish(updatable.stack, releases.GOOD)
    new = updatable.agent.with_name("muster-agent.new")
    new.write_bytes(b"what is tried")
    updatable.agent.with_name("muster-agent.trial").write_text(
        f"muster-trial 1\nphase {phase}\nversion 0.1.9\nprevious 0.1.0\ntrial_s 10\nstarts 1\nround 1\n"
        "epoch 0123456789abcdef\nseq 1\nreplayed 1\nboot 0\nevidence /nowhere\n")
    done = updatable.run("update", "stage", version)
    assert done.returncode == 1 and "0.1.9 is on trial" in done.stderr, done.stderr
    assert new.read_bytes() == b"what is tried"


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
