"""Labels, and one act on many agents."""

import secrets

import pytest

from client import Person, problem
from samples import NOBODY


def shown(person, agent):
    return person.ok("GET", f"/api/agents/{agent.id}")["agent"]


def bulk(person, action, agents=None, filter=None, **args):
    body = {"action": action, **({"args": args} if args else {})}
    body |= {"filter": filter} if filter is not None else {"ids": [a.id for a in agents]}
    return person.ok("POST", "/api/agents/bulk", body)


def names(person, query):
    return [a["name"] for a in person.ok("GET", f"/api/agents?{query}")["items"]]


# --- labels ---


def test_labels_are_replaced_by_a_change_and_a_name_stays(operator, agent):
    operator.ok("PATCH", f"/api/agents/{agent.id}", {"labels": {"env": "prod", "a": ""}})
    assert shown(operator, agent)["labels"] == {"env": "prod", "a": ""}
    operator.ok("PATCH", f"/api/agents/{agent.id}", {"name": "renamed"})
    assert (shown(operator, agent)["name"], shown(operator, agent)["labels"]) == ("renamed", {"env": "prod", "a": ""})
    operator.ok("PATCH", f"/api/agents/{agent.id}", {"labels": {}})
    assert shown(operator, agent)["labels"] == {}


@pytest.mark.parametrize("labels", [{"": "x"}, {"n" * 65: "x"}, {"n": "x" * 257}, {"n": 5}, {"n": None},
                                    {f"n{i}": "" for i in range(33)}])
def test_labels_that_are_none_are_refused(operator, agent, labels):
    assert problem(operator.request("PATCH", f"/api/agents/{agent.id}", json={"labels": labels}), 422,
                   "invalid-field")["pointer"] == "/labels"
    assert shown(operator, agent)["labels"] == {}


def test_nothing_to_change_is_422(operator, agent):
    problem(operator.request("PATCH", f"/api/agents/{agent.id}", json={}), 422, "invalid-field")


def test_the_list_filters_by_label_and_by_nothing_that_only_looks_like_one(operator):
    tag = secrets.token_hex(4)
    stage = {"plain": {"env": "prod", "z": tag}, "second": {"a": "1", "env": "Prod"}, "longer": {"env": "prod2"},
             "other name": {"xenv": "prod"}, "value": {"x": '","env":"prod'}, "key": {'a","env': "prod"},
             "percent": {"p%": "1_0"}, "near": {"pa": "1x0"}}
    for name, labels in stage.items():
        agent = operator.register(f"{name} {tag}")
        operator.ok("PATCH", f"/api/agents/{agent.id}", {"labels": labels})

    def found(label):
        return sorted(n.removesuffix(f" {tag}") for n in names(operator, f"q={tag}&label={label}"))

    assert found("env=prod") == ["plain", "second"]
    assert found("env") == ["longer", "plain", "second"]
    assert found("ENV=PROD") == ["plain", "second"]
    assert found("env=") == []
    assert found("p%25=1_0") == ["percent"]
    assert found("p%25") == ["percent"]
    for wrong in ("=x", "n" * 65):
        problem(operator.get(f"/api/agents?label={wrong}"), 422, "invalid-field")


# --- acts ---


def test_labels_are_added_and_taken_away(stack, operator):
    first, second = operator.register(), operator.register()
    operator.ok("PATCH", f"/api/agents/{first.id}", {"labels": {"keep": "me"}})
    result = bulk(operator, "label", [first, second], labels={"ring": "1", "b": ""})
    assert (result["done"], result["failed"]) == (2, 0)
    assert shown(operator, first)["labels"] == {"keep": "me", "ring": "1", "b": ""}
    result = bulk(operator, "unlabel", [first, second], names=["ring", "no such"])
    assert result["done"] == 2
    assert shown(operator, first)["labels"] == {"keep": "me", "b": ""}
    assert shown(operator, second)["labels"] == {"b": ""}
    for agent in (first, second):
        rows = stack.query("SELECT action FROM audit WHERE target = ? AND action = 'agent.label'", f"agent:{agent.id}")
        assert len(rows) == 2


