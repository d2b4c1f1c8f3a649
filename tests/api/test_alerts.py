"""Alerts: who sees to which. What is about somebody's own account they acknowledge themselves, whatever their role; all
others that they see are for operators and admins."""

import secrets
import time

import pytest

from client import Person, Script, problem

ABOUT_ACCOUNT = ["account.role", "account.password", "account.password_link", "mfa.reset", "mfa.locked", "mfa.codes_few",
                 "passkey.counter", "token.reuse"]
ABOUT_WORK = ["rollout.paused", "backup.failed", "otp.taken", "accounting", "my.account.role"]
ROLES = ["viewer", "operator", "admin"]


def tell(stack, kind, user_id, agent_id=None):
    """As the server raises it: told to somebody, or to admins (None)."""
    alert = "0190" + secrets.token_hex(2) + "-0000-7000-8000-" + secrets.token_hex(6)
    stack.change("INSERT INTO alerts (id, kind, message, user_id, agent_id, created_ms) VALUES (?, ?, 'm', ?, ?, ?)",
                 alert, kind, user_id, agent_id, int(time.time() * 1000))
    return alert


def acknowledge(client, alert):
    return client.post(f"/api/alerts/{alert}/acknowledge")


def listed(client, alert):
    return next((a for a in client.ok("GET", f"/api/alerts?q={alert}")["items"] if a["id"] == alert), None)


def acknowledged_by(stack, alert):
    return stack.query("SELECT acknowledged_by FROM alerts WHERE id = ?", alert)[0][0]


@pytest.fixture(scope="module")
def people(stack, spec):
    return {role: Person.add(stack, spec, role) for role in ROLES}


@pytest.fixture
def viewer(people):
    return people["viewer"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ABOUT_ACCOUNT)
def test_everybody_acknowledges_what_is_about_their_own_account(stack, people, role, kind):
    person = people[role]
    alert = tell(stack, kind, person.user["id"])
    assert listed(person, alert)["mayAcknowledge"] is True
    assert acknowledge(person, alert).json() == {"success": True}
    assert listed(person, alert)["acknowledged_ms"]
    assert acknowledged_by(stack, alert) == person.user["id"]
    assert stack.query("SELECT actor, result FROM audit WHERE action = 'alert.acknowledge' AND target = ?", f"alert:{alert}"
                       ) == [(f"user:{person.user['id']}", "ok")]


def test_a_viewer_whose_role_was_changed_says_that_they_have_seen_it(stack, spec, admin):
    person = Person.add(stack, spec, "operator")
    admin.ok("PATCH", f"/api/users/{person.user['id']}", {"role": "viewer"})
    (alert,) = person.ok("GET", "/api/alerts")["items"]
    assert (alert["kind"], alert["mayAcknowledge"]) == ("account.role", True)
    assert acknowledge(person, alert["id"]).status_code == 200
    assert person.ok("GET", "/api/alerts?state=open")["items"] == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", ABOUT_WORK)
def test_what_is_about_anything_else_takes_an_operator(stack, people, role, kind):
    """A viewer may have been more once, and own what it is about."""
    person = people[role]
    alert = tell(stack, kind, person.user["id"])
    may = role != "viewer"
    assert listed(person, alert)["mayAcknowledge"] is may
    if may:
        assert acknowledge(person, alert).status_code == 200
    else:
        assert "your own account" in problem(acknowledge(person, alert), 403, "forbidden")["detail"]
        assert acknowledged_by(stack, alert) is None


def test_what_a_viewer_was_granted_is_seen_and_not_acknowledged(stack, admin, operator, viewer):
    agent = operator.register(f"granted-{secrets.token_hex(4)}")
    alert = tell(stack, "account.role", operator.user["id"], agent.id)  # of whatever kind: it is told to somebody else
    problem(acknowledge(viewer, alert), 404, "not-found")
    admin.ok("PUT", f"/api/users/{viewer.user['id']}/grants", {"grants": [{"kind": "agent", "objectId": agent.id}]})
    assert listed(viewer, alert)["mayAcknowledge"] is False
    problem(acknowledge(viewer, alert), 403, "forbidden")
    admin.ok("PUT", f"/api/users/{viewer.user['id']}/grants", {"grants": []})
    problem(acknowledge(viewer, alert), 404, "not-found")
    assert acknowledged_by(stack, alert) is None


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_what_is_about_the_account_of_another_is_not_there(stack, people, role):
    for told_to in (people["admin"].user["id"], None):
        alert = tell(stack, "mfa.reset", told_to)
        told = problem(acknowledge(people[role], alert), 404, "not-found")
        assert told["detail"] == problem(acknowledge(people[role], "none"), 404, "not-found")["detail"]
        assert listed(people[role], alert) is None and acknowledged_by(stack, alert) is None


def test_a_refusal_is_in_the_trail(stack, spec):
    person = Person.add(stack, spec, "viewer")
    problem(acknowledge(person, tell(stack, "rollout.paused", person.user["id"])), 403, "forbidden")
    assert stack.query("SELECT action, target, result FROM audit WHERE actor = ? AND result <> 'ok'",
                       f"user:{person.user['id']}") == [("request.role", "/api/alerts/{id}/acknowledge", "denied")]


def test_acknowledging_twice_keeps_the_first(stack, admin, viewer):
    alert = tell(stack, "mfa.locked", viewer.user["id"])
    assert acknowledge(viewer, alert).status_code == 200
    before = listed(viewer, alert)["acknowledged_ms"]
    assert acknowledge(admin, alert).status_code == 200
    assert listed(viewer, alert)["acknowledged_ms"] == before
    assert acknowledged_by(stack, alert) == viewer.user["id"]


def test_a_viewers_token_looks_and_acknowledges_nothing(stack, viewer):
    """The scope for that comes with an operator's role: it would mean more the day the role does."""
    alert = tell(stack, "token.reuse", viewer.user["id"])
    problem(acknowledge(Script(viewer, "read"), alert), 403, "forbidden")
    told = problem(viewer.post("/api/auth/tokens", {"name": "n", "scopes": ["fleet"]}), 422, "invalid-field")
    assert told["pointer"] == "/scopes"
    assert acknowledged_by(stack, alert) is None
