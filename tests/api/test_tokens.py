"""What programs sign in with: access tokens, refresh tokens, and the keys behind them."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

import routes
import samples
import tokens
from client import Client, Person, Program, Script, problem
from samples import act

DAY = 24 * 3600 * 1000
PEOPLE = [r for r in routes.load() if r.permission in ("viewer", "operator", "admin")]


@pytest.fixture
def program(stack, spec, operator):
    return Program(stack, spec, operator.email, operator.password)


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "operator")


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def padded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forge:
    """Makes access tokens with the server's own key, which is read from where it lies sealed."""

    def __init__(self, stack, program):
        self.stack = stack
        self.header, self.claims, self.signature = program.access.split(".")
        self.header, self.claims = json.loads(padded(self.header)), json.loads(padded(self.claims))
        (sealed,), = stack.query("SELECT secret FROM jwt_keys WHERE kid = ?", self.header["kid"])
        master_id, data = sealed.split(".")
        masters = dict(line.split() for line in (stack.var / "secrets/master.key").read_text().splitlines())
        data, aad = padded(data), f"jwt_keys:secret:{self.header['kid']}"
        self.key = AESGCM(bytes.fromhex(masters[master_id])).decrypt(data[:12], data[12:], aad.encode())

    def make(self, header=None, claims=None, key=None, digest=hashlib.sha256, **changed):
        header = {**self.header, **(header or {})}
        claims = {**self.claims, **changed} if claims is None else claims
        parts = [unpadded(json.dumps({k: v for k, v in part.items() if v is not None}).encode())
                 for part in (header, claims)]
        signed = ".".join(parts).encode()
        return ".".join(parts + [unpadded(hmac.new(key or self.key, signed, digest).digest())])


@pytest.fixture
def forge(stack, program):
    return Forge(stack, program)


def ask(page, token, path="/api/auth/session"):
    return page.get(path, headers={"Authorization": f"Bearer {token}"})


# --- access tokens ---


def test_a_program_signs_in_and_is_who_it_says(program, operator):
    session = program.ok("GET", "/api/auth/session")
    assert session["user"]["id"] == operator.user["id"]
    assert session["csrfToken"] is None
    assert not program.session.cookies


def test_an_access_token_is_good_for_half_an_hour_and_says_so(forge, program):
    pair = program.refresh()
    assert pair["expiresIn"] == 1800
    assert 7 * 86400 - 60 < pair["refreshExpiresIn"] <= 7 * 86400
    assert forge.claims["exp"] - forge.claims["iat"] == 1800
    assert forge.header == {"alg": "HS256", "typ": "JWT", "kid": forge.header["kid"]}


def test_what_the_forge_makes_like_the_server_is_taken(page, forge):
    """Else all the refusals below would say nothing."""
    assert ask(page, forge.make()).status_code == 200


def test_a_program_needs_no_csrf_token_but_steps_up_like_anybody(program):
    assert program.mint()["otp"].startswith("mot_")
    program.steps_up = False
    problem(program.post("/api/agents", {"name": "n", "platform": "linux"}), 403, "step-up-required")


FORGED_HEADERS = {
    "alg none": {"alg": "none"}, "alg None": {"alg": "None"}, "no alg": {"alg": None},
    "alg of another case": {"alg": "hs256"},
    "HS384": {"alg": "HS384"}, "HS512": {"alg": "HS512"}, "RS256": {"alg": "RS256"}, "ES256": {"alg": "ES256"},
    "a list of algs": {"alg": ["HS256"]}, "no typ": {"typ": None}, "another typ": {"typ": "at+jwt"},
    "typ of another case": {"typ": "jwt"}, "no kid": {"kid": None}, "another kid": {"kid": "0123456789abcdef"},
    "kid of another case": {"kid": "0123456789ABCDEF"}, "a kid that is a path": {"kid": "../../../../../../dev/null"},
    "a kid that is SQL": {"kid": "' UNION SELECT 'x"}, "an empty kid": {"kid": ""}, "a number as kid": {"kid": 5},
    "a key of its own": {"jwk": {"kty": "oct", "k": "AAAA"}}, "a key's address": {"jku": "https://evil.example/keys"},
    "critical": {"crit": ["exp"]}, "not encoded": {"b64": False},
}


@pytest.mark.parametrize("which", FORGED_HEADERS)
def test_a_header_that_is_not_ours_is_refused_though_the_signature_is_right(page, forge, which):
    reply = ask(page, forge.make(FORGED_HEADERS[which]))
    problem(reply, 401, "unauthenticated")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


