"""Passkeys: made, used instead of a password, as a second factor and for a step-up, and refused for each reason."""

import concurrent.futures
import functools
import hashlib
import secrets

import passkeys
import pytest
from client import Client, Person, problem
from passkeys import EDDSA, ES256, PRESENT, RS256, VERIFIED, Authenticator, add, ask, data, text
from wait import wait_until

COOKIE = "__Host-muster-passkey"
STEPUP = {"action": "POST /api/auth/passkeys/options", "target": ""}


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "viewer")


@pytest.fixture
def keyed(person):
    """Somebody with a passkey, and the passkey."""
    made, _ = add(person)
    return person, made


@pytest.fixture
def other(stack, spec):
    person = Person.add(stack, spec, "viewer")
    return person, add(person)[0]


def login(client, answer, **fields):
    return client.post("/api/auth/passkeys/login", {"passkey": answer, **fields})


def refused(client, answer):
    problem(login(client, answer), 401, "unauthenticated")
    assert "__Host-muster" not in client.session.cookies


def first_stage(client, person, **fields):
    return client.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password, **fields})


# --- made ---


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_a_passkey_is_made_and_signs_in_without_a_password(stack, spec, person, page, algorithm):
    made, body = add(person, "blue key", algorithm)
    assert body["passkey"]["name"] == "blue key"
    assert body["passkey"]["lastUsed_ms"] is None
    signed_in = login(page, made.answer(ask(page, "signin"))).json()
    assert signed_in["user"]["id"] == person.user["id"]
    session = page.ok("GET", "/api/auth/session")
    assert session["session"]["method"] == "passkey"
    assert session["mfa"]["passkeys"] == 1
    assert page.ok("GET", "/api/auth/passkeys")["passkeys"][0]["lastUsed_ms"] > body["passkey"]["created_ms"]


def test_the_options_are_what_browsers_want(person):
    options = person.ok("POST", "/api/auth/passkeys/options")
    assert len(data(options["challenge"])) == 32
    assert options["rp"] == {"id": "localhost", "name": "Muster"}
    assert options["attestation"] == "none"
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [ES256, EDDSA, RS256]
    assert options["excludeCredentials"] == []
    handle = data(options["user"]["id"])
    assert person.email.encode() not in handle and len(handle) <= 64


def test_a_passkey_that_is_there_is_not_made_again(keyed):
    person, made = keyed
    options = person.ok("POST", "/api/auth/passkeys/options")
    assert [c["id"] for c in options["excludeCredentials"]] == [text(made.id)]
    assert options["excludeCredentials"][0]["transports"] == ["internal", "usb"]
    reply = person.post("/api/auth/passkeys", {"name": "again", "credential": made.create(options)})
    problem(reply, 409, "conflict")


def test_somebody_elses_credential_id_is_not_taken_over(keyed, other):
    (_, made), (thief, _) = keyed, other
    copy = Authenticator(thief.stack)
    copy.id = made.id
    options = thief.ok("POST", "/api/auth/passkeys/options")
    problem(thief.post("/api/auth/passkeys", {"name": "mine", "credential": copy.create(options)}), 409, "conflict")


def test_the_first_factor_brings_backup_codes_and_the_second_none(person):
    _, first = add(person)
    assert len(set(first["backupCodes"])) == 10
    _, second = add(person, "another")
    assert "backupCodes" not in second
    assert person.ok("GET", "/api/auth/mfa")["codesLeft"] == 10


def test_making_one_asks_for_a_fresh_proof(person):
    person.steps_up = False
    refusal = problem(person.post("/api/auth/passkeys/options"), 403, "step-up-required")
    assert (refusal["action"], refusal["proof"]) == (STEPUP["action"], "password")
    assert person.step_up(refusal).status_code == 200
    made, _ = add(person)
    refusal = problem(person.request("DELETE", f"/api/auth/passkeys/{made.passkey['id']}"), 403, "step-up-required")
    assert refusal["proof"] == "factor"