def test_what_changes_nothing_is_done_and_not_audited(stack, operator, agent):
    bulk(operator, "label", [agent], labels={"a": "1"})
    bulk(operator, "label", [agent], labels={"a": "1"})
    assert len(stack.query("SELECT 1 FROM audit WHERE target = ? AND action = 'agent.label'", f"agent:{agent.id}")) == 1


def test_activating_and_deactivating_many(stack, operator):
    agents = [operator.register() for _ in range(3)]
    assert bulk(operator, "deactivate", agents)["done"] == 3
    assert {shown(operator, a)["status"] for a in agents} == {"deactivated"}
    problem(agents[0].post("/api/agent/heartbeat", {"version": "1", "platform": "linux"}), 403, "agent-deactivated")
    assert bulk(operator, "activate", agents)["done"] == 3
    assert "deactivated" not in {shown(operator, a)["status"] for a in agents}
    for agent in agents:
        acts = stack.query("SELECT action FROM audit WHERE target = ? ORDER BY seq", f"agent:{agent.id}")
        assert [a for (a,) in acts if a != "agent.register"] == ["agent.deactivate", "agent.activate"]


def test_a_filter_means_what_the_list_shows(operator):
    tag = secrets.token_hex(4)
    agents = [operator.register(f"{tag}-{n}") for n in range(3)]
    bulk(operator, "label", agents[:2], labels={"f": tag})
    result = bulk(operator, "deactivate", filter={"label": f"f={tag}", "q": tag.upper()})
    assert sorted(i["id"] for i in result["items"]) == sorted(a.id for a in agents[:2])
    assert shown(operator, agents[2])["status"] == "offline"
    result = bulk(operator, "activate", filter={"status": "deactivated", "q": tag})
    assert result["done"] == 2
    assert bulk(operator, "activate", filter={"q": "no such agent"}) == {"items": [], "done": 0, "failed": 0}


def test_a_full_agent_refuses_another_label_and_keeps_nobody_from_it(operator):
    full, other = operator.register(), operator.register()
    operator.ok("PATCH", f"/api/agents/{full.id}", {"labels": {f"n{i}": "" for i in range(32)}})
    result = bulk(operator, "label", [full, other], labels={"one more": ""})
    assert [(i["id"], i["ok"]) for i in result["items"]] == [(full.id, False), (other.id, True)]
    assert "32" in result["items"][0]["detail"]
    assert len(shown(operator, full)["labels"]) == 32


def test_anothers_agents_are_not_there(operator, neighbour, agent):
    result = bulk(neighbour, "deactivate", [agent])
    assert result["items"] == [{"id": agent.id, "ok": False, "detail": "There is no such agent."}]
    assert shown(operator, agent)["status"] == "offline"
    assert bulk(neighbour, "label", filter={"q": agent.id}, labels={"a": "b"})["items"] == []
    same = bulk(neighbour, "deactivate", filter=None, agents=[type("No", (), {"id": NOBODY})])["items"][0]
    assert same["detail"] == result["items"][0]["detail"]


def test_a_viewer_may_not(viewer, agent):
    problem(viewer.post("/api/agents/bulk", {"ids": [agent.id], "action": "deactivate"}), 403, "forbidden")


def test_at_most_a_thousand_at_once(stack, admin, operator):
    owner = operator.user["id"]
    with stack.database() as db:
        db.executemany("INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                       " VALUES (?, 'many', 'many', ?, ?, 1, 1)",
                       [(f"01900000-0000-7000-9000-{n:012d}", owner, f"many-{n}") for n in range(1001)])
    try:
        ids = [f"01900000-0000-7000-9000-{n:012d}" for n in range(1001)]
        told = problem(operator.post("/api/agents/bulk", {"ids": ids, "action": "deactivate"}), 422, "invalid-field")
        assert told["pointer"] == "/ids"
        told = problem(operator.post("/api/agents/bulk", {"filter": {"q": "many"}, "action": "deactivate"}), 422,
                       "invalid-field")
        assert told["pointer"] == "/filter" and "1001" in told["detail"]
        result = operator.ok("POST", "/api/agents/bulk", {"ids": ids[:1000], "action": "deactivate"})
        assert (result["done"], len(result["items"])) == (1000, 1000)
        gone = stack.query("SELECT COUNT(*) FROM agents WHERE name = 'many' AND deactivated_ms IS NOT NULL")
        assert gone == [(1000,)]
    finally:
        stack.change("DELETE FROM agents WHERE name = 'many'")


