"""Showing once more who one is: for which act, which target, how often and for how long; and a factor for everybody."""

import pytest

import routes
import samples
from at_once import at_once
from client import Client, Person, problem
from factor import Factor
from wait import wait_until

NOBODY = "01900000-dead-7000-8000-00000000000"
MINT, DELETE = "POST /api/otps", "DELETE /api/agents/{id}"
MINUTE = 60_000
ALL = routes.load()


@pytest.fixture
def person(stack, spec):
    """An admin without a second factor who is shown every refusal."""
    person = Person.add(stack, spec, "admin")
    person.steps_up = False
    return person


@pytest.fixture
def secured(stack, spec):
    """The same with one."""
    person = Person.add(stack, spec, "admin")
    Factor(person)
    person.steps_up = False
    return person


def mint(person):
    return person.post("/api/otps", {})


def delete(person, agent=NOBODY + "1"):
    """404 when it gets through: there is no such agent."""
    return person.request("DELETE", f"/api/agents/{agent}")


def show(person, action, target="", **proof):
    return person.post("/api/auth/step-up", {"action": action, "target": target,
                                             **(proof or {"password": person.password})})


def another_session(person):
    other = Person(person.stack, person.spec, person.email, person.password)
    other.steps_up = False
    return other


def last_audit(stack):
    return stack.query("SELECT action, actor, result, detail FROM audit ORDER BY seq DESC LIMIT 1")[0]


# --- what it is bound to ---


def test_the_refusal_says_for_what_and_how(person, secured):
    told = problem(delete(person), 403, "step-up-required")
    assert (told["action"], told["target"], told["proof"]) == (DELETE, NOBODY + "1", "password")
    told = problem(mint(secured), 403, "step-up-required")
    assert (told["action"], told["target"], told["proof"]) == (MINT, "", "factor")


def test_it_is_good_for_this_act_alone(person):
    assert show(person, MINT).status_code == 200
    assert mint(person).status_code == 200
    problem(delete(person), 403, "step-up-required")
    problem(person.post("/api/agents", {"name": "n", "platform": "linux"}), 403, "step-up-required")


def test_it_is_good_for_this_target_alone(person):
    assert show(person, DELETE, NOBODY + "1").status_code == 200
    problem(delete(person, NOBODY + "2"), 403, "step-up-required")
    problem(delete(person, NOBODY + "1"), 404, "not-found")


def test_it_is_good_in_this_session_alone(person):
    other = another_session(person)
    assert show(person, MINT).status_code == 200
    problem(mint(other), 403, "step-up-required")
    assert mint(person).status_code == 200


def test_signing_in_again_does_not_keep_it(person):
    assert show(person, MINT).status_code == 200
    person.sign_in()
    problem(mint(person), 403, "step-up-required")


def test_for_an_act_that_asks_for_none_there_is_none(person):
    for action in ("GET /api/agents", "DELETE /api/nothing", "nonsense", "DELETE", "delete /api/agents/{id}",
                   f"DELETE /api/agents/{NOBODY}1"):
        told = problem(show(person, action), 422, "invalid-field")
        assert told["pointer"] == "/action"


# --- how often, and for how long ---


def test_most_are_good_for_ten_minutes(stack, person):
    assert show(person, MINT).status_code == 200
    for _ in range(3):
        assert mint(person).status_code == 200
    stack.change("UPDATE stepups SET expires_ms = expires_ms - ?", 10 * MINUTE - 5000)
    assert mint(person).status_code == 200
    stack.change("UPDATE stepups SET expires_ms = expires_ms - ?", 5000)
    problem(mint(person), 403, "step-up-required")


def test_what_destroys_asks_each_time(person):
    assert show(person, DELETE, NOBODY + "1").status_code == 200
    problem(delete(person), 404, "not-found")
    problem(delete(person), 403, "step-up-required")


def test_once_is_not_for_ever_either(stack, person):
    assert show(person, DELETE, NOBODY + "1").status_code == 200
    stack.change("UPDATE stepups SET expires_ms = expires_ms - ?", 10 * MINUTE)
    problem(delete(person), 403, "step-up-required")


