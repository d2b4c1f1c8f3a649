"""Rollouts over five hundred simulated agents: a bad release halts within its threshold, and nothing is lost by pauses,
restarts, outages or two servers at once.

On a stack of its own. Releases are rows here: how they come to be is another test's matter."""

import contextlib
import itertools
import os
import secrets
import signal
import subprocess
import time

import pytest

from client import Person, event, problem
from fleet import STEPS, Fleet
from stack import Stack, alive
from wait import wait_until

AGENTS = 500
VERSIONS = (f"0.{n}.0" for n in itertools.count(2))
FAILED = ("restored", "failed", "silent", "unhealthy")


@pytest.fixture(scope="module")
def own(spec):
    with Stack("rollouts", MUSTER_POLL_INTERVAL="1s", MUSTER_UPLINK_MBPS="0", MUSTER_LOG_LEVEL="warning",
               MUSTER_AGENT_RATE="100000", MUSTER_AGENT_BURST="100000") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        yield stack


@pytest.fixture(scope="module")
def boss(own):
    return own.boss


@pytest.fixture(scope="module")
def fleet(own, boss):
    with Fleet.register(own, boss, AGENTS) as fleet:
        wait_until(lambda: boss.ok("GET", "/api/agents?status=online")["total"] == AGENTS, 20, "all agents are online")
        yield fleet


@pytest.fixture
def release(own):
    """Publishes the next version; those before stay published."""

    def publish(version=None, **fields):
        version = version or next(VERSIONS)
        row = {"version": version, "channel": "stable", "min_version": "", "eventlog_min": 1, "status": "published",
               "size_bytes": 1000, "created_ms": 1, "published_ms": 1, **fields}
        names = ", ".join(row)
        own.change(f"INSERT INTO releases ({names}) VALUES ({', '.join('?' * len(row))})", *row.values(),
                   topic="releases")
        return version

    return publish


@pytest.fixture(autouse=True)
def quiet_end(own, boss):
    """No rollout reaches into the next test."""
    yield
    for state in ("running", "paused", "rolling_back", "done"):
        for rollout in boss.ok("GET", f"/api/rollouts?state={state}&limit=200")["items"]:
            boss.ok("POST", f"/api/rollouts/{rollout['id']}/abort")


def begin(person, version, agents=None, stages=({"percent": 100},), **fields):
    target = {"agents": [a.id for a in agents]} if agents else {"all": True}
    stages = [{"soakS": 0, **stage} for stage in stages]
    return person.ok("POST", "/api/rollouts", {"version": version, "target": target, "stages": stages, **fields})


def look(person, rollout):
    return person.ok("GET", f"/api/rollouts/{rollout['id']}")


def offered(agent, rollout):
    return agent.offer is not None and agent.offer["rolloutId"] == rollout["id"]


def act(person, rollout, name):
    return person.ok("POST", f"/api/rollouts/{rollout['id']}/{name}")


def wait_state(person, rollout, state, seconds=30):
    try:
        return wait_until(lambda: (now := look(person, rollout))["state"] == state and now, seconds, state)
    except AssertionError as error:
        raise AssertionError(f"{error}: {look(person, rollout)}") from error


def wait_members(person, rollout, seconds=20, **counts):
    try:
        return wait_until(lambda: (now := look(person, rollout)) and all(
            now["members"][state] >= count for state, count in counts.items()) and now, seconds, counts)
    except AssertionError as error:
        raise AssertionError(f"{error}: {look(person, rollout)}") from error


def members(person, rollout, state=""):
    items, total = [], None
    while total is None or len(items) < total:
        page = person.ok("GET", f"/api/rollouts/{rollout['id']}/members?limit=200&offset={len(items)}&state={state}")
        items, total = items + page["items"], page["total"]
        if not page["items"]:
            break
    return items


def run_version(fleet, agents, version):
    """Agents as if they had always run this version. One that is still at what a test before has given it would go on to
    another."""
    wait_until(lambda: not any(agent.offer or agent.report["state"] in ("offered", *STEPS[:-1]) for agent in agents if not agent.away), 20,
               "they are at rest")
    for agent in agents:
        agent.version = agent.previous = version


