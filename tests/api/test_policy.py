"""The rules that admins set: shown, changed all at once or not at all, obeyed within a second."""

import json
import threading

import pytest
import requests

from client import Person, event, problem
from wait import wait_until

RULES = {"auth.mfa.enabled", "auth.mfa.required", "auth.mfa.issuer", "auth.mfa.backupCodesCount",
         "auth.mfa.trustedDeviceDays", "logs.days", "logs.rows", "audit.days", "agents.rate", "agents.burst"}


def rules(admin):
    return {rule["name"]: rule for rule in admin.ok("GET", "/api/policy")["rules"]}


def values(admin):
    return {name: rule["value"] for name, rule in rules(admin).items()}


def last(stack):
    return stack.query("SELECT MAX(seq) FROM audit")[0][0]


@pytest.fixture(autouse=True)
def defaults(admin):
    """Every test begins and ends with the defaults."""
    yield
    admin.ok("PATCH", "/api/policy", {name: None for name in RULES})


def test_every_rule_is_shown_with_its_default_and_bounds(admin, spec):
    known = rules(admin)
    assert set(known) == RULES
    assert all(rule["value"] == rule["default"] for rule in known.values())
    assert known["auth.mfa.required"] == {
        "name": "auth.mfa.required", "type": "boolean", "value": False, "default": False, "min": None, "max": None,
        "least": 0, "inherited": None, "help": known["auth.mfa.required"]["help"]}
    assert (known["agents.rate"]["inherited"], known["agents.burst"]["inherited"]) == (120, 240)
    assert known["logs.days"]["inherited"] == 30
    assert all(rule["help"].endswith(".") for rule in known.values())
    # What the document says of a body is what the table says.
    documented = spec.request_schema("PolicyChange")["properties"]
    assert set(documented) == RULES
    for name, rule in known.items():
        low, high = ("minLength", "maxLength") if rule["type"] == "text" else ("minimum", "maximum")
        assert (documented[name].get(low), documented[name].get(high)) == (rule["min"], rule["max"]), name


def test_only_admins_see_and_change_rules(operator, viewer, page):
    for person in (operator, viewer):
        problem(person.get("/api/policy"), 403, "forbidden")
        problem(person.request("PATCH", "/api/policy", json={"audit.days": 30}), 403, "forbidden")
    problem(page.get("/api/policy"), 401, "unauthenticated")


def test_a_change_is_written_down_with_old_and_new_values(stack, admin):
    admin.ok("PATCH", "/api/policy", {"audit.days": 365})
    start = last(stack)
    reply = admin.ok("PATCH", "/api/policy", {"audit.days": 400, "auth.mfa.required": True, "auth.mfa.issuer": "Here"})
    now = {rule["name"]: rule["value"] for rule in reply["rules"]}
    assert (now["audit.days"], now["auth.mfa.required"], now["auth.mfa.issuer"]) == (400, True, "Here")
    assert values(admin) == now
    found = stack.query("SELECT actor, action, target, result, detail FROM audit WHERE seq > ? AND action LIKE 'policy.%'", start)
    assert [row[:4] for row in found] == [(f"user:{admin.user['id']}", "policy.change", "policy", "ok")]
    assert json.loads(found[0][4]) == {"audit.days": {"old": 365, "new": 400},
                                       "auth.mfa.required": {"old": False, "new": True},
                                       "auth.mfa.issuer": {"old": "Muster", "new": "Here"}}


def test_what_changes_nothing_leaves_no_row(stack, admin):
    admin.ok("PATCH", "/api/policy", {"audit.days": 365})
    start = last(stack)
    admin.ok("PATCH", "/api/policy", {"audit.days": 365})
    admin.ok("PATCH", "/api/policy", {"logs.days": None})
    admin.ok("PATCH", "/api/policy", {})
    assert not stack.query("SELECT 1 FROM audit WHERE seq > ? AND action = 'policy.change'", start)


def test_null_puts_a_rule_back(stack, admin):
    admin.ok("PATCH", "/api/policy", {"logs.rows": 500, "auth.mfa.issuer": "Here"})
    admin.ok("PATCH", "/api/policy", {"logs.rows": None})
    assert (values(admin)["logs.rows"], values(admin)["auth.mfa.issuer"]) == (100000, "Here")
    assert stack.query("SELECT name FROM policy") == [("auth.mfa.issuer",)]


