"""What holds for every route, walked over the table: wrong method, listener, key, role, type, size, JSON and field are
each the documented problem, and change nothing."""

import hashlib
import json

import pytest

import routes
import samples
from client import WRONG_KEYS, Client, problem

ALL = routes.load()
BODIES = [r for r in ALL if r.schema]
PEOPLE = [r for r in ALL if r.permission in ("viewer", "operator", "admin")]
AGENTS = [r for r in ALL if r.permission == "agent"]
ADMIN_ONLY = [r for r in ALL if r.listener == "admin"]
AGENT_ONLY = [r for r in ALL if r.listener == "agent"]
CHANGING = [r for r in PEOPLE if r.csrf == "token"]


def each(table):
    return pytest.mark.parametrize("route", table, ids=str)


def state(stack):
    """Everything that a request could change, as a digest per table."""
    tables = ["users", "grants", "agents", "denied_keys", "otps", "otp_uses", "agent_logs", "commands",
              "backup_configs", "backup_runs", "backup_parts", "backup_jobs", "alerts", "facts", "policy", "rollouts", "rollout_members",
              "access_tokens"]
    digests = {}
    with stack.database() as db:
        for table in tables:
            rows = db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            if table == "agents":  # being seen is no change
                names = [c[1] for c in db.execute("PRAGMA table_info(agents)")]
                seen = {"last_seen_ms", "offline_after_ms", "status", "address", "updated_ms", "version", "platform",
                        "arch", "deployment_mode", "boot_id", "uptime_s", "proto", "poll_interval_s"}
                rows = [[v for n, v in zip(names, row) if n not in seen] for row in rows]
            if table == "backup_configs":  # what is due is set by the clock
                names = [c[1] for c in db.execute("PRAGMA table_info(backup_configs)")]
                rows = [[v for n, v in zip(names, row) if not n.endswith("due_ms")] for row in rows]
            if table == "backup_runs":  # the objects of what was given up are removed by the clock
                names = [c[1] for c in db.execute("PRAGMA table_info(backup_runs)")]
                config, status = names.index("config_id"), names.index("status")
                # What was still to begin when its config was deleted is cancelled by the clock.
                rows = [row for row in rows if row[config] or row[status] not in ("queued", "cancelled")]
                rows = [[v for n, v in zip(names, row) if n != "purged_ms"] for row in rows]
            if table == "facts":  # how far the trail was verified moves with the clock
                rows = [row for row in rows if not row[0].startswith("audit_")]
            if table == "otp_uses":  # answers are wiped by the clock, not by a request
                rows = [row[:3] + row[4:] for row in rows]
            digests[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return digests


@pytest.fixture
def unchanged(stack):
    before = state(stack)
    yield
    assert state(stack) == before


@pytest.fixture
def asker(operator, admin, agent, page, wire):
    """Who may use a route: gives a client for it."""

    def find(route):
        if route.permission == "agent":
            return agent
        if route.permission in ("viewer", "operator", "admin"):
            return admin if route.permission == "admin" else operator
        return wire if route.listener == "agent" else page

    return find


@pytest.fixture
def url(route, operator, agent):
    """The path of a route with a real object of the operator's in it, where bad input alone must be what is wrong."""
    if "{id}" not in route.path:
        return route.url()
    if route.path.startswith("/api/configs"):
        return route.url(id=operator.add_config(agent)["id"])
    return route.url(id=agent.id)


def test_every_route_is_documented_and_nothing_else_is(spec):
    assert {(r.method, r.path) for r in ALL} == set(spec.operations)


@each(ALL)
def test_the_document_agrees_with_the_table(spec, route):
    operation = spec.operations[route.method, route.path][1]
    assert operation["x-listener"] == route.listener
    assert operation["x-permission"] == route.permission
    assert (operation.get("x-scope", "none"), operation.get("x-step-up", "none")) == (route.scope, route.step)
    schemes = {name for option in operation.get("security", spec.document["security"]) for name in option}
    want = {"public": set(), "signed": {"presigned"}, "agent": {"apiKey", "clientCertificate"}}
    people = {"session", "bearer"} | ({"csrf"} if route.csrf == "token" else set())
    assert schemes == want.get(route.permission, people)
    content = operation.get("requestBody", {}).get("content", {})
    name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    assert name == route.schema


@each([r for r in ALL if r.on("admin") and r.on("agent") or r.permission != "signed"])
def test_a_wrong_method_is_405_and_names_the_right_ones(stack, spec, unchanged, route):
    client = Client(stack, spec, "agent" if route.listener == "agent" else "admin")
    known = {r.method for r in ALL if r.path == route.path and r.on(client.listener)}
    # The same place may be a {parameter} of another route.
    also = {m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if spec.find(m, route.path)[0]}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known - also:
        reply = client.request(method, route.url())
        problem(reply, 405, "method-not-allowed")
        assert known <= set(reply.headers["Allow"].replace(" ", "").split(","))


@each(ADMIN_ONLY)
def test_a_route_of_people_is_not_found_on_the_agents_port(wire, admin, unchanged, route):
    headers = {**admin.headers, "Cookie": "; ".join(f"{c.name}={c.value}" for c in admin.session.cookies)}
    problem(wire.request(route.method, route.url(), headers=headers), 404, "not-found")


@each(AGENT_ONLY)
def test_a_route_of_agents_is_not_found_on_the_peoples_port(page, agent, unchanged, route):
    reply = page.request(route.method, route.url(), headers=agent.headers, judge=route.method != "HEAD")
    assert reply.status_code == 404
    if route.method != "HEAD":
        problem(reply, 404, "not-found")


@each(AGENTS)
@pytest.mark.parametrize("which", WRONG_KEYS)
def test_without_a_valid_key_an_agents_route_is_401(wire, unchanged, route, which):
    key = WRONG_KEYS[which]
    headers = {} if key is None else {"X-Agent-API-Key": key}
    body = {} if route.schema else None
    told = problem(wire.request(route.method, route.url(), json=body, headers=headers), 401, "unauthenticated")
    assert not key or key not in json.dumps(told)


@each(PEOPLE)
def test_without_a_session_a_peoples_route_is_401(page, unchanged, route):
    body = {} if route.schema else None
    for headers in ({}, {"Cookie": "__Host-muster=nonsense"}, {"Cookie": "__Host-muster="}):
        reply = page.request(route.method, route.url(), json=body, headers={**headers, "X-CSRF-Token": "x"})
        problem(reply, 401, "unauthenticated")


@each([r for r in PEOPLE if r.permission != "viewer"])
def test_a_lower_role_is_403(viewer, operator, unchanged, route):
    body = {} if route.schema else None
    lower = [viewer, operator] if route.permission == "admin" else [viewer]
    for person in lower:
        problem(person.request(route.method, route.url(), json=body), 403, "forbidden")


@each(CHANGING)
def test_a_changing_call_needs_its_token_and_its_origin(stack, asker, unchanged, route):
    person = asker(route)
    good = person.headers["X-CSRF-Token"]
    body = samples.valid(route.schema) if route.schema else None
    for headers in ({"X-CSRF-Token": ""}, {"X-CSRF-Token": good[:-1] + "!"}, {"Origin": "https://evil.example"},
                    {"Origin": "null"}, {"Origin": stack.agent_url}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}):
        problem(person.request(route.method, route.url(), json=body, headers=headers), 403, "csrf")


