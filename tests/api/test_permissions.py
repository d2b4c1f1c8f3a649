"""Whose is what: the whole table of routes, by people of every role, with objects that are somebody else's.

Each route with an {id} is asked for a real object of one person's ("Ada"): by others of every role, to whom it is not
there; by themselves; by one who was granted it; and by an admin. Ids in bodies and queries, and lists, have the same."""

import json
import secrets

import pytest

import routes
import samples
from client import Person, problem
from test_routes import state
from upload import Upload
from wait import wait_until

ALL = routes.load()
LEVEL = {"viewer": 1, "operator": 2, "admin": 3}
PEOPLE = [r for r in ALL if r.permission in LEVEL and r.on("admin")]
WITH_ID = [r for r in PEOPLE if "{id}" in r.path]
LISTS = [r for r in PEOPLE if r.method == "GET" and "{" not in r.path and r.permission != "admin"]

# Whose object the {id} of a route is, by the beginning of its path. A route that is not here fails the test below.
KINDS = {"/api/agents/": "agent", "/api/configs/": "config", "/api/runs/": "run", "/api/chains/": "run",
         "/api/jobs/": "job", "/api/rollouts/": "rollout", "/api/otps/": "otp", "/api/alerts/": "alert",
         "/api/users/": "user", "/api/invitations/": "invitation", "/api/auth/sessions/": "session",
         "/api/auth/devices/": "device", "/api/auth/passkeys/": "passkey", "/api/auth/tokens/": "token"}
OWN_ALONE = {"session", "device", "passkey", "token"}  # a matter of the one they belong to, and not of admins
GRANTED = {"agent", "config", "run", "job", "alert"}  # what a grant of agent and config makes visible
CHANGED_BY_OWNER = {"rollout"}  # a grant shows it; only who made it changes it
ROLE_BY_OBJECT = {"alert": "operator"}  # of others' that they see; the route takes more people than that (test_alerts.py)


def kind_of(route):
    return next((kind for prefix, kind in KINDS.items() if route.path.startswith(prefix)), None)


def each(table):
    return pytest.mark.parametrize("route", table, ids=str)


class Estate:
    """One object of each kind of a person's."""

    def __init__(self, stack, person):
        self.stack, self.person = stack, person
        user, now = person.user["id"], 1_800_000_000_000
        self.name = f"estate-{secrets.token_hex(6)}"
        self.playing = person.register(self.name)
        self.config_row = person.add_config(self.playing, f"config of {self.name}")
        upload = Upload(self.playing, self.config_row)
        upload.add(secrets.token_bytes(500))
        assert upload.complete().status_code == 200
        new = lambda: "0190" + secrets.token_hex(2) + "-0000-7000-8000-" + secrets.token_hex(6)
        self.ids = {"agent": self.playing.id, "config": self.config_row["id"], "run": upload.log_id, "user": user,
                    "otp": person.mint(name=self.name)["id"]}
        for kind in ("job", "rollout", "alert", "session", "device", "passkey", "token", "invitation"):
            self.ids[kind] = new()
        i = self.ids
        stack.change("INSERT INTO backup_jobs (id, kind, run_id, config_id, agent_id, user_id, request, status, created_by,"
                     " created_ms, active_ms, finished_ms) VALUES (?, 'restore', ?, ?, ?, ?, '{}', 'completed', ?, ?, ?, ?)",
                     i["job"], i["run"], i["config"], i["agent"], user, f"user:{user}", now, now, now)
        stack.change("INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows,"
                     " max_in_flight, max_per_minute, silence_s, state, created_ms, updated_ms) VALUES"
                     " (?, ?, 'staged', '9.9.8', '', 'stable', '{\"all\":true}', '[{\"percent\":100,\"soakS\":0,\"advance\":\"manual\"}]', '[]', 1, 0, 60, 'aborted', ?, ?)",
                     i["rollout"], user, now, now)
        stack.change("INSERT INTO rollout_members (rollout_id, agent_id, bucket, state, state_ms) VALUES (?, ?, 1, 'committed', ?)",
                     i["rollout"], i["agent"], now)
        stack.change("INSERT INTO alerts (id, kind, message, user_id, agent_id, created_ms) VALUES (?, 'k', ?, ?, ?, ?)",
                     i["alert"], f"about {self.name}", user, i["agent"], now)
        stack.change("INSERT INTO sessions (id_hash, id, user_id, csrf_token, address, user_agent, created_ms, last_used_ms,"
                     " expires_ms) VALUES (?, ?, ?, 'x', '', '', ?, ?, ?)", "h" + i["session"], i["session"], user, now, now,
                     now * 2)
        stack.change("INSERT INTO devices VALUES (?, ?, ?, 'd', '', ?, ?, ?)", i["device"], "h" + i["device"], user, now, now,
                     now * 2)
        stack.change("INSERT INTO passkeys VALUES (?, ?, 'p', ?, 'k', -7, 0, '', ?, NULL)", i["passkey"], user,
                     "c" + i["passkey"], now)
        stack.change("INSERT INTO access_tokens VALUES (?, ?, 't', ?, 'read', ?, ?, NULL, '')", i["token"], user,
                     "h" + i["token"], now, now * 2)
        stack.change("INSERT INTO invitations (id, token_hash, email, email_lower, role, invited_by, created_ms, expires_ms)"
                     " VALUES (?, ?, 'e', 'e', 'viewer', 'cli:0', ?, ?)", i["invitation"], "h" + i["invitation"], now, now * 2)
        # A passkey is a factor, which these tests cannot show: it is there while it is asked for alone.
        if not stack.query("SELECT 1 FROM releases WHERE version = '9.9.9'"):
            stack.change("INSERT INTO releases (version, channel, min_version, changelog, container_image, eventlog_min, status,"
                         " size_bytes, created_ms, published_ms) VALUES ('9.9.9', 'stable', '', '', '', 1, 'staged', 1, ?, NULL)",
                         now)

    def hide_passkey(self):
        self.stack.change("DELETE FROM passkeys WHERE id = ?", self.ids["passkey"])

    def traces(self):
        """What nobody else's pages may hold."""
        return {self.ids[k] for k in ("agent", "config", "run", "job", "rollout", "otp", "alert")} | {self.name}


