"""One-time codes and backup codes: setting them up, each good once on every route that takes one, the limits of trying,
and the ways back in. How they are part of signing in is test_sign_in's."""

import base64
import concurrent.futures
import datetime
import re
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

from client import Client, Person, Program, problem
from clocked import Clocked
from factor import Authenticator, Factor
from passkeys import add, ask
from stack import Stack
from wait import wait_until

SVG = "{http://www.w3.org/2000/svg}"
MINUTE = 60_000


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "viewer")


@pytest.fixture
def guarded(person):
    """Somebody with one-time codes in force and backup codes."""
    Factor(person)
    return person


@pytest.fixture
def rule(stack, admin):
    """Sets a rule for one test, and waits until it holds: a number that no page cares for travels with it."""
    names = ["auth.mfa.trustedDeviceDays"]

    def put(name, value):
        stack.change("INSERT INTO policy (name, value, updated_ms) VALUES (?, ?, 1)"
                     " ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)

    def wait_for(days):
        wait_until(lambda: mine(admin)["trustedDeviceDays"] == days, 10, "the rules are read again")

    def set_rule(name, value):
        names.append(name)
        put(name, value)
        put(names[0], str(100 + len(names)))
        stack.change("UPDATE changes SET counter = counter + 1 WHERE topic = 'policy'")
        wait_for(100 + len(names))

    yield set_rule
    for name in names:
        stack.change("DELETE FROM policy WHERE name = ?", name, topic="policy")
    wait_for(30)


def begin(person):
    made = person.ok("POST", "/api/auth/mfa/setup")
    return made, Authenticator(made["secret"])


def verify(person, code):
    return person.post("/api/auth/mfa/verify", {"code": code})


def show(person, code):
    """A code in a step-up, which takes it and does nothing else."""
    return person.step_up({"action": "POST /api/auth/mfa/setup", "target": ""}, code=code)


def disable(person, code, password=None):
    return person.post("/api/auth/mfa/disable", {"password": password or person.password, "code": code})


def mine(person):
    return person.ok("GET", "/api/auth/mfa")


def age_lockout(stack, person, by_ms):
    stack.change("UPDATE user_lockouts SET locked_until_ms = locked_until_ms - ?, window_ms = window_ms - ?"
                 " WHERE user_id = ?", by_ms, by_ms, person.user["id"])


def trust_a_browser(stack, user_id):
    stack.change("INSERT INTO devices (id, token_hash, user_id, name, address, created_ms, last_used_ms, expires_ms)"
                 " VALUES (?, ?, ?, 'b', 'a', 1, 1, 9999999999999)", user_id, user_id, user_id)


def add_a_passkey(stack, user_id):
    stack.change("INSERT INTO passkeys (id, user_id, name, credential_id, public_key, algorithm, sign_count, created_ms)"
                 " VALUES (?, ?, 'k', ?, '', -7, 0, 1)", user_id, user_id, user_id)


def at_once(count, act):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


# --- setting up ---


def test_a_set_up_is_shown_as_text_as_uri_and_as_a_picture(person):
    made, _ = begin(person)
    secret = made["secret"].replace(" ", "")
    uri = urllib.parse.urlsplit(made["uri"])
    fields = urllib.parse.parse_qs(uri.query)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert urllib.parse.unquote(uri.path) == f"/Muster:{person.email}"
    assert fields == {"secret": [secret], "issuer": ["Muster"], "algorithm": ["SHA1"], "digits": ["6"],
                      "period": ["30"]}
    assert len(secret) == 32  # 160 bits
    assert begin(person)[0]["secret"] != made["secret"]


def test_the_picture_needs_no_style_and_no_script(person):
    picture = xml.etree.ElementTree.fromstring(begin(person)[0]["qr"])
    assert {node.tag.removeprefix(SVG) for node in picture.iter()} == {"svg", "title", "path"}
    attributes = {name for node in picture.iter() for name in node.attrib}
    assert attributes == {"viewBox", "shape-rendering", "role", "fill", "d"}


def test_the_issuer_is_the_admins_rule(person, rule):
    rule("auth.mfa.issuer", "Müller & Söhne")
    uri = urllib.parse.urlsplit(begin(person)[0]["uri"])
    assert urllib.parse.unquote(uri.path) == f"/Müller & Söhne:{person.email}"
    assert urllib.parse.parse_qs(uri.query)["issuer"] == ["Müller & Söhne"]


def test_a_set_up_asks_who_it_is_first(person):
    person.steps_up = False
    problem(person.post("/api/auth/mfa/setup"), 403, "step-up-required")


def test_nothing_is_in_force_before_it_was_verified_and_enabled(person):
    _, app = begin(person)
    assert mine(person)["totp"] == {"enabled": False, "enabled_ms": None, "pending": True}
    problem(person.post("/api/auth/mfa/enable"), 409, "conflict")
    problem(verify(person, app.wrong()), 403, "proof-wrong")
    problem(person.post("/api/auth/mfa/enable"), 409, "conflict")
    assert verify(person, app.code()).json() == {"success": True, "verified": True}
    state = mine(person)
    assert not state["totp"]["enabled"] and state["codesTotal"] == 0
    codes = person.ok("POST", "/api/auth/mfa/enable")["backupCodes"]
    state = mine(person)
    assert state["totp"]["enabled"] and not state["totp"]["pending"]
    assert state["codesLeft"] == state["codesTotal"] == len(codes) == len(set(codes)) == 10
    assert [code[:3] for code in codes] == [f"{n:02d}-" for n in range(1, 11)]


def test_a_set_up_can_be_enabled_once(person):
    Factor(person)
    problem(person.post("/api/auth/mfa/enable"), 409, "conflict")
    problem(verify(person, person.factor.fresh()), 409, "conflict")


def test_of_many_who_enable_at_once_one_gets_the_codes(person):
    _, app = begin(person)
    assert verify(person, app.code()).status_code == 200
    replies = at_once(20, lambda _: person.post("/api/auth/mfa/enable"))
    assert sorted(r.status_code for r in replies) == [200] + [409] * 19


def test_a_set_up_begun_again_has_to_be_verified_again(person):
    _, first = begin(person)
    assert verify(person, first.code()).status_code == 200
    _, second = begin(person)
    problem(person.post("/api/auth/mfa/enable"), 409, "conflict")
    problem(verify(person, first.code(1)), 403, "proof-wrong")
    assert verify(person, second.code()).status_code == 200
    person.ok("POST", "/api/auth/mfa/enable")


def test_another_session_of_the_same_person_neither_verifies_nor_enables(stack, spec, person):
    """Else a thief of a session would wait for the victim's set-up, and be shown the backup codes."""
    thief = Person(stack, spec, person.email, person.password)
    _, app = begin(person)
    problem(verify(thief, app.code()), 409, "conflict")
    assert verify(person, app.code()).status_code == 200
    problem(thief.post("/api/auth/mfa/enable"), 409, "conflict")
    person.ok("POST", "/api/auth/mfa/enable")


def test_a_set_up_of_more_than_an_hour_ago_is_void(stack, person):
    _, app = begin(person)
    stack.change("UPDATE user_totp SET pending_ms = pending_ms - ? WHERE user_id = ?", 59 * MINUTE, person.user["id"])
    assert verify(person, app.code()).status_code == 200
    stack.change("UPDATE user_totp SET pending_ms = pending_ms - ? WHERE user_id = ?", MINUTE, person.user["id"])
    problem(person.post("/api/auth/mfa/enable"), 409, "conflict")
    assert not mine(person)["totp"]["pending"]


def test_a_code_that_verified_is_used_up_everywhere(person):
    _, app = begin(person)
    code = app.code()
    assert verify(person, code).status_code == 200
    told = problem(verify(person, code), 403, "code-repeated")
    assert "wait for the next" in told["detail"]
    person.ok("POST", "/api/auth/mfa/enable")
    problem(disable(person, code), 403, "code-repeated")


def test_where_factors_are_switched_off_nobody_sets_one_up(person, guarded, rule):
    rule("auth.mfa.enabled", "false")
    assert mine(person)["enabled"] is False
    problem(person.post("/api/auth/mfa/setup"), 409, "conflict")
    assert show(guarded, guarded.factor.fresh()).status_code == 200  # who has one keeps it


def test_how_many_backup_codes_is_the_admins_rule(person, rule):
    rule("auth.mfa.backupCodesCount", "5")
    assert len(Factor(person).backup_codes) == 5
    assert len(person.ok("POST", "/api/auth/mfa/backup-codes")["backupCodes"]) == 5


# --- setting up anew ---


def test_the_old_secret_holds_until_the_new_one_is_enabled(guarded):
    old = guarded.factor
    made, new = begin(guarded)
    assert verify(guarded, new.code()).status_code == 200
    problem(show(guarded, new.code()), 403, "proof-wrong")
    assert show(guarded, old.fresh()).status_code == 200
    assert guarded.ok("POST", "/api/auth/mfa/enable")["backupCodes"] == []
    problem(show(guarded, old.fresh()), 403, "proof-wrong")
    old.secret = made["secret"]
    assert show(guarded, old.fresh()).status_code == 200
    assert show(guarded, old.backup_codes[0]).status_code == 200


def test_a_set_up_anew_ends_the_trust_in_browsers(stack, guarded):
    trust_a_browser(stack, guarded.user["id"])
    _, app = begin(guarded)
    verify(guarded, app.code())
    guarded.ok("POST", "/api/auth/mfa/enable")
    assert stack.query("SELECT * FROM devices WHERE user_id = ?", guarded.user["id"]) == []


# --- each code once ---


def test_a_code_is_good_once_whatever_route_it_was_for(guarded):
    code = guarded.factor.fresh()
    assert show(guarded, code).status_code == 200
    told = problem(show(guarded, code), 403, "code-repeated")
    assert "wait for the next" in told["detail"]
    problem(disable(guarded, code), 403, "code-repeated")


def test_of_a_hundred_with_one_code_one_wins(guarded):
    code = guarded.factor.fresh()
    replies = at_once(100, lambda _: show(guarded, code))
    assert [r.status_code for r in replies].count(200) == 1
    assert {r.status_code for r in replies} <= {200, 403, 429}


def test_of_a_hundred_with_one_backup_code_one_wins(guarded):
    replies = at_once(100, lambda _: show(guarded, guarded.factor.backup_codes[3]))
    assert [r.status_code for r in replies].count(200) == 1
    assert mine(guarded)["codesLeft"] == 9


def test_a_backup_code_is_read_as_people_write_it(guarded):
    codes = guarded.factor.backup_codes
    assert show(guarded, codes[0].lower()).status_code == 200
    assert show(guarded, codes[1].replace("-", " ")).status_code == 200
    assert show(guarded, codes[2][3:].replace("-", "").replace("0", "o").replace("1", "l")).status_code == 200
    assert show(guarded, f"  {codes[3].replace('0', 'O').replace('1', 'I')} ").status_code == 200
    assert mine(guarded)["codesLeft"] == 6


def test_a_code_with_blanks_is_the_same_code(guarded):
    code = guarded.factor.fresh()
    assert show(guarded, f"{code[:3]} {code[3:]}").status_code == 200
    problem(show(guarded, code), 403, "code-repeated")


def test_few_backup_codes_left_are_told_of(stack, guarded):
    for code in guarded.factor.backup_codes[:6]:
        assert show(guarded, code).status_code == 200
    told = "SELECT count(*) FROM alerts WHERE kind = 'mfa.codes_few' AND user_id = ? AND acknowledged_ms IS NULL"
    assert stack.query(told, guarded.user["id"]) == [(0,)]
    assert show(guarded, guarded.factor.backup_codes[6]).status_code == 200
    assert mine(guarded)["codesLeft"] == 3
    assert stack.query(told, guarded.user["id"]) == [(1,)]
    guarded.ok("POST", "/api/auth/mfa/backup-codes")
    assert stack.query(told, guarded.user["id"]) == [(0,)]


# --- limits ---


def test_the_fifth_wrong_code_locks(stack, guarded):
    right = guarded.factor.fresh()
    for _ in range(4):
        assert "wait" not in problem(show(guarded, guarded.factor.wrong()), 403, "proof-wrong")["detail"]
    assert "15 minutes" in problem(show(guarded, guarded.factor.wrong()), 403, "proof-wrong")["detail"]
    reply = show(guarded, right)
    problem(reply, 429, "rate-limited")
    assert 895 <= int(reply.headers["Retry-After"]) <= 900
    told = stack.query("SELECT message FROM alerts WHERE kind = 'mfa.locked' AND user_id = ?", guarded.user["id"])
    assert len(told) == 1


def test_four_wrong_codes_lock_nothing(guarded):
    right = guarded.factor.fresh()
    for _ in range(4):
        problem(show(guarded, guarded.factor.wrong()), 403, "proof-wrong")
    assert show(guarded, right).status_code == 200


def test_a_lock_is_over_after_a_quarter_of_an_hour(stack, guarded):
    guarded.factor.forget()
    for _ in range(5):
        show(guarded, guarded.factor.wrong())
    age_lockout(stack, guarded, 14 * MINUTE + 50_000)
    problem(show(guarded, guarded.factor.code()), 429, "rate-limited")
    age_lockout(stack, guarded, 10_000)
    assert show(guarded, guarded.factor.code()).status_code == 200


def test_a_backup_code_opens_the_lock_at_once(guarded):
    guarded.factor.forget()
    for _ in range(5):
        show(guarded, guarded.factor.wrong())
    problem(show(guarded, guarded.factor.code()), 429, "rate-limited")
    assert show(guarded, guarded.factor.backup_codes[0]).status_code == 200
    assert show(guarded, guarded.factor.code()).status_code == 200


def test_wrong_codes_count_on_whatever_route_they_are_typed(guarded):
    guarded.factor.forget()
    for _ in range(3):
        problem(show(guarded, guarded.factor.wrong()), 403, "proof-wrong")
    for _ in range(2):
        problem(disable(guarded, guarded.factor.wrong()), 403, "proof-wrong")
    problem(show(guarded, guarded.factor.code()), 429, "rate-limited")
    problem(disable(guarded, guarded.factor.code()), 429, "rate-limited")


@pytest.mark.parametrize("before", (18, 19))
def test_after_twenty_wrong_codes_in_a_row_only_a_backup_code_helps(stack, guarded, before):
    stack.change("INSERT INTO user_lockouts (user_id, failures_in_row) VALUES (?, ?)"
                 " ON CONFLICT (user_id) DO UPDATE SET failures_in_row = excluded.failures_in_row",
                 guarded.user["id"], before)
    stack.change("UPDATE user_totp SET last_step = 0 WHERE user_id = ?", guarded.user["id"])
    problem(show(guarded, guarded.factor.wrong()), 403, "proof-wrong")
    if before == 18:
        assert show(guarded, guarded.factor.code()).status_code == 200
        return
    problem(show(guarded, guarded.factor.code()), 403, "backup-code-required")
    age_lockout(stack, guarded, 365 * 24 * 60 * MINUTE)
    problem(show(guarded, guarded.factor.code()), 403, "backup-code-required")
    problem(disable(guarded, guarded.factor.code()), 403, "backup-code-required")
    assert show(guarded, guarded.factor.backup_codes[0]).status_code == 200
    assert show(guarded, guarded.factor.code()).status_code == 200


def test_five_codes_a_minute_and_no_sixth(stack, guarded):
    code = guarded.factor.fresh()
    assert show(guarded, code).status_code == 200
    for _ in range(5):
        problem(show(guarded, code), 403, "code-repeated")
    reply = show(guarded, guarded.factor.backup_codes[0])
    problem(reply, 429, "rate-limited")
    assert int(reply.headers["Retry-After"]) <= 60
    age_lockout(stack, guarded, MINUTE)
    assert show(guarded, guarded.factor.backup_codes[0]).status_code == 200


def test_each_wrong_code_is_in_the_audit_trail_and_a_flood_is_not(stack, guarded):
    guarded.factor.forget()
    for _ in range(12):
        show(guarded, guarded.factor.wrong())
    rows = stack.query("SELECT result, detail FROM audit WHERE action = 'auth.mfa.code' AND actor = ?",
                       f"user:{guarded.user['id']}")
    assert len(rows) == 5
    assert {row[0] for row in rows} == {"denied"}


# --- disabling ---


def test_disabling_takes_the_password_and_a_code(stack, guarded):
    problem(disable(guarded, guarded.factor.fresh(), password="wrong"), 403, "proof-wrong")
    problem(disable(guarded, guarded.factor.wrong()), 403, "proof-wrong")
    assert mine(guarded)["totp"]["enabled"]
    assert disable(guarded, guarded.factor.fresh()).json() == {"success": True}
    state = mine(guarded)
    assert (state["totp"]["enabled"], state["codesLeft"], state["codesTotal"]) == (False, 0, 0)
    assert stack.query("SELECT * FROM user_totp WHERE user_id = ?", guarded.user["id"]) == []
    guarded.factor = None
    problem(disable(guarded, "123456"), 409, "conflict")


def test_disabling_with_one_of_the_two_is_a_missing_field(guarded):
    for body, missing in (({"code": "123456"}, "/password"), ({"password": guarded.password}, "/code")):
        assert problem(guarded.post("/api/auth/mfa/disable", body), 422, "invalid-field")["pointer"] == missing


def test_disabling_works_with_a_backup_code(guarded):
    assert disable(guarded, guarded.factor.backup_codes[9]).status_code == 200


def test_disabling_takes_the_password_and_a_passkey(guarded):
    made, _ = add(guarded)

    def off(passkey, **body):
        return guarded.post("/api/auth/mfa/disable", {"passkey": passkey, **body})

    right = {"password": guarded.password}
    assert problem(off(made.answer(ask(guarded, "stepup"))), 422, "invalid-field")["pointer"] == "/password"
    problem(off(made.answer(ask(guarded, "stepup")), password="wrong"), 403, "proof-wrong")
    problem(off(made.answer(ask(guarded, "stepup"), flags=0), **right), 403, "proof-wrong")
    problem(off(made.answer(ask(guarded, "signin")), **right), 403, "proof-wrong")
    assert mine(guarded)["totp"]["enabled"]
    answer = made.answer(ask(guarded, "stepup"))
    assert off(answer, **right).json() == {"success": True}
    state = mine(guarded)
    assert (state["totp"]["enabled"], state["passkeys"], state["codesLeft"]) == (False, 1, 10)


def test_a_wrong_password_uses_no_code_up(guarded):
    code = guarded.factor.fresh()
    problem(disable(guarded, code, password="wrong"), 403, "proof-wrong")
    assert disable(guarded, code).status_code == 200


def test_the_last_factor_stays_where_one_is_required(stack, guarded, rule):
    rule("auth.mfa.required", "true")
    assert mine(guarded)["required"] is True
    code = guarded.factor.fresh()
    problem(disable(guarded, code), 409, "conflict")
    add_a_passkey(stack, guarded.user["id"])
    assert disable(guarded, code).status_code == 200
    assert mine(guarded)["codesLeft"] == 10  # they stand in for the passkey too


# --- backup codes ---


def test_new_backup_codes_void_the_old_ones(guarded):
    old = guarded.factor.backup_codes
    new = guarded.ok("POST", "/api/auth/mfa/backup-codes")["backupCodes"]
    assert len(new) == 10 and not set(new) & set(old)
    problem(show(guarded, old[0]), 403, "proof-wrong")
    assert show(guarded, new[0]).status_code == 200


def test_new_backup_codes_ask_who_it_is_each_time(guarded):
    guarded.ok("POST", "/api/auth/mfa/backup-codes")
    guarded.steps_up = False
    problem(guarded.post("/api/auth/mfa/backup-codes"), 403, "step-up-required")


def test_without_a_factor_there_are_no_backup_codes(person):
    problem(person.post("/api/auth/mfa/backup-codes"), 409, "conflict")


# --- the ways back in ---


def test_another_admins_reset_ends_everything_and_is_told(stack, spec, admin, person):
    user_id = person.user["id"]
    program = Program(stack, spec, person.email, person.password)
    Factor(person)
    trust_a_browser(stack, user_id)
    add_a_passkey(stack, user_id)
    half = Client(stack, spec, "admin")
    half.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password})
    stack.change("INSERT INTO challenges (challenge_hash, purpose, user_id, expires_ms)"
                 " VALUES (?, 'factor', ?, 9999999999999)", user_id, user_id)
    sessions = stack.query("SELECT id FROM sessions WHERE user_id = ?", user_id)
    code, backup_code = person.factor.fresh(), person.factor.backup_codes[0]
    assert admin.post(f"/api/users/{user_id}/reset-mfa").json() == {"success": True}
    for table in ("user_totp", "backup_codes", "user_lockouts", "devices", "passkeys", "sessions", "signins",
                  "challenges"):
        assert stack.query(f"SELECT * FROM {table} WHERE user_id = ?", user_id) == [], table
    for table in ("refresh_tokens", "stepups"):
        for session in sessions:
            assert stack.query(f"SELECT * FROM {table} WHERE session_id = ?", *session) == [], table
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    problem(program.get("/api/auth/session"), 401, "unauthenticated")
    problem(program.post("/api/auth/refresh", {"refreshToken": program.refresh_token}, headers={"Authorization": None}),
            401, "unauthenticated")
    for old in (code, backup_code):
        problem(half.post("/api/auth/mfa/verify", {"code": old}), 401, "unauthenticated")
    assert stack.query("SELECT actor, result FROM audit WHERE action = 'user.reset_mfa' AND target = ?",
                       f"user:{user_id}") == [(f"user:{admin.user['id']}", "ok")]
    person.factor = None
    person.sign_in()
    assert [a["kind"] for a in person.ok("GET", "/api/alerts")["items"]].count("mfa.reset") == 1
    Factor(person)