# --- the happy path ---


def test_a_release_reaches_everybody_stage_by_stage_and_never_more_than_the_pace(boss, fleet, release):
    version = release()
    rollout = begin(boss, version, stages=[{"count": 5}, {"percent": 100}], pace={"maxInFlight": 250})
    done = wait_state(boss, rollout, "done", 60)
    assert done["members"]["committed"] == done["members"]["total"] == AGENTS
    assert fleet.versions() == {version: AGENTS}
    assert fleet.peaks[rollout["id"]] <= 250
    by_stage = {}
    for member in members(boss, rollout):
        by_stage.setdefault(member["stage"], []).append(member)
    assert len(by_stage[0]) == 5
    assert max(m["bucket"] for m in by_stage[0]) <= min(m["bucket"] for m in by_stage[1])
    last_of_first = max(m["state_ms"] for m in by_stage[0])
    assert all(m["offered_ms"] >= last_of_first for m in by_stage[1]), "the second stage waited for the first"
    metrics = boss.get("/metrics").text
    assert 'muster_rollouts{state="done"} 1' in metrics


def test_what_an_agent_went_through_is_kept(boss, fleet):
    """Steps that follow each other within a flush leave only the last of them: of a busy server, not every agent has more."""
    steps = set()
    for agent in fleet.agents[:50]:
        shown = boss.ok("GET", f"/api/agents/{agent.id}/updates")
        assert shown["update"]["state"] == "committed" and shown["offer"] is None
        states = [h["state"] for h in reversed(shown["items"])]
        whole = iter(["offered", "downloading", "verifying", "trial", "committed"])
        assert states[-1] == "committed" and all(state in whole for state in states)
        steps.update(states)
    assert len(steps) >= 2
    assert len(boss.ok("GET", f"/api/agents/{agent.id}/updates?limit=1")["items"]) == 1


# --- failures ---


def test_a_bad_release_halts_at_its_canaries_with_a_reason_and_an_alert(boss, fleet, release):
    version = release()
    fleet.faults[version] = {a.index: "restore" for a in fleet.agents}
    rollout = begin(boss, version, stages=[{"count": 5}, {"percent": 100}])
    paused = wait_state(boss, rollout, "paused")
    assert "agents failed; 10 % may" in paused["reason"]
    wait_until(lambda: version not in fleet.versions(), 20, "all agents went back")
    shown = look(boss, rollout)["members"]
    assert shown["committed"] == 0 and 1 <= shown["restored"] <= 5 and shown["pending"] >= AGENTS - 5
    assert members(boss, rollout, "restored")[0]["reason"] == "crashed: signal 6"
    alerts = [a for a in boss.ok("GET", "/api/alerts")["items"] if a["kind"] == "rollout.paused"]
    assert any(version in a["message"] for a in alerts)
    assert all(version not in a.history for a in fleet.agents if a.id not in
               {m["agentId"] for m in members(boss, rollout, "restored") + members(boss, rollout, "trial")})


def test_a_release_that_fails_on_some_hosts_halts_within_its_threshold_and_resuming_forgives(boss, fleet, release):
    version = release()
    fleet.faults[version] = {a.index: "fail" for a in fleet.agents if a.index % 3 == 0}
    rollout = begin(boss, version, pace={"maxInFlight": 40}, thresholds={"failedPercent": 10, "failedCount": None})
    wait_state(boss, rollout, "paused")
    shown = wait_until(lambda: (now := look(boss, rollout)["members"])["trial"] == 0 and now, 10, "trials have ended")
    # Of forty under way thirteen fail at once; what was offered meanwhile comes on top.
    assert shown["failed"] <= 2 * 40 / 3 + 1 and AGENTS - shown["pending"] <= 80, shown
    assert act(boss, rollout, "resume")["state"] == "running"
    wait_until(lambda: look(boss, rollout)["members"]["committed"] > shown["committed"], 10, "it went on")


