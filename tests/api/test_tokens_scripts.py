"""Personal access tokens: what scripts have. The routes are walked with every scope, and with every role of the owner."""

import concurrent.futures
import hashlib
import json
import secrets
import time

import pytest

import routes
import samples
import tokens
from client import Person, Script, problem
from samples import act
from wait import wait_until

DAY = 24 * 3600 * 1000
PEOPLE = [r for r in routes.load() if r.permission in ("viewer", "operator", "admin")]


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "operator")


def ask(page, token, path="/api/agents"):
    return page.get(path, headers={"Authorization": f"Bearer {token}"})


def test_a_script_does_what_its_scopes_say(person):
    script = Script(person, "read", "enrol")
    assert script.get("/api/agents").status_code == 200
    assert script.ok("POST", "/api/otps", {"name": "from a script"})["otp"].startswith("mot_")
    reply = script.post("/api/configs", samples.valid("ConfigChange"))
    told = problem(reply, 403, "forbidden")
    assert '"backup"' in told["detail"]
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="muster", error="insufficient_scope", scope="backup"'


def test_the_log_says_which_token_an_act_came_by(stack, person):
    """The trail has the request's id, and the log has more under it."""
    script = Script(person, "enrol")
    made = script.ok("POST", "/api/otps", {"name": "from a script"})
    (request_id,), = stack.query("SELECT request_id FROM audit WHERE target = ?", f"otp:{made['id']}")
    line = next(line for line in stack.log_text().splitlines() if request_id in line and "POST /api/otps" in line)
    assert line.endswith(f"user:{person.user['id']} token:{script.token['id']}")


def test_what_a_script_sees_is_what_its_owner_sees(person, neighbour):
    foreign = neighbour.register()
    mine = person.register()
    script = Script(person, "read")
    assert script.get(f"/api/agents/{mine.id}").status_code == 200
    problem(script.get(f"/api/agents/{foreign.id}"), 404, "not-found")


SCOPES = ["read", "fleet", "enrol", "backup", "restore", "rollout"]


@pytest.fixture(scope="module")
def scripts(admin):
    return {scope: Script(admin, scope) for scope in SCOPES}


@pytest.mark.parametrize("route", PEOPLE, ids=str)
def test_each_route_takes_its_own_scope_and_no_other(scripts, route):
    for scope, script in scripts.items():
        reply = act(script, route)
        if scope == route.scope:
            assert reply.status_code not in (401, 403), f"{scope}: {reply.text}"
        else:
            problem(reply, 403, "forbidden")


@pytest.mark.parametrize("route", PEOPLE, ids=str)
def test_no_scope_gives_more_than_the_owners_role(demoted, route):
    for role, script in demoted.items():
        reply = act(script, route)
        levels = ["viewer", "operator", "admin"]
        if route.scope != "none" and levels.index(route.permission) <= levels.index(role):
            assert reply.status_code not in (401, 403), f"{role}: {reply.text}"
        else:
            problem(reply, 403, "forbidden")


@pytest.fixture(scope="module")
def demoted(stack, spec):
    """Tokens with every scope, of people who had been admins when they made them."""
    scripts = {}
    for role in ("viewer", "operator"):
        person = Person.add(stack, spec, "admin")
        scripts[role] = Script(person, *SCOPES)
        stack.change("UPDATE users SET role = ? WHERE id = ?", role, person.user["id"])
    return scripts


def test_a_token_is_shown_once_and_stored_as_a_hash(stack, person):
    script = Script(person, "read", name="mine")
    row = next(t for t in person.ok("GET", "/api/auth/tokens")["items"] if t["id"] == script.token["id"])
    assert row == script.token
    assert row["name"] == "mine" and row["scopes"] == ["read"] and row["lastUsed_ms"] is None
    assert abs(row["expires_ms"] - row["created_ms"] - 90 * DAY) < 1000
    with stack.database() as db:
        dump = "\n".join(db.iterdump())
    assert hashlib.sha256(script.secret.encode()).hexdigest() in dump
    assert script.secret not in dump and script.secret not in stack.log_text()


@pytest.mark.parametrize("days, status", [(0, 422), (1, 200), (365, 200), (366, 422)])
def test_a_token_lives_for_a_day_to_a_year(person, days, status):
    person.step_up({"action": "POST /api/auth/tokens", "target": ""})
    reply = person.post("/api/auth/tokens", {"name": "n", "scopes": ["read"], "expiresInDays": days})
    assert reply.status_code == status
    if status == 200:
        token = reply.json()["token"]
        assert token["expires_ms"] - token["created_ms"] == days * DAY


def test_an_expired_token_says_so(stack, person):
    script = Script(person, "read")
    now = int(time.time() * 1000)
    stack.change("UPDATE access_tokens SET expires_ms = ? WHERE id = ?", now + 60_000, script.token["id"])
    assert script.get("/api/agents").status_code == 200
    stack.change("UPDATE access_tokens SET expires_ms = ? WHERE id = ?", now, script.token["id"])
    assert "expired" in problem(script.get("/api/agents"), 401, "unauthenticated")["detail"]
    assert script.token["id"] in [t["id"] for t in person.ok("GET", "/api/auth/tokens")["items"]]


def test_a_revoked_token_is_dead_at_once_and_gone_from_the_list(stack, person):
    script = Script(person, "read")
    assert script.get("/api/agents").status_code == 200
    person.ok("DELETE", f"/api/auth/tokens/{script.token['id']}")
    problem(script.get("/api/agents"), 401, "unauthenticated")
    assert script.token["id"] not in [t["id"] for t in person.ok("GET", "/api/auth/tokens")["items"]]
    problem(person.request("DELETE", f"/api/auth/tokens/{script.token['id']}"), 404, "not-found")
    rows = stack.query("SELECT action, actor, detail FROM audit WHERE target = ? ORDER BY seq",
                       f"token:{script.token['id']}")
    assert [(action, actor) for action, actor, _ in rows] == [
        ("token.create", f"user:{person.user['id']}"), ("token.revoke", f"user:{person.user['id']}")]
    assert json.loads(rows[0][2])["scopes"] == "read"
    assert script.secret not in str(rows)


