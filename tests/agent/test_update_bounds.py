"""What the host's own settings, its other work and its disk have to say about an update."""

import datetime
import os
import shutil
import signal
import subprocess

import pytest

import updatable as releases
from updatable import UpdatableHost, downloads
from wait import wait_until

WHOLE = f".agent-linux-{releases.NATIVE}"
SIZE = releases.binary(releases.GOOD).stat().st_size
SLOW_KBPS = SIZE // 1024 // 8  # eight seconds, eight heartbeats


@pytest.fixture(scope="module")
def server():
    with releases.server("bounds") as stack:
        releases.publish(stack, releases.GOOD)
        releases.publish(stack, releases.NEXT, "--channel", "beta")
        yield stack


@pytest.fixture
def host(server):
    with UpdatableHost(server) as host:
        yield host.enrol()


def begin(host, **settings):
    host.write_conf(**settings)
    return host.start().wait_version_known()


def act(stack, rollout, what):
    return stack.boss.ok("POST", f"/api/rollouts/{rollout['id']}/{what}")


# --- settings ---


def test_a_closed_window_holds_until_an_operator_opens_it(host):
    later = (datetime.datetime.now().hour + 12) % 24
    begin(host, UPDATE_WINDOW=f"{later:02}:00-{later:02}:30")
    host.roll_out(releases.GOOD)
    assert host.wait_reported("waiting", releases.GOOD)[2] == "waiting for UPDATE_WINDOW"
    host.heartbeats_go_on()
    assert host.litter() == [] and not (host.state / "update/part.json").exists(), "not even fetched"
    host.offer(releases.GOOD)
    host.wait_reported("trial", releases.GOOD)
    host.stop()
    host.assert_events_whole()


def test_a_host_takes_releases_of_its_channel_alone(host):
    assert host.json("update", "check")["newest"] == releases.GOOD
    begin(host)
    host.offer(releases.NEXT)
    assert "is of channel beta; this host takes stable" in host.wait_reported("failed", releases.NEXT)[2]
    assert host.litter() == []
    host.write_conf(UPDATE_CHANNEL="beta")
    assert host.json("update", "check")["newest"] == releases.NEXT
    assert "works here" in host.ok("update", "stage", releases.NEXT).stdout
    assert "is of channel stable; this host takes beta" in host.run("update", "stage", releases.GOOD).stderr


# --- a download that takes its time ---


def beats(host):
    """Heartbeats that were answered."""
    return (host.stack.var / "log/app.log").read_text().count(f"POST /api/agent/heartbeat 200 agent:{host.id}")


def downloading(host, percent=1):
    rows = host.stack.query("SELECT percent FROM agent_updates WHERE agent_id = ? AND state = 'downloading'", host.id)
    return rows and (rows[0][0] or 0) >= percent


def test_a_slow_download_holds_nothing_up_and_stops_and_goes_on_as_the_rollout_does(host):
    begin(host, UPDATE_RATE_KBPS=SLOW_KBPS)
    part = host.bin / "muster-agent.part"
    rollout = host.roll_out(releases.GOOD)
    wait_until(lambda: downloading(host), 20, "it has begun, and says how far it is")
    before = beats(host)
    wait_until(lambda: downloading(host, 30), 20, "it goes on")
    assert beats(host) - before >= 2, "heartbeats go on meanwhile"
    act(host.stack, rollout, "pause")
    wait_until(lambda: host.reported()[0] == "idle", 10, lambda: f"stopped, not {host.reported()}")
    have = part.stat().st_size
    assert SIZE * 0.2 < have < SIZE
    host.heartbeats_go_on()
    assert part.stat().st_size == have, "kept, and nobody adds to it"
    act(host.stack, rollout, "resume")
    host.wait_reported("trial", releases.GOOD)
    sent = wait_until(lambda: [d for d in downloads(host.stack, WHOLE) if d[0] == 206], 5, "the rest was asked for")
    assert len(sent) == 1 and SIZE - have <= sent[0][1] < SIZE - have + 1000, "and no more than the rest"
    host.stop()
    host.assert_events_whole()