def cut(made):
    return made[:-1]


def longer(made):
    return made + b"\0"


def claims_much(made):
    return b"\x9b\0\0\0\0\x20\0\0\0"  # an array of 2^29 items


REGISTRATION_FAULTS = {
    "another origin": (403, {"origin": "https://localhost.example.org"}),
    "an origin with a slash": (403, {"origin": "slash"}),
    "another site": (403, {"rp_id": "example.org"}),
    "in a frame of somebody else": (403, {"crossOrigin": True}),
    "another act": (403, {"type": "webauthn.get"}),
    "another challenge": (403, {"challenge": text(bytes(32))}),
    "nobody present": (403, {"flags": VERIFIED}),
    "cut off": (422, {"attestation": cut}),
    "longer": (422, {"attestation": longer}),
    "more claimed than is there": (422, {"attestation": claims_much}),
    "empty": (422, {"attestation": lambda made: b"\xa0"}),
}


@pytest.mark.parametrize("fault", REGISTRATION_FAULTS)
def test_a_new_passkey_is_refused_for(stack, person, fault):
    status, said = REGISTRATION_FAULTS[fault]
    said = {**said, "origin": stack.url + "/"} if said.get("origin") == "slash" else said
    options = person.ok("POST", "/api/auth/passkeys/options")
    reply = person.post("/api/auth/passkeys", {"name": "n", "credential": Authenticator(stack).create(options, **said)})
    problem(reply, status, "proof-wrong" if status == 403 else "invalid-field")
    assert person.ok("GET", "/api/auth/passkeys")["passkeys"] == []


def test_a_challenge_makes_one_passkey_of_this_session_alone(stack, spec, person):
    options = person.ok("POST", "/api/auth/passkeys/options")
    elsewhere = Person(stack, spec, person.email, person.password)
    reply = elsewhere.post("/api/auth/passkeys", {"name": "n", "credential": Authenticator(stack).create(options)})
    problem(reply, 403, "proof-wrong")
    made = [Authenticator(stack).create(options) for _ in range(2)]
    person.ok("POST", "/api/auth/passkeys", {"name": "n", "credential": made[0]})
    problem(person.post("/api/auth/passkeys", {"name": "n", "credential": made[1]}), 403, "proof-wrong")


def test_a_challenge_for_making_one_does_not_sign_in(keyed, page):
    person, made = keyed
    options = person.ok("POST", "/api/auth/passkeys/options")
    ask(page, "signin")
    refused(page, made.answer(options))


def test_twenty_are_enough(stack, person):
    add(person)
    stack.change("INSERT INTO passkeys (id, user_id, name, credential_id, public_key, algorithm, sign_count, created_ms)"
                 " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 18)"
                 " SELECT 'k' || i || ?1, ?1, 'n', 'c' || i || ?1, 'k', -7, 0, 0 FROM n", person.user["id"])
    add(person, "the twentieth")
    problem(person.post("/api/auth/passkeys/options"), 409, "conflict")


def test_nobody_makes_one_where_factors_are_switched_off(stack, person):
    options = person.ok("POST", "/api/auth/passkeys/options")
    stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('auth.mfa.enabled', 'false', 0)", topic="policy")
    try:
        passkeys.until_refused(lambda: person.post("/api/auth/passkeys/options"), 409)
        reply = person.post("/api/auth/passkeys", {"name": "n", "credential": Authenticator(stack).create(options)})
        problem(reply, 409, "conflict")
    finally:
        stack.change("DELETE FROM policy WHERE name = 'auth.mfa.enabled'", topic="policy")
    passkeys.until_refused(lambda: person.post("/api/auth/passkeys/options"), 200)


# --- instead of a password ---


