"""Signing in and out, sessions, and the headers that pages come with."""

import secrets
import socket
import ssl
import time
import warnings

import pytest

from argon2_calls import argon2id
from client import Client, Person, problem

COOKIE = "__Host-muster"


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "viewer")


def login(page, email, password, **kwargs):
    return page.post("/api/auth/login", {"email": email, "password": password}, **kwargs)


def test_signing_in_says_who_one_is(page, person):
    reply = login(page, person.email, person.password)
    assert reply.status_code == 200
    assert reply.json()["user"]["email"] == person.email
    assert reply.json()["user"]["role"] == "viewer"
    session = page.ok("GET", "/api/auth/session")
    assert session["user"] == reply.json()["user"]
    assert session["csrfToken"] == reply.json()["csrfToken"]
    assert abs(session["serverTime_ms"] - time.time() * 1000) < 60_000


def test_the_address_is_known_in_any_case(page, person):
    assert login(page, person.email.upper(), person.password).status_code == 200


def test_the_cookie_is_for_this_host_alone(page, person):
    cookie = login(page, person.email, person.password).headers["Set-Cookie"]
    name, value = cookie.split(";")[0].split("=", 1)
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert name == COOKIE
    assert len(value) >= 22
    assert {"path=/", "secure", "httponly", "samesite=strict"} <= attributes
    assert not any(a.startswith("domain") for a in attributes)


def test_an_unknown_address_and_a_wrong_password_are_told_apart_by_nobody(page, person):
    """That both cost one password hash is test_sign_in_limits'; how long they take is the bench's."""
    replies = []
    for email in (person.email, f"{secrets.token_hex(4)}@example.org"):
        told = problem(login(page, email, "wrong"), 401, "unauthenticated")
        replies.append({name: value for name, value in told.items() if name != "requestId"})
    assert replies[0] == replies[1]
    assert COOKIE not in page.session.cookies


def test_a_hash_with_other_parameters_gets_ours_at_the_first_sign_in(stack, page, person):
    cheap = argon2id(person.password)
    stack.change("UPDATE users SET password_hash = ? WHERE id = ?", cheap, person.user["id"])
    problem(login(page, person.email, "wrong"), 401, "unauthenticated")
    assert stack.query("SELECT password_hash FROM users WHERE id = ?", person.user["id"]) == [(cheap,)]
    assert login(page, person.email, person.password).status_code == 200
    assert stack.query("SELECT password_hash FROM users WHERE id = ?", person.user["id"])[0][0].startswith(
        "$argon2id$v=19$m=19456,t=2,p=1$")
    assert login(page, person.email, person.password).status_code == 200


def test_another_session_is_made_at_every_sign_in(stack, spec, person):
    first = person.session.cookies[COOKIE]
    person.sign_in()
    assert person.session.cookies[COOKIE] != first
    stranger = Client(stack, spec, "admin")
    assert stranger.get("/api/auth/session", headers={"Cookie": f"{COOKIE}={first}"}).status_code in (200, 401)


def test_a_session_that_was_planted_is_not_taken_over(page, person):
    planted = secrets.token_urlsafe(32)
    reply = login(page, person.email, person.password, headers={"Cookie": f"{COOKIE}={planted}"})
    assert reply.status_code == 200
    assert planted not in reply.headers["Set-Cookie"]
    problem(page.get("/api/auth/session", headers={"Cookie": f"{COOKIE}={planted}"}), 401, "unauthenticated")


def test_signing_out_ends_the_session_at_once(stack, spec, person):
    old = person.session.cookies[COOKIE]
    reply = person.post("/api/auth/logout")
    assert reply.status_code == 200
    stranger = Client(stack, spec, "admin")
    problem(stranger.get("/api/auth/session", headers={"Cookie": f"{COOKIE}={old}"}), 401, "unauthenticated")


def test_a_session_nobody_used_for_long_is_over(stack, person):
    assert person.get("/api/auth/session").status_code == 200
    week = 8 * 24 * 3600 * 1000
    assert stack.change("UPDATE sessions SET last_used_ms = last_used_ms - ?, expires_ms = expires_ms - ?"
                        " WHERE user_id = ?", week, week, person.user["id"], topic="sessions") >= 1
    problem(person.get("/api/auth/session"), 401, "unauthenticated")


