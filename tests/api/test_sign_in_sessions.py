"""Sessions as their owner sees them: how long they last, listing and ending them, trusted browsers, a new password."""

import secrets

import pytest

from at_once import at_once
from client import Client, Person, problem
from factor import Factor

SESSION, SIGNIN, DEVICE = "__Host-muster", "__Host-muster-signin", "__Host-muster-device"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "viewer")


@pytest.fixture
def secured(person):
    """The same with a second factor."""
    Factor(person)
    return person


def login(browser, person, **fields):
    return browser.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password, **fields})


def verify(browser, person, **fields):
    return browser.ok("POST", "/api/auth/mfa/verify", {"code": person.factor.fresh(), **fields})


def sign_in(browser, person, **fields):
    told = login(browser, person)
    if told["mfaRequired"]:
        told = verify(browser, person, **fields)
    browser.headers = {"X-CSRF-Token": told["csrfToken"]}
    return told


def browser(person):
    return Client(person.stack, person.spec, "admin")


def signed_in(browser):
    return browser.get("/api/auth/session").status_code == 200


def age(person, idle=0, since=0):
    """Lets time pass for all sessions of the person: since they were used last, since they signed in."""
    person.stack.change("UPDATE sessions SET last_used_ms = last_used_ms - ?, expires_ms = expires_ms - ?,"
                        " created_ms = created_ms - ?, authenticated_ms = authenticated_ms - ? WHERE user_id = ?",
                        idle, since, since, since, person.user["id"])


# --- how long a session lasts ---


@pytest.mark.parametrize("minutes,there", [(29, True), (31, False)])
def test_half_an_hour_of_quiet_ends_a_session(person, minutes, there):
    age(person, idle=minutes * MINUTE)
    assert signed_in(person) is there


def test_use_renews_it_silently(person):
    for _ in range(3):
        age(person, idle=29 * MINUTE)
        assert signed_in(person)


@pytest.mark.parametrize("early,there", [(MINUTE, True), (-1, False)])
def test_after_seven_days_it_is_over_however_much_it_was_used(person, early, there):
    age(person, since=7 * DAY - early)
    assert signed_in(person) is there


@pytest.mark.parametrize("early,there", [(MINUTE, True), (-MINUTE, False)])
def test_twelve_hours_after_sign_in_acts_of_admins_ask_for_it_again(stack, spec, early, there):
    admin = Person.add(stack, spec, "admin")
    age(admin, since=12 * HOUR - early)
    nobody = "/api/agents/01900000-dead-7000-8000-000000000000"
    problem(admin.request("DELETE", nobody), *((404, "not-found") if there else (401, "reauthenticate")))
    assert signed_in(admin)  # reading goes on
    admin.sign_in()
    problem(admin.request("DELETE", nobody), 404, "not-found")


def test_what_a_page_hears_of_a_session_that_is_over_is_a_401_and_no_redirect(person):
    age(person, idle=31 * MINUTE)
    reply = person.get("/api/agents?q=x")
    problem(reply, 401, "unauthenticated")
    assert "Location" not in reply.headers
    person.sign_in()
    person.ok("GET", "/api/agents?q=x")


# --- listing and ending them ---


def test_the_list_says_where_one_is_signed_in(person):
    other = browser(person)
    sign_in(other, person)
    listed = person.ok("GET", "/api/auth/sessions")["items"]
    assert [row["current"] for row in listed].count(True) == 1
    own = next(row for row in listed if row["current"])
    assert own["id"] == person.ok("GET", "/api/auth/session")["session"]["id"]
    assert (own["kind"], own["method"]) == ("cookie", "password")
    assert own["address"] in ("127.0.0.1", "::1")
    assert "python-requests" in own["userAgent"]
    assert own["created_ms"] <= own["lastUsed_ms"] < own["expires_ms"]
    assert len(listed) == 2


def test_sessions_that_are_over_are_not_listed(person):
    other = browser(person)
    sign_in(other, person)
    current = person.ok("GET", "/api/auth/session")["session"]["id"]
    person.stack.change("UPDATE sessions SET last_used_ms = last_used_ms - ? WHERE user_id = ? AND id <> ?",
                        31 * MINUTE, person.user["id"], current)
    assert [row["id"] for row in person.ok("GET", "/api/auth/sessions")["items"]] == [current]


def test_what_a_browser_calls_itself_is_shown_as_printable_text(person):
    other = browser(person)
    other.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password},
             headers={"User-Agent": b"evil\xff\xc3\t<b>" + b"x" * 300})
    texts = [row["userAgent"] for row in person.ok("GET", "/api/auth/sessions")["items"]]
    assert "evil???<b>" + "x" * 190 in texts