# --- a backup ---


def test_a_backup_that_runs_is_waited_for(host):
    (host.source / "file").write_bytes(os.urandom(50_000_000))
    begin(host)
    config = host.add_config("in the way")
    host.stack.app("backup-config", "run", config["id"])
    reader = host.wait_reading(host.daemon, host.source / "file")
    try:
        host.offer(releases.GOOD)
        assert host.wait_reported("waiting", releases.GOOD)[2] == "a backup is running"
        assert host.litter() == ["muster-agent.new"], "all else is done"
        host.heartbeats_go_on()
    finally:
        os.kill(reader, signal.SIGCONT)
    wait_until(lambda: [r["status"] for r in host.runs()] == ["completed"], 20, "the backup is completed")
    host.wait_reported("trial", releases.GOOD)
    host.stop()
    host.assert_events_whole()


# --- the disk ---


class Mounted(UpdatableHost):
    """Its binaries are on a filesystem of their own, which only its processes see."""

    def __init__(self, stack, script):
        super().__init__(stack)
        self.script = script

    def command(self, *args, **kwargs):
        words = super().command(*args, **kwargs)
        if args and args[0] != "run":
            return words
        script = f'set -e; cd /; {self.script}; shift; exec "$@"'
        return ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", str(self.bin), *words]

    def start(self):
        super().start()
        inside = f"/proc/{self.daemon.pid}/root{self.dir}/bin"
        wait_until(self.children, 20, "the agent runs")
        self.bin = type(self.bin)(inside)
        self.agent = self.bin / "muster-agent"
        return self


TMPFS = 'mkdir "$1.was" && cp "$1"/* "$1.was/" && mount -t tmpfs -o size={size} tmpfs "$1" && cp "$1.was"/* "$1/"'
NOEXEC_TMP = ('own=$(dirname "$1") && mount --bind "$own" /mnt && mount -t tmpfs -o noexec,mode=1777 tmpfs /tmp && '
              'mkdir "$own" && mount --bind /mnt "$own"')
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'


def assert_unharmed(host):
    host.heartbeats_go_on()
    assert (host.version(), host.litter()) == ("0.1.0", [])
    assert host.shown()["state"] != "offline"
    host.stop()
    host.assert_events_whole()


def test_a_filesystem_that_cannot_take_it_is_reported(server, together):
    def refuse(case):
        script, reason = case
        with Mounted(server, script) as host:
            host.enrol().start().wait_version_known()
            host.offer(releases.GOOD)
            assert reason in host.wait_reported("failed", releases.GOOD)[2]
            assert_unharmed(host)

    together(refuse, [(TMPFS.format(size="12m"), "free, "), (READ_ONLY, "is on a read-only filesystem")])


def test_a_disk_that_fills_up_in_the_middle_is_reported_and_left_clean(server):
    with Mounted(server, TMPFS.format(size="8m")) as host:
        host.enrol(UPDATE_RESERVE_MB=0, UPDATE_RATE_KBPS=SLOW_KBPS).start().wait_version_known()
        host.offer(releases.GOOD)
        wait_until(lambda: downloading(host), 20, "it has begun")
        other = host.bin / "somebody else's"
        with open(other, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        assert "No space left on device" in host.wait_reported("failed", releases.GOOD)[2]
        other.unlink()
        assert_unharmed(host)


def test_a_tmp_that_runs_no_programs_is_no_hindrance(server):
    """Nothing of an update goes there."""
    with Mounted(server, NOEXEC_TMP) as host:
        host.enrol().start().wait_version_known()
        tmp = host.agent.parents[2]
        shutil.copy("/bin/true", tmp / "program")
        with pytest.raises(PermissionError):
            subprocess.run([tmp / "program"], check=True)
        (tmp / "program").unlink()
        host.offer(releases.GOOD)
        host.wait_reported("committed", releases.GOOD)
        assert [p.name for p in tmp.iterdir()] == [host.dir.name]
        host.stop()
        host.assert_events_whole()