def test_a_new_password_ends_the_sessions_of_the_old_one(stack, person):
    stack.app("user", "passwd", person.email, input="another password of some length\n")
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    person.password = "another password of some length"
    person.sign_in()
    person.ok("GET", "/api/auth/session")


def test_guessing_is_slowed_down_and_says_for_how_long(page, person):
    for _ in range(30):
        reply = login(page, person.email, "guess")
        if reply.status_code == 429:
            break
        problem(reply, 401, "unauthenticated")
    told = problem(reply, 429, "rate-limited")
    assert "guess" not in str(told)
    assert int(reply.headers["Retry-After"]) >= 1
    # Not even the right password helps meanwhile; others are not held up.
    problem(login(page, person.email, person.password), 429, "rate-limited")
    assert person.get("/api/auth/session").status_code == 200


def test_the_sign_in_form_of_another_site_is_refused(stack, page, person):
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(login(page, person.email, person.password, headers=headers), 403, "csrf")
    own = {"Origin": stack.url, "Sec-Fetch-Site": "same-origin"}
    assert login(page, person.email, person.password, headers=own).status_code == 200


def test_the_database_holds_no_password_and_no_session(stack, person):
    dump = "\n".join("\n".join(map(str, row)) for table in ("users", "sessions", "audit")
                     for row in stack.query(f"SELECT * FROM {table}"))
    assert person.email in dump
    assert person.password not in dump
    assert person.session.cookies[COOKIE] not in dump


# --- headers ---


@pytest.mark.parametrize("path", ["/", "/index.html", "/nothing-here", "/api/nothing-here", "/api/auth/session"])
def test_every_page_comes_with_the_security_headers(page, path):
    headers = page.get(path, judge=False).headers
    policy = {d.split()[0]: d.split()[1:] for d in headers["Content-Security-Policy"].split(";") if d.strip()}
    assert policy["default-src"] == ["'none'"] or policy["default-src"] == ["'self'"]
    scripts = policy.get("script-src", policy["default-src"])
    assert "'unsafe-inline'" not in scripts and "'unsafe-eval'" not in scripts and "*" not in scripts
    assert "'unsafe-inline'" not in policy.get("style-src", [])
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] in (["'none'"], ["'self'"])
    assert policy["object-src"] == ["'none'"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    hsts = headers["Strict-Transport-Security"]
    assert int(hsts.split("max-age=")[1].split(";")[0]) >= 365 * 24 * 3600 and "includeSubDomains" in hsts
    assert headers["Referrer-Policy"] in ("no-referrer", "same-origin", "strict-origin-when-cross-origin")
    assert "Server" not in headers or not any(c.isdigit() for c in headers["Server"])


def test_replies_of_the_api_are_kept_by_no_cache(page, operator, agent):
    for client, path in ((page, "/api/auth/session"), (operator, "/api/agents"), (agent, "/api/agent/configs")):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_reply_carries_the_request_id_of_the_logs(stack, page):
    told = problem(page.get("/api/auth/session"), 401, "unauthenticated")
    assert told["requestId"]
    assert told["requestId"] in stack.log_text()


def test_metrics_are_text_for_prometheus(page):
    reply = page.get("/metrics")
    assert reply.status_code == 200
    assert "# TYPE muster_" in reply.text


def test_health_tells_live_from_ready(page, wire):
    for client in (page, wire):
        assert client.ok("GET", "/health/live") == {"status": "live"}
        assert client.ok("GET", "/health/ready") == {"status": "ready"}
        assert client.ok("GET", "/health")["status"] == "ready"


# --- TLS ---


def handshake(stack, port, least, most):
    context = ssl.create_default_context(cafile=stack.ca)
    context.minimum_version, context.maximum_version = least, most
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is the server that refuses
    with socket.create_connection(("localhost", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            return tls.version()


def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(stack):
    version = ssl.TLSVersion
    for port in (stack.port, stack.agent_port):
        assert handshake(stack, port, version.TLSv1_2, version.TLSv1_2) == "TLSv1.2"
        assert handshake(stack, port, version.TLSv1_3, version.TLSv1_3) == "TLSv1.3"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                handshake(stack, port, version.TLSv1, version.TLSv1_1)


def test_plain_http_is_told_so(stack):
    for port in (stack.port, stack.agent_port):
        with socket.create_connection(("localhost", port), timeout=10) as s:
            s.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 400")