def test_a_reset_asks_who_it_is_each_time_and_is_for_admins(admin, operator, guarded):
    problem(operator.post(f"/api/users/{guarded.user['id']}/reset-mfa"), 403, "forbidden")
    admin.steps_up = False
    try:
        problem(admin.post(f"/api/users/{guarded.user['id']}/reset-mfa"), 403, "step-up-required")
    finally:
        admin.steps_up = True
    assert mine(guarded)["totp"]["enabled"]


def test_nobody_resets_themselves(admin):
    problem(admin.post(f"/api/users/{admin.user['id']}/reset-mfa"), 409, "conflict")
    admin.ok("GET", "/api/auth/session")


def test_a_deleted_user_is_not_found(stack, spec, admin):
    gone = Person.add(stack, spec, "viewer")
    stack.change("UPDATE users SET deleted_ms = 1 WHERE id = ?", gone.user["id"])
    problem(admin.post(f"/api/users/{gone.user['id']}/reset-mfa"), 404, "not-found")


def test_the_command_line_is_the_last_way_back_in(stack, guarded):
    stack.change("INSERT INTO user_lockouts (user_id, failures_in_row) VALUES (?, 20)"
                 " ON CONFLICT (user_id) DO UPDATE SET failures_in_row = 20", guarded.user["id"])
    problem(show(guarded, guarded.factor.code()), 403, "backup-code-required")
    done = stack.app("user", "reset-mfa", guarded.email.upper())
    assert guarded.email.upper() in done.stdout
    problem(guarded.get("/api/auth/session"), 401, "unauthenticated")
    guarded.factor = None
    guarded.sign_in()
    assert not mine(guarded)["totp"]["enabled"]
    assert [a["kind"] for a in guarded.ok("GET", "/api/alerts")["items"]].count("mfa.reset") == 1
    rows = stack.query("SELECT actor FROM audit WHERE action = 'user.reset_mfa' AND target = ?",
                       f"user:{guarded.user['id']}")
    assert len(rows) == 1 and rows[0][0].startswith("cli:")


