"""Signing in with a second factor: what the first stage gives, how the second ends, and how often one may try."""

import secrets

import pytest

import routes
import samples
from at_once import at_once
from client import Client, Person, problem
from factor import Factor

SESSION, SIGNIN = "__Host-muster", "__Host-muster-signin"
PEOPLE = [r for r in routes.load() if r.permission in ("viewer", "operator", "admin")]


@pytest.fixture(scope="module")
def owner(stack, spec):
    """Somebody with a second factor, for tests that leave the account as it was."""
    person = Person.add(stack, spec, "admin")
    Factor(person)
    return person


@pytest.fixture
def person(owner):
    owner.factor.forget()
    yield owner
    owner.factor.forget()


def first_stage(browser, person, **fields):
    return browser.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password, **fields})


@pytest.fixture
def half(page, person):
    """The browser of somebody who has typed the password and has a second factor."""
    first_stage(page, person)
    return page


def verify(browser, code, **fields):
    return browser.post("/api/auth/mfa/verify", {"code": code, **fields})


def over(reply):
    told = problem(reply, 401, "unauthenticated")
    assert "password" in told["detail"]


def rows(stack, person):
    return stack.query("SELECT failures FROM signins WHERE user_id = ?", person.user["id"])


# --- what the first stage gives ---


