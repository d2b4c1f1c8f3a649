"""Guessing passwords: what it costs, whom it slows down, and whom it does not."""

import concurrent.futures
import json
import secrets
import subprocess
import time

import pytest

from argon2_calls import argon2id
from at_once import at_once
from client import Client, Person, problem
from elsewhere import client_at
from factor import Factor
from releases import PRELOADED
from routes import ROOT
from stack import Stack
from wait import wait_until

HOME, NEXT_DOOR, SAME_NETWORK, OTHER_NETWORK, FAR = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.1.1", "127.0.2.1"


@pytest.fixture
def person(stack, spec):
    """Somebody who is at home at HOME."""
    return Person.add(stack, spec, "viewer")


def login(browser, person, password=None):
    return browser.post("/api/auth/login", {"email": person.email, "password": password or person.password})


def guess_until_slowed(browser, person, most=10):
    for tries in range(most):
        reply = login(browser, person, "guess")
        if reply.status_code == 429:
            return tries
        problem(reply, 401, "unauthenticated")
    raise AssertionError(f"{most} guesses and not slowed")


def test_three_wrong_passwords_are_free_and_the_fourth_try_waits(stack, spec, person):
    there = client_at(stack, spec, FAR)
    assert guess_until_slowed(there, person) == 3
    reply = login(there, person)
    told = problem(reply, 429, "rate-limited")
    assert 1 <= int(reply.headers["Retry-After"]) <= 2
    assert person.password not in str(told)


def test_a_network_is_slowed_together(stack, spec, person):
    guess_until_slowed(client_at(stack, spec, NEXT_DOOR), person)
    problem(login(client_at(stack, spec, SAME_NETWORK), person), 429, "rate-limited")


def test_where_one_has_signed_in_before_one_stays_quick_while_neighbours_guess(stack, spec, person):
    guess_until_slowed(client_at(stack, spec, NEXT_DOOR), person)
    for _ in range(3):
        assert login(client_at(stack, spec, HOME), person).status_code == 200


def test_guessing_from_elsewhere_slows_nobody_here(stack, spec, person):
    """Not at home, and not in a network where one has never been."""
    guess_until_slowed(client_at(stack, spec, OTHER_NETWORK), person)
    assert login(client_at(stack, spec, HOME), person).status_code == 200
    assert login(client_at(stack, spec, FAR), person).status_code == 200


def test_at_home_too_guessing_is_slowed(stack, spec, person):
    assert guess_until_slowed(client_at(stack, spec, HOME), person) == 3


def test_a_right_password_without_the_factor_makes_no_address_known(stack, spec, person):
    Factor(person)
    assert login(client_at(stack, spec, NEXT_DOOR), person).json()["mfaRequired"] is True
    assert stack.query("SELECT address FROM signin_addresses WHERE user_id = ?", person.user["id"]) == [(HOME,)]


def test_addresses_are_known_for_ninety_days_and_ten_of_them(stack, spec, person):
    user = person.user["id"]
    for i in range(12):
        assert login(client_at(stack, spec, f"127.1.{i}.1"), person).status_code == 200
    assert stack.query("SELECT count(*) FROM signin_addresses WHERE user_id = ?", user) == [(10,)]
    stack.change("UPDATE signin_addresses SET last_ms = last_ms - ? WHERE user_id = ?", 90 * 86_400_000, user)
    guess_until_slowed(client_at(stack, spec, "127.1.11.2"), person)
    problem(login(client_at(stack, spec, "127.1.11.1"), person), 429, "rate-limited")


def test_a_hundred_guesses_at_once_are_four_at_most(stack, spec, person):
    statuses = at_once(100, lambda _: login(client_at(stack, spec, FAR), person, "guess").status_code)
    assert statuses.count(401) <= 4
    assert set(statuses) <= {401, 429}


def test_step_ups_by_password_are_slowed_as_sign_ins_are(person):
    act = {"action": "POST /api/auth/password", "target": ""}
    for _ in range(3):
        problem(person.post("/api/auth/step-up", {**act, "password": "guess"}), 403, "proof-wrong")
    problem(person.post("/api/auth/step-up", {**act, "password": person.password}), 429, "rate-limited")


def test_a_flood_of_sign_ins_is_taken_in_turn_and_holds_nobody_else_up(stack, spec):
    """Each is judged in the end, however many come at once; whoever wants something else is not behind them."""
    attempts, ended = 60, []

    def attempt(_):
        reply = Client(stack, spec, "admin").post("/api/auth/login", {"email": f"{secrets.token_hex(8)}@example.org", "password": "guess"})
        ended.append(time.monotonic())
        return reply.status_code

    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        flood = beside.submit(at_once, attempts, attempt, workers=20)
        wait_until(lambda: ended, 10, "an answer to the first attempt")
        other = Client(stack, spec, "admin")
        for _ in range(3):
            assert other.get("/health").status_code == 200
        passed_by = time.monotonic()
        assert flood.result() == [401] * attempts
    assert sum(end > passed_by for end in ended) > 10


# --- nginx's own limit, in front of all of that ---