def test_the_challenge_of_a_stranger_names_nobodys_passkeys(keyed, page):
    options = ask(page, "signin")
    assert options["allowCredentials"] == []
    assert (options["userVerification"], options["rpId"]) == ("required", "localhost")
    cookie = next(c for c in page.session.cookies if c.name == COOKIE)
    assert cookie.secure and cookie.has_nonstandard_attr("HttpOnly")


ANSWER_FAULTS = {
    "another origin": {"origin": "https://localhost.example.org"},
    "another port": {"origin": "https://localhost"},
    "another site": {"rp_id": "example.org"},
    "in a frame of somebody else": {"crossOrigin": True},
    "another act": {"type": "webauthn.create"},
    "another challenge": {"challenge": text(bytes(32))},
    "nobody present": {"flags": VERIFIED},
    "nobody verified": {"flags": PRESENT},
    "a credential in it": {"flags": PRESENT | VERIFIED | passkeys.CREDENTIAL},
    "extensions that are not there": {"flags": PRESENT | VERIFIED | passkeys.EXTENSIONS},
    "no user handle": {"handle": False},
    "another user handle": {"handle": b"01900000-dead-7000-8000-000000000000"},
}


@pytest.mark.parametrize("fault", ANSWER_FAULTS)
def test_signing_in_is_refused_for(keyed, page, fault):
    _, made = keyed
    refused(page, made.answer(ask(page, "signin"), **ANSWER_FAULTS[fault]))
    assert login(page, made.answer(ask(page, "signin"))).status_code == 200


def damaged(answer, field, change):
    response = answer["response"]
    return {**answer, "response": {**response, field: text(change(data(response[field])))}}


@pytest.mark.parametrize("field", ["clientDataJSON", "authenticatorData", "signature"])
def test_a_flipped_bit_or_a_cut_is_refused(keyed, page, field):
    _, made = keyed
    for at in (0, 1, 7, 20, -1):
        def flip(bytes_, at=at):
            changed = bytearray(bytes_)
            changed[at] ^= 4
            return bytes(changed)
        refused(page, damaged(made.answer(ask(page, "signin")), field, flip))
    refused(page, damaged(made.answer(ask(page, "signin")), field, cut))
    refused(page, damaged(made.answer(ask(page, "signin")), field, longer))


def test_an_unknown_passkey_and_a_wrong_signature_are_told_apart_by_nobody(stack, keyed, page):
    _, made = keyed
    unknown = Authenticator(stack)
    unknown.handle = made.handle
    forged = Authenticator(stack)
    forged.id, forged.handle = made.id, made.handle
    told = []
    for one in (unknown, forged):
        body = problem(login(page, one.answer(ask(page, "signin"))), 401, "unauthenticated")
        told.append({k: v for k, v in body.items() if k != "requestId"})
    assert told[0] == told[1]


def at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return sorted(reply.status_code for reply in pool.map(lambda call: call(), calls))


def test_an_answer_is_good_once_however_many_send_it_at_once(stack, spec, keyed, page):
    """A hundred times; by an authenticator that does not count, since its counter would refuse the others too."""
    person, made = keyed
    for _ in range(50):
        answer = made.answer(ask(page, "signin"), count=0)
        cookie = {"Cookie": f"{COOKIE}={page.session.cookies[COOKIE]}"}
        calls = [functools.partial(Client(stack, spec, "admin").post, "/api/auth/passkeys/login", {"passkey": answer},
                                   headers=cookie) for _ in range(3)]
        assert at_once(calls) == [200, 401, 401]
        proof = {**STEPUP, "passkey": made.answer(ask(person, "stepup"), count=0)}
        assert at_once([lambda: person.post("/api/auth/step-up", proof)] * 3) == [200, 403, 403]


def test_an_answer_is_good_in_the_browser_that_asked(stack, spec, keyed, page):
    _, made = keyed
    answer = made.answer(ask(page, "signin"))
    elsewhere = Client(stack, spec, "admin")
    refused(elsewhere, answer)
    ask(elsewhere, "signin")
    refused(elsewhere, answer)
    assert login(page, answer).status_code == 200
    assert COOKIE not in page.session.cookies