@pytest.fixture(scope="module")
def ada(stack, spec):
    return Person.add(stack, spec, "operator")


@pytest.fixture(scope="module")
def others(stack, spec):
    return {role: Person.add(stack, spec, role) for role in ("viewer", "operator")}


@pytest.fixture(scope="module")
def granted(stack, spec):
    return {role: Person.add(stack, spec, role) for role in ("viewer", "operator")}


@pytest.fixture
def estate(stack, ada, route):
    made = Estate(stack, ada)
    if kind_of(route) != "passkey":
        made.hide_passkey()
    yield made
    made.hide_passkey()


@pytest.fixture
def given(admin, granted, estate):
    grants = [{"kind": k, "objectId": estate.ids[k]} for k in ("agent", "config")]
    for person in granted.values():
        admin.ok("PUT", f"/api/users/{person.user['id']}/grants", {"grants": grants})
    yield granted
    for person in granted.values():
        admin.ok("PUT", f"/api/users/{person.user['id']}/grants", {"grants": []})


def ask(person, route, estate, object_id=None, agent_id=None):
    url = route.path.replace("{id}", object_id or estate.ids[kind_of(route)])
    assert "{" not in url, "a route with more than an id has to be thought of"
    body = samples.valid(route.schema) if route.schema else None
    if body and "agentId" in body:
        body["agentId"] = agent_id
    return person.request(route.method, url, json=body)


def assert_there(person, route, estate):
    """It is done, or refused for what it is: not as something that is not there."""
    reply = ask(person, route, estate, agent_id=estate.ids["agent"])
    if reply.status_code == 404:
        nothing = ask(person, route, estate, object_id=samples.NOBODY)
        assert reply.json()["detail"] != nothing.json()["detail"], reply.text
    else:
        assert reply.status_code < 300 or reply.status_code in (409, 422), reply.text


@each(WITH_ID)
def test_every_route_is_known_here(route):
    assert kind_of(route), "whose object is this?"


@each(WITH_ID)
def test_what_is_somebody_elses_is_not_there(stack, others, estate, route):
    before = state(stack)
    for role, person in others.items():
        reply = ask(person, route, estate)
        if LEVEL[role] < LEVEL[route.permission]:
            problem(reply, 403, "forbidden")
        else:
            told = problem(reply, 404, "not-found")
            nothing = problem(ask(person, route, estate, object_id=samples.NOBODY), 404, "not-found")
            assert told["detail"] == nothing["detail"]
            assert not any(trace in json.dumps(told) for trace in estate.traces())
    assert state(stack) == before


@each([r for r in WITH_ID if r.permission != "admin" and kind_of(r) != "user"])
def test_what_is_ones_own_is_there(ada, estate, route):
    if kind_of(route) == "passkey":
        return  # showing the factor takes the passkey itself: tests of passkeys do
    assert_there(ada, route, estate)


@each([r for r in WITH_ID if r.permission != "admin"])
def test_what_was_granted_is_there_within_the_role(stack, estate, given, route):
    kind = kind_of(route)
    for role, person in given.items():
        if LEVEL[role] < LEVEL[ROLE_BY_OBJECT.get(kind, route.permission)]:
            problem(ask(person, route, estate), 403, "forbidden")
        elif kind in GRANTED or (kind in CHANGED_BY_OWNER and route.method == "GET"):
            assert_there(person, route, estate)
        elif kind in CHANGED_BY_OWNER:
            problem(ask(person, route, estate), 403, "forbidden")
        else:
            problem(ask(person, route, estate), 404, "not-found")