@pytest.fixture(scope="module")
def limited():
    """A server that nginx guards as it would outside of tests, but for a rate that is slower than any machine."""
    with Stack("limited", MUSTER_LOGIN_RATE="1r/m", MUSTER_LOGIN_BURST="30") as stack:
        yield stack


def test_a_network_has_thirty_sign_ins_at_once_of_whatever_kind_and_may_go_on_with_the_rest(limited, spec):
    person = Person.add(limited, spec, "viewer")  # at HOME: another network than FAR
    there = client_at(limited, spec, FAR)
    began = time.monotonic()

    tries = [("/api/auth/refresh", {"refreshToken": "x"}), ("/api/invitations/look", {"token": "x"})]
    replies = at_once(60, lambda i: there.post(*tries[i % 2]))
    refused = [reply for reply in replies if reply.status_code == 429]
    # One, thirty that may come sooner, and one for each minute that this took.
    assert 31 <= len(replies) - len(refused) <= 31 + (time.monotonic() - began) / 60
    for reply in refused:
        problem(reply, 429, "rate-limited")
        assert int(reply.headers["Retry-After"]) >= 1
    assert {reply.status_code for reply in at_once(60, lambda _: there.get("/health"))} == {200}
    assert {reply.status_code for reply in at_once(60, lambda _: person.get("/api/overview"))} == {200}


# --- what each try costs ---


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A server that says how often it computes Argon2."""
    where = tmp_path_factory.mktemp("argon2")
    library, count = where / "count.so", where / "count"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, ROOT / "tests/lib/argon2_count.c", "-ldl"], check=True)
    count.write_bytes(b"")
    settings = {**PRELOADED, "LD_PRELOAD": str(library), "MUSTER_ARGON2_COUNT": str(count)}
    with Stack("argon2", **settings) as stack:
        stack.argon2_count = lambda: count.stat().st_size
        yield stack


def test_every_try_costs_one_argon2_and_is_answered_alike(counted, spec):
    known, disabled, deleted = (Person.add(counted, spec, "viewer") for _ in range(3))
    counted.change("UPDATE users SET disabled_ms = 1 WHERE id = ?", disabled.user["id"])
    counted.change("UPDATE users SET deleted_ms = 1 WHERE id = ?", deleted.user["id"])
    tries = {
        "wrong password": (known.email, "wrong"),
        "unknown": (f"{secrets.token_hex(8)}@example.org", "wrong"),
        "no address": ("nonsense", "wrong"),
        "disabled, wrong password": (disabled.email, "wrong"),
        "disabled, right password": (disabled.email, disabled.password),
        "deleted, right password": (deleted.email, deleted.password),
    }
    answers = set()
    for what, (email, password) in tries.items():
        before = counted.argon2_count()
        reply = Client(counted, spec, "admin").post("/api/auth/login", {"email": email, "password": password})
        assert counted.argon2_count() - before == 1, what
        told = problem(reply, 401, "unauthenticated")
        answers.add((told["title"], told["detail"], tuple(sorted(reply.headers)), len(reply.content)))
    assert len(answers) == 1
    before = counted.argon2_count()
    assert login(Client(counted, spec, "admin"), known).status_code == 200
    assert counted.argon2_count() - before == 1


def test_a_try_that_is_slowed_costs_none(counted, spec):
    person = Person.add(counted, spec, "viewer")
    guess_until_slowed(Client(counted, spec, "admin"), person)
    before = counted.argon2_count()
    problem(login(Client(counted, spec, "admin"), person), 429, "rate-limited")
    assert counted.argon2_count() == before


def test_refused_sign_ins_are_counted_per_source_and_account(counted, spec):
    person = Person.add(counted, spec, "viewer")
    stranger = Client(counted, spec, "admin")
    for _ in range(2):
        problem(login(stranger, person, "guess"), 401, "unauthenticated")
    counted.down_app()
    rows = counted.query("SELECT actor, result, address, detail FROM audit WHERE action = 'auth.login' AND target = ?"
                         " AND result = 'denied'", f"user:{person.user['id']}")
    assert sum(json.loads(row[3])["count"] for row in rows) == 2
    assert {row[:2] for row in rows} == {("anonymous", "denied")}
    assert "guess" not in repr(rows) + counted.log_text()
    counted.up()


def test_a_password_that_changes_while_it_is_judged_opens_no_second_stage(counted, spec):
    """The change is written while the hash is computed, and so before what the first stage writes."""
    person = Person.add(counted, spec, "viewer")
    Factor(person)
    stranger, user = Client(counted, spec, "admin"), person.user["id"]
    before = counted.argon2_count()
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        with counted.database() as db:
            db.execute("BEGIN IMMEDIATE")
            attempt = beside.submit(login, stranger, person)
            wait_until(lambda: counted.argon2_count() > before, 30, "the password is looked at")
            db.execute("UPDATE users SET password_hash = ? WHERE id = ?", (argon2id("another password"), user))
            db.execute("DELETE FROM signins WHERE user_id = ?", (user,))
        told = problem(attempt.result(), 401, "unauthenticated")
    assert "mfaToken" not in told and "__Host-muster-signin" not in stranger.session.cookies
    assert counted.query("SELECT 1 FROM signins WHERE user_id = ?", user) == []
