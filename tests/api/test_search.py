"""GET /api/search: a few of everything, and nothing of anybody else's."""

import secrets

import pytest

from client import Person, problem


def found(person, q, kind=None):
    results = person.ok("GET", "/api/search", params={"q": q})["results"]
    return [r for r in results if kind in (None, r["kind"])]


def titles(person, q, kind):
    return [r["title"] for r in found(person, q, kind)]


@pytest.fixture
def tag():
    return secrets.token_hex(5)


def test_agents_are_found_by_name_host_address_label_and_id(stack, operator, tag):
    agent = operator.register(f"Web {tag}")
    stack.change("UPDATE agents SET hostname = ?, address = ?, labels = ? WHERE id = ?", f"HOST-{tag}",
                 f"2001:db8::{tag[:4]}", '{"rack":"R7-%s"}' % tag, agent.id)
    for q in (f"web {tag}".upper(), f"host-{tag}", f"2001:db8::{tag[:4]}", f"r7-{tag}", agent.id):
        assert [r["href"] for r in found(operator, q, "agent")] == [f"/agents/{agent.id}"], q


def test_what_begins_with_it_stands_first_and_there_are_six(operator, tag):
    for n in range(7):
        operator.register(f"a {tag} {n}")
    operator.register(f"{tag} first")
    assert titles(operator, tag, "agent")[0] == f"{tag} first"
    assert len(found(operator, tag, "agent")) == 6


def test_configs_runs_and_rollouts(stack, operator, agent, tag):
    config = operator.add_config(agent, name=f"Mail {tag}")
    assert [r["href"] for r in found(operator, f"mail {tag}", "config")] == [f"/configs/{config['id']}"]
    assert found(operator, f"mail {tag}", "config")[0]["detail"] == agent.name
    reply = agent.ok("POST", "/api/agent/backup/start", {"configId": config["id"], "filename": "a.tar.gz", "multipart": True})
    run = reply["logId"]
    assert [r["href"] for r in found(operator, run, "run")] == [f"/backups/{run}"]
    assert found(operator, run[:30], "run") and not found(operator, run[4:], "run")


def test_releases_are_everybodys_and_pages_are_by_role(stack, admin, operator, viewer):
    stack.change("INSERT INTO releases (version, channel, status, min_version, changelog, eventlog_min, size_bytes,"
                 " downgrade, created_ms) VALUES ('8.1.4-Rc', 'test', 'staged', '0.0.1', '', 1, 1, 0, 1)")
    try:
        assert [r["href"] for r in found(viewer, "8.1.4-rc", "release")] == ["/releases/8.1.4-Rc"]
    finally:
        stack.change("DELETE FROM releases WHERE version = '8.1.4-Rc'")
    assert "/settings" in [r["href"] for r in found(admin, "rules", "page")]
    assert not found(operator, "rules", "page")
    assert "/add" in [r["href"] for r in found(operator, "enrol", "page")]
    assert not found(viewer, "enrol", "page")


def test_without_a_text_there_are_the_pages(viewer):
    results = found(viewer, "")
    assert results and {r["kind"] for r in results} == {"page"}


def test_what_is_anothers_is_not_found(stack, operator, neighbour, tag):
    agent = operator.register(f"mine {tag}")
    config = operator.add_config(agent, name=f"mine {tag}")
    run = agent.ok("POST", "/api/agent/backup/start",
                   {"configId": config["id"], "filename": "a.tar.gz", "multipart": True})["logId"]
    assert found(operator, tag, "agent") and found(operator, tag, "config") and found(operator, run, "run")
    for q in (tag, agent.id, config["id"], run):
        assert found(neighbour, q) == []


def test_only_admins_find_people(admin, operator):
    assert [r["detail"] for r in found(admin, operator.email, "user")] == [operator.email]
    assert found(operator, operator.email) == []


def test_what_like_knows_is_only_text(operator, tag):
    operator.register(f"{tag} 100%")
    operator.register(f"{tag} 100x")
    assert titles(operator, f"{tag} 100%", "agent") == [f"{tag} 100%"]
    assert found(operator, f"{tag}_100", "agent") == []
    assert found(operator, f"{tag}\\", "agent") == []
    assert found(operator, "%", "config") == []


def test_a_text_that_is_too_long_is_422(operator):
    problem(operator.get("/api/search?q=" + "x" * 121), 422, "invalid-field")
    assert operator.get("/api/search?q=" + "x" * 120).status_code == 200