@pytest.mark.parametrize("turn", range(3))
def test_of_a_hundred_acts_at_once_one_has_it(stack, spec, person, turn):
    assert show(person, DELETE, NOBODY + "1").status_code == 200
    cookie = "; ".join(f"{c.name}={c.value}" for c in person.session.cookies)

    def act(_):
        browser = Client(stack, spec, "admin")
        return browser.request("DELETE", f"/api/agents/{NOBODY}1",
                               headers={**person.headers, "Cookie": cookie}).status_code

    statuses = at_once(100, act)
    assert (statuses.count(404), statuses.count(403)) == (1, 99)


# --- with what ---


def test_who_has_a_factor_shows_it_and_the_password_does_not_do(secured):
    told = problem(show(secured, MINT, password=secured.password), 422, "invalid-field")
    assert told["pointer"] == "/code"
    assert show(secured, MINT, code=secured.factor.fresh()).status_code == 200
    assert mint(secured).status_code == 200


def test_who_has_none_shows_the_password(person):
    assert problem(show(person, MINT, code="000000"), 422, "invalid-field")["pointer"] == "/password"


def test_a_backup_code_does_and_is_used_up(secured):
    code = secured.factor.backup_codes[0]
    assert show(secured, MINT, code=code).status_code == 200
    problem(show(secured, MINT, code=code), 403, "proof-wrong")


def test_a_code_is_good_once_wherever_it_is_typed(secured):
    code = secured.factor.fresh()
    assert show(secured, MINT, code=code).status_code == 200
    told = problem(show(secured, DELETE, NOBODY + "1", code=code), 403, "code-repeated")
    assert "wait for the next" in told["detail"]
    other = Client(secured.stack, secured.spec, "admin")
    other.ok("POST", "/api/auth/login", {"email": secured.email, "password": secured.password})
    problem(other.post("/api/auth/mfa/verify", {"code": code}), 403, "code-repeated")


def test_of_a_hundred_step_ups_with_one_code_at_once_one_wins(stack, spec, secured):
    code = secured.factor.fresh()
    cookie = "; ".join(f"{c.name}={c.value}" for c in secured.session.cookies)

    def act(i):
        browser = Client(stack, spec, "admin")
        return browser.post("/api/auth/step-up", {"action": DELETE, "target": f"{NOBODY}{i % 10}", "code": code},
                            headers={**secured.headers, "Cookie": cookie}).status_code

    assert at_once(100, act).count(200) == 1
    session = secured.ok("GET", "/api/auth/session")["session"]["id"]
    assert stack.query("SELECT count(*) FROM stepups WHERE session_id = ? AND action = ?", session, DELETE) == [(1,)]


def test_a_wrong_proof_grants_nothing_ends_no_session_and_leaves_a_trace(stack, person, secured):
    problem(show(person, MINT, password="wrong"), 403, "proof-wrong")
    assert last_audit(stack)[:3] == ("auth.password", f"user:{person.user['id']}", "denied")
    problem(mint(person), 403, "step-up-required")
    problem(show(secured, MINT, code=secured.factor.wrong()), 403, "proof-wrong")
    assert last_audit(stack)[:3] == ("auth.mfa.code", f"user:{secured.user['id']}", "denied")
    problem(mint(secured), 403, "step-up-required")
    assert person.get("/api/auth/session").status_code == secured.get("/api/auth/session").status_code == 200


def test_a_right_one_leaves_a_trace_of_what_for(stack, person):
    assert show(person, DELETE, NOBODY + "1").status_code == 200
    action, actor, result, detail = last_audit(stack)
    assert (action, actor, result) == ("auth.step_up", f"user:{person.user['id']}", "ok")
    assert '"method":"password"' in detail and DELETE in detail and NOBODY + "1" in detail
    assert person.password not in detail


def test_a_hundred_wrong_codes_lock_the_codes_and_not_the_person(secured):
    for _ in range(5):
        assert show(secured, MINT, code=secured.factor.wrong()).status_code == 403
    problem(show(secured, MINT, code=secured.factor.code()), 429, "rate-limited")
    assert secured.get("/api/auth/session").status_code == 200