@each([r for r in WITH_ID if kind_of(r) not in OWN_ALONE])
def test_an_admin_has_all_of_it(stack, spec, admin, estate, route):
    if kind_of(route) == "user":  # Ada herself is needed for more
        estate.ids["user"] = Person.add(stack, spec, "viewer").user["id"]
    assert_there(admin, route, estate)


@each([r for r in WITH_ID if kind_of(r) in OWN_ALONE])
def test_not_even_an_admin_has_what_others_sign_in_with(admin, estate, route):
    problem(ask(admin, route, estate), 404, "not-found")


# --- lists ---


@pytest.fixture(scope="module")
def standing(stack, ada):
    made = Estate(stack, ada)
    made.hide_passkey()
    return made


def texts(person, route, estate):
    """The list, plain and with each filter that takes an id or a word of somebody else's."""
    spec = person.spec.operations["GET", route.path][1]
    names = {p["name"] for p in (person.spec.deref(p) for p in spec.get("parameters", []))}
    queries = [""]
    for name, kind in (("agentId", "agent"), ("agent", "agent"), ("configId", "config"), ("runId", "run")):
        if name in names:
            queries.append(f"?{name}={estate.ids[kind]}")
    if "q" in names:
        queries.append(f"?q={estate.name}")
    if "format" in names:
        queries += [f"{query}{'&' if query else '?'}format=csv" for query in queries]
    for query in queries:
        reply = person.get(route.path + query)
        assert reply.status_code in (200, 404, 422), reply.text
        yield query, reply


@each([r for r in LISTS if r.path != "/api/live"])
def test_no_list_holds_what_is_somebody_elses(others, standing, route):
    for role, person in others.items():
        if LEVEL[role] >= LEVEL[route.permission]:
            for query, reply in texts(person, route, standing):
                held = [t for t in standing.traces() if t in reply.text and t not in query]
                told_back = [t for t in held if reply.status_code == 200 or t not in reply.json().get("detail", "")]
                assert not told_back, f"{route.path}{query}: {reply.text[:300]}"


HOLDS = {"/api/agents": "agent", "/api/configs": "config", "/api/runs": "run", "/api/jobs": "job",
         "/api/rollouts": "rollout", "/api/otps": "otp", "/api/alerts": "alert"}


@each([r for r in LISTS if r.path in HOLDS])
def test_a_list_holds_what_is_ones_own_and_what_was_granted(admin, ada, granted, standing, route):
    wanted = standing.ids[HOLDS[route.path]]
    person = granted["operator"]
    assert wanted in ada.get(route.path + "?limit=200").text
    if route.path != "/api/alerts":
        assert wanted in admin.get(f"{route.path}?limit=200&q={wanted}").text
    grants = [{"kind": k, "objectId": standing.ids[k]} for k in ("agent", "config")]
    admin.ok("PUT", f"/api/users/{person.user['id']}/grants", {"grants": grants})
    assert (wanted in person.get(route.path).text) == (HOLDS[route.path] != "otp")
    admin.ok("PUT", f"/api/users/{person.user['id']}/grants", {"grants": []})
    assert wanted not in person.get(route.path).text, "a grant that was taken back counts with the next request"


def test_what_is_counted_is_ones_own(others, standing, ada):
    for person in others.values():
        shown = person.ok("GET", "/api/overview")
        assert shown["agents"]["total"] == 0
        stored = person.ok("GET", "/api/storage")
        assert (stored["bytes"], stored["runs"], stored["items"]) == (0, 0, [])
    assert ada.ok("GET", "/api/overview")["agents"]["total"] >= 1


# --- ids in bodies ---


@pytest.fixture(scope="module")
def bob(stack, others):
    """What one of the others has."""
    made = Estate(stack, others["operator"])
    made.hide_passkey()
    return made


def config_body(agent_id, **options):
    return {"name": "n", "agentId": agent_id, "sources": [{"path": "/etc"}],
            "options": {"type": "full", "compression": True, "encryption": False, "retentionDays": 30, **options}}


