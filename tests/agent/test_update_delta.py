"""From one release to the next by a patch of a few bytes; by the whole file wherever the patch is of no use."""

import pytest

import updatable as releases
from updatable import UpdatableHost, downloads
from wait import wait_until

FROM, TO = releases.GOOD, releases.NEXT
WHOLE, PATCH = f".agent-linux-{releases.NATIVE}", f".agent-linux-{releases.NATIVE}.from-{FROM}.zst"


@pytest.fixture(scope="module")
def server():
    with releases.server("delta") as stack:
        releases.publish(stack, FROM)
        releases.publish(stack, TO)
        yield stack


@pytest.fixture
def host(server):
    with UpdatableHost(server) as host:
        yield host.install(FROM).enrol()


class Sent:
    """What nginx has sent since."""

    def __init__(self, stack):
        self.stack, self.before = stack, (len(downloads(stack, WHOLE)), len(downloads(stack, PATCH)))

    def now(self):
        whole, patch = downloads(self.stack, WHOLE), downloads(self.stack, PATCH)
        return whole[self.before[0]:], patch[self.before[1]:]

    def wait(self, whole, patch):
        """So many requests for each; the log comes a second late."""
        wait_until(lambda: tuple(map(len, self.now())) == (whole, patch), 5, lambda: f"{whole}, {patch}: {self.now()}")
        return self.now()


def patch_file(stack):
    return next((stack.var / "updates/public/tuf/targets" / TO).glob(f"*{PATCH}"))


def test_a_running_agent_updates_by_a_patch(host):
    host.start().wait_version_known()
    sent = Sent(host.stack)
    host.offer(TO)
    host.wait_reported("committed", TO)
    _, patches = sent.wait(whole=0, patch=1)
    assert patches[0][1] < releases.binary(TO).stat().st_size / 4, "which is the point of it"
    assert "is not taken" not in host.log_text()
    assert host.agent.read_bytes() == releases.binary(TO).read_bytes()
    wait_until(lambda: host.litter() == [], 10, "nothing is left beside the binary")
    assert not list((host.state / "update").glob("patch*"))


def stage(host):
    """Everything up to the swap, without a service: what it says."""
    done = host.ok("update", "stage", TO)
    assert (host.bin / "muster-agent.new").read_bytes() == releases.binary(TO).read_bytes()
    assert not list((host.state / "update").glob("patch*"))
    return done.stderr


def test_a_patch_that_was_damaged_on_the_server_is_not_taken(host):
    patch = patch_file(host.stack)
    good = patch.read_bytes()
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 1
    patch.write_bytes(damaged)
    sent = Sent(host.stack)
    try:
        said = stage(host)
    finally:
        patch.write_bytes(good)
    assert f"the patch to {TO} is not taken, the whole file is" in said and "SHA-256" in said, said
    sent.wait(whole=1, patch=1)


def test_a_patch_that_is_gone_is_not_missed(host):
    patch = patch_file(host.stack)
    aside = patch.rename(patch.with_name("aside"))
    sent = Sent(host.stack)
    try:
        said = stage(host)
    finally:
        aside.rename(patch)
    assert "is not taken" in said and "404" in said, said
    sent.wait(whole=1, patch=0)  # nginx logs what it refuses under another path


def test_a_host_with_another_build_of_the_same_version_takes_the_whole_file(host):
    """It runs, but it is not what the patch was made from. Nothing is fetched for nothing."""
    with open(host.agent, "ab") as binary:
        binary.write(b"built elsewhere")
    sent = Sent(host.stack)
    assert f"it is for another build of {FROM} than this" in stage(host)
    sent.wait(whole=1, patch=0)


def test_a_host_that_is_too_far_behind_takes_the_whole_file(server):
    with UpdatableHost(server) as host:
        host.enrol()
        sent = Sent(server)
        assert "patch" not in stage(host)
        sent.wait(whole=1, patch=0)