def test_two_tabs_do_not_disturb_each_other(keyed, page):
    _, made = keyed
    first, _ = ask(page, "signin"), ask(page, "signin")
    assert login(page, made.answer(first)).status_code == 200


def test_an_answer_comes_within_five_minutes(stack, keyed):
    person, made = keyed
    for age_s, status in ((299, 200), (301, 403)):
        options = ask(person, "stepup")
        assert stack.change("UPDATE challenges SET expires_ms = expires_ms - ? WHERE user_id = ?", age_s * 1000,
                            person.user["id"]) == 1
        assert person.post("/api/auth/step-up", {**STEPUP, "passkey": made.answer(options)}).status_code == status


def test_strangers_ask_without_writing_anything(stack, page):
    before = stack.query("SELECT count(*) FROM challenges")
    for _ in range(20):
        ask(page, "signin")
    assert stack.query("SELECT count(*) FROM challenges") == before


def test_from_another_site_nobody_asks_or_signs_in(keyed, page):
    _, made = keyed
    answer = made.answer(ask(page, "signin"))
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(page.post("/api/auth/passkeys/challenge", {"purpose": "signin"}, headers=headers), 403, "csrf")
        problem(page.post("/api/auth/passkeys/login", {"passkey": answer}, headers=headers), 403, "csrf")


@pytest.mark.parametrize("column", ["disabled_ms", "deleted_ms"])
def test_who_is_disabled_does_not_sign_in(stack, keyed, page, column):
    person, made = keyed
    options = ask(page, "signin")
    stack.change(f"UPDATE users SET {column} = 1 WHERE id = ?", person.user["id"])
    refused(page, made.answer(options))
    stack.change(f"UPDATE users SET {column} = NULL WHERE id = ?", person.user["id"])
    assert login(page, made.answer(ask(page, "signin"))).status_code == 200


def test_a_session_that_was_planted_is_not_taken_over(keyed, page):
    _, made = keyed
    planted = secrets.token_urlsafe(32)
    options = ask(page, "signin")
    cookies = f"__Host-muster={planted}; {COOKIE}={page.session.cookies[COOKIE]}"
    reply = page.post("/api/auth/passkeys/login", {"passkey": made.answer(options)}, headers={"Cookie": cookies})
    assert reply.status_code == 200
    assert planted not in reply.headers["Set-Cookie"]
    problem(page.get("/api/auth/session", headers={"Cookie": f"__Host-muster={planted}"}), 401, "unauthenticated")


def test_programs_get_tokens(keyed, page):
    _, made = keyed
    body = login(page, made.answer(ask(page, "signin")), tokens=True).json()
    assert body["accessToken"] and body["refreshToken"]
    assert "__Host-muster" not in page.session.cookies


# --- the counter ---


def test_a_counter_that_goes_back_is_refused_and_told_to_the_owner(stack, spec, keyed, page):
    person, made = keyed
    for count, status in ((5, 200), (5, 401), (4, 401), (0, 401), (6, 200)):
        assert login(page, made.answer(ask(page, "signin"), count=count)).status_code == status
    alerts = [a for a in person.ok("GET", "/api/alerts")["items"] if a["kind"] == "passkey.counter"]
    assert len(alerts) == 1 and '"blue key"' in alerts[0]["message"]
    rows = stack.query("SELECT actor, result FROM audit WHERE action = 'auth.passkey_counter' AND target = ?",
                       f"user:{person.user['id']}")
    assert rows == [("anonymous", "denied")] * 3


def test_a_passkey_that_does_not_count_signs_in_as_often_as_one_likes(keyed, page):
    _, made = keyed
    for _ in range(3):
        assert login(page, made.answer(ask(page, "signin"), count=0)).status_code == 200


# --- as the second factor ---


