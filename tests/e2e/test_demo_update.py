"""A second release reaches this machine's own agent, as the command shows it that `make run` prints."""

import re
import subprocess

import pytest

from routes import ROOT
from stack import Stack, alive
from wait import wait_until


@pytest.fixture
def idle():
    """A stack that nobody has started yet, with this machine's agent."""
    stack = Stack("demo", agent=True)
    yield stack
    stack.__exit__(None, None, None)


def demo(stack):
    return subprocess.run([ROOT / "nginx/demo-update"], env=stack.env, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300)


def running(stack):
    """The version of the process, whatever lies beside it."""
    launcher = stack.pid("agent")
    children = open(f"/proc/{launcher}/task/{launcher}/children").read().split()
    assert len(children) == 1, children
    return subprocess.run([f"/proc/{children[0]}/exe", "version"], capture_output=True, text=True,
                          check=True).stdout.split()[1]


def known(stack):
    """The version that the server knows the agent by."""
    return stack.app_json("agent", "list")[0]["version"]


def bumped(version):
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def assert_in_order(text, *wanted):
    at = 0
    for words in wanted:
        at = text.find(words, at)
        assert at >= 0, f"{words!r} is missing or comes too early in:\n{text}"


def test_the_command_that_is_printed_brings_a_second_release_to_the_real_agent_and_back(idle):
    up = idle.stack("up")
    assert up.returncode == 0, up.stderr
    assert re.search(rf"^update    .*MUSTER_PORT={idle.port} .*make demo-update$", up.stdout, re.M), up.stdout
    first, launcher = running(idle), idle.pid("agent")
    second = bumped(first)

    done = demo(idle)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_in_order(done.stdout, f"$ muster-app release create {second}", f"$ muster-app release publish {second}",
                    "status           published", f"$ muster-app rollout create --version {second}",
                    "server  this agent: offered", f"update to {second}: offered", f"update to {second}: downloading",
                    f"update to {second}: verifying", f"update to {second}: trial", f"launcher: {second} is on trial",
                    f"muster-agent {second} starts", f"launcher: {second} is committed",
                    f"update to {second}: committed", "server  this agent: committed",
                    "done, stage 2 of 2 (100 %): 1 of 1 updated", f"this machine's agent runs {second}")
    assert "a patch of" in done.stdout, "the second is nearly the first, and was fetched whole"
    assert "UPDATE_TRIAL_S=10" in done.stdout, "what it changes it must say"
    assert (running(idle), known(idle)) == (second, second)
    assert idle.pid("agent") == launcher and alive(launcher)  # what init watches has not changed

    back = "set -e\n" + done.stdout.split("then roll back:\n")[1]
    went = subprocess.run(["bash", "-c", back], env=idle.env, capture_output=True, text=True, timeout=120)
    assert went.returncode == 0, went.stdout + went.stderr
    assert running(idle) == first
    wait_until(lambda: known(idle) == first, 30, "the server knows that the agent went back")


def test_each_time_is_a_version_more_and_what_was_updated_stays_updated(idle):
    done = demo(idle)  # which brings everything up
    assert done.returncode == 0, done.stdout + done.stderr
    second = running(idle)
    idle.stack("down")
    assert idle.stack("up").returncode == 0
    assert running(idle) == second, "the agent that was built here has taken the place of a newer one"
    again = demo(idle)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (running(idle), known(idle)) == (bumped(second), bumped(second))
    assert "UPDATE_TRIAL_S" not in again.stdout, "it was set already"


def test_it_fails_when_the_agent_does_not_take_the_update(idle):
    assert idle.stack("up").returncode == 0
    first = running(idle)
    idle.stack("down")
    with open(idle.var / "agent/agent.conf", "a") as conf:
        conf.write(f'UPDATE_PIN="{first}"\n')
    done = demo(idle)
    assert done.returncode == 1, done.stdout
    assert f"this machine's agent runs {first}, not {bumped(first)}" in done.stderr
    assert running(idle) == first