@pytest.mark.parametrize("body, pointer", [
    ({"action": "label", "ids": [NOBODY]}, "/args"),
    ({"action": "label", "ids": [NOBODY], "args": {"labels": {}}}, "/args/labels"),
    ({"action": "unlabel", "ids": [NOBODY], "args": {"names": []}}, "/args/names"),
    ({"action": "unlabel", "ids": [NOBODY], "args": {"names": [5]}}, "/args/names/0"),
    ({"action": "activate"}, "/ids"),
    ({"action": "activate", "ids": [NOBODY], "filter": {}}, "/ids"),
    ({"action": "activate", "ids": []}, "/ids"),
    ({"action": "activate", "ids": ["short"]}, "/ids/0"),
    ({"action": "activate", "filter": {"status": "loud"}}, "/filter/status"),
    ({"action": "activate", "filter": {"label": "=x"}}, "/filter/label"),
])
def test_what_is_asked_wrongly_says_where(operator, body, pointer):
    assert problem(operator.post("/api/agents/bulk", body), 422, "invalid-field")["pointer"] == pointer


# --- updating ---


def test_an_update_of_many_asks_for_a_step_up_and_says_why_not(stack, spec, operator, agent):
    body = {"ids": [agent.id, NOBODY], "version": "9.9.9"}
    operator.steps_up = False
    try:
        told = problem(operator.post("/api/agents/bulk/update", body), 403, "step-up-required")
        assert told["action"] == "POST /api/agents/bulk/update"
    finally:
        operator.steps_up = True
    result = operator.ok("POST", "/api/agents/bulk/update", body)
    assert (result["done"], result["failed"]) == (0, 2)
    assert "9.9.9" in result["items"][0]["detail"]
    assert result["items"][1]["detail"] == "There is no such agent."


def test_an_update_of_many_reaches_those_that_can_take_it(stack, spec):
    """With releases of its own stack's repository it would need signing keys; a row does for what is judged here."""
    person = Person.add(stack, spec, "operator")
    can, cannot = person.register("can"), person.register("cannot")
    can.beat(version="0.1.0", arch="amd64", capabilities=["update"])
    cannot.beat(version="0.1.0", arch="amd64")
    stack.change("INSERT INTO releases (version, channel, status, min_version, changelog, eventlog_min, size_bytes,"
                 " downgrade, created_ms, published_ms) VALUES ('7.7.7', 'test', 'published', '0.0.1', '', 1, 1, 0, 1, 1)")
    try:
        for agent in (can, cannot):
            stack.change("UPDATE agents SET version = '0.1.0', platform = 'linux', arch = 'amd64', capabilities = ? WHERE id = ?",
                         '["update"]' if agent is can else "[]", agent.id)
        result = person.ok("POST", "/api/agents/bulk/update", {"ids": [can.id, cannot.id], "version": "7.7.7"})
        assert [i["ok"] for i in result["items"]] == [True, False], result
        offered = person.ok("GET", f"/api/agents/{can.id}/updates")["offer"]
        assert offered["version"] == "7.7.7"
    finally:
        stack.change("UPDATE agent_updates SET offer_rollout_id = NULL, offer_version = NULL WHERE agent_id = ?", can.id)
        stack.change("DELETE FROM rollout_members WHERE rollout_id IN (SELECT id FROM rollouts WHERE version = '7.7.7')")
        stack.change("DELETE FROM rollouts WHERE version = '7.7.7'")
        stack.change("DELETE FROM releases WHERE version = '7.7.7'")
