"""Updates of the other architecture under qemu-user: here the kernel itself must run what the launcher starts, so that
programs of that architecture are made known to it, to the processes of the test alone where the kernel can do that."""

import shutil
import subprocess

import pytest

import updatable as releases
from host import NATIVE, QEMU
from test_arm64 import OTHER
from updatable import UpdatableHost, downloads
from wait import wait_until

MACHINE = {"amd64": r"\x3e\x00", "arm64": r"\xb7\x00"}[OTHER]
# An ELF program, executable or shared, of this machine type. F: the interpreter is opened now, wherever it is.
RULE = (rf":muster-{OTHER}:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00{MACHINE}"
        rf":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/{QEMU[OTHER]}:F")
INSIDE = """set -e
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' "$1" >/proc/sys/fs/binfmt_misc/register
shift
exec "$@"
"""
PRIVATE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", INSIDE, "sh", RULE]


def runs(prefix):
    program = releases.ROOT / "build" / OTHER / "muster-agent"
    return subprocess.run(["env", *prefix, program, "version"], capture_output=True).returncode == 0


def register_globally():
    """For every process of this machine; until it is booted anew, as qemu-user's own package would."""
    mounts = "mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    script = f"{mounts}; printf '%s' \"$1\" >/proc/sys/fs/binfmt_misc/register"
    done = subprocess.run(["sh", "-c", script, "sh", RULE], capture_output=True, text=True)
    assert runs([]), f"the kernel runs no {OTHER} programs, and cannot be taught to: {done.stderr}"


@pytest.fixture(scope="module")
def prefix():
    """What commands take before them so that the kernel runs programs of the other architecture."""
    if not shutil.which(QEMU[OTHER]):
        pytest.skip(f"{QEMU[OTHER]} is not installed")
    if runs([]):
        return []
    if runs(PRIVATE):
        return PRIVATE
    register_globally()
    return []


class OtherHost(UpdatableHost):
    def __init__(self, stack, prefix):
        super().__init__(stack, arch=OTHER)
        self.prefix = prefix

    def command(self, *args, **kwargs):
        return [*self.prefix, *super().command(*args, **kwargs)]

    def version(self):
        done = subprocess.run([*self.prefix, self.agent, "version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]


@pytest.fixture(scope="module")
def server():
    with releases.server(OTHER) as stack:
        for name in (releases.GOOD, releases.CRASH):
            releases.publish(stack, name, arches=(NATIVE, OTHER))
        yield stack


@pytest.fixture
def host(server, prefix):
    with OtherHost(server, prefix) as host:
        host.enrol(UPDATE_TRIAL_S=20)  # everything takes longer
        yield host.start().wait_version_known()


def test_a_release_arrives_is_tried_and_committed(host):
    assert host.stack.boss.ok("GET", f"/api/agents/{host.id}")["agent"]["arch"] == OTHER
    host.offer(releases.GOOD)
    host.wait_reported("committed", releases.GOOD, 120)
    assert host.agent.read_bytes() == releases.binary(releases.GOOD, OTHER).read_bytes()
    assert host.version() == host.shown()["version"] == releases.GOOD
    assert [status for status, _ in downloads(host.stack, f".agent-linux-{OTHER}")] == [200]
    wait_until(lambda: host.litter() == [], 10, "nothing is left beside the binary")
    host.stop()
    host.assert_events_whole()


def test_a_release_that_crashes_is_taken_back(host):
    version = releases.version_of(releases.CRASH)
    host.offer(version)
    assert "crashed: signal 6" in host.wait_reported("restored", version, 120)[2]
    assert host.version() == "0.1.0"
    wait_until(lambda: host.litter() == [], 10, "nothing is left beside the binary")
    host.heartbeats_go_on()
    host.stop()
    host.assert_events_whole()