@each(BODIES)
def test_a_body_of_another_type_is_415(asker, url, unchanged, route):
    body = json.dumps(samples.valid(route.schema))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "application/jsonx", "text/json", ""):
        reply = asker(route).request(route.method, url, data=body, headers={"Content-Type": kind})
        problem(reply, 415, "unsupported-media-type")


@each(BODIES)
def test_a_body_above_the_limit_is_413(asker, url, unchanged, route):
    body = json.dumps({"padding": "x" * route.body_max})
    reply = asker(route).request(route.method, url, data=body, headers={"Content-Type": "application/json"})
    problem(reply, 413, "payload-too-large")


@each([r for r in ALL if not r.schema and r.body_max == 0 and r.method not in ("HEAD",) and r.permission != "signed"])
def test_a_body_where_none_belongs_is_413(asker, url, unchanged, route):
    problem(asker(route).request(route.method, url, json={"x": 1}), 413, "payload-too-large")


@each(BODIES)
def test_a_body_that_is_no_json_is_400(asker, url, unchanged, route):
    for body in ("", "{", "nonsense", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "\xff", "[" * 100, "null", "5"):
        reply = asker(route).request(route.method, url, data=body.encode("latin-1"),
                                     headers={"Content-Type": "application/json"})
        problem(reply, 400, "bad-json")


@each(BODIES)
def test_a_missing_field_is_422_with_its_pointer(spec, asker, url, unchanged, route):
    for name in spec.request_schema(route.schema).get("required", []):
        for body in (samples.without(route.schema, name), {**samples.valid(route.schema), name: None}):
            told = problem(asker(route).request(route.method, url, json=body), 422, "invalid-field")
            assert told["pointer"] == f"/{name}"


@each(BODIES)
def test_an_ill_typed_field_is_422_with_its_pointer(spec, asker, url, unchanged, route):
    for name, schema in spec.request_schema(route.schema)["properties"].items():
        for value in samples.wrong(spec.deref(schema)):
            body = {**samples.valid(route.schema), name: value}
            told = problem(asker(route).request(route.method, url, json=body), 422, "invalid-field")
            assert told["pointer"] == f"/{name}", f"{name}: {value}"


@each(BODIES)
def test_a_body_that_is_no_object_is_422(asker, url, unchanged, route):
    told = problem(asker(route).request(route.method, url, json=[1]), 422, "invalid-field")
    assert told["pointer"] == ""


@each([r for r in PEOPLE if "{id}" in r.path])
def test_an_object_that_is_not_there_is_404(asker, agent, unchanged, route):
    body = samples.valid(route.schema) if route.schema else None
    if body and "agentId" in body:
        body["agentId"] = agent.id
    for object_id in ("01900000-dead-7000-8000-000000000000", "x", "%00", "a" * 300):
        reply = asker(route).request(route.method, route.path.replace("{id}", object_id), json=body)
        assert reply.status_code in (404, 400), reply.text