@pytest.mark.parametrize("name, value", [
    ("auth.mfa.enabled", "true"), ("auth.mfa.required", 1), ("auth.mfa.issuer", ""), ("auth.mfa.issuer", "x" * 65),
    ("auth.mfa.issuer", "a:b"), ("auth.mfa.issuer", "a\nb"), ("auth.mfa.issuer", "a\u202eb"), ("auth.mfa.issuer", "a\u0085b"),
    ("auth.mfa.issuer", "a\0b"), ("auth.mfa.issuer", ["x"]),
    ("auth.mfa.backupCodesCount", 4), ("auth.mfa.backupCodesCount", 21), ("auth.mfa.trustedDeviceDays", -1),
    ("auth.mfa.trustedDeviceDays", 366), ("logs.days", 36501), ("logs.days", 1.0), ("logs.rows", 99),
    ("logs.rows", 100000001), ("audit.days", 1), ("audit.days", 29), ("audit.days", "30"), ("agents.rate", 9),
    ("agents.burst", 9), ("agents.rate", 10 ** 18), ("agents.rate", True), ("agents.rates", 20), ("", 1), ("logs/days", 5),
    ("audit.days ", 30), ("Audit.days", 30),
])
def test_all_or_nothing(stack, admin, name, value):
    """A good value beside a wrong one is not kept."""
    start = last(stack)
    before = values(admin)
    reply = admin.request("PATCH", "/api/policy", json={"logs.days": 7, name: value})
    if reply.status_code != 400:  # a NUL is no JSON to us
        told = problem(reply, 422, "invalid-field")
        assert told["pointer"] == "/" + name.replace("~", "~0").replace("/", "~1"), told
    assert values(admin) == before
    assert not stack.query("SELECT 1 FROM audit WHERE seq > ? AND action = 'policy.change'", start)


@pytest.mark.parametrize("name, value", [
    ("auth.mfa.issuer", "x" * 64), ("auth.mfa.issuer", "Bücher & Söhne"), ("auth.mfa.backupCodesCount", 5),
    ("auth.mfa.backupCodesCount", 20), ("auth.mfa.trustedDeviceDays", 0), ("auth.mfa.trustedDeviceDays", 365),
    ("logs.days", 1), ("logs.days", 36500), ("logs.rows", 100), ("logs.rows", 0), ("audit.days", 30), ("audit.days", 36500),
    ("agents.rate", 10), ("agents.burst", 10), ("agents.burst", 1000000),
])
def test_the_bounds_themselves_are_good(admin, name, value):
    admin.ok("PATCH", "/api/policy", {name: value})
    assert values(admin)[name] == value


@pytest.mark.parametrize("name", ["é" * 100, "a" + "é" * 100, "ab" + "\U0001d54a" * 50, "~" * 300],
                         ids=["even", "odd", "of four bytes", "escaped"])
def test_a_long_name_that_is_no_rule_is_refused_like_a_short_one(admin, name):
    told = problem(admin.request("PATCH", "/api/policy", json={name: 1}), 422, "invalid-field")
    assert told["pointer"].startswith("/" + name[0].replace("~", "~0"))


def test_nobody_is_locked_out_by_rules_that_contradict(admin):
    told = problem(admin.request("PATCH", "/api/policy", json={"auth.mfa.enabled": False, "auth.mfa.required": True}), 422,
                   "invalid-field")
    assert told["pointer"].startswith("/auth.mfa.")
    admin.ok("PATCH", "/api/policy", {"auth.mfa.enabled": False})
    told = problem(admin.request("PATCH", "/api/policy", json={"logs.days": 3, "auth.mfa.required": True}), 422, "invalid-field")
    assert told["pointer"] == "/auth.mfa.required"
    assert values(admin)["logs.days"] == 0


def test_a_change_takes_a_proof_of_the_last_minutes(stack, spec):
    admin = Person.add(stack, spec, "admin")
    admin.steps_up = False
    refusal = problem(admin.request("PATCH", "/api/policy", json={"logs.days": 3}), 403, "step-up-required")
    assert (refusal["action"], refusal["target"]) == ("PATCH /api/policy", "")
    assert admin.step_up(refusal).status_code == 200
    admin.ok("PATCH", "/api/policy", {"logs.days": 3})


