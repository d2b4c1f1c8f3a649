"""The real agent and the launcher killed at every step of an update, one after another, as they are enumerated in the
code: every time the host ends with an agent that works, what became of the release is known, and no event is lost."""

import shutil
import signal

import pytest

import updatable as releases
from fakes import FAKES, steps_of
from updatable import UpdatableHost
from wait import wait_until

VERSION = "0.2.0"
SWAP_STEPS = steps_of("agent-static/update/swap.h", "SWAP_STEPS")
CLEAR_STEPS = [step for step in SWAP_STEPS if step.startswith("clear_")]
WIDE = 24  # hosts at once, all of which wait


class Mortal(UpdatableHost):
    """Its programs die where a file beside agent.conf says."""

    def __init__(self, stack):
        super().__init__(stack)
        shutil.copy(FAKES / "0.1.0/muster-agent", self.agent)
        shutil.copy(FAKES / "muster-launcher", self.bin)

    def command(self, *args, **kwargs):
        return ["env", f"FAKE_DIR={self.dir}", *super().command(*args, **kwargs)]

    def update(self, version, control, order):
        """Whether it came to that step. When the launcher was killed, init starts it again."""
        self.enrol().start().wait_version_known()
        (self.dir / control).write_text(order)
        self.offer(version)

        def over():
            if self.daemon.poll() is not None:
                assert self.daemon.returncode == -signal.SIGKILL
                assert self.version() in ("0.1.0", version), "a whole program, also now"
                self.start()
            return self.reported()[:2] in (("committed", version), ("restored", version))

        wait_until(over, 90, lambda: f"an end, with {control} {order}: {self.reported()}\n{self.log_text()}")
        return not (self.dir / control).exists()


@pytest.fixture(scope="module")
def server():
    with releases.server("killed") as stack:
        stack.app("release", "create", VERSION, f"--{releases.NATIVE}", FAKES / VERSION / "muster-agent")
        stack.app("release", "publish", VERSION)
        releases.publish(stack, releases.CRASH)
        yield stack


def play(server, version, end, kill):
    """An update that is killed once and must end so. Whether it came to that step."""
    with Mortal(server) as host:
        reached = host.update(version, *kill)
        assert host.reported()[:2] == (end, version), (kill, host.reported())
        assert host.version() == (version if end == "committed" else "0.1.0"), kill
        skipped = [s["version"] for s in host.json("update", "status")["skipped"]]
        assert skipped == ([] if end == "committed" else [version]), kill
        wait_until(lambda: host.litter() == [], 10, lambda: f"{kill} leaves {host.litter()}")
        host.heartbeats_go_on()
        host.stop()
        host.assert_events_whole()
        return reached


GOOD, BAD = (VERSION, "committed"), (releases.version_of(releases.CRASH), "restored")


def test_an_agent_killed_at_any_step_of_the_swap_comes_to_the_same_end(server, together):
    kills = [(*which, ("kill-swap", step)) for which, steps in ((GOOD, SWAP_STEPS), (BAD, CLEAR_STEPS))
             for step in steps]
    assert all(together(lambda kill: play(server, *kill), kills, WIDE)), "each of them is passed"


def test_a_launcher_killed_at_any_step_comes_to_the_same_end(server, together):
    """One step more than there are, so that none is left out: nothing is killed there."""
    kills = [(*which, ("kill-launcher", f"* {n}")) for which, steps in ((GOOD, 9), (BAD, 12))
             for n in range(1, steps + 2)]
    reached = together(lambda kill: play(server, *kill), kills, WIDE)
    assert reached == [True] * 9 + [False] + [True] * 12 + [False]