def test_the_password_alone_gives_no_session(page, person):
    reply = page.post("/api/auth/login", {"email": person.email, "password": person.password})
    told = reply.json()
    assert told["mfaRequired"] is True
    assert told["methods"] == ["totp", "backup-code"]
    assert "csrfToken" not in told and "user" not in told and "mfaToken" not in told
    assert SESSION not in page.session.cookies
    assert SIGNIN in page.session.cookies
    attributes = {part.strip().lower() for part in reply.headers["Set-Cookie"].split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=strict", "max-age=300"} <= attributes
    problem(page.get("/api/auth/session"), 401, "unauthenticated")


@pytest.mark.parametrize("route", PEOPLE, ids=str)
def test_a_partial_session_is_good_for_no_route(half, route):
    partial = half.session.cookies[SIGNIN]
    body = samples.valid(route.schema) if route.schema else None
    ways = [{}, {"Cookie": f"{SESSION}={partial}"}, {"Cookie": f"{SESSION}={partial}; {SIGNIN}={partial}"},
            {"Authorization": f"Bearer {partial}"}]
    for headers in ways:
        browser = half if not headers else Client(half.stack, half.spec, "admin")
        reply = browser.request(route.method, route.url(), json=body, headers={"X-CSRF-Token": partial, **headers})
        problem(reply, 401, "unauthenticated")


def test_a_partial_session_is_stored_as_its_hash(stack, half, person):
    partial = half.session.cookies[SIGNIN]
    dump = repr(stack.query("SELECT * FROM signins")) + repr(stack.query("SELECT * FROM audit"))
    assert person.user["id"] in dump
    assert partial not in dump
    assert partial not in stack.log_text()


def test_a_new_beginning_ends_the_old_one(stack, half, person):
    first = half.session.cookies[SIGNIN]
    first_stage(half, person)
    stranger = Client(stack, half.spec, "admin")
    over(stranger.post("/api/auth/mfa/verify", {"code": person.factor.fresh()}, headers={"Cookie": f"{SIGNIN}={first}"}))


def test_the_first_stage_leaves_a_trace(stack, page, person):
    first_stage(page, person)
    action, actor, result = stack.query("SELECT action, actor, result FROM audit ORDER BY seq DESC LIMIT 1")[0]
    assert (action, actor, result) == ("auth.login_begun", f"user:{person.user['id']}", "ok")


# --- how the second ends ---


def test_the_code_completes_it_with_a_session_of_another_id(stack, half, person):
    partial = half.session.cookies[SIGNIN]
    reply = verify(half, person.factor.fresh())
    told = reply.json()
    assert (reply.status_code, told["mfaRequired"], told["user"]["email"]) == (200, False, person.email)
    assert half.session.cookies[SESSION] != partial
    assert SIGNIN not in half.session.cookies
    session = half.ok("GET", "/api/auth/session")
    assert session["session"]["method"] == "totp"
    assert session["csrfToken"] == told["csrfToken"]
    assert session["mfa"]["totp"] is True
    action, detail = stack.query("SELECT action, detail FROM audit ORDER BY seq DESC LIMIT 1")[0]
    assert action == "auth.login" and '"method":"totp"' in detail


def test_a_partial_session_completes_once(stack, half, person):
    partial = half.session.cookies[SIGNIN]
    assert verify(half, person.factor.fresh()).status_code == 200
    stranger = Client(stack, half.spec, "admin")
    over(stranger.post("/api/auth/mfa/verify", {"code": person.factor.fresh()},
                       headers={"Cookie": f"{SIGNIN}={partial}"}))


def test_a_backup_code_completes_it_and_says_how_many_are_left(half, stack, spec):
    person = Person.add(stack, spec, "viewer")
    factor = Factor(person)
    first_stage(half, person)
    told = verify(half, factor.backup_codes[0]).json()
    assert told["codesLeft"] == 9
    assert half.ok("GET", "/api/auth/session")["session"]["method"] == "backup-code"
    first_stage(half, person)
    problem(verify(half, factor.backup_codes[0]), 403, "proof-wrong")


def test_a_code_that_signed_in_signs_in_nobody_else(stack, half, person):
    code = person.factor.fresh()
    assert verify(half, code).status_code == 200
    other = Client(stack, half.spec, "admin")
    first_stage(other, person)
    told = problem(verify(other, code), 403, "code-repeated")
    assert "wait for the next" in told["detail"]


def test_without_a_code_nothing_is_tried(stack, half, person):
    told = problem(half.post("/api/auth/mfa/verify", {}), 422, "invalid-field")
    assert told["pointer"] == "/code"
    assert rows(stack, person)[-1] == (0,)


def test_a_planted_partial_session_is_not_taken_over(page, person):
    planted = secrets.token_urlsafe(32)
    reply = page.post("/api/auth/login", {"email": person.email, "password": person.password},
                      headers={"Cookie": f"{SIGNIN}={planted}"})
    assert planted not in reply.headers["Set-Cookie"]
    over(Client(page.stack, page.spec, "admin").post(
        "/api/auth/mfa/verify", {"code": person.factor.fresh()}, headers={"Cookie": f"{SIGNIN}={planted}"}))


def test_the_second_stage_of_another_site_is_refused(half, person):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(half.post("/api/auth/mfa/verify", {"code": person.factor.fresh()}, headers=headers), 403, "csrf")


# --- for how long, and how often ---


def test_after_five_minutes_the_password_comes_first_again(stack, half, person):
    stack.change("UPDATE signins SET expires_ms = expires_ms - 290000 WHERE user_id = ?", person.user["id"])
    assert verify(half, person.factor.fresh()).status_code == 200
    first_stage(half, person)
    stack.change("UPDATE signins SET expires_ms = expires_ms - 300000 WHERE user_id = ?", person.user["id"])
    over(verify(half, person.factor.fresh()))


@pytest.mark.parametrize("wrong", [4, 5])
def test_after_five_wrong_codes_no_right_one_counts(stack, half, person, wrong):
    for _ in range(wrong):
        person.factor.forget()  # the lock of the account, which would come first
        problem(verify(half, person.factor.wrong()), 403, "proof-wrong")
    reply = verify(half, person.factor.fresh())
    if wrong == 4:
        assert reply.status_code == 200
    else:
        over(reply)
        assert SESSION not in half.session.cookies
        first_stage(half, person)
        assert verify(half, person.factor.fresh()).status_code == 200


def test_a_hundred_wrong_codes_at_once_are_five(stack, half, person):
    person.factor.forget()
    cookie = {"Cookie": f"{SIGNIN}={half.session.cookies[SIGNIN]}"}
    code = person.factor.wrong()
    stack.change("UPDATE user_lockouts SET failures = 0, window_tries = 0 WHERE user_id = ?", person.user["id"])

    def act(_):
        browser = Client(stack, half.spec, "admin")
        return browser.post("/api/auth/mfa/verify", {"code": code}, headers=cookie).status_code

    statuses = at_once(100, act)
    assert statuses.count(403) <= 5
    assert set(statuses) <= {401, 403, 429}
    assert rows(stack, person)[-1][0] <= 5
    over(half.post("/api/auth/mfa/verify", {"code": person.factor.fresh()}, headers=cookie))


def test_of_completions_at_once_one_wins_a_hundred_times(stack, half, person):
    browsers = [Client(stack, half.spec, "admin") for _ in range(4)]

    def sessions():
        return stack.query("SELECT count(*) FROM sessions WHERE user_id = ?", person.user["id"])[0][0]

    before = sessions()
    for _ in range(100):
        first_stage(half, person)
        cookie = {"Cookie": f"{SIGNIN}={half.session.cookies[SIGNIN]}"}
        code = person.factor.fresh()
        statuses = at_once(4, lambda i: browsers[i].post("/api/auth/mfa/verify", {"code": code}, headers=cookie)
                           .status_code, workers=4)
        assert statuses.count(200) == 1, statuses
    assert sessions() == before + 100


def test_of_different_right_codes_at_once_one_wins_too(stack, spec, half):
    person = Person.add(stack, spec, "viewer")
    factor = Factor(person)
    for turn in range(3):
        first_stage(half, person)
        cookie = {"Cookie": f"{SIGNIN}={half.session.cookies[SIGNIN]}"}
        codes = [factor.fresh(), *factor.backup_codes[turn * 3:turn * 3 + 3]]
        statuses = at_once(4, lambda i: Client(stack, spec, "admin").post(
            "/api/auth/mfa/verify", {"code": codes[i]}, headers=cookie).status_code, workers=4)
        assert (statuses.count(200), statuses.count(401)) == (1, 3), statuses


def test_a_repeated_code_is_no_guess(stack, half, person):
    code = person.factor.fresh()
    other = Client(stack, half.spec, "admin")
    first_stage(other, person)
    assert verify(other, code).status_code == 200
    for _ in range(4):
        problem(verify(half, code), 403, "code-repeated")
    assert rows(stack, person)[-1] == (0,)


# --- what ends it from outside ---


def test_a_new_password_ends_a_sign_in_half_way(stack, spec, page):
    person = Person.add(stack, spec, "viewer")
    factor = Factor(person)
    first_stage(page, person)
    stack.app("user", "passwd", person.email, input=secrets.token_urlsafe(16) + "\n")
    over(verify(page, factor.fresh()))


@pytest.mark.parametrize("column", ["disabled_ms", "deleted_ms"])
def test_a_disabled_person_does_not_get_through_the_second_stage(stack, spec, page, column):
    person = Person.add(stack, spec, "viewer")
    factor = Factor(person)
    first_stage(page, person)
    stack.change(f"UPDATE users SET {column} = 1 WHERE id = ?", person.user["id"])
    over(verify(page, factor.fresh()))


# --- programs ---


def test_a_program_gets_a_token_for_the_second_stage_and_no_cookie(page, person):
    told = first_stage(page, person, tokens=True)
    assert told["mfaRequired"] is True
    assert not page.session.cookies
    reply = verify(page, person.factor.fresh(), mfaToken=told["mfaToken"])
    assert reply.status_code == 200
    assert not page.session.cookies
    bearer = {"Authorization": f"Bearer {reply.json()['accessToken']}"}
    session = page.ok("GET", "/api/auth/session", headers=bearer)
    assert (session["user"]["email"], session["session"]["method"]) == (person.email, "totp")
    over(verify(page, person.factor.fresh(), mfaToken=told["mfaToken"]))


def test_a_browsers_partial_session_makes_no_tokens_and_the_other_way_round(stack, spec, half, person):
    over(Client(stack, spec, "admin").post("/api/auth/mfa/verify", {
        "code": person.factor.fresh(), "mfaToken": half.session.cookies[SIGNIN]}))
    program = Client(stack, spec, "admin")
    token = first_stage(program, person, tokens=True)["mfaToken"]
    over(program.post("/api/auth/mfa/verify", {"code": person.factor.fresh()}, headers={"Cookie": f"{SIGNIN}={token}"}))


def test_of_a_hundred_completions_by_programs_one_wins(stack, spec, page, person):
    token = first_stage(page, person, tokens=True)["mfaToken"]
    code = person.factor.fresh()

    def act(_):
        return Client(stack, spec, "admin").post("/api/auth/mfa/verify", {"code": code, "mfaToken": token}).status_code

    assert at_once(100, act).count(200) == 1


def test_a_scripts_token_tries_no_codes(stack, spec, person):
    secret = person.ok("POST", "/api/auth/tokens", {"name": "script", "scopes": ["read"]})["secret"]
    script = Client(stack, spec, "admin")
    script.headers = {"Authorization": f"Bearer {secret}"}
    code = person.factor.fresh()
    for text in (person.factor.wrong(), code):
        problem(verify(script, text), 403, "forbidden")
    first_stage(script, person)
    script.headers = {}
    assert verify(script, code).status_code == 200