def test_nobody_sees_or_revokes_the_token_of_another(person, neighbour, admin):
    script = Script(person, "read")
    for other in (neighbour, admin):
        assert script.token["id"] not in [t["id"] for t in other.ok("GET", "/api/auth/tokens")["items"]]
        problem(other.request("DELETE", f"/api/auth/tokens/{script.token['id']}"), 404, "not-found")
    assert script.get("/api/agents").status_code == 200


def test_its_last_use_is_written_once_a_minute(stack, person):
    script = Script(person, "read")

    def used():
        return next(t for t in person.ok("GET", "/api/auth/tokens")["items"] if t["id"] == script.token["id"])

    script.get("/api/agents")
    assert abs(used()["lastUsed_ms"] - time.time() * 1000) < 30_000
    assert used()["lastAddress"] in ("127.0.0.1", "::1")
    for back, written in ((30_000, False), (31_000, True)):
        stack.change("UPDATE access_tokens SET last_used_ms = last_used_ms - ? WHERE id = ?", back, script.token["id"])
        before = used()["lastUsed_ms"]
        script.get("/api/agents")
        assert (used()["lastUsed_ms"] > before) == written


def test_scopes_beyond_the_own_role_are_refused(viewer):
    viewer.step_up({"action": "POST /api/auth/tokens", "target": ""})
    for scope in SCOPES:
        reply = viewer.post("/api/auth/tokens", {"name": "n", "scopes": [scope]})
        if scope == "read":
            assert reply.status_code == 200
        else:
            assert problem(reply, 422, "invalid-field")["pointer"] == "/scopes"


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "none"], [""], ["READ"], ["read "], ["read fleet"], [5],
                                    ["read"] * 7, "read"])
def test_scopes_that_are_none_are_refused(person, scopes):
    person.step_up({"action": "POST /api/auth/tokens", "target": ""})
    told = problem(person.post("/api/auth/tokens", {"name": "n", "scopes": scopes}), 422, "invalid-field")
    assert told["pointer"].startswith("/scopes")


def test_making_a_token_takes_a_step_up(person):
    person.steps_up = False
    problem(person.post("/api/auth/tokens", {"name": "n", "scopes": ["read"]}), 403, "step-up-required")


def test_a_script_makes_and_sees_no_tokens(scripts):
    for script in scripts.values():
        for method, path in (("GET", "/api/auth/tokens"), ("GET", "/api/auth/session"), ("GET", "/api/auth/sessions")):
            assert "sign in" in problem(script.request(method, path), 403, "forbidden")["detail"]


def test_where_all_need_a_factor_a_token_of_somebody_without_one_does_nothing(stack, person):
    script = Script(person, "read")
    try:
        stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('auth.mfa.required', 'true', 1)",
                     topic="policy")
        wait_until(lambda: script.get("/api/agents").status_code == 403, 5, "the rule is in force")
        problem(script.get("/api/agents"), 403, "mfa-enrolment-required")
    finally:
        stack.change("DELETE FROM policy WHERE name = 'auth.mfa.required'", topic="policy")
    wait_until(lambda: script.get("/api/agents").status_code == 200, 5, "the rule is gone")


def fill(stack, person, count, expires_ms):
    for _ in range(count):
        stack.change("INSERT INTO access_tokens (id, user_id, name, token_hash, scopes, created_ms, expires_ms)"
                     " VALUES (?, ?, 'n', ?, 'read', 1, ?)", secrets.token_hex(8), person.user["id"],
                     secrets.token_hex(32), expires_ms)


def test_a_person_has_fifty_at_most(stack, person):
    now = int(time.time() * 1000)
    fill(stack, person, 49, now + DAY)
    fill(stack, person, 20, now - DAY)  # expired ones do not count
    Script(person, "read")
    problem(person.post("/api/auth/tokens", {"name": "n", "scopes": ["read"]}), 409, "conflict")
    stack.change("UPDATE access_tokens SET expires_ms = ? WHERE user_id = ? AND name = 'n'", now, person.user["id"])
    Script(person, "read")


def test_of_many_made_at_once_fifty_stay(stack, person):
    fill(stack, person, 47, int(time.time() * 1000) + DAY)
    person.step_up({"action": "POST /api/auth/tokens", "target": ""})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: person.post("/api/auth/tokens", {"name": "n", "scopes": ["read"]}), range(8))
    assert sorted(reply.status_code for reply in made) == [200] * 3 + [409] * 5


@pytest.mark.parametrize("token", [tokens.access(), tokens.access()[:-1] + "!", "mpt_", "mpt_" + "0" * 36,
                                   tokens.api_key()])
def test_an_unknown_token_is_refused(page, token):
    told = problem(ask(page, token), 401, "unauthenticated")
    assert token not in json.dumps(told) or token == "mpt_"


def test_the_key_of_an_agent_is_no_token_and_a_token_no_key(wire, page, agent, person):
    script = Script(person, "read")
    problem(ask(page, agent.key), 401, "unauthenticated")
    for headers in ({"X-Agent-API-Key": script.secret}, script.headers):
        reply = wire.post("/api/agent/heartbeat", samples.valid("Heartbeat"), headers=headers)
        problem(reply, 401, "unauthenticated")