def test_an_agent_that_falls_silent_has_failed_and_is_believed_when_it_comes_back(own, boss, fleet, release):
    version = release()
    agent, stuck, *others = fleet.agents[:10]
    fleet.faults[version] = {agent.index: "silent", stuck.index: "stuck"}
    rollout = begin(boss, version, [agent, stuck, *others], silenceS=10, thresholds={"failedPercent": None})
    wait_until(lambda: agent.away, 20, "it fell silent")
    wait_members(boss, rollout, committed=len(others))
    wait_until(lambda: boss.ok("GET", f"/api/agents/{agent.id}")["agent"]["status"] == "offline", 10, "it is offline")
    let_time_pass(own, 11)
    shown = wait_members(boss, rollout, silent=1, failed=1)
    reasons = {m["state"]: m["reason"] for m in members(boss, rollout) if m["state"] in FAILED}
    assert "nothing was heard" in reasons["silent"] and "downloading" in reasons["failed"]
    assert shown["members"]["silent"] == 1
    agent.version, agent.away = version, False
    agent.say("committed")
    fleet.faults.clear()
    assert wait_members(boss, rollout, committed=len(others) + 1)["members"]["silent"] == 0


def let_time_pass(own, seconds):
    """For members under way: their deadlines come nearer."""
    own.change("UPDATE rollout_members SET deadline_ms = deadline_ms - ? WHERE deadline_ms IS NOT NULL", seconds * 1000)


def test_a_host_with_many_more_errors_than_before_is_a_failure(own, boss, fleet, release):
    version = release()
    agents = fleet.agents[:10]
    rollout = begin(boss, version, agents, stages=[{"count": 3, "soakS": 3600}, {"percent": 100}],
                    thresholds={"failedPercent": 0, "errorFactor": 5})
    wait_members(boss, rollout, committed=3)
    noisy = next(a for a in agents if a.version == version)
    with own.database() as db:
        now = int(time.time() * 1000)
        db.executemany("INSERT INTO agent_logs (agent_id, epoch, seq, level, kind, message, timestamp_ms, received_ms)"
                       " VALUES (?, 'aa', ?, 3, 'log', 'failed', ?, ?)", [(noisy.id, i, now, now) for i in range(20)])
    own.change("UPDATE rollouts SET judge_due_ms = 0", topic="rollouts")
    wait_state(boss, rollout, "paused")
    member = members(boss, rollout, "unhealthy")
    assert [m["agentId"] for m in member] == [noisy.id] and "20 errors since the update" in member[0]["reason"]


# --- what operators do ---


def test_a_pause_stops_what_is_not_in_place_yet_and_resuming_goes_on(boss, fleet, release):
    version = release()
    agents = fleet.agents[:40]
    fleet.faults[version] = {a.index: "stuck" for a in agents}
    rollout = begin(boss, version, agents, silenceS=600)
    wait_members(boss, rollout, downloading=20)
    paused = act(boss, rollout, "pause")
    assert paused["state"] == "paused" and paused["reason"] == "an operator paused it"
    assert paused["members"]["downloading"] == 0
    wait_until(lambda: not any(offered(a, rollout) for a in agents), 10, "nobody is offered anything")
    assert act(boss, rollout, "pause")["state"] == "paused"
    fleet.faults.clear()
    act(boss, rollout, "resume")
    assert wait_state(boss, rollout, "done")["members"]["committed"] == 40


