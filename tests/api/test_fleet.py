"""Agents as people see them: lists, tenants, revocation, deletion."""

import time

import pytest

from client import Person, event, problem, raw
from wait import wait_until


@pytest.fixture(scope="module")
def owner(stack, spec):
    """An operator with a fleet of a known size, and nothing else."""
    person = Person.add(stack, spec, "operator")
    person.fleet = [person.register(name) for name in ("alpha", "Bravo", "charlie", "Delta")]
    for i, agent in enumerate(person.fleet[:2]):
        agent.beat(version=f"0.1.{i}", platform="linux")
    wait_until(lambda: person.ok("GET", "/api/agents?status=online")["total"] == 2, 3, "the heartbeats were flushed")
    return person


def names(person, query):
    return [a["name"] for a in person.ok("GET", "/api/agents" + query)["items"]]


def test_a_person_sees_their_own_fleet(owner):
    body = owner.ok("GET", "/api/agents")
    assert body["total"] == 4
    assert {a["id"] for a in body["items"]} == {a.id for a in owner.fleet}


def test_an_admin_sees_everyones(admin, owner):
    seen = admin.ok("GET", "/api/agents?limit=200")
    assert {a.id for a in owner.fleet} <= {a["id"] for a in seen["items"]} or seen["total"] > 200


def test_a_person_sees_nothing_of_others(neighbour, owner):
    agent_id = owner.fleet[0].id
    assert agent_id not in neighbour.get("/api/agents?limit=200").text
    for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "mine"}), ("POST", "/deactivate", None),
                               ("POST", "/activate", None), ("GET", "/events", None), ("GET", "/runs", None)):
        problem(neighbour.request(method, f"/api/agents/{agent_id}{path}", json=body), 404, "not-found")
    assert owner.ok("GET", f"/api/agents/{agent_id}")["agent"]["name"] == "alpha"


def test_what_was_granted_is_seen_but_not_changed_by_who_may_not(stack, viewer, owner):
    agent_id = owner.fleet[0].id
    problem(viewer.get(f"/api/agents/{agent_id}"), 404, "not-found")
    stack.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'agent', ?, 0)",
                 viewer.user["id"], agent_id)
    assert viewer.ok("GET", f"/api/agents/{agent_id}")["agent"]["id"] == agent_id
    assert agent_id in viewer.get("/api/agents").text
    stack.change("DELETE FROM grants WHERE user_id = ?", viewer.user["id"])


def test_names_are_sorted_whatever_their_case(owner):
    assert names(owner, "?sort=name") == ["alpha", "Bravo", "charlie", "Delta"]
    assert names(owner, "?sort=name&order=desc") == ["Delta", "charlie", "Bravo", "alpha"]