def test_the_second_stage_takes_a_passkey(keyed, page):
    person, made = keyed
    begun = first_stage(page, person)
    assert begun["mfaRequired"] and "passkey" in begun["methods"]
    options = ask(page, "factor")
    assert [c["id"] for c in options["allowCredentials"]] == [text(made.id)]
    answer = made.answer(options, flags=PRESENT, handle=False)
    assert page.ok("POST", "/api/auth/mfa/verify", {"passkey": answer})["user"]["id"] == person.user["id"]
    assert page.ok("GET", "/api/auth/session")["session"]["method"] == "passkey"


def test_a_program_passes_the_second_stage_too(stack, spec, keyed):
    person, made = keyed
    program = Client(stack, spec, "admin")
    token = first_stage(program, person, tokens=True)["mfaToken"]
    options = ask(program, "factor", mfaToken=token)
    body = program.ok("POST", "/api/auth/mfa/verify", {"passkey": made.answer(options), "mfaToken": token})
    assert body["accessToken"]


def test_without_a_first_stage_nobody_asks_for_a_second(keyed, page):
    for fields in ({}, {"mfaToken": secrets.token_urlsafe(32)}):
        problem(page.post("/api/auth/passkeys/challenge", {"purpose": "factor", **fields}), 401, "unauthenticated")


def test_somebody_elses_passkey_is_no_second_factor(keyed, other, page):
    (person, _), (_, theirs) = keyed, other
    first_stage(page, person)
    for handle in (True, False):
        reply = page.post("/api/auth/mfa/verify", {"passkey": theirs.answer(ask(page, "factor"), handle=handle)})
        problem(reply, 403, "proof-wrong")


def test_a_challenge_of_another_sign_in_is_no_second_factor(stack, spec, keyed, page):
    person, made = keyed
    elsewhere = Client(stack, spec, "admin")
    first_stage(page, person)
    first_stage(elsewhere, person)
    options = ask(elsewhere, "factor")
    problem(page.post("/api/auth/mfa/verify", {"passkey": made.answer(options)}), 403, "proof-wrong")


def test_a_challenge_is_for_one_purpose(keyed, page):
    person, made = keyed
    first_stage(page, person)
    for purpose in ("signin", "stepup"):
        options = ask(page if purpose == "signin" else person, purpose)
        problem(page.post("/api/auth/mfa/verify", {"passkey": made.answer(options)}), 403, "proof-wrong")
    options = ask(page, "factor")
    refused(page, made.answer(options))
    assert page.ok("POST", "/api/auth/mfa/verify", {"passkey": made.answer(options)})["success"]


def test_five_wrong_answers_end_the_sign_in(keyed, page):
    person, made = keyed
    first_stage(page, person)
    for _ in range(5):
        reply = page.post("/api/auth/mfa/verify", {"passkey": made.answer(ask(page, "factor"), flags=0)})
        problem(reply, 403, "proof-wrong")
    problem(page.post("/api/auth/passkeys/challenge", {"purpose": "factor"}), 401, "unauthenticated")


def test_who_has_no_passkey_is_asked_for_none(person, stack):
    problem(person.post("/api/auth/passkeys/challenge", {"purpose": "stepup"}), 409, "conflict")


# --- for a step-up ---


def test_a_step_up_takes_a_passkey_of_this_session(stack, spec, keyed, page):
    person, made = keyed
    login(page, made.answer(ask(page, "signin")))
    page.headers = {"X-CSRF-Token": page.ok("GET", "/api/auth/session")["csrfToken"]}
    options = ask(page, "stepup")
    problem(person.post("/api/auth/step-up", {**STEPUP, "passkey": made.answer(options)}), 403, "proof-wrong")
    assert page.post("/api/auth/step-up", {**STEPUP, "passkey": made.answer(options)}).status_code == 200
    problem(page.post("/api/auth/step-up", {**STEPUP, "passkey": made.answer(options)}), 403, "proof-wrong")