def test_the_next_stage_can_wait_for_a_word_and_aborting_leaves_things_where_they_are(boss, fleet, release):
    version = release()
    agents = fleet.agents[:20]
    rollout = begin(boss, version, agents, stages=[{"count": 2, "advance": "manual"}, {"percent": 100}],
                    pace={"maxInFlight": 5})
    wait_until(lambda: look(boss, rollout)["stageDone_ms"], 20, "the first stage ended")
    assert look(boss, rollout)["stage"] == 0
    assert act(boss, rollout, "advance")["stage"] == 1
    problem(boss.post(f"/api/rollouts/{rollout['id']}/advance"), 409, "conflict")
    wait_until(lambda: sum(offered(a, rollout) for a in agents) >= 4, 10, "others are offered it")
    aborted = act(boss, rollout, "abort")
    assert aborted["state"] == "aborted" and aborted["finished_ms"]
    assert aborted["members"]["cancelled"] >= 13 and aborted["members"]["committed"] >= 2
    for name in ("resume", "advance", "pause"):
        problem(boss.post(f"/api/rollouts/{rollout['id']}/{name}"), 409, "conflict")


def test_a_withdrawn_release_stops_and_is_rolled_back_when_the_agents_consent(own, boss, fleet, release):
    old, new = release(), release()
    agents = fleet.agents[:12]
    run_version(fleet, agents, old)
    rollout = begin(boss, new, agents, stages=[{"count": 8, "soakS": 3600}, {"percent": 100}])
    assert rollout["previousVersion"] == old
    wait_members(boss, rollout, committed=8)
    told = problem(boss.post(f"/api/rollouts/{rollout['id']}/rollback"), 409, "conflict")
    assert f"release withdraw {new}" in told["detail"] and f"allow-downgrade {old}" in told["detail"]
    own.change("UPDATE releases SET status = 'withdrawn' WHERE version = ?", new, topic="releases")
    assert wait_state(boss, rollout, "paused")["reason"] == "its release is no longer published"
    problem(boss.post(f"/api/rollouts/{rollout['id']}/resume"), 409, "conflict")
    fleet.peaks.clear()
    boss.ok("PATCH", f"/api/rollouts/{rollout['id']}", {"pace": {"maxInFlight": 4}})
    assert act(boss, rollout, "rollback")["state"] == "rolling_back"
    offers = wait_until(lambda: [a.offer for a in agents if offered(a, rollout) and a.offer["version"] == old], 10,
                        "the old one is offered")
    assert offers[0]["downgrade"] is True
    back = wait_state(boss, rollout, "rolled_back")
    assert back["members"]["rolledBack"] == 8 and back["members"]["cancelled"] == 4
    wait_until(lambda: fleet.versions(agents) == {old: 12}, 20,
               lambda: f"{old} alone: {[(a.index, a.version, a.report) for a in agents if a.version != old]}")
    assert fleet.peaks[rollout["id"]] <= 4


def test_a_percentage_may_change_at_any_time(boss, fleet, release):
    version = release()
    rollout = begin(boss, version, fleet.agents[:100], stages=[{"percent": 10, "soakS": 3600}, {"percent": 100}])
    first = wait_until(lambda: (now := look(boss, rollout))["stageDone_ms"] and now, 20, "the first stage ended")
    changed = boss.ok("PATCH", f"/api/rollouts/{rollout['id']}",
                      {"stages": [{"percent": 60, "soakS": 3600}, {"percent": 100}]})
    assert changed["stages"][0]["percent"] == 60 and changed["pace"] == rollout["pace"]
    second = wait_until(lambda: (now := look(boss, rollout))["stageDone_ms"] and now, 20, "the wider stage ended")
    assert second["members"]["committed"] > first["members"]["committed"]
    assert all((m["state"] == "committed") == (m["bucket"] < 60) for m in members(boss, rollout))
    told = problem(boss.request("PATCH", f"/api/rollouts/{rollout['id']}", json={"stages": [{"percent": 50}, {"percent": 10}]}),
                   422, "invalid-field")
    assert told["pointer"] == "/stages"


