"""Signing in with a second factor: what the first stage gives, how the second ends, and how often one may try."""

import pytest

from client import Client, Person, problem
from factor import Factor

SESSION, SIGNIN = "__Host-muster", "__Host-muster-signin"


@pytest.fixture
def person(stack, spec):
    person = Person.add(stack, spec, "viewer")
    Factor(person)
    return person


@pytest.fixture
def half(page, person):
    """The browser of somebody who has typed the password and has a second factor."""
    page.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password})
    return page


def verify(browser, code, **fields):
    return browser.post("/api/auth/mfa/verify", {"code": code, **fields})


def test_the_password_alone_gives_no_session(page, person):
    reply = page.post("/api/auth/login", {"email": person.email, "password": person.password})
    told = reply.json()
    assert told["mfaRequired"] is True
    assert told["methods"] == ["totp", "backup-code"]
    assert "csrfToken" not in told and "user" not in told
    assert SESSION not in page.session.cookies
    assert SIGNIN in page.session.cookies
    attributes = {part.strip().lower() for part in reply.headers["Set-Cookie"].split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=strict", "max-age=300"} <= attributes
    problem(page.get("/api/auth/session"), 401, "unauthenticated")


def test_the_code_completes_it_with_a_session_of_another_id(half, person):
    partial = half.session.cookies[SIGNIN]
    reply = verify(half, person.factor.fresh())
    assert reply.status_code == 200
    told = reply.json()
    assert (told["mfaRequired"], told["user"]["email"]) == (False, person.email)
    assert half.session.cookies[SESSION] != partial
    assert SIGNIN not in half.session.cookies
    session = half.ok("GET", "/api/auth/session")
    assert session["session"]["method"] == "totp"
    assert session["csrfToken"] == told["csrfToken"]
    assert session["mfa"] == {"totp": True, "passkeys": 0, "codesLeft": 10, "required": False}