def test_a_password_is_no_step_up_for_who_has_a_passkey(keyed):
    person, _ = keyed
    reply = person.post("/api/auth/step-up", {**STEPUP, "password": person.password})
    assert reply.status_code in (403, 422)


def test_a_stranger_asks_for_no_step_up(page):
    problem(page.post("/api/auth/passkeys/challenge", {"purpose": "stepup"}), 401, "unauthenticated")


# --- seen, named, removed ---


def test_several_are_told_apart_by_their_names(keyed, page):
    person, made = keyed
    second, _ = add(person, "schwarzer Schlüssel")
    assert [k["name"] for k in person.ok("GET", "/api/auth/passkeys")["passkeys"]] == ["blue key", "schwarzer Schlüssel"]
    assert login(page, second.answer(ask(page, "signin"))).status_code == 200
    person.ok("PATCH", f"/api/auth/passkeys/{made.passkey['id']}", {"name": "red key"})
    assert [k["name"] for k in person.ok("GET", "/api/auth/passkeys")["passkeys"]] == ["red key", "schwarzer Schlüssel"]


def test_a_name_has_its_bounds(keyed):
    person, made = keyed
    for name, status in (("n" * 64, 200), ("n" * 65, 422), ("", 422), ("a\nb", 422), ("a\x1bb", 422)):
        reply = person.request("PATCH", f"/api/auth/passkeys/{made.passkey['id']}", json={"name": name})
        assert reply.status_code == status, name


def test_other_peoples_passkeys_are_not_there(keyed, other, admin):
    (_, made), (stranger, _) = keyed, other
    path = f"/api/auth/passkeys/{made.passkey['id']}"
    for somebody in (stranger, admin):
        problem(somebody.request("PATCH", path, json={"name": "mine"}), 404, "not-found")
        problem(somebody.request("DELETE", path), 404, "not-found")
        assert made.passkey["id"] not in [k["id"] for k in somebody.ok("GET", "/api/auth/passkeys")["passkeys"]]


def test_one_that_is_removed_signs_nobody_in(keyed, page):
    person, made = keyed
    add(person, "another")
    options = ask(page, "signin")
    person.ok("DELETE", f"/api/auth/passkeys/{made.passkey['id']}")
    refused(page, made.answer(options))
    problem(person.request("DELETE", f"/api/auth/passkeys/{made.passkey['id']}"), 404, "not-found")


def test_each_removal_asks_for_a_proof_of_its_own(keyed):
    person, made = keyed
    another = add(person, "another")[0].passkey["id"]
    person.steps_up = False
    for passkey in (made.passkey["id"], another):
        refusal = problem(person.request("DELETE", f"/api/auth/passkeys/{passkey}"), 403, "step-up-required")
        assert refusal["target"] == passkey


def test_the_last_factor_takes_the_password_too_and_its_codes_along(stack, keyed):
    person, made = keyed
    path = f"/api/auth/passkeys/{made.passkey['id']}"
    told = problem(person.request("DELETE", path), 422, "invalid-field")
    assert told["pointer"] == "/password"
    problem(person.request("DELETE", path, json={"password": "wrong"}), 403, "proof-wrong")
    assert len(person.ok("GET", "/api/auth/passkeys")["passkeys"]) == 1
    person.ok("DELETE", path, {"password": person.password})
    state = person.ok("GET", "/api/auth/mfa")
    assert (state["passkeys"], state["codesLeft"]) == (0, 0)


def test_the_last_factor_stays_where_everybody_has_to_have_one(stack, keyed):
    person, made = keyed
    path = f"/api/auth/passkeys/{made.passkey['id']}"
    stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('auth.mfa.required', 'true', 0)", topic="policy")
    try:
        passkeys.until_refused(lambda: person.request("DELETE", path), 409)
        problem(person.request("DELETE", path, json={"password": person.password}), 409, "conflict")
        add(person, "another")
        person.ok("DELETE", path)
    finally:
        stack.change("DELETE FROM policy WHERE name = 'auth.mfa.required'", topic="policy")
        wait_until(lambda: not person.ok("GET", "/api/auth/mfa")["required"], 5, "the server has heard of it")


