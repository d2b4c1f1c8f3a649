"""What time does to sign-ins, with the server's clock moved and nothing else touched."""

import time

import pytest

from client import Client, Person, problem
from clocked import Clocked
from factor import Factor, code_at
from stack import Stack


@pytest.fixture(scope="module")
def moved():
    """A stack of its own whose clock moves."""
    with Stack("clock") as stack:
        stack.clock = Clocked(stack)
        yield stack
        stack.clock.close()


@pytest.fixture
def now(moved):
    """Moves the server's clock, counted from now; gives it back."""
    yield moved.clock.go
    moved.clock.go("+0s")


@pytest.fixture
def person(moved, spec, now):
    now("+0s")
    return Person.add(moved, spec, "admin")


def signed_in(browser):
    return browser.get("/api/auth/session").status_code == 200


def code(person, ahead_s):
    person.factor.forget()
    return code_at(person.factor.secret, int(time.time() + ahead_s) // 30)


def test_a_session_ends_half_an_hour_after_its_last_use(person, now):
    now("+29m")
    assert signed_in(person)
    now("+58m")
    assert signed_in(person)
    now("+89m")
    assert not signed_in(person)


def test_a_partial_session_ends_after_five_minutes(moved, spec, person, now):
    Factor(person)
    for minutes, there in ((4, True), (6, False)):
        now("+0s")
        browser = Client(moved, spec, "admin")
        browser.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password})
        cookie = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in browser.session.cookies)}
        now(f"+{minutes}m")
        reply = Client(moved, spec, "admin").post("/api/auth/mfa/verify", {"code": code(person, minutes * 60)},
                                                  headers=cookie)
        if there:
            assert reply.status_code == 200
        else:
            problem(reply, 401, "unauthenticated")


def test_a_step_up_is_over_after_ten_minutes(person, now):
    person.steps_up = False
    person.ok("POST", "/api/auth/step-up", {"action": "POST /api/otps", "target": "", "password": person.password})
    now("+9m")
    assert person.post("/api/otps", {}).status_code == 200
    now("+11m")
    problem(person.post("/api/otps", {}), 403, "step-up-required")


def test_a_trusted_browser_is_one_for_thirty_days(moved, spec, person, now):
    Factor(person)
    browser = Client(moved, spec, "admin")
    browser.ok("POST", "/api/auth/login", {"email": person.email, "password": person.password})
    browser.ok("POST", "/api/auth/mfa/verify", {"code": code(person, 0), "trustDevice": True})
    device = {"Cookie": f"__Host-muster-device={browser.session.cookies['__Host-muster-device']}"}
    for days, trusted in ((29, True), (31, False)):
        now(f"+{days}d")
        told = Client(moved, spec, "admin").ok("POST", "/api/auth/login", {
            "email": person.email, "password": person.password}, headers=device)
        assert told["mfaRequired"] is not trusted