@pytest.mark.parametrize("sort", ["name", "last_seen", "version", "created"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_put_together_are_the_whole_list(owner, sort, order):
    query = f"?sort={sort}&order={order}"
    whole = names(owner, query)
    pages = [names(owner, f"{query}&limit=1&offset={i}") for i in range(5)]
    assert [p[0] for p in pages[:4]] == whole
    assert pages[4] == []
    assert owner.ok("GET", f"/api/agents{query}&limit=1&offset=99")["total"] == 4


def test_a_search_finds_part_of_a_name_in_any_case(owner):
    assert names(owner, "?q=RAV") == ["Bravo"]
    assert names(owner, "?q=a&sort=name") == ["alpha", "Bravo", "charlie", "Delta"]
    assert names(owner, "?q=nothing") == []


def test_a_search_takes_no_wildcards(owner):
    for q in ("%25", "_", "al%25a", "a_pha", "'", "\\", "%22%3B--"):
        assert names(owner, f"?q={q}") == [], q


def test_filters_go_together(owner):
    assert names(owner, "?version=0.1.1") == ["Bravo"]
    assert sorted(names(owner, "?status=online")) == ["Bravo", "alpha"]
    assert sorted(names(owner, "?status=offline")) == ["Delta", "charlie"]
    assert names(owner, "?status=online&version=0.1.0") == ["alpha"]
    assert names(owner, "?platform=plan9") == []


@pytest.mark.parametrize("query, pointer", [
    ("limit=0", "/limit"), ("limit=201", "/limit"), ("limit=x", "/limit"), ("limit=-1", "/limit"),
    ("offset=-1", "/offset"), ("offset=x", "/offset"), ("status=gone", "/status"), ("sort=secret", "/sort"),
    ("order=up", "/order")])
def test_a_wrong_query_is_422(owner, query, pointer):
    told = problem(owner.get(f"/api/agents?{query}"), 422, "invalid-field")
    assert pointer.strip("/") in (told.get("pointer", "") + told.get("parameter", ""))


def test_a_badly_encoded_query_is_400(owner):
    cookies = "; ".join(f"{c.name}={c.value}" for c in owner.session.cookies)
    for query in ("q=%", "q=%zz", "q=%0", "q=%00", "q=%ff", "q=%c3", "q=%ed%a0%80", "%=q"):
        status, headers, body = raw(owner, "GET", f"/api/agents?{query}", Cookie=cookies)
        assert status == 400 and b"/problems/bad-request" in body, query


def test_an_agent_is_renamed(operator, agent):
    changed = operator.ok("PATCH", f"/api/agents/{agent.id}", {"name": "Über-Host"})["agent"]
    assert changed["name"] == "Über-Host"
    assert operator.ok("GET", f"/api/agents/{agent.id}")["agent"]["name"] == "Über-Host"
    told = problem(operator.request("PATCH", f"/api/agents/{agent.id}", json={"name": "a\nb"}), 422, "invalid-field")
    assert told["pointer"] == "/name"


def test_both_ways_to_register_are_one(operator):
    for path in ("/api/agents", "/api/agent/register"):
        agent = operator.ok("POST", path, {"name": "David's MacBook", "platform": "linux"})["agent"]
        assert operator.ok("GET", f"/api/agents/{agent['id']}")["agent"]["platform"] == "linux"


def works(agent):
    return agent.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"})


def test_a_deactivated_agent_is_refused_within_a_second_and_can_come_back(operator, agent):
    assert works(agent).status_code == 200
    shown = operator.ok("POST", f"/api/agents/{agent.id}/deactivate")["agent"]
    assert shown["status"] == "deactivated"
    started = time.monotonic()
    wait_until(lambda: works(agent).status_code == 403, 1, "the key stopped working within one second")
    problem(works(agent), 403, "agent-deactivated")
    assert time.monotonic() - started < 2
    operator.ok("POST", f"/api/agents/{agent.id}/activate")
    wait_until(lambda: works(agent).status_code == 200, 1, "the key works again within one second")


def test_deactivating_from_the_command_line_is_heard_within_a_second(stack, agent):
    assert works(agent).status_code == 200
    stack.app("agent", "deactivate", agent.id)
    wait_until(lambda: works(agent).status_code == 403, 1, "the key stopped working within one second")
    stack.app("agent", "activate", agent.id)
    wait_until(lambda: works(agent).status_code == 200, 1, "the key works again")


def test_deactivating_twice_is_as_good_as_once(operator, agent):
    for _ in range(2):
        assert operator.ok("POST", f"/api/agents/{agent.id}/deactivate")["agent"]["status"] == "deactivated"


def test_a_deleted_agent_is_gone_with_its_events_but_not_its_backups(stack, admin, operator, agent):
    agent.say(event(1))
    config = operator.add_config(agent)
    run = agent.ok("POST", "/api/agent/backup/start",
                   {"configId": config["id"], "filename": "a.tar", "multipart": True})
    admin.ok("DELETE", f"/api/agents/{agent.id}")
    wait_until(lambda: works(agent).status_code == 401, 1, "the key is unknown within one second")
    problem(operator.get(f"/api/agents/{agent.id}"), 404, "not-found")
    assert stack.query("SELECT COUNT(*) FROM agent_logs WHERE agent_id = ?", agent.id) == [(0,)]
    assert operator.ok("GET", f"/api/configs/{config['id']}")["agentId"] is None
    kept = operator.ok("GET", f"/api/runs/{run['logId']}")["run"]
    assert kept["agentId"] is None and kept["agentName"] == agent.name
    problem(admin.request("DELETE", f"/api/agents/{agent.id}"), 404, "not-found")


def test_the_overview_counts_what_one_may_see(owner):
    counts = owner.ok("GET", "/api/overview")
    assert counts["agents"]["total"] == 4
    assert counts["agents"]["online"] == 2
    assert {v["version"]: v["count"] for v in counts["versions"]}["0.1.1"] == 1


def test_an_alert_of_another_tenant_is_not_there(stack, admin, operator, neighbour, agent):
    stack.change("INSERT INTO alerts (id, kind, message, user_id, agent_id, created_ms)"
                 " VALUES ('01900000-aaaa-7000-8000-000000000001', 'test', 'look', ?, ?, 1)",
                 operator.user["id"], agent.id)
    alert = "01900000-aaaa-7000-8000-000000000001"
    assert alert not in neighbour.get("/api/alerts").text
    problem(neighbour.post(f"/api/alerts/{alert}/acknowledge"), 404, "not-found")
    assert alert in operator.get("/api/alerts").text
    assert alert in admin.get("/api/alerts").text
    operator.ok("POST", f"/api/alerts/{alert}/acknowledge")
