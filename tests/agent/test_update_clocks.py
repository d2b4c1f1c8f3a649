"""Metadata that is old, goes backwards or is signed by other keys, and clocks that are wrong: updating stops and says
why, and everything else goes on."""

import json
import pathlib
import shutil
import time

import pytest

import updatable as releases
from updatable import UpdatableHost
from wait import wait_until

DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def server():
    with releases.server("clocks") as stack:
        releases.publish(stack, releases.GOOD)
        yield stack


@pytest.fixture
def running(server):
    with UpdatableHost(server) as host:
        yield host.enrol().start().wait_version_known()


@pytest.fixture
def idle(server):
    """Enrolled; asks when it is told to."""
    with UpdatableHost(server) as host:
        yield host.enrol()


def refusal(host):
    done = host.run("update", "check")
    assert done.returncode == 1, done.stdout
    return done.stderr


def trusted(host, role):
    return json.loads((host.state / f"update/metadata/{role}.json").read_text())["signed"]["version"]


def public(stack):
    return stack.var / "updates/public"


def move_clock(host, days):
    """What the host has once heard of a server it trusts: time is not before that."""
    (host.state / "clock").write_text(f"{int((time.time() + days * DAY_S) * 1000)}\n")


# --- keys that change ---


def test_new_keys_of_every_role_are_followed_without_help(idle):
    """The pinned root stays what it was; what follows it is signed by it."""
    pinned = (idle.state / "update/root.json").read_bytes()
    assert idle.json("update", "check")["newest"] == releases.GOOD
    for step, role in enumerate(("root", "timestamp", "snapshot", "targets"), 2):
        idle.stack.app("release", "rotate-key", role)
        assert idle.json("update", "check")["newest"] == releases.GOOD, role
        assert trusted(idle, "root") >= step
    assert (idle.state / "update/root.json").read_bytes() == pinned
    with UpdatableHost(idle.stack) as later:  # comes with the first root, as an image that is years old
        assert later.enrol().json("update", "check")["newest"] == releases.GOOD


# --- metadata that goes backwards ---


def test_an_older_repository_put_back_is_noticed_and_refused(running, tmp_path):
    stack = running.stack
    shutil.copytree(public(stack), tmp_path / "old")
    stack.app("release", "refresh", "targets")
    assert running.json("update", "check")["newest"] == releases.GOOD
    seen = trusted(running, "timestamp")
    public(stack).rename(tmp_path / "new")
    shutil.copytree(tmp_path / "old", public(stack))
    try:
        assert "version" in refusal(running)
        running.forge_offer(releases.GOOD)
        reason = running.wait_reported("failed", releases.GOOD)[2]
        assert "timestamp" in reason and "version" in reason, reason
        running.heartbeats_go_on()
        assert trusted(running, "timestamp") == seen and running.version() == "0.1.0"
    finally:
        shutil.rmtree(public(stack))
        (tmp_path / "new").rename(public(stack))
    assert running.json("update", "check")["newest"] == releases.GOOD


# --- clocks ---


def test_a_clock_a_month_ahead_stops_updates_and_nothing_else(running):
    running.stop()
    move_clock(running, 30)
    said = refusal(running)
    assert "timestamp" in said and "expired" in said and "updates stop until" in said, said
    running.start().wait_online()
    running.offer(releases.GOOD)
    reason = running.wait_reported("waiting", releases.GOOD)[2]
    assert "updates stop until the metadata or the clock is right" in reason and "expired" in reason, reason
    running.heartbeats_go_on()
    assert (running.version(), running.litter()) == ("0.1.0", [])


def test_a_clock_years_ahead_leaves_the_agent_running_and_saying_why(idle):
    move_clock(idle, 20 * 365)
    idle.start()
    wait_until(lambda: "this host's clock says" in idle.log_text(), 20, "the log says what is wrong")
    agent = idle.children()[0]
    assert "this host's clock says" in refusal(idle)
    assert idle.children()[0] == agent and "starting it again" not in idle.log_text()
    assert "this host's clock says" in idle.run("status").stdout, "an administrator sees it"


def test_a_damaged_clock_is_as_good_as_none(idle):
    (idle.state / "clock").write_text("tomorrow\n")
    assert idle.json("update", "check")["newest"] == releases.GOOD


# --- old metadata: last, since the server signs no more ---


def test_metadata_that_nobody_signs_anew_stops_updates_and_nothing_else(server, running, tmp_path):
    """Whoever holds news back can do so for the life of a timestamp, here of seconds."""
    server.env["MUSTER_UPDATE_TIMESTAMP_LIFE"] = "10s"
    server.down_app()
    server.up()
    server.app("release", "refresh", "targets")
    keys = list(pathlib.Path(server.var / "secrets").glob("update-timestamp*"))
    assert keys
    for key in keys:
        key.rename(tmp_path / key.name)

    def expired():
        done = running.run("update", "check")
        return done.returncode == 1 and done.stderr

    said = wait_until(expired, 20, "the timestamp has expired")
    assert "timestamp" in said and "expired" in said and "updates stop until" in said, said
    running.wait_online().offer(releases.GOOD)
    assert "expired" in running.wait_reported("waiting", releases.GOOD)[2]
    running.heartbeats_go_on()
    assert running.version() == "0.1.0"
    for key in keys:
        (tmp_path / key.name).rename(key)
    wait_until(lambda: not expired(), 20, "signed again, all is well without help")
