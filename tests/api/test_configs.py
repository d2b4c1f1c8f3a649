"""Backup configs: what people make, what agents get."""

import pytest

from client import problem


def test_a_config_is_made_read_changed_and_deleted(operator, agent):
    made = operator.add_config(agent, "first", options={"type": "full", "compression": True, "encryption": False,
                                                        "retentionDays": 7, "method": "gzip", "level": 6,
                                                        "excludes": ["*.tmp"]})
    assert (made["name"], made["agentId"], made["executionMode"], made["lastRun"]) == ("first", agent.id, "agent", None)
    assert made["options"]["method"] == "gzip" and made["options"]["excludes"] == ["*.tmp"]
    assert operator.ok("GET", f"/api/configs/{made['id']}") == made
    changed = operator.ok("PUT", f"/api/configs/{made['id']}",
                          {"name": "second", "agentId": agent.id, "sources": [{"path": "/srv"}, {"path": "/home"}],
                           "options": {"type": "full", "method": "zstd", "level": 3}})
    assert changed["name"] == "second" and changed["rev"] > made["rev"]
    assert changed["sources"] == [{"path": "/srv"}, {"path": "/home"}]
    operator.ok("DELETE", f"/api/configs/{made['id']}")
    problem(operator.get(f"/api/configs/{made['id']}"), 404, "not-found")


def test_the_agent_gets_its_configs_and_no_others(operator, agent):
    other = operator.register()
    mine = operator.add_config(agent, "mine")
    operator.add_config(other, "not mine")
    got = agent.ok("GET", "/api/agent/configs")
    assert [c["id"] for c in got["configs"]] == [mine["id"]]
    config = got["configs"][0]
    assert config["sources"] == [{"path": "/etc"}]
    assert isinstance(config["options"]["compression"], bool)
    assert config["destination"]["prefix"] is not None
    assert got["configsRev"] == agent.beat()["configsRev"]


@pytest.mark.parametrize("act", ["create", "change", "delete", "move to another agent"])
def test_every_change_of_a_config_is_a_new_revision_for_its_agent(operator, agent, act):
    config = operator.add_config(agent)
    before = agent.ok("GET", "/api/agent/configs")["configsRev"]
    body = {"name": "n", "agentId": agent.id, "sources": [{"path": "/x"}], "options": {"type": "full"}}
    if act == "create":
        operator.add_config(agent)
    elif act == "change":
        operator.ok("PUT", f"/api/configs/{config['id']}", body)
    elif act == "delete":
        operator.ok("DELETE", f"/api/configs/{config['id']}")
    else:
        operator.ok("PUT", f"/api/configs/{config['id']}", {**body, "agentId": operator.register().id})
    assert agent.ok("GET", "/api/agent/configs")["configsRev"] > before


def test_configs_of_another_tenant_are_not_there(operator, neighbour, agent):
    config = operator.add_config(agent)
    body = {"name": "n", "agentId": neighbour.register().id, "sources": [{"path": "/x"}], "options": {"type": "full"}}
    assert config["id"] not in neighbour.get("/api/configs?limit=200").text
    for method, path, sent in (("GET", "", None), ("PUT", "", body), ("DELETE", "", None), ("POST", "/run", None)):
        problem(neighbour.request(method, f"/api/configs/{config['id']}{path}", json=sent), 404, "not-found")
    assert operator.ok("GET", f"/api/configs/{config['id']}") == config


def test_another_tenants_agent_cannot_be_given_a_config(neighbour, agent):
    reply = neighbour.post("/api/configs", {"name": "n", "agentId": agent.id, "sources": [{"path": "/etc"}],
                                            "options": {"type": "full"}})
    assert reply.status_code in (404, 422), reply.text
    own = neighbour.add_config(neighbour.register())
    reply = neighbour.request("PUT", f"/api/configs/{own['id']}",
                              json={"name": "n", "agentId": agent.id, "sources": [{"path": "/etc"}],
                                    "options": {"type": "full"}})
    assert reply.status_code in (404, 422), reply.text
    assert agent.ok("GET", "/api/agent/configs")["configs"] == []


@pytest.mark.parametrize("fields, pointer", [
    ({"sources": []}, "/sources"),
    ({"sources": [{}]}, "/sources/0/path"),
    ({"sources": [{"path": ""}]}, "/sources/0/path"),
    ({"sources": [{"path": "/a"}, {"path": 5}]}, "/sources/1/path"),
    ({"sources": ["/a"]}, "/sources/0"),
    ({"sources": [{"path": "relative"}]}, "/sources/0/path"),
    ({"options": {"type": "differential"}}, "/options/type"),
    ({"options": {"compression": "yes"}}, "/options/compression"),
    ({"options": {"method": "rar"}}, "/options/method"),
    ({"options": {"level": 0}}, "/options/level"),
    ({"options": {"level": 20}}, "/options/level"),
    ({"options": {"encryption": "yes"}}, "/options/encryption"),
    ({"executionMode": "cloud"}, "/executionMode"),
    ({"executionMode": "server"}, "/agentId"),
    ({"options": {"retentionDays": 0}}, "/options/retentionDays"),
    ({"options": {"excludes": "x"}}, "/options/excludes"),
    ({"options": {"excludes": [5]}}, "/options/excludes/0"),
    ({"name": "a\u0000b"}, None),
    ({"name": "a\u001bb"}, "/name"),
    ({"name": "a\u009b31mb"}, "/name"),
    ({"name": "a\u202eb"}, "/name"),
])
def test_a_wrong_field_deep_inside_is_named(operator, agent, fields, pointer):
    body = {"name": "n", "agentId": agent.id, "sources": [{"path": "/a"}], "options": {"type": "full"}, **fields}
    reply = operator.post("/api/configs", body)
    if pointer is None:
        problem(reply, 400, "bad-json")
    else:
        assert problem(reply, 422, "invalid-field")["pointer"] == pointer


def test_a_new_config_needs_an_agent_and_a_change_may_take_it_away(operator, agent):
    body = {"name": "n", "sources": [{"path": "/a"}], "options": {"type": "full"}}
    for missing in (body, {**body, "agentId": None}):
        assert problem(operator.post("/api/configs", missing), 422, "invalid-field")["pointer"] == "/agentId"
    config = operator.add_config(agent)
    assert operator.ok("PUT", f"/api/configs/{config['id']}", {**body, "agentId": None})["agentId"] is None
    assert agent.ok("GET", "/api/agent/configs")["configs"] == []


def test_lists_are_filtered_by_agent_and_paged(operator, agent):
    made = [operator.add_config(agent, f"c{i}")["id"] for i in range(3)]
    body = operator.ok("GET", f"/api/configs?agentId={agent.id}")
    assert body["total"] == 3 and {c["id"] for c in body["items"]} == set(made)
    pages = [operator.ok("GET", f"/api/configs?agentId={agent.id}&limit=1&offset={i}")["items"] for i in range(3)]
    assert {page[0]["id"] for page in pages} == set(made)