def test_a_program_that_signed_in_shows_it_too(stack, spec, secured):
    program = Client(stack, spec, "admin")
    token = program.ok("POST", "/api/auth/login", {"email": secured.email, "password": secured.password,
                                                   "tokens": True})["mfaToken"]
    tokens = program.ok("POST", "/api/auth/mfa/verify", {"code": secured.factor.fresh(), "mfaToken": token})
    program.headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    told = problem(mint(program), 403, "step-up-required")
    assert told["proof"] == "factor"
    assert show(program, MINT, code=secured.factor.fresh()).status_code == 200
    assert mint(program).status_code == 200
    problem(mint(secured), 403, "step-up-required")


def test_a_person_who_types_the_password_over_and_over_takes_no_place_from_others(person):
    """One of theirs is computed at a time, right as it is; the others are not even in the queue for hashes."""
    statuses = at_once(60, lambda _: show(person, MINT).status_code)
    assert set(statuses) == {200, 429}


# --- the whole table ---


STEPS = [route for route in ALL if route.step != "none"]


@pytest.mark.parametrize("route", STEPS, ids=str)
def test_each_route_that_asks_is_closed_without_and_to_anothers(person, route):
    """Of no step-up, of one for another act, and of one for another target."""
    other = next(r for r in STEPS if str(r) != str(route) and ("{" in r.path) == ("{" in route.path))
    target = NOBODY + "0" if "{" in route.path else ""
    body = samples.valid(route.schema) if route.schema else None

    def refused():
        told = problem(person.request(route.method, route.url(), json=body), 403, "step-up-required")
        assert (told["action"], told["target"]) == (str(route), target)

    refused()
    assert show(person, str(other), target).status_code == 200
    refused()
    assert show(person, str(route), (target or NOBODY)[:-1] + "9").status_code == 200
    refused()


@pytest.mark.parametrize("route", STEPS, ids=str)
def test_each_route_that_asks_opens_as_often_as_it_says(person, route):
    target = NOBODY + "0" if "{" in route.path else ""
    body = samples.valid(route.schema) if route.schema else None

    def ask():
        reply = person.request(route.method, route.url(), json=body)
        return reply.status_code == 403 and reply.json()["type"] == "/problems/step-up-required"

    assert show(person, str(route), target).status_code == 200
    assert [ask(), ask()] == [False, route.step == "once"]


# --- a factor for everybody ---


@pytest.fixture
def required(stack, spec):
    """auth.mfa.required is in force."""
    witness = Person.add(stack, spec, "viewer")
    stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('auth.mfa.required', 'true', 1)", topic="policy")
    try:
        wait_until(lambda: witness.get("/api/agents").status_code == 403, 10, "the rule is in force")
        yield
    finally:
        stack.change("DELETE FROM policy WHERE name = 'auth.mfa.required'", topic="policy")
    wait_until(lambda: witness.get("/api/agents").status_code == 200, 10, "the rule is not in force any more")


def test_without_a_factor_nothing_goes_but_setting_one_up(required, stack, spec):
    person = Person.add(stack, spec, "admin")
    for route in ALL:
        if route.permission not in ("viewer", "operator", "admin") or route.path.startswith("/api/auth/"):
            continue
        body = samples.valid(route.schema) if route.schema else None
        problem(person.request(route.method, route.url(), json=body), 403, "mfa-enrolment-required")
    assert person.ok("GET", "/api/auth/session")["mfa"]["required"] is True
    Factor(person)
    assert person.get("/api/agents").status_code == 200
    person.sign_in()
    assert person.get("/api/agents").status_code == 200


def test_a_program_without_a_factor_is_held_to_it_too(required, stack, spec):
    person = Person.add(stack, spec, "viewer")
    program = Client(stack, spec, "admin")
    tokens = program.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password, "tokens": True})
    program.headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    problem(program.get("/api/agents"), 403, "mfa-enrolment-required")
    made = person.ok("POST", "/api/auth/tokens", {"name": "script", "scopes": ["read"]})
    program.headers = {"Authorization": f"Bearer {made['secret']}"}
    problem(program.get("/api/agents"), 403, "mfa-enrolment-required")