def test_an_order_for_one_agent_goes_before_stages_windows_and_other_offers(boss, fleet, release):
    version = release()
    agent = fleet.agents[7]
    closed = time.gmtime(time.time() + 7200)
    window = {"days": [], "from": f"{closed.tm_hour:02}:00", "to": f"{closed.tm_hour:02}:30"}
    rollout = begin(boss, version, fleet.agents[:10], windows=[window])
    wait_members(boss, rollout, pending=10)
    order = boss.ok("POST", f"/api/agents/{agent.id}/update", {"version": version})
    offer = wait_until(lambda: agent.offer if offered(agent, {"id": order["rolloutId"]}) else None, 10, "it is offered")
    assert offer["force"] is True and offer["downgrade"] is False
    wait_until(lambda: agent.version == version, 20, "it is updated")
    single = {"id": order["rolloutId"]}
    assert wait_state(boss, single, "done")["kind"] == "single"
    problem(boss.post(f"/api/agents/{agent.id}/update", {"version": version}), 409, "conflict")
    problem(boss.post(f"/api/agents/{agent.id}/update", {"version": "0.0.1"}), 409, "conflict")
    assert sum(a.version == version for a in fleet.agents[:10]) == 1, "the window is closed for the others"
    boss.ok("PATCH", f"/api/rollouts/{rollout['id']}", {"windows": []})
    wait_until(lambda: sum(offered(a, rollout) for a in fleet.agents[:10]) == 9, 10, "it is open for the others")


def test_offers_a_minute_are_counted(boss, fleet, release):
    version = release()
    rollout = begin(boss, version, fleet.agents[:30], pace={"maxInFlight": 30, "maxPerMinute": 4})
    wait_members(boss, rollout, committed=4)
    shown = look(boss, rollout)["members"]
    assert shown["pending"] == 26 and shown["committed"] == 4


def test_downloads_are_spread_over_the_uplink(own, spec, boss, fleet, release):
    """Two hundred members and 25 MB each take forty seconds at a gigabit."""
    version = release(size_bytes=25_000_000)
    with setting(own, MUSTER_UPLINK_MBPS="1000"):
        rollout = begin(boss, version, fleet.agents[:200], pace={"maxInFlight": 200})
        wait_until(lambda: look(boss, rollout)["members"]["pending"] == 0, 20, "all were offered")
        offers = own.query("SELECT offer_not_before_ms - m.offered_ms, u.agent_id FROM agent_updates u JOIN rollout_members m"
                           " ON m.agent_id = u.agent_id AND m.rollout_id = u.offer_rollout_id WHERE m.rollout_id = ?",
                           rollout["id"])
        delays = sorted(delay for delay, _ in offers)
        assert len(delays) > 150 and delays[0] < 4000 and 36000 < delays[-1] <= 40000, (len(delays), delays[-1])
        act(boss, rollout, "abort")


@contextlib.contextmanager
def setting(own, **settings):
    """The server with other settings, for a while."""
    conf = own.var / "app.conf"
    before, env = conf.read_text(), own.env
    own.down_app()
    own.env = {**env, **settings}
    own.up()
    try:
        yield
    finally:
        own.down_app()
        conf.write_text(before)
        own.env = env
        own.up()


# --- who is a member ---


def test_labels_and_tenants_choose(own, spec, boss, release):
    version = release()
    one, two = (Person.add(own, spec, "operator") for _ in range(2))
    mine = [one.register(f"mine-{i}") for i in range(3)]
    theirs = two.register("theirs")
    own.change("UPDATE agents SET labels = '{\"site\":\"north\",\"ring\":\"1\"}' WHERE id IN (?, ?, ?)", mine[0].id,
               mine[1].id, theirs.id)
    rollout = one.ok("POST", "/api/rollouts", {"version": version, "target": {"labels": {"site": "north"}}})
    wait_members(one, rollout, total=2)
    assert {m["agentId"] for m in members(one, rollout)} == {mine[0].id, mine[1].id}
    problem(two.get(f"/api/rollouts/{rollout['id']}"), 404, "not-found")
    problem(two.post(f"/api/rollouts/{rollout['id']}/pause"), 404, "not-found")
    assert rollout["id"] not in two.get("/api/rollouts").text
    told = problem(one.post("/api/rollouts", {"version": version, "target": {"agents": [theirs.id]}}), 422, "invalid-field")
    assert told["pointer"] == "/target/agents"
    problem(one.post(f"/api/agents/{theirs.id}/update", {"version": version}), 404, "not-found")
    everybody = begin(boss, version)
    wait_until(lambda: look(boss, everybody)["members"]["total"] > 3, 10, "its members were found")
    assert wait_until(lambda: two.get(f"/api/rollouts/{everybody['id']}").status_code == 200, 10, "its agent is reached")
    assert look(two, everybody)["members"]["total"] == 1, "counts are of what one may see"
    assert [m["agentId"] for m in members(two, everybody)] == [theirs.id]
    problem(two.post(f"/api/rollouts/{everybody['id']}/pause"), 403, "forbidden")