def test_one_session_is_ended_at_once_and_leaves_a_trace(stack, person):
    other = browser(person)
    sign_in(other, person)
    session = other.ok("GET", "/api/auth/session")["session"]["id"]
    assert person.request("DELETE", f"/api/auth/sessions/{session}").status_code == 200
    assert not signed_in(other)
    assert signed_in(person)
    assert stack.query("SELECT actor, target, result FROM audit WHERE action = 'session.revoke' ORDER BY seq DESC")[0] \
        == (f"user:{person.user['id']}", f"session:{session}", "ok")
    problem(person.request("DELETE", f"/api/auth/sessions/{session}"), 404, "not-found")


def test_all_others_are_ended_and_this_one_stays(person):
    others = [browser(person) for _ in range(3)]
    for other in others:
        sign_in(other, person)
    program = login(browser(person), person, tokens=True)
    assert person.request("DELETE", "/api/auth/sessions").status_code == 200
    assert not any(signed_in(other) for other in others)
    bearer = {"Authorization": f"Bearer {program['accessToken']}"}
    problem(browser(person).get("/api/auth/session", headers=bearer), 401, "unauthenticated")
    problem(browser(person).post("/api/auth/refresh", {"refreshToken": program["refreshToken"]}), 401,
            "unauthenticated")
    assert len(person.ok("GET", "/api/auth/sessions")["items"]) == 1


def test_nobody_sees_or_ends_another_ones_sessions(person, admin):
    session = person.ok("GET", "/api/auth/session")["session"]["id"]
    assert session not in str(admin.ok("GET", "/api/auth/sessions"))
    problem(admin.request("DELETE", f"/api/auth/sessions/{session}"), 404, "not-found")
    assert signed_in(person)


def test_what_hangs_on_a_session_ends_with_it(stack, person):
    agent_act = {"action": "POST /api/auth/password", "target": "", "password": person.password}
    assert person.post("/api/auth/step-up", agent_act).status_code == 200
    session = person.ok("GET", "/api/auth/session")["session"]["id"]
    assert stack.query("SELECT count(*) FROM stepups WHERE session_id = ?", session) == [(1,)]
    person.post("/api/auth/logout")
    assert stack.query("SELECT count(*) FROM stepups WHERE session_id = ?", session) == [(0,)]


@pytest.mark.parametrize("how", ["signing out", "revoking it", "revoking all others", "disabling"])
def test_what_a_session_has_half_made_ends_with_it(stack, person, how):
    """A factor that it has set up and not enabled, and what an authenticator was asked to sign for it: whoever is out has
    nothing to finish, not even in a request that is under way."""
    other, user = browser(person), person.user["id"]
    sign_in(other, person)
    session = other.ok("GET", "/api/auth/session")["session"]["id"]
    for path in ("/api/auth/passkeys/options", "/api/auth/mfa/setup"):
        other.ok("POST", "/api/auth/step-up", {"action": f"POST {path}", "target": "", "password": person.password})
        other.ok("POST", path, {})
    half_made = ("SELECT count(*) FROM challenges WHERE bound_to = ?", "SELECT count(*) FROM user_totp WHERE pending_session = ?")
    assert [stack.query(sql, session) for sql in half_made] == [[(1,)], [(1,)]]
    if how == "signing out":
        other.ok("POST", "/api/auth/logout")
    elif how == "revoking it":
        person.ok("DELETE", f"/api/auth/sessions/{session}")
    elif how == "revoking all others":
        person.ok("DELETE", "/api/auth/sessions")
    else:
        stack.app("user", "disable", person.email)
    assert [stack.query(sql, session) for sql in half_made] == [[(0,)], [(0,)]]
    assert stack.query("SELECT pending, pending_verified_ms FROM user_totp WHERE user_id = ?", user) == [(None, None)]


def test_what_another_session_has_half_made_stays(stack, person):
    other = browser(person)
    sign_in(other, person)
    person.ok("POST", "/api/auth/mfa/setup", {})
    other.ok("POST", "/api/auth/logout")
    person.ok("DELETE", "/api/auth/sessions")
    assert person.ok("GET", "/api/auth/mfa")["totp"]["pending"] is True


def test_a_session_from_before_sessions_had_ids_is_over(stack, person):
    stack.change("UPDATE sessions SET id = '' WHERE user_id = ?", person.user["id"])
    assert not signed_in(person)


# --- trusted browsers ---


def device_of(person):
    other = browser(person)
    sign_in(other, person, trustDevice=True, deviceName="at home")
    return other