def test_of_two_changes_at_once_each_sees_the_other(stack, admin):
    """The old value of one is the new one of the other: nothing is lost in between."""
    cookies = {c.name: c.value for c in admin.session.cookies}
    admin.ok("PATCH", "/api/policy", {"logs.rows": 1000})
    start = last(stack)

    def change(n):
        reply = requests.patch(stack.url + "/api/policy", json={"logs.rows": 2000 + n}, cookies=cookies,
                               headers=admin.headers, verify=stack.ca, timeout=30)
        assert reply.status_code == 200

    threads = [threading.Thread(target=change, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    story = [json.loads(row[0])["logs.rows"] for row in stack.query(
        "SELECT detail FROM audit WHERE seq > ? AND action = 'policy.change' ORDER BY seq", start)]
    assert len(story) == 12 and story[0]["old"] == 1000
    assert all(a["new"] == b["old"] for a, b in zip(story, story[1:]))
    assert story[-1]["new"] == values(admin)["logs.rows"]


# --- obeyed ---


def test_the_rate_and_burst_of_agents_are_the_rules_within_a_second(admin, operator):
    admin.ok("PATCH", "/api/policy", {"agents.rate": 10, "agents.burst": 10})

    def accepted():
        agent = operator.register()
        done = 0
        for _ in range(30):
            if agent.get("/api/agent/configs").status_code != 200:
                break
            done += 1
        return done

    wait_until(lambda: accepted() == 10, 10, "the burst is ten")
    agent = operator.register()
    for _ in range(10):
        assert agent.get("/api/agent/configs").status_code == 200
    told = agent.get("/api/agent/configs")
    problem(told, 429, "rate-limited")
    assert 1 <= int(told.headers["Retry-After"]) <= 6  # ten a minute
    admin.ok("PATCH", "/api/policy", {"agents.rate": None, "agents.burst": None})
    wait_until(lambda: accepted() == 30, 10, "the settings are in force again")


def count(stack, agent):
    return stack.query("SELECT COUNT(*) FROM agent_logs WHERE agent_id = ?", agent.id)[0][0]


def test_the_newest_rows_of_each_agent_stay(stack, admin, operator):
    talkative, quiet = operator.register(), operator.register()
    talkative.say(*[event(n) for n in range(1, 251)])
    quiet.say(*[event(n) for n in range(1, 101)])
    assert (count(stack, talkative), count(stack, quiet)) == (250, 100)
    admin.ok("PATCH", "/api/policy", {"logs.rows": 100})
    wait_until(lambda: count(stack, talkative) == 100, 30, "the rows beyond the newest are gone")
    assert count(stack, quiet) == 100
    assert stack.query("SELECT MIN(seq), MAX(seq) FROM agent_logs WHERE agent_id = ?", talkative.id) == [(151, 250)]


def test_events_older_than_the_rule_go(stack, admin, operator):
    agent = operator.register()
    agent.say(*[event(n) for n in range(1, 5)])
    day = 24 * 3600 * 1000
    stack.change("UPDATE agent_logs SET received_ms = received_ms - ? WHERE agent_id = ? AND seq <= 2", 3 * day, agent.id)
    stack.change("UPDATE agent_logs SET received_ms = received_ms - ? WHERE agent_id = ? AND seq = 3", 3 * day - 600000, agent.id)
    admin.ok("PATCH", "/api/policy", {"logs.days": 3})
    wait_until(lambda: count(stack, agent) == 2, 30, "what is older than three days is gone")
    assert stack.query("SELECT seq FROM agent_logs WHERE agent_id = ? ORDER BY seq", agent.id) == [(3,), (4,)]


# --- the host ---


def test_the_host_shows_and_sets_rules(stack, admin):
    start = last(stack)
    assert "audit.days is 90 now" in stack.app("policy", "set", "audit.days", "90").stdout
    assert values(admin)["audit.days"] == 90
    shown = {rule["name"]: rule for rule in stack.app_json("policy", "show")["rules"]}
    assert shown == rules(admin)
    assert "audit.days" in stack.app("policy", "show").stdout
    stack.app("policy", "reset", "audit.days")
    assert values(admin)["audit.days"] == 0
    found = stack.query("SELECT actor, detail FROM audit WHERE seq > ? AND action = 'policy.change' ORDER BY seq", start)
    assert [json.loads(row[1])["audit.days"]["new"] for row in found] == [90, 0]
    assert all(row[0].startswith("cli:") for row in found)


@pytest.mark.parametrize("args, words", [
    (("set", "audit.days", "5"), "out of bounds"), (("set", "audit.day", "30"), "is no rule"),
    (("set", "auth.mfa.required", "yes"), "out of bounds"), (("reset", "x"), "is no rule"), (("set", "audit.days"), ""),
])
def test_the_host_is_told_what_is_wrong(stack, admin, args, words):
    before = values(admin)
    done = stack.app("policy", *args, check=False)
    assert done.returncode in (1, 2) and words in done.stderr
    assert values(admin) == before


def test_a_rule_that_is_out_of_bounds_in_the_database_is_its_default(stack, admin):
    """Somebody wrote past the server: it does not run with what it would never have taken."""
    stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('audit.days', '1', 0)", topic="policy")
    assert values(admin)["audit.days"] == 0