def test_a_rollout_names_no_agents_to_those_who_may_not_see_them(own, spec, boss, release):
    one = Person.add(own, spec, "operator")
    theirs, other = one.register("theirs"), boss.register("other")
    rollout = begin(boss, release(), [theirs, other])
    assert set(rollout["target"]["agents"]) == {theirs.id, other.id}
    assert look(one, rollout)["target"] == {"agents": [theirs.id]}
    assert other.id not in one.get("/api/rollouts").text


def test_a_grant_that_is_taken_back_ends_what_a_rollout_reaches_and_shows(own, spec, boss, release):
    one = Person.add(own, spec, "operator")
    lent, mine = boss.register("lent"), one.register("mine")
    own.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'agent', ?, 1)", one.user["id"],
               lent.id)
    rollout = begin(one, release(), [lent, mine])
    assert look(one, rollout)["members"]["total"] == 2
    own.change("DELETE FROM grants WHERE user_id = ?", one.user["id"])
    assert look(one, rollout)["members"]["total"] == 1
    assert look(one, rollout)["target"] == {"agents": [mine.id]}
    assert [m["agentId"] for m in members(one, rollout)] == [mine.id]

    def reached():
        replies = [agent.beat(capabilities=["update"], proto=1) for agent in (lent, mine)]
        return replies[1].get("update") and look(boss, rollout)["members"]

    assert wait_until(reached, 20, "mine is offered the release")["cancelled"] == 1
    assert "update" not in lent.beat(capabilities=["update"])


def test_an_agent_that_cannot_update_is_left_alone_and_a_container_is_only_counted(own, boss, release):
    version = release(container_image="registry/agent:1")
    old, container = boss.register("cannot"), boss.register("container")
    old.beat()
    container.beat(deploymentMode="container", capabilities=["k8s-rollout"],
                   update={"state": "available", "version": version, "workload": "ns/DaemonSet/agent"})
    wait_until(lambda: own.query("SELECT COUNT(*) FROM agent_updates WHERE workload <> ''") == [(1,)], 5, "written")
    rollout = begin(boss, version, [old, container], stages=[{"percent": 100, "k8s": "automatic"}])
    wait_members(boss, rollout, skipped=1, available=1)
    assert "does not update in place" in members(boss, rollout, "skipped")[0]["reason"]
    assert "update" not in container.beat(deploymentMode="container")
    listed = {c["agentId"]: c for c in boss.ok("GET", "/api/containers")["items"]}
    assert listed[container.id]["canRollOut"] is True and listed[container.id]["availableVersion"] == version
    commands = wait_until(lambda: container.ok("GET", "/api/agent/commands")["commands"], 10, "the workload was told")
    assert (commands[0]["kind"], commands[0]["args"]) == ("k8s-rollout", {"version": version})
    again = boss.ok("POST", f"/api/agents/{container.id}/k8s-rollout", {"version": version})
    assert again["commandId"] in [c["id"] for c in container.ok("GET", "/api/agent/commands")["commands"]]
    problem(boss.post(f"/api/agents/{old.id}/k8s-rollout", {"version": version}), 409, "conflict")
    problem(boss.post(f"/api/agents/{container.id}/update", {"version": version}), 409, "conflict")