def test_a_trusted_browser_needs_only_the_password(stack, secured):
    other = device_of(secured)
    value = other.session.cookies[DEVICE]
    del other.session.cookies[SESSION]
    assert login(other, secured)["mfaRequired"] is False
    assert other.ok("GET", "/api/auth/session")["session"]["method"] == "device"
    assert value not in repr(stack.query("SELECT * FROM devices"))
    assert value not in stack.log_text()
    assert stack.query("SELECT actor FROM audit WHERE action = 'device.trust' ORDER BY seq DESC LIMIT 1") \
        == [(f"user:{secured.user['id']}",)]


def test_its_cookie_is_for_this_host_alone_and_for_thirty_days(secured):
    other = browser(secured)
    login(other, secured)
    reply = other.post("/api/auth/mfa/verify", {"code": secured.factor.fresh(), "trustDevice": True})
    cookie = next(c for c in reply.raw.headers.getlist("Set-Cookie") if c.startswith(DEVICE))
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=strict", f"max-age={30 * 86400}"} <= attributes


def test_without_the_wish_no_browser_is_trusted(secured):
    other = browser(secured)
    sign_in(other, secured)
    assert DEVICE not in other.session.cookies
    assert login(other, secured)["mfaRequired"] is True


def test_a_trusted_browser_still_asks_for_the_password(secured):
    other = device_of(secured)
    problem(other.post("/api/auth/login", {"email": secured.email, "password": "wrong"}), 401, "unauthenticated")


def test_a_trusted_browser_is_trusted_by_its_owner_alone(stack, spec, secured):
    other = device_of(secured)
    second = Person.add(stack, spec, "viewer")
    Factor(second)
    assert login(other, second)["mfaRequired"] is True


def test_a_trusted_browser_steps_up_as_any_other(secured):
    other = device_of(secured)
    sign_in(other, secured)
    told = problem(other.post("/api/auth/mfa/setup", {}), 403, "step-up-required")
    assert told["proof"] == "factor"
    told = problem(other.post("/api/auth/step-up", {"action": told["action"], "target": "",
                                                    "password": secured.password}), 422, "invalid-field")
    assert told["pointer"] == "/code"


def test_a_program_is_no_trusted_browser(secured):
    assert login(device_of(secured), secured, tokens=True)["mfaRequired"] is True


@pytest.mark.parametrize("early,trusted", [(MINUTE, True), (-1, False)])
def test_trust_ends_after_thirty_days(stack, secured, early, trusted):
    other = device_of(secured)
    stack.change("UPDATE devices SET created_ms = created_ms - ?, expires_ms = expires_ms - ? WHERE user_id = ?",
                 30 * DAY - early, 30 * DAY - early, secured.user["id"])
    assert login(other, secured)["mfaRequired"] is not trusted


def test_the_list_names_them_and_one_is_revoked(stack, secured):
    other = device_of(secured)
    listed = other.ok("GET", "/api/auth/devices")["devices"]
    assert [(d["name"], d["current"]) for d in listed] == [("at home", True)]
    assert secured.ok("GET", "/api/auth/devices")["devices"][0]["current"] is False
    assert 29 * DAY < listed[0]["expires_ms"] - listed[0]["created_ms"] <= 30 * DAY
    assert secured.request("DELETE", f"/api/auth/devices/{listed[0]['id']}").status_code == 200
    assert login(other, secured)["mfaRequired"] is True
    assert stack.query("SELECT target FROM audit WHERE action = 'device.revoke' ORDER BY seq DESC LIMIT 1") \
        == [(f"device:{listed[0]['id']}",)]
    problem(secured.request("DELETE", f"/api/auth/devices/{listed[0]['id']}"), 404, "not-found")


def test_a_browser_without_a_name_is_called_what_it_is(secured):
    for agent, name in (("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
                        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
                         "Edge on Windows"), ("nonsense", "A browser")):
        other = browser(secured)
        other.headers = {"User-Agent": agent}
        login(other, secured)
        verify(other, secured, trustDevice=True)
        assert secured.ok("GET", "/api/auth/devices")["devices"][0]["name"] == name


def test_all_are_revoked_at_once(secured):
    others = [device_of(secured), device_of(secured)]
    assert len(secured.ok("GET", "/api/auth/devices")["devices"]) == 2
    assert secured.request("DELETE", "/api/auth/devices").status_code == 200
    assert all(login(other, secured)["mfaRequired"] for other in others)
    assert secured.ok("GET", "/api/auth/devices") == {"devices": []}


def test_nobody_revokes_another_ones_device(secured, admin):
    device_of(secured)
    device = secured.ok("GET", "/api/auth/devices")["devices"][0]["id"]
    problem(admin.request("DELETE", f"/api/auth/devices/{device}"), 404, "not-found")


