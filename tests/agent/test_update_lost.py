"""Replies that get lost and hosts that do: what was said once more heals, and no rollout waits for ever."""

import signal

import pytest

import updatable as releases
from proxy import Proxy
from updatable import UpdatableHost
from wait import wait_until


@pytest.fixture(scope="module")
def server():
    with releases.server("lost") as stack:
        releases.publish(stack, releases.GOOD)
        yield stack


@pytest.fixture
def host(server):
    with UpdatableHost(server) as host:
        yield host.enrol()


def look(stack, rollout):
    return stack.boss.ok("GET", f"/api/rollouts/{rollout['id']}")


def lose_replies(proxy, moment, what, count=1):
    """From this moment on, so many answers do not arrive, though the server has given them."""
    wait_until(moment, 30, what)
    before = proxy.swallowed
    proxy.swallow = True
    try:
        wait_until(lambda: proxy.swallowed >= before + count, 30, f"a reply is lost: {what}")
    finally:
        proxy.swallow = False


# --- replies ---


def test_an_update_survives_the_loss_of_any_reply(host):
    """Of the heartbeat that offers, of the first ones of the new version, and of the one that says it is committed."""
    stack, version = host.stack, releases.GOOD
    with Proxy(stack.agent_port) as proxy:
        host.write_conf(SERVER_URL=proxy.url, UPDATE_SERVER=proxy.url)
        host.start().wait_version_known()
        rollout = host.roll_out(version)
        lose_replies(proxy, lambda: look(stack, rollout)["members"]["offered"], "it is offered")
        lose_replies(proxy, lambda: f"{version} is on trial" in host.log_text(), "it is on trial", 2)
        lose_replies(proxy, lambda: f"{version} is committed" in host.log_text(), "it is committed")
        host.wait_reported("committed", version)
        wait_until(lambda: look(stack, rollout)["state"] == "done", 20, "the rollout is done")
        assert look(stack, rollout)["members"]["committed"] == 1
        assert host.log_text().count("makes way for") == 1, "once"
        host.stop()
    host.assert_events_whole()


def test_a_report_that_a_restart_swallowed_is_made_again(host):
    """Killed between the commit and the heartbeat that tells of it: what was reached stands on the host's disk."""
    host.start().wait_version_known()
    rollout = host.roll_out(releases.GOOD)
    host.wait_reported("trial", releases.GOOD)
    wait_until(lambda: "is committed" in host.log_text(), 30, "it is committed")
    host.stop(signal.SIGKILL)
    host.start()
    host.wait_reported("committed", releases.GOOD)
    wait_until(lambda: look(host.stack, rollout)["state"] == "done", 20, "the rollout is done")


# --- hosts ---


def start_slowly(host):
    """A download will take half an hour."""
    host.write_conf(UPDATE_RATE_KBPS=1)
    return host.start().wait_version_known()


def test_a_host_that_is_deleted_in_the_middle_holds_no_rollout_up(host):
    start_slowly(host)
    rollout = host.roll_out(releases.GOOD)
    host.wait_reported("downloading", releases.GOOD)
    host.stack.boss.ok("DELETE", f"/api/agents/{host.id}")
    done = wait_until(lambda: (now := look(host.stack, rollout))["state"] == "done" and now, 20, "the rollout is done")
    assert done["members"]["total"] == 0
    wait_until(lambda: "refuses this agent's key" in host.log_text(), 20, "the host is told")
    assert host.daemon.poll() is None and host.version() == "0.1.0"


def test_hosts_that_fall_silent_or_stand_still_in_the_middle_are_given_up(server, host, together):
    """Another is heard of all the time, so it is the host's silence and not the server's deafness."""
    with UpdatableHost(server) as still, UpdatableHost(server) as other:
        together(lambda h: h.enrol(), [still, other])
        together(start_slowly, [host, still, other])
        rollout = host.roll_out(releases.GOOD, target={"agents": [host.id, still.id]}, silenceS=10,
                                thresholds={"failedPercent": None})
        together(lambda h: h.wait_reported("downloading", releases.GOOD), [host, still])
        host.stop(signal.SIGKILL)
        done = wait_until(lambda: (now := look(server, rollout))["state"] == "done" and now, 40, "it is over")
        assert (done["members"]["silent"], done["members"]["failed"]) == (1, 1)
        members = server.boss.ok("GET", f"/api/rollouts/{rollout['id']}/members")["items"]
        reasons = {member["agentId"]: member["reason"] for member in members}
        assert "nothing was heard of it for 10 s after: downloading" in reasons[host.id], reasons
        assert "its heartbeats go on, but for 10 s it has not moved on" in reasons[still.id], reasons
        wait_until(lambda: still.reported()[0] == "idle", 20, lambda: f"it stops trying, not {still.reported()}")
        wait_until(lambda: len(still.children()) == 1, 5, "its download has ended")
        start_slowly(host)
        wait_until(lambda: host.reported()[0] == "idle", 20, lambda: f"nobody wants it any more: {host.reported()}")
        assert len(host.children()) == 1
