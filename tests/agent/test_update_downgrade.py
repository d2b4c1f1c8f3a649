"""The way back: a version lower than what runs comes only over signatures, whatever the server says."""

import pytest

import updatable as releases
from updatable import UpdatableHost
from wait import wait_until

OLD = "0.1.0"


@pytest.fixture(scope="module")
def server():
    """With what runs as a release, too, so that there is something to go back to."""
    with releases.server("downgrade") as stack:
        stack.app("release", "create", OLD, "--amd64", releases.ROOT / "build/amd64/muster-agent",
                  "--arm64", releases.ROOT / "build/arm64/muster-agent")
        stack.app("release", "publish", OLD)
        releases.publish(stack, releases.GOOD)
        yield stack


@pytest.fixture(scope="module")
def updated(server):
    """Runs the newer one, and goes back at the end."""
    with UpdatableHost(server) as host:
        host.install(releases.GOOD).enrol().start()
        yield host.wait_version_known()


def assert_stays(host):
    assert (host.version(), host.litter()) == (releases.GOOD, [])
    assert "makes way" not in host.log_text()


def test_an_old_version_that_the_server_claims_to_be_newer_is_refused(updated):
    updated.forge_offer(OLD)
    assert "0.1.0 is older than 0.2.0, which runs" in updated.wait_reported("skipped", OLD)[2]
    assert_stays(updated)


def test_a_way_back_that_only_the_server_allows_is_refused(updated):
    """downgrade is the server's word; it only has the host look into the signed metadata."""
    updated.forge_offer(OLD, downgrade=True)
    assert "not signed as a way back" in updated.wait_reported("failed", OLD)[2]
    assert_stays(updated)


def test_a_version_that_nobody_signed_is_refused(updated):
    updated.forge_offer("9.9.9")
    assert "9.9.9 is not among the signed releases" in updated.wait_reported("failed", "9.9.9")[2]
    assert_stays(updated)


def test_an_operator_goes_back_where_that_was_signed(updated):
    boss, app = updated.stack.boss, updated.stack.app
    order = f"/api/agents/{updated.id}/update", {"version": OLD}
    refused = boss.post(order[0], order[1])
    assert refused.status_code == 409 and "allow-downgrade" in refused.text, refused.text
    app("release", "allow-downgrade", OLD)
    try:
        boss.ok("POST", *order)
        updated.wait_reported("committed", OLD)
    finally:
        app("release", "allow-downgrade", OLD, "--off")
    assert updated.version() == OLD
    updated.stop()
    updated.assert_events_whole()


def test_hosts_leave_a_withdrawn_release_when_their_rollout_is_taken_back(server, together):
    """One has it by this rollout and goes back; one had it already and is not touched by another's rollout."""
    app, boss = server.app, server.boss
    with UpdatableHost(server) as host, UpdatableHost(server) as bystander:
        bystander.install(releases.GOOD)
        together(lambda h: h.enrol().start().wait_version_known(), [host, bystander])
        version = releases.version_of(releases.GOOD)
        rollout = f"/api/rollouts/{host.roll_out(version)['id']}"
        host.wait_reported("committed", version)
        wait_until(lambda: boss.ok("GET", rollout)["state"] == "done", 10, "the rollout is done")
        refused = boss.post(f"{rollout}/rollback")
        assert refused.status_code == 409 and "withdraw" in refused.text, "not without a signature"
        app("release", "withdraw", version, "--reason", "fills disks")
        boss.ok("POST", f"{rollout}/rollback")
        host.wait_reported("committed", OLD)
        assert (host.version(), bystander.version()) == (OLD, version)
        wait_until(lambda: boss.ok("GET", rollout)["state"] == "rolled_back", 10, "the rollout says so")
        host.forge_offer(version)
        assert "not among the signed" in host.wait_reported("failed", version)[2]
        assert host.version() == OLD
        host.stop()
        host.assert_events_whole()