def test_trusting_again_replaces_the_name_of_before(secured):
    other = device_of(secured)
    other.stack.change("UPDATE devices SET expires_ms = 1 WHERE user_id = ?", secured.user["id"])
    sign_in(other, secured, trustDevice=True, deviceName="again")
    assert [d["name"] for d in secured.ok("GET", "/api/auth/devices")["devices"]] == ["again"]
    assert other.stack.query("SELECT count(*) FROM devices WHERE user_id = ?", secured.user["id"]) == [(1,)]


# --- a new password ---


def change_password(person, current, new):
    return person.post("/api/auth/password", {"current": current, "password": new})


def test_a_person_changes_their_password(stack, secured):
    other = device_of(secured)
    program = login(browser(secured), secured, tokens=True)
    old, new = secured.password, secrets.token_urlsafe(16)
    cookie = secured.session.cookies[SESSION]
    assert change_password(secured, old, new).status_code == 200
    assert signed_in(secured)
    copy = browser(secured)
    assert copy.get("/api/auth/session", headers={"Cookie": f"{SESSION}={cookie}"}).status_code == 401
    assert not signed_in(other)
    assert secured.ok("GET", "/api/auth/devices") == {"devices": []}
    problem(browser(secured).post("/api/auth/mfa/verify", {"code": secured.factor.fresh(),
                                                           "mfaToken": program["mfaToken"]}), 401, "unauthenticated")
    problem(other.post("/api/auth/login", {"email": secured.email, "password": old}), 401, "unauthenticated")
    secured.password = new
    assert login(other, secured)["mfaRequired"] is True
    actor, address = stack.query("SELECT actor, address FROM audit WHERE action = 'user.passwd' AND target = ?",
                                 f"user:{secured.user['id']}")[0]
    assert actor == f"user:{secured.user['id']}" and address in ("127.0.0.1", "::1")


def test_the_current_password_is_asked_for_and_a_wrong_one_leaves_a_trace(stack, person):
    told = problem(change_password(person, "wrong", secrets.token_urlsafe(16)), 403, "proof-wrong")
    assert "wrong" not in told["detail"]
    assert signed_in(person)
    action, result, actor = stack.query("SELECT action, result, actor FROM audit ORDER BY seq DESC LIMIT 1")[0]
    assert (action, result, actor) == ("auth.password", "denied", f"user:{person.user['id']}")


def test_without_a_step_up_no_password_is_changed(person):
    person.steps_up = False
    problem(change_password(person, person.password, secrets.token_urlsafe(16)), 403, "step-up-required")


@pytest.mark.parametrize("new", ["fourteen chars", "passwordpassword", "Password12345678!", "aaaaaaaaaaaaaaaaaaaa"])
def test_a_new_password_is_none_that_is_tried_first(person, new):
    told = problem(change_password(person, person.password, new), 422, "invalid-field")
    assert told["pointer"] == "/password"
    assert new not in str(told)
    assert signed_in(person)


def test_a_new_password_is_not_made_of_ones_address(person):
    problem(change_password(person, person.password, person.email), 422, "invalid-field")


def test_of_two_changes_at_once_none_leaves_a_session_behind(stack, person):
    """Each ends the sessions of the other: whoever came second is out, or both stay in the session they share."""
    others = [browser(person) for _ in range(2)]
    for other in others:
        sign_in(other, person)
        other.ok("POST", "/api/auth/step-up", {"action": "POST /api/auth/password", "target": "",
                                               "password": person.password})
    at_once(2, lambda i: change_password(others[i], person.password, secrets.token_urlsafe(16)))
    assert sum(signed_in(other) for other in [*others, person]) == 1


@pytest.mark.parametrize("turn", range(5))
def test_a_sign_in_with_the_old_password_is_over_when_it_changes_meanwhile(stack, person, turn):
    """Sign-ins and a change of the password at once: whatever the order, no session of the old password stays. Each turn
    has a person of its own: sign-ins that come too late are wrong ones, of which an account has only so many."""
    person.sign_in()
    others = [browser(person) for _ in range(6)]
    new = secrets.token_urlsafe(16)
    person.ok("POST", "/api/auth/step-up", {"action": "POST /api/auth/password", "target": "",
                                            "password": person.password})

    def act(i):
        if i == 3:
            assert change_password(person, person.password, new).status_code == 200
        else:
            others[i].post("/api/auth/login", {"email": person.email, "password": person.password})

    at_once(6, act, workers=6)
    assert not any(signed_in(other) for other in others)


def test_the_command_line_refuses_what_is_tried_first(stack):
    done = stack.app("user", "add", f"{secrets.token_hex(4)}@example.org", input="passwordpassword\n", check=False)
    assert done.returncode == 1
    assert "tried first" in done.stderr and "passwordpassword" not in done.stderr