def test_hosts_below_the_minimum_are_updated_at_once_by_the_server_itself(own, boss, fleet, release):
    agents = fleet.agents[:30]
    run_version(fleet, agents, "0.0.8")
    wait_until(lambda: own.query("SELECT COUNT(*) FROM agents WHERE version = '0.0.8'") == [(30,)], 10, "reported")
    version = release(min_version="0.0.9")
    wait_until(lambda: fleet.versions(agents) == {version: 30}, 30, "all are updated")
    found = [r for r in boss.ok("GET", f"/api/rollouts?version={version}")["items"] if r["kind"] == "minimum"]
    assert len(found) == 1 and found[0]["members"]["total"] == 30
    assert fleet.peaks[found[0]["id"]] <= found[0]["pace"]["maxInFlight"]
    assert version not in fleet.versions(fleet.agents[30:])


# --- the server's own troubles ---


def test_a_server_that_is_killed_loses_nothing_and_counts_no_outage_as_silence(own, boss, fleet, release):
    version = release()
    agents = fleet.agents[:80]
    fleet.faults[version] = {a.index: "stuck" for a in agents}
    rollout = begin(boss, version, agents, pace={"maxInFlight": 40}, silenceS=10, thresholds={"failedPercent": 0})
    wait_members(boss, rollout, downloading=40)
    own.kill_app(signal.SIGKILL)
    # An outage of an hour: what is due and when the server was last alive lie that much further back.
    let_time_pass(own, 3600)
    own.change("UPDATE rollout_clock SET alive_ms = alive_ms - 3600000")
    own.change("UPDATE agents SET last_seen_ms = last_seen_ms - 3600000, offline_after_ms = offline_after_ms - 3600000")
    fleet.faults.clear()
    own.up()
    own.wait_ready()
    done = wait_state(boss, rollout, "done", 40)
    assert done["members"]["committed"] == 80, done["members"]
    assert fleet.peaks[rollout["id"]] <= 40


def test_two_servers_offer_no_more_than_one(own, boss, fleet, release, tmp_path):
    version = release()
    env = {**own.env, "MUSTER_SOCKET": str(tmp_path / "second.sock"), "MUSTER_PID_FILE": str(tmp_path / "second.pid")}
    with open(own.var / "log/second.log", "w") as log:
        second = subprocess.Popen([own.bin, "serve", "--config", own.var / "app.conf"], env=env, stderr=log, stdout=log)
    try:
        wait_until((tmp_path / "second.pid").exists, 20, "the second server is up")
        rollout = begin(boss, version, fleet.agents[:60], pace={"maxInFlight": 30})
        done = wait_state(boss, rollout, "done", 60)
        assert done["members"]["committed"] == 60
        assert fleet.peaks[rollout["id"]] <= 30
        assert alive(second.pid)
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0


# --- the command line ---


def test_the_command_line_begins_waits_and_ends(own, boss, fleet, release):
    version = release()
    agents = fleet.agents[:12]
    options = [word for agent in agents for word in ("--agent", agent.id)]
    done = own.app("rollout", "create", "--version", version, "--stage", "100%", "--soak", "0s", "--wait", *options)
    assert "done" in done.stdout and "12 of 12 updated" in done.stdout
    assert "stage 1 of 1 (100 %): 0 of 12 updated" in done.stderr
    assert version in [r["version"] for r in own.app_json("rollout", "list")]
    bad = release()
    fleet.faults[bad] = {a.index: "restore" for a in agents}
    failed = own.app("rollout", "create", "--version", bad, "--stage", "2,100%", "--wait", *options, check=False)
    assert failed.returncode == 1 and "paused" in failed.stdout and "crashed: signal 6" in failed.stdout
    assert own.app_json("rollout", "abort", bad)["state"] == "aborted"
    audit = [row[0] for row in own.query("SELECT action FROM audit WHERE action LIKE 'rollout.%' ORDER BY seq")]
    assert audit[-1] == "rollout.abort" and audit.count("rollout.pause") >= 1
    own.app("audit", "verify")