def test_two_passkeys_removed_at_once_leave_one_where_one_has_to_be(stack, keyed):
    """Each alone would be the last but one."""
    person, made = keyed
    another, _ = add(person, "another")
    paths = [f"/api/auth/passkeys/{k.passkey['id']}" for k in (made, another)]
    for path in paths:
        person.step_up({"action": "DELETE /api/auth/passkeys/{id}", "target": path.rsplit("/", 1)[1]})
    person.steps_up = False
    assert at_once([functools.partial(person.request, "DELETE", path) for path in paths]) == [200, 422]


def test_trusted_browsers_are_asked_again_after_a_removal(stack, spec, keyed):
    person, made = keyed
    browser = Client(stack, spec, "admin")
    first_stage(browser, person)
    browser.ok("POST", "/api/auth/mfa/verify", {"passkey": made.answer(ask(browser, "factor")), "trustDevice": True})
    assert not first_stage(browser, person)["mfaRequired"]
    another, _ = add(person, "another")
    person.ok("DELETE", f"/api/auth/passkeys/{made.passkey['id']}")
    assert first_stage(browser, person)["mfaRequired"]


# --- bounds and traces ---


def test_challenges_are_bounded_and_others_have_theirs(keyed, other):
    (person, _), (neighbour, _) = keyed, other
    replies = [person.post("/api/auth/passkeys/challenge", {"purpose": "stepup"}) for _ in range(240)]
    while replies[-1].status_code == 200:
        replies.append(person.post("/api/auth/passkeys/challenge", {"purpose": "stepup"}))
        assert len(replies) < 1000
    problem(replies[-1], 429, "rate-limited")
    assert replies[-1].headers["Retry-After"] == "1"
    ask(neighbour, "stepup")


def test_what_was_done_is_in_the_trail(stack, keyed, page):
    person, made = keyed
    passkey = f"passkey:{made.passkey['id']}"
    login(page, made.answer(ask(page, "signin")))
    person.ok("PATCH", f"/api/auth/passkeys/{made.passkey['id']}", {"name": 'red "key"'})
    person.ok("DELETE", f"/api/auth/passkeys/{made.passkey['id']}", {"password": person.password})
    rows = stack.query("SELECT actor, action, detail FROM audit WHERE target = ? ORDER BY seq", passkey)
    assert rows == [(f"user:{person.user['id']}", "passkey.add", "{}"),
                    (f"user:{person.user['id']}", "passkey.rename", "{}"),
                    (f"user:{person.user['id']}", "passkey.remove", "{}")]


def test_a_wrong_answer_is_in_the_trail_of_its_account(stack, keyed, page):
    person, made = keyed
    first_stage(page, person)
    page.post("/api/auth/mfa/verify", {"passkey": made.answer(ask(page, "factor"), flags=0)})
    person.post("/api/auth/step-up", {**STEPUP, "passkey": made.answer(ask(person, "stepup"), flags=0)})
    me = f"user:{person.user['id']}"
    rows = stack.query("SELECT actor, result FROM audit WHERE action = 'auth.passkey' AND target = ? ORDER BY seq", me)
    assert rows == [("anonymous", "denied"), (me, "denied")]


def test_challenges_are_stored_as_hashes_alone(stack, keyed, page):
    person, made = keyed
    challenges = [ask(person, "stepup")["challenge"], ask(page, "signin")["challenge"]]
    login(page, made.answer({"challenge": challenges[1]}))
    stored = str(stack.query("SELECT * FROM challenges"))
    for challenge in challenges:
        assert challenge not in stored and challenge not in stack.log_text()
        assert hashlib.sha256(challenge.encode()).hexdigest() in stored