def test_an_algorithm_is_not_chosen_by_the_token(page, forge):
    """Signed as the header says, with the right key."""
    for alg, digest in (("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        problem(ask(page, forge.make({"alg": alg}, digest=digest)), 401, "unauthenticated")


def test_no_signature_at_all_is_refused(page, forge):
    for header in ({}, {"alg": "none"}):
        head, body, signature = forge.make(header).split(".")
        for token in (f"{head}.{body}.", f"{head}.{body}", f"{head}..{signature}", f".{body}.{signature}",
                      f"{head}.{body}.{signature}.", f"{head}.{body}.{signature}.{signature}", "..", ".", ""):
            problem(ask(page, token), 401, "unauthenticated")


def test_a_public_key_signs_nothing(stack, page, forge):
    """The confusion of algorithms: what everybody may have, taken for a secret."""
    for path in (stack.var / "secrets").glob("*.pem"):
        pem = path.read_bytes()
        public = load_pem_x509_certificate(pem).public_key()
        for key in (pem, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
                    public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
            problem(ask(page, forge.make(key=key)), 401, "unauthenticated")
    half = forge.key[:16]  # not all but one: HMAC fills keys up with zeros, and one in 256 ends with one
    for key in (b"\0", b"\0" * 32, b"secret", forge.header["kid"].encode(), half):
        problem(ask(page, forge.make(key=key)), 401, "unauthenticated")


def test_a_changed_payload_breaks_the_signature(page, forge, admin):
    head, body, signature = forge.make().split(".")
    for changed in ({"sub": admin.user["id"]}, {"exp": forge.claims["exp"] + 1}):
        other = unpadded(json.dumps({**forge.claims, **changed}).encode())
        problem(ask(page, f"{head}.{other}.{signature}"), 401, "unauthenticated")
    for i in (0, 10, 21, 42):
        flipped = signature[:i] + ("A" if signature[i] != "A" else "B") + signature[i + 1:]
        problem(ask(page, f"{head}.{body}.{flipped}"), 401, "unauthenticated")


def test_another_spelling_of_the_same_bytes_is_refused(page, forge):
    head, body, signature = forge.make().split(".")
    for token in (f"{head}.{body}.{signature}=", f"{head}=.{body}.{signature}", f"{head}.{body}.{signature}\t",
                  f" {head}.{body}.{signature} x", f"{head}.{body}.{signature[:-1]}~"):
        problem(ask(page, token), 401, "unauthenticated")


FORGED_CLAIMS = {
    "another issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": None},
    "another audience": {"aud": "agents"},
    "a list of audiences": {"aud": ["muster-api"]}, "no audience": {"aud": None}, "no subject": {"sub": None},
    "a subject that is none": {"sub": "admin"}, "no session": {"sid": None}, "a session that is none": {"sid": "x"},
    "nobody's session": {"sid": samples.NOBODY}, "somebody else's": {"sub": samples.NOBODY}, "no end": {"exp": None},
    "an end that is text": {"exp": "9999999999"}, "no beginning": {"nbf": None},
    "a beginning that is text": {"nbf": "0"},
    "no time of issue": {"iat": None}, "an end that is none": {"exp": 0},
}


@pytest.mark.parametrize("which", FORGED_CLAIMS)
def test_claims_that_are_not_ours_are_refused_though_the_signature_is_right(page, forge, which):
    problem(ask(page, forge.make(**FORGED_CLAIMS[which])), 401, "unauthenticated")


def test_a_payload_that_is_no_object_is_refused(page, forge):
    for claims in ("[]", "5", "null", "", "{", '{"exp":1,"exp":99999999999}'):
        head = forge.make().split(".")[0]
        signed = f"{head}.{unpadded(claims.encode())}"
        signature = unpadded(hmac.new(forge.key, signed.encode(), hashlib.sha256).digest())
        problem(ask(page, f"{signed}.{signature}"), 401, "unauthenticated")


def test_a_token_ends_to_the_second_and_says_that_it_has_expired(page, forge):
    now = int(time.time())
    told = problem(ask(page, forge.make(iat=now - 1800, nbf=now - 1800, exp=now)), 401, "unauthenticated")
    assert "expired" in told["detail"]
    assert ask(page, forge.make(iat=now - 1780, nbf=now - 1780, exp=now + 20)).status_code == 200


def test_a_token_of_the_future_is_refused(page, forge):
    now = int(time.time())
    for early in ({"nbf": now + 30}, {"iat": now + 30}, {"iat": now + 30, "nbf": now + 30}):
        token = forge.make(**{"iat": now, "nbf": now, "exp": now + 1700, **early})
        told = problem(ask(page, token), 401, "unauthenticated")
        assert "expired" not in told["detail"]
    assert ask(page, forge.make(iat=now, nbf=now, exp=now + 1700)).status_code == 200


def test_a_token_that_lives_too_long_is_refused(page, forge):
    now = int(time.time())
    assert ask(page, forge.make(iat=now - 10, nbf=now - 10, exp=now + 1790)).status_code == 200
    for late in (now + 1791, now + 86400, 2**62):
        problem(ask(page, forge.make(iat=now - 10, nbf=now - 10, exp=late)), 401, "unauthenticated")


def test_a_large_token_is_refused_unread(page, forge):
    assert len(forge.make(padding="x" * 300)) < 1024
    assert ask(page, forge.make(padding="x" * 300)).status_code == 200
    assert len(forge.make(padding="x" * 600)) > 1024
    problem(ask(page, forge.make(padding="x" * 600)), 401, "unauthenticated")
    problem(ask(page, "x" * 4000), 401, "unauthenticated")


def test_what_is_no_bearer_is_refused(page, program):
    for header in ("", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", program.access, f"Token {program.access}",
                   f"Bearer {program.access}, Bearer {program.access}"):
        problem(page.get("/api/auth/session", headers={"Authorization": header}), 401, "unauthenticated")
    assert page.get("/api/auth/session", headers={"Authorization": f"bearer {program.access}"}).status_code == 200


def test_a_401_says_what_would_do(page):
    assert page.get("/api/agents").headers["WWW-Authenticate"] == 'Bearer realm="muster"'


def test_a_cookie_and_a_token_in_one_request_are_refused(operator, program):
    reply = operator.get("/api/auth/session", headers={"Authorization": f"Bearer {program.access}"})
    problem(reply, 400, "bad-request")
    problem(operator.get("/api/auth/session", headers={"Authorization": "Bearer x"}), 400, "bad-request")


def test_a_bad_token_is_not_saved_by_a_cookie_of_another_name(page, program):
    headers = {"Authorization": "Bearer x", "Cookie": "__Host-muster2=x"}
    problem(page.get("/api/auth/session", headers=headers), 401, "unauthenticated")


def test_an_access_token_dies_with_its_session_at_the_next_request(stack, program):
    session = program.ok("GET", "/api/auth/session")["session"]["id"]
    assert stack.change("DELETE FROM sessions WHERE id = ?", session) == 1
    told = problem(program.get("/api/auth/session"), 401, "unauthenticated")
    assert "session" in told["detail"]
    problem(program.post("/api/auth/refresh", {"refreshToken": program.refresh_token}, headers={"Authorization": None}),
            401, "unauthenticated")


def test_a_session_of_a_program_is_listed_and_revoked(operator, program):
    own = program.ok("GET", "/api/auth/session")["session"]["id"]
    row = next(s for s in operator.ok("GET", "/api/auth/sessions")["items"] if s["id"] == own)
    assert row["kind"] == "token"
    operator.ok("DELETE", f"/api/auth/sessions/{own}")
    problem(program.get("/api/auth/session"), 401, "unauthenticated")


def test_a_program_signs_out(stack, program):
    reply = program.post("/api/auth/logout")
    assert reply.status_code == 200 and "Set-Cookie" not in reply.headers
    problem(program.get("/api/auth/session"), 401, "unauthenticated")
    problem(program.post("/api/auth/refresh", {"refreshToken": program.refresh_token}, headers={"Authorization": None}),
            401, "unauthenticated")


def test_a_new_password_ends_the_programs_of_the_old_one(stack, page, own):
    stack.app("user", "passwd", own.email, input="another password of some length\n")
    problem(own.get("/api/auth/session"), 401, "unauthenticated")
    problem(redeem(page, own.refresh_token), 401, "unauthenticated")


def test_a_programs_sign_in_stands_in_the_trail(stack, own):
    session = own.ok("GET", "/api/auth/session")["session"]["id"]
    rows = [json.loads(detail) for (detail,) in stack.query(
        "SELECT detail FROM audit WHERE action = 'auth.login' AND actor = ?", f"user:{own.user['id']}")]
    assert {"kind": "token", "method": "password", "session": session} in rows


def test_a_program_may_be_quiet_for_hours(stack, program):
    session = program.ok("GET", "/api/auth/session")["session"]["id"]
    stack.change("UPDATE sessions SET last_used_ms = last_used_ms - ? WHERE id = ?", 3 * DAY, session)
    program.ok("GET", "/api/auth/session")
    (used,), = stack.query("SELECT last_used_ms FROM sessions WHERE id = ?", session)
    assert time.time() * 1000 - used < 60_000
    stack.change("UPDATE sessions SET expires_ms = ? WHERE id = ?", int(time.time() * 1000), session)
    problem(program.get("/api/auth/session"), 401, "unauthenticated")


def test_what_only_admins_do_takes_a_sign_in_of_today_and_scripts_are_exempt(stack, spec, admin):
    program, script = Program(stack, spec, admin.email, admin.password), Script(admin, "fleet")
    session = program.ok("GET", "/api/auth/session")["session"]["id"]
    hours = 3600 * 1000
    path = f"/api/agents/{samples.NOBODY}/approve"
    earlier = "UPDATE sessions SET authenticated_ms = authenticated_ms - ? WHERE id = ?"
    stack.change(earlier, 12 * hours - 60_000, session)
    problem(program.post(path), 404, "not-found")
    stack.change(earlier, 120_000, session)
    reply = program.post(path)
    problem(reply, 401, "reauthenticate")
    assert 'error="insufficient_user_authentication"' in reply.headers["WWW-Authenticate"]
    program.ok("GET", "/api/agents")
    problem(script.post(path), 404, "not-found")


@pytest.mark.parametrize("column", ["disabled_ms", "deleted_ms"])
def test_a_disabled_or_deleted_persons_tokens_are_dead_at_once(stack, spec, person, column):
    program, script = Program(stack, spec, person.email, person.password), Script(person, "read")
    assert script.get("/api/agents").status_code == 200
    stack.change(f"UPDATE users SET {column} = 1 WHERE id = ?", person.user["id"])
    problem(program.get("/api/agents"), 401, "unauthenticated")
    problem(script.get("/api/agents"), 401, "unauthenticated")
    problem(program.post("/api/auth/refresh", {"refreshToken": program.refresh_token}, headers={"Authorization": None}),
            401, "unauthenticated")
    stack.change(f"UPDATE users SET {column} = NULL WHERE id = ?", person.user["id"])
    assert script.get("/api/agents").status_code == 200


def test_a_changed_role_counts_at_the_next_request(stack, spec, person):
    program, script = Program(stack, spec, person.email, person.password), Script(person, "read", "enrol")
    assert script.get("/api/otps").status_code == 200
    stack.change("UPDATE users SET role = 'viewer' WHERE id = ?", person.user["id"])
    problem(program.get("/api/otps"), 403, "forbidden")
    problem(script.get("/api/otps"), 403, "forbidden")
    assert script.get("/api/agents").status_code == 200


# --- refresh tokens ---


def redeem(page, token, **kwargs):
    return page.post("/api/auth/refresh", {"refreshToken": token}, **kwargs)


def used_ago(stack, token, ms):
    """As if the token had been used so long before now. The server's clock counts when a request comes in."""
    hashed = hashlib.sha256(token.encode()).hexdigest()
    used_ms = int(time.time() * 1000) - ms
    assert stack.change("UPDATE refresh_tokens SET used_ms = ? WHERE token_hash = ? AND used_ms > 0",
                        used_ms, hashed) == 1


def family(stack, program):
    session = json.loads(padded(program.access.split(".")[1]))["sid"]
    return session, stack.query("SELECT generation, used_ms FROM refresh_tokens WHERE session_id = ? ORDER BY 1",
                                session)


def reuses(stack, person):
    rows = stack.query("SELECT result, detail FROM audit WHERE action = 'token.reuse' AND target = ?",
                       f"user:{person['id']}")
    alerts = stack.query("SELECT message FROM alerts WHERE kind = 'token.reuse' AND user_id = ?", person["id"])
    return rows, alerts


@pytest.fixture
def own(stack, spec, person):
    """A program of somebody who has no other."""
    return Program(stack, spec, person.email, person.password)


def test_a_refresh_token_gives_the_next_pair(stack, page, own):
    first_access, first = own.access, own.refresh_token
    pair = own.refresh()
    assert pair["refreshToken"] != first
    assert own.ok("GET", "/api/auth/session")["user"] == own.user
    assert ask(page, first_access).status_code == 200  # it is of the same session, and in force
    assert [used is not None for _, used in family(stack, own)[1]] == [True, False]


def test_the_session_ends_when_it_would_have_however_often_it_is_refreshed(stack, own):
    session, _ = family(stack, own)
    before = stack.query("SELECT expires_ms FROM sessions WHERE id = ?", session)
    stack.change("UPDATE sessions SET expires_ms = expires_ms - ? WHERE id = ?", 7 * DAY - 600_000, session)
    pair = own.refresh()
    assert pair["refreshExpiresIn"] <= 600 and pair["expiresIn"] <= 600
    claims = json.loads(padded(own.access.split(".")[1]))
    assert claims["exp"] <= (before[0][0] - 7 * DAY + 600_000) // 1000


def test_a_lost_reply_locks_nobody_out(page, own):
    first = own.refresh_token
    lost = redeem(page, first).json()
    again = redeem(page, first).json()
    assert again["refreshToken"] == lost["refreshToken"]
    own.take(again)
    own.refresh()
    own.ok("GET", "/api/auth/session")


def test_29_seconds_later_it_is_a_lost_reply_and_31_later_a_copy(stack, page, own):
    first = own.refresh_token
    second = redeem(page, first).json()["refreshToken"]
    used_ago(stack, first, 29_000)
    reply = redeem(page, first)
    assert reply.status_code == 200 and reply.json()["refreshToken"] == second
    used_ago(stack, first, 31_000)
    told = problem(redeem(page, first), 401, "unauthenticated")
    assert "before" in told["detail"] and first not in str(told)
    problem(redeem(page, second), 401, "unauthenticated")
    problem(own.get("/api/auth/session"), 401, "unauthenticated")
    assert family(stack, own)[1] == []
    rows, alerts = reuses(stack, own.user)
    assert [(result, json.loads(detail)["session"]) for result, detail in rows] == [("denied", family(stack, own)[0])]
    assert len(alerts) == 1 and own.email not in alerts[0][0] and first not in alerts[0][0]


def test_after_its_successor_was_used_it_is_a_copy_at_once(stack, page, own):
    first = own.refresh_token
    own.refresh()
    own.refresh()
    problem(redeem(page, first), 401, "unauthenticated")
    problem(own.get("/api/auth/session"), 401, "unauthenticated")
    assert len(reuses(stack, own.user)[0]) == 1


def test_a_copy_ends_its_own_family_and_no_other(stack, spec, page, own):
    other = Program(stack, spec, own.email, own.password)
    first = own.refresh_token
    own.refresh()
    own.refresh()
    problem(redeem(page, first), 401, "unauthenticated")
    other.refresh()
    other.ok("GET", "/api/auth/session")


def test_the_owner_of_the_copied_token_sees_the_alert_and_a_stranger_does_not(stack, page, own, person, neighbour):
    first = own.refresh_token
    own.refresh()
    own.refresh()
    problem(redeem(page, first), 401, "unauthenticated")
    told = [a["kind"] for a in person.ok("GET", "/api/alerts")["items"] if a["person"] == own.email]
    assert told == ["token.reuse"]
    assert not [a for a in neighbour.ok("GET", "/api/alerts")["items"] if a["person"] == own.email]


@pytest.mark.parametrize("token", [tokens.refresh(), tokens.access(), tokens.api_key(), "mrt_", "x", "' OR 1=1 --",
                                   tokens.refresh()[:-1] + "!"])
def test_an_unknown_refresh_token_is_refused(page, token):
    told = problem(redeem(page, token), 401, "unauthenticated")
    assert token not in json.dumps(told) or token == "x"


def test_a_refresh_token_is_no_bearer_and_an_access_token_gives_no_pair(page, own):
    problem(ask(page, own.refresh_token), 401, "unauthenticated")
    problem(redeem(page, own.access[:200]), 401, "unauthenticated")


def test_an_expired_refresh_token_says_so(stack, page, own):
    hashed = hashlib.sha256(own.refresh_token.encode()).hexdigest()
    stack.change("UPDATE refresh_tokens SET expires_ms = ? WHERE token_hash = ?", int(time.time() * 1000), hashed)
    assert "expired" in problem(redeem(page, own.refresh_token), 401, "unauthenticated")["detail"]


def test_the_form_of_another_site_redeems_nothing(page, own):
    problem(redeem(page, own.refresh_token, headers={"Origin": "https://evil.example"}), 403, "csrf")
    own.refresh()


def test_of_many_at_once_one_lineage_survives_a_hundred_times(stack, spec, own):
    """Whoever asks gets the one live token; there never is a second."""
    clients = [Client(stack, spec, "admin") for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        for _ in range(100):
            token = own.refresh_token
            replies = list(pool.map(lambda client: redeem(client, token), clients))
            assert [reply.status_code for reply in replies] == [200] * len(clients), [reply.text for reply in replies]
            assert len({reply.json()["refreshToken"] for reply in replies}) == 1
            own.take(replies[0].json())
    generations = family(stack, own)[1]
    assert [generation for generation, _ in generations] == list(range(101))
    assert [used is None for _, used in generations] == [False] * 100 + [True]
    own.ok("GET", "/api/auth/session")


def test_of_many_copies_at_once_one_is_written_down(stack, spec, own):
    first = own.refresh_token
    own.refresh()
    own.refresh()
    clients = [Client(stack, spec, "admin") for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        for reply in pool.map(lambda client: redeem(client, first), clients):
            problem(reply, 401, "unauthenticated")
    rows, alerts = reuses(stack, own.user)
    assert (len(rows), len(alerts)) == (1, 1)


def test_a_program_in_a_loop_fills_no_disk(stack, page, own):
    first = own.refresh_token
    own.refresh()
    session, _ = family(stack, own)
    stack.change("UPDATE refresh_tokens SET generation = 1999 WHERE session_id = ? AND generation = 1", session)
    own.refresh()
    assert [generation for generation, _ in family(stack, own)[1]] == [1999, 2000]
    problem(redeem(page, first), 401, "unauthenticated")
    own.ok("GET", "/api/auth/session")  # forgotten, and so no alarm


@pytest.fixture(scope="module")
def admins_program(stack, spec, admin):
    return Program(stack, spec, admin.email, admin.password)


@pytest.mark.parametrize("route", [r for r in PEOPLE if r.path not in ("/api/auth/logout", "/api/auth/sessions")],
                         ids=str)
def test_a_program_may_what_its_person_may_without_a_csrf_token(admins_program, route):
    admins_program.steps_up = False
    reply = act(admins_program, route)
    assert reply.status_code != 401, reply.text
    if reply.status_code == 403:
        assert reply.json()["type"] in ("/problems/step-up-required", "/problems/proof-wrong"), reply.text


def test_no_token_of_a_program_lies_about(stack, page, own):
    seen = [own.access, own.refresh_token]
    own.refresh()
    seen += [own.access, own.refresh_token]
    redeem(page, own.refresh_token + "x")
    ask(page, own.access + "x")
    own.ok("GET", "/api/agents")
    with stack.database() as db:
        dump = "\n".join(db.iterdump())
    text = dump + stack.log_text()
    for token in seen:
        assert token not in text and token.rsplit(".")[-1] not in text


def test_a_flood_of_wrong_tokens_writes_nothing_on_the_spot(stack, page):
    before = stack.query("SELECT count(*) FROM audit WHERE action LIKE 'token.ref%'")
    for _ in range(100):
        ask(page, tokens.access(), "/api/agents")
        redeem(page, tokens.refresh())
    after = stack.query("SELECT count(*) FROM audit WHERE action LIKE 'token.ref%'")
    assert after[0][0] - before[0][0] <= 4  # counters of minutes that are over


# --- keys ---


def kid(program):
    return json.loads(padded(program.access.split(".")[0]))["kid"]


def test_a_rotated_key_signs_and_the_one_before_still_verifies(stack, program):
    old_kid, old = kid(program), dict(program.headers)
    made = stack.app_json("token", "rotate-keys")["kid"]
    program.refresh()
    assert kid(program) == made != old_kid
    program.ok("GET", "/api/auth/session")
    program.ok("GET", "/api/auth/session", headers=old)
    rows = stack.query("SELECT actor FROM audit WHERE action = 'token.rotate_keys' AND target = ?", f"jwt:{made}")
    assert len(rows) == 1 and rows[0][0].startswith("cli:")


def test_rotated_at_once_the_keys_before_verify_nothing_and_programs_go_on(stack, program):
    program.ok("GET", "/api/auth/session")
    stack.app("token", "rotate-keys", "--at-once")
    assert stack.query("SELECT count(*) FROM jwt_keys") == [(1,)]
    problem(program.get("/api/auth/session"), 401, "unauthenticated")
    program.refresh()
    program.ok("GET", "/api/auth/session")


def test_keys_lie_sealed(stack, forge):
    with stack.database() as db:
        dump = "\n".join(db.iterdump())
    for spelling in (forge.key.hex(), unpadded(forge.key), base64.b64encode(forge.key).decode()):
        assert spelling not in dump