def test_an_agent_of_somebody_else_gets_no_work(stack, others, bob, standing):
    person = others["operator"]
    before = state(stack)
    for method, path, body, pointer in (
            ("POST", "/api/configs", config_body(standing.ids["agent"]), "/agentId"),
            ("PUT", f"/api/configs/{bob.ids['config']}", config_body(standing.ids["agent"]), "/agentId"),
            ("POST", "/api/configs", config_body(bob.ids["agent"], verifyAgentId=standing.ids["agent"]),
             "/options/verifyAgentId"),
            ("PUT", f"/api/configs/{bob.ids['config']}", config_body(bob.ids["agent"], verifyAgentId=standing.ids["agent"]),
             "/options/verifyAgentId"),
            ("POST", f"/api/runs/{bob.ids['run']}/restore", {"agentId": standing.ids["agent"]}, "/agentId"),
            ("POST", f"/api/runs/{bob.ids['run']}/verify", {"agentId": standing.ids["agent"]}, "/agentId")):
        told = problem(person.request(method, path, json=body), 422, "invalid-field")
        assert told["pointer"] == pointer
        unknown = json.loads(json.dumps(body).replace(standing.ids["agent"], samples.NOBODY))
        same = problem(person.request(method, path, json=unknown), 422, "invalid-field")
        assert (same["pointer"], same["detail"]) == (told["pointer"], told["detail"]), "it is as if it were not there"
    assert state(stack) == before


def test_a_grant_of_the_agent_lets_it_have_work_that_belongs_to_its_owner(stack, admin, others, standing):
    person = others["operator"]
    admin.ok("PUT", f"/api/users/{person.user['id']}/grants",
             {"grants": [{"kind": "agent", "objectId": standing.ids["agent"]}]})
    made = person.ok("POST", "/api/configs", config_body(standing.ids["agent"]))
    assert stack.query("SELECT user_id FROM backup_configs WHERE id = ?", made["id"]) == [(standing.ids["user"],)]
    admin.ok("PUT", f"/api/users/{person.user['id']}/grants", {"grants": []})
    problem(person.get(f"/api/configs/{made['id']}"), 404, "not-found")
    problem(person.post(f"/api/configs/{made['id']}/run"), 404, "not-found")


def test_a_rollout_reaches_nobody_elses_agents(stack, others, bob, standing):
    person = others["operator"]
    stack.change("UPDATE releases SET status = 'published', published_ms = 1 WHERE version = '9.9.9'")
    try:
        told = [problem(person.post("/api/rollouts", {"version": "9.9.9", "target": {"agents": [agent]}}), 422,
                        "invalid-field") for agent in (standing.ids["agent"], samples.NOBODY)]
        assert told[0]["detail"] == told[1]["detail"] and told[0]["pointer"] == "/target/agents"
        label = {"estate": standing.name}
        stack.change("UPDATE agents SET labels = ? WHERE id = ?", json.dumps(label), standing.ids["agent"])
        for target in ({"labels": label}, {"all": True}):
            reply = person.post("/api/rollouts", {"version": "9.9.9", "target": target})
            if reply.status_code != 201:
                assert reply.status_code in (404, 409), reply.text
                continue
            rollout = reply.json()["id"]
            wait_until(lambda: stack.query("SELECT scanned FROM rollouts WHERE id = ?", rollout) == [(1,)], 15,
                       "all agents were looked at")
            assert stack.query("SELECT 1 FROM rollout_members WHERE rollout_id = ? AND agent_id = ?", rollout, bob.ids["agent"]
                               ) or "labels" in target
            members = person.ok("GET", f"/api/rollouts/{rollout}/members")
            assert standing.ids["agent"] not in json.dumps(members)
            person.post(f"/api/rollouts/{rollout}/abort")
            assert stack.query("SELECT 1 FROM rollout_members WHERE rollout_id = ? AND agent_id = ?", rollout,
                               standing.ids["agent"]) == []
    finally:
        stack.change("UPDATE releases SET status = 'staged', published_ms = NULL WHERE version = '9.9.9'")


def test_an_agent_has_nothing_of_anothers(bob, standing):
    """What hosts of one owner ask for with ids of another's."""
    agent, i = bob.playing, standing.ids
    for path, body in (("/api/agent/backup/start", {"configId": i["config"], "filename": "a.tar.gz", "multipart": True}),
                       ("/api/agent/backup/parts", {"logId": i["run"], "number": 1, "size": 1,
                                                    "md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}),
                       ("/api/agent/backup/progress", {"logId": i["run"], "filesProcessed": 0, "bytesRead": 0,
                                                       "bytesTransferred": 0}),
                       ("/api/agent/backup/complete", {"logId": i["run"], "status": "failed", "errors": []}),
                       ("/api/agent/restore", {"logId": i["run"]}),
                       ("/api/agent/restore", {"configId": i["config"]}),
                       ("/api/agent/backup/verified", {"logId": i["run"], "result": "intact"}),
                       ("/api/agent/backup/job", {"jobId": i["job"], "status": "running"})):
        problem(agent.post(path, body), 404, "not-found")
    for path in ("/api/agent/configs", "/api/agent/backups", f"/api/agent/backups?configId={i['config']}",
                 "/api/agent/commands"):
        assert not any(t in agent.get(path).text for t in standing.traces())