@pytest.mark.parametrize("options, complaint", [
    ([], "--version"), (["--version", "0.2.0"], "which agents"), (["--version", "x", "--all"], "version"),
    (["--version", "0.2.0", "--all", "--stage", "10%,5%"], "smaller"),
    (["--version", "0.2.0", "--all", "--window", "noon"], "no window"),
    (["--version", "0.2.0", "--all", "--fail-percent", "101"], "--fail-percent"),
    (["--version", "0.2.0", "--all", "--soak", "soon"], "--soak")])
def test_a_wrong_option_is_misuse_and_named(own, options, complaint):
    done = own.app("rollout", "create", *options, check=False)
    assert done.returncode == 2 and complaint in done.stderr and len(done.stderr.splitlines()) == 1


# --- what is refused ---


@pytest.mark.parametrize("body, pointer", [
    ({"stages": []}, "/stages"), ({"stages": [{}]}, "/stages/0/count"),
    ({"stages": [{"count": 1, "percent": 1}]}, "/stages/0/percent"), ({"stages": [{"percent": 101}]}, "/stages/0/percent"),
    ({"windows": [{"from": "25:00", "to": "01:00"}]}, "/windows/0/from"),
    ({"windows": [{"days": ["someday"], "from": "22:00", "to": "01:00"}]}, "/windows/0/days/0"),
    ({"pace": {"maxInFlight": 0}}, "/pace/maxInFlight"), ({"thresholds": {"failedPercent": -1}}, "/thresholds/failedPercent"),
    ({"target": {}}, "/target"), ({"target": {"all": True, "agents": []}}, "/target"),
    ({"target": {"labels": {}}}, "/target/labels"), ({"version": "latest"}, "/version"), ({"salt": "x" * 65}, "/salt")])
def test_a_wrong_plan_is_422_with_its_pointer(boss, release, body, pointer):
    told = problem(boss.post("/api/rollouts", {"version": "0.2.0", "target": {"all": True}, **body}), 422, "invalid-field")
    assert told["pointer"].startswith(pointer.rsplit("/0", 1)[0] if pointer.endswith("days/0") else pointer)


def test_only_a_published_release_is_rolled_out(boss, release):
    staged = release(status="staged")
    for version in (staged, "9.9.9"):
        problem(boss.post("/api/rollouts", {"version": version, "target": {"all": True}}), 409, "conflict")


@pytest.mark.parametrize("update, pointer", [
    ({}, "/update/state"), ({"state": ""}, "/update/state"), ({"state": "idle", "percent": 101}, "/update/percent"),
    ({"state": "idle", "reason": "x" * 301}, "/update/reason"), ({"state": "idle", "workload": 5}, "/update/workload"),
    ({"state": "idle", "version": "x" * 65}, "/update/version"), ("idle", "/update")])
def test_a_report_that_is_none_is_422(boss, update, pointer):
    agent = boss.register("reports")
    told = problem(agent.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux", "update": update}), 422,
                   "invalid-field")
    assert told["pointer"] == pointer


def test_a_state_of_tomorrow_costs_no_heartbeat(boss):
    boss.register("newer").beat(update={"state": "levitating", "version": "9.0.0"})


def test_a_reason_may_hold_what_a_path_may_hold(own, boss):
    agent = boss.register("odd")
    agent.beat(update={"state": "failed", "version": "0.2.0", "reason": "open /a\nb\tü: No such file"})
    wait_until(lambda: own.query("SELECT reason FROM agent_updates WHERE agent_id = ?", agent.id) ==
               [("open /a?b?ü: No such file",)], 5, "it was written")


def test_a_report_about_somebody_elses_rollout_changes_nothing(boss, fleet, release):
    version = release()
    rollout = begin(boss, version, fleet.agents[:2], stages=[{"count": 1, "advance": "manual", "soakS": 0}, {"percent": 100}])
    stranger = boss.register("stranger")
    stranger.beat(update={"state": "committed", "version": version, "rolloutId": rollout["id"]})
    stranger.beat(update={"state": "failed", "version": version, "rolloutId": secrets.token_hex(18)})
    wait_members(boss, rollout, committed=1)
    assert look(boss, rollout)["members"]["total"] == 2