def test_the_command_knows_only_people_that_there_are(stack):
    done = stack.app("user", "reset-mfa", "nobody@example.org", check=False)
    assert done.returncode == 1 and "no such user" in done.stderr


# --- secrets ---


def everything(stack):
    """The database as text: what a copy of it would give away."""
    with stack.database() as db:
        return "\n".join(db.iterdump())


def test_neither_secrets_nor_codes_are_in_the_database_the_logs_or_problems(stack, spec):
    person = Person.add(stack, spec, "viewer")
    said = []
    _, waiting = begin(person)
    said.append(verify(person, waiting.wrong()).text)
    codes = Factor(person).backup_codes
    _, app = begin(person)
    used = [codes[0], person.factor.wrong(), person.factor.fresh()]
    said += [show(person, code).text for code in used + used]
    said.append(disable(person, used[0]).text)
    secrets = codes + [code[3:].replace("-", "") for code in codes]
    for secret in (waiting.secret, person.factor.secret, app.secret):
        key = base64.b32decode(secret.replace(" ", ""))
        secrets += [secret, secret.replace(" ", ""), key.hex(), base64.b64encode(key).decode().rstrip("="),
                    base64.urlsafe_b64encode(key).decode().rstrip("=")]
    for text in (everything(stack), stack.log_text(), "\n".join(said)):
        for secret in secrets:
            assert secret.lower() not in text.lower()
    for code in (used[1], used[2]):
        assert not re.search(rf"\D{code}\D", "\n".join(said))


# --- time ---


@pytest.fixture
def frozen(spec):
    """A stack of its own whose clock stands where a test puts it: (its admin with a factor, how to put it)."""
    with Stack("mfa-clock") as stack:
        env = stack.admin_env()
        person = Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        Factor(person)
        clocked = Clocked(stack)

        def stand_at(at):
            clocked.go(datetime.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S"))
            assert person.ok("GET", "/api/auth/session")["serverTime_ms"] == at * 1000
            person.factor.forget()

        try:
            yield person, stand_at
        finally:
            clocked.close()


def test_a_code_holds_for_its_step_and_one_each_way_by_the_servers_clock(frozen):
    person, stand_at = frozen
    begins = int(time.time()) // 30 * 30 + 300
    code = person.factor.code(at=begins)
    for at, holds in ((begins - 31, False), (begins - 30, True), (begins + 59, True), (begins + 60, False)):
        stand_at(at)
        assert show(person, code).status_code == (200 if holds else 403), at - begins


def test_a_lock_holds_to_the_second_by_the_servers_clock(frozen):
    person, stand_at = frozen
    locked = int(time.time()) + 60
    stand_at(locked)
    for _ in range(5):
        problem(show(person, person.factor.wrong(locked)), 403, "proof-wrong")
    lock = person.stack.query("SELECT * FROM user_lockouts")
    for after, opens in ((899, False), (901, True)):
        stand_at(locked + after)
        person.stack.change("INSERT INTO user_lockouts VALUES (?, ?, ?, ?, ?, ?)", *lock[0])
        reply = show(person, person.factor.code(at=locked + after))
        assert reply.status_code == (200 if opens else 429), after
    # What was not judged has no row of its own, but is counted.
    assert person.stack.query("SELECT actor, result, address FROM audit WHERE action = 'auth.mfa.code'"
                              " AND actor = 'anonymous'") == [("anonymous", "denied", "127.0.0.1")]
