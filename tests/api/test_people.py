"""People as admins see and change them, and how somebody new comes in."""

import concurrent.futures
import csv
import os
import secrets

import pytest

import routes
from client import Client, Person, problem

MINUTE, HOUR = 60_000, 3_600_000


def address():
    return f"someone-{secrets.token_hex(6)}@example.org"


def token_of(link):
    return link.split("#")[1]


@pytest.fixture
def person(stack, spec):
    return Person.add(stack, spec, "operator")


@pytest.fixture
def boss(stack, spec):
    """Another admin."""
    return Person.add(stack, spec, "admin")


def invite(admin, role="viewer", email=None):
    return admin.ok("POST", "/api/invitations", {"email": email or address(), "role": role})


def accept(page, token, **fields):
    return page.post("/api/invitations/accept", {"token": token, "name": "Somebody New",
                                                 "password": "a password of their own", **fields})


def change(admin, person_id, **fields):
    return admin.request("PATCH", f"/api/users/{person_id}", json=fields)


def get(admin, person_id):
    return admin.ok("GET", f"/api/users/{person_id}")["user"]


def rows(stack, action, target):
    return stack.query("SELECT actor, detail FROM audit WHERE action = ? AND target = ? ORDER BY seq", action, target)


# --- seeing ---


def test_a_person_is_shown_with_what_admins_decide_by(admin, person):
    shown = get(admin, person.user["id"])
    assert (shown["email"], shown["role"], shown["state"], shown["disabled"]) == (person.email, "operator", "active", False)
    assert shown["mfa"] == {"totp": False, "passkeys": 0} and shown["agents"] == shown["configs"] == 0
    person.register()
    assert get(admin, person.user["id"])["agents"] == 1
    assert "hash" not in str(shown) and "argon2" not in str(shown)


def test_the_list_is_searched_sorted_and_paged_by_the_server(stack, spec, admin):
    mark = secrets.token_hex(5)
    for letter, role in (("b", "viewer"), ("a", "operator"), ("c", "viewer")):
        stack.app("user", "add", f"{letter}-{mark}@example.org", "--role", role, "--name", f"Name {letter} {mark}",
                  input="a password of their own\n")

    def emails(query):
        body = admin.ok("GET", f"/api/users?q={mark}&{query}")
        return [u["email"][0] for u in body["items"]], body["total"]

    assert emails("") == (["a", "b", "c"], 3)
    assert emails("order=desc") == (["c", "b", "a"], 3)
    assert emails("sort=created") == (["b", "a", "c"], 3)
    assert emails("sort=role&order=asc")[0][0] == "a"
    assert emails("sort=name&order=desc&limit=1&offset=1") == (["b"], 3)
    assert emails("role=viewer") == (["b", "c"], 2)
    assert emails("state=deleted") == ([], 0)
    assert admin.ok("GET", f"/api/users?q=NAME%20A%20{mark}")["total"] == 1
    assert admin.ok("GET", "/api/users?q=%25")["total"] == 0, "a wildcard is a character"
    for query in ("sort=password_hash", "order=up", "role=root", "state=x", "limit=0", "limit=201"):
        problem(admin.get(f"/api/users?{query}"), 422, "invalid-field")


def test_the_list_is_a_file_to_download(stack, admin):
    """With everything that the filters let through, and without formulas."""
    mark = secrets.token_hex(5)
    for n in range(3):
        stack.app("user", "add", f"p{n}-{mark}@example.org", "--name", "=1+1", input="quite another secret of theirs\n")
    reply = admin.get(f"/api/users?q={mark}&limit=1&order=desc&format=csv")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    lines = list(csv.DictReader(reply.text.splitlines()))
    assert [line["e-mail"][:2] for line in lines] == ["p2", "p1", "p0"]
    assert {line["name"] for line in lines} == {"'=1+1"} and {line["state"] for line in lines} == {"active"}


def test_only_admins_see_people(operator, viewer, person):
    for one in (operator, viewer):
        problem(one.get("/api/users"), 403, "forbidden")
        problem(one.get(f"/api/users/{one.user['id']}"), 403, "forbidden")


# --- changing ---


def test_a_role_counts_with_the_next_request(stack, admin, person):
    problem(person.get("/api/users"), 403, "forbidden")
    assert change(admin, person.user["id"], role="admin").json()["user"]["role"] == "admin"
    assert person.get("/api/users").status_code == 200
    assert change(admin, person.user["id"], role="viewer").status_code == 200
    problem(person.post("/api/otps", {}), 403, "forbidden")
    acts = rows(stack, "user.role", f"user:{person.user['id']}")
    assert [a[1] for a in acts] == ['{"from":"operator","to":"admin"}', '{"from":"admin","to":"viewer"}']
    assert acts[0][0] == f"user:{admin.user['id']}"
    assert [a["message"] for a in person.ok("GET", "/api/alerts")["items"]] == [
        "Your role was changed from admin to viewer.", "Your role was changed from operator to admin."]


def test_a_name_is_changed_and_stays_out_of_the_trail(stack, admin, person):
    assert change(admin, person.user["id"], name="Grace Hopper").json()["user"]["name"] == "Grace Hopper"
    assert change(admin, person.user["id"], name="Grace Hopper").status_code == 200
    assert [a[1] for a in rows(stack, "user.rename", f"user:{person.user['id']}")] == ["{}"]
    problem(change(admin, person.user["id"], name="two\nlines"), 422, "invalid-field")


def test_what_somebody_is_called_they_say_themselves(stack, admin, person):
    """And nothing else: the other fields of a change are not read."""
    body = {"name": "Ada", "role": "admin", "disabled": True, "email": "x@example.org", "id": admin.user["id"]}
    assert person.ok("PATCH", "/api/auth/account", body) == {"success": True, "name": "Ada"}
    shown = get(admin, person.user["id"])
    assert (shown["name"], shown["role"], shown["state"], shown["email"]) == ("Ada", "operator", "active", person.email)
    assert rows(stack, "user.rename", f"user:{person.user['id']}") == [(f"user:{person.user['id']}", "{}")]


def test_a_change_asks_who_it_is(stack, spec, admin, person):
    fresh = Person(stack, spec, admin.email, admin.password)  # a session in which nobody was asked yet
    fresh.steps_up = False
    for method, path, body in (("PATCH", "", {"role": "admin"}), ("DELETE", "", None), ("POST", "/restore", None),
                               ("POST", "/password-link", None), ("PUT", "/grants", {"grants": []})):
        told = problem(fresh.request(method, f"/api/users/{person.user['id']}{path}", json=body), 403, "step-up-required")
        assert told["target"] == person.user["id"]
    problem(fresh.post("/api/invitations", {"email": address(), "role": "admin"}), 403, "step-up-required")


def test_disabling_ends_whatever_they_are_signed_in_with(stack, admin, person, page):
    user_id = person.user["id"]
    session_id = stack.query("SELECT id FROM sessions WHERE user_id = ?", user_id)[0][0]
    now = 4_000_000_000_000
    for sql in ("INSERT INTO refresh_tokens (token_hash, session_id, generation, created_ms, expires_ms) VALUES ('h-{0}', '{1}', 0, 0, {2})",
                "INSERT INTO stepups VALUES ('{1}', 'POST /api/otps', '', {2})",
                "INSERT INTO signins VALUES ('s-{0}', '{0}', 'cookie', '', 0, 0, {2})",
                "INSERT INTO devices VALUES ('d-{0}', 'd-{0}', '{0}', 'd', '', 0, 0, {2})",
                "INSERT INTO challenges VALUES ('c-{0}', 'factor', '{0}', '', {2})",
                "INSERT INTO access_tokens VALUES ('a-{0}', '{0}', 'a', 'a-{0}', 'read', 0, {2}, NULL, '')"):
        stack.change(sql.format(user_id, session_id, now))
    assert change(admin, user_id, disabled=True).json()["user"]["state"] == "disabled"
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    problem(page.post("/api/auth/login", {"email": person.email, "password": person.password}), 401, "unauthenticated")
    for table, column, value in (("sessions", "user_id", user_id), ("refresh_tokens", "session_id", session_id),
                                 ("stepups", "session_id", session_id), ("signins", "user_id", user_id),
                                 ("devices", "user_id", user_id), ("challenges", "user_id", user_id),
                                 ("access_tokens", "user_id", user_id)):
        assert stack.query(f"SELECT * FROM {table} WHERE {column} = ?", value) == [], table
    assert change(admin, user_id, disabled=False).json()["user"]["state"] == "active"
    person.sign_in()
    assert len(rows(stack, "user.disable", f"user:{user_id}")) == len(rows(stack, "user.enable", f"user:{user_id}")) == 1


def test_nobody_changes_their_own_role_or_locks_themselves_out(admin, boss):
    own = boss.user["id"]
    for reply in (change(boss, own, role="operator"), change(boss, own, disabled=True),
                  boss.request("DELETE", f"/api/users/{own}")):
        problem(reply, 409, "conflict")
    problem(boss.request("POST", f"/api/users/{own}/password-link"), 409, "conflict")
    assert change(boss, own, role="admin", name="Me").status_code == 200
    assert get(admin, own)["role"] == "admin"


def test_an_admin_stays_when_two_remove_each_other_at_once(stack, spec):
    """The others are no admins meanwhile."""
    for _ in range(10):
        one, two = Person.add(stack, spec, "admin"), Person.add(stack, spec, "admin")
        others = [r[0] for r in stack.query("SELECT id FROM users WHERE role = 'admin' AND id NOT IN (?, ?)",
                                            one.user["id"], two.user["id"])]
        marks = ",".join("?" * len(others))
        stack.change(f"UPDATE users SET role = 'operator' WHERE id IN ({marks})", *others)
        try:
            for actor, target in ((one, two), (two, one)):  # each has shown who they are before
                told = Client.request(actor, "PATCH", f"/api/users/{target.user['id']}", json={"role": "viewer"})
                assert actor.step_up(told.json()).status_code == 200
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                replies = list(pool.map(lambda p: change(p[0], p[1].user["id"], role="viewer").status_code,
                                        ((one, two), (two, one))))
            assert stack.query("SELECT COUNT(*) FROM users WHERE role = 'admin'")[0][0] == 1
            assert replies.count(200) == 1 and set(replies) <= {200, 409, 403}
        finally:
            stack.change(f"UPDATE users SET role = 'admin' WHERE id IN ({marks})", *others)


def test_the_last_admin_cannot_be_demoted_disabled_or_deleted(stack, admin):
    email = stack.admin_env()["MUSTER_ADMIN_EMAIL"]
    others = [r[0] for r in stack.query("SELECT id FROM users WHERE role = 'admin' AND email <> ?", email)]
    marks = ",".join("?" * len(others))
    stack.change(f"UPDATE users SET disabled_ms = 1 WHERE id IN ({marks})", *others)
    try:
        for args in (("role", email, "operator"), ("disable", email), ("delete", email, "--yes")):
            done = stack.app("user", *args, check=False)
            assert done.returncode == 1 and "last admin" in done.stderr
    finally:
        stack.change(f"UPDATE users SET disabled_ms = NULL WHERE id IN ({marks})", *others)
    assert get(admin, admin.user["id"])["state"] == "active"


# --- coming in ---


def test_an_invitation_makes_the_account_it_was_made_for(stack, spec, admin, page):
    made = invite(admin, "operator")
    email = made["invitation"]["email"]
    assert made["link"].startswith(f"{stack.url}/invitation#")
    assert made["invitation"]["expires_ms"] > 0
    look = page.ok("POST", "/api/invitations/look", {"token": token_of(made["link"])})
    assert (look["kind"], look["email"], look["role"]) == ("account", email, "operator")
    assert accept(page, token_of(made["link"])).json() == {"success": True, "email": email}
    assert "Set-Cookie" not in page.session.headers
    new = Person(stack, spec, email, "a password of their own")
    assert new.user["role"] == "operator"
    assert get(admin, new.user["id"])["name"] == "Somebody New"
    acts = stack.query("SELECT actor, action FROM audit WHERE target IN (?, ?) AND action <> 'auth.login' ORDER BY seq",
                       f"invitation:{made['invitation']['id']}", f"user:{new.user['id']}")
    assert acts == [(f"user:{admin.user['id']}", "invitation.create"),
                    (f"invitation:{made['invitation']['id']}", "user.add"),
                    (f"user:{new.user['id']}", "invitation.accept")]


def test_the_link_is_kept_as_a_hash_and_shown_once(stack, admin):
    made = invite(admin)
    token = token_of(made["link"])
    assert len(token) == 43
    listed = admin.ok("GET", "/api/invitations")["items"]
    mine = next(i for i in listed if i["id"] == made["invitation"]["id"])
    assert mine["state"] == "open" and mine["invitedBy"] == f"user:{admin.user['id']}"
    assert token not in str(listed)
    dump = "".join(str(r) for r in stack.query("SELECT * FROM invitations"))
    assert token not in dump
    assert token not in stack.log_text()


def not_in_force(page, token):
    told = [problem(page.post("/api/invitations/look", {"token": token}), 404, "not-found"),
            problem(accept(page, token), 404, "not-found")]
    return {tuple((k, v) for k, v in t.items() if k != "requestId") for t in told}


def test_unknown_used_revoked_and_expired_links_are_answered_alike(stack, admin, page):
    used, revoked, expired, voided = (invite(admin) for _ in range(4))
    assert accept(page, token_of(used["link"])).status_code == 200
    admin.ok("DELETE", f"/api/invitations/{revoked['invitation']['id']}")
    admin.ok("DELETE", f"/api/invitations/{revoked['invitation']['id']}")
    stack.change("UPDATE invitations SET expires_ms = 1 WHERE id = ?", expired["invitation"]["id"])
    again = invite(admin, email=voided["invitation"]["email"].upper())
    answers = [not_in_force(page, t) for t in (secrets.token_urlsafe(32), "x", token_of(used["link"]),
                                                token_of(revoked["link"]), token_of(expired["link"]),
                                                token_of(voided["link"]))]
    assert all(len(a) == 1 and a == answers[0] for a in answers)
    states = {i["id"]: i["state"] for i in admin.ok("GET", "/api/invitations")["items"]}
    assert [states[m["invitation"]["id"]] for m in (used, revoked, expired, voided, again)] == \
        ["used", "revoked", "expired", "revoked", "open"]
    assert accept(page, token_of(again["link"])).status_code == 200
    problem(admin.request("DELETE", f"/api/invitations/{used['invitation']['id']}"), 409, "conflict")
    problem(admin.request("DELETE", "/api/invitations/01900000-dead-7000-8000-000000000000"), 404, "not-found")


@pytest.mark.parametrize("age, good", [(24 * HOUR - MINUTE, True), (24 * HOUR + MINUTE, False)], ids=["23:59", "24:01"])
def test_a_link_is_good_for_a_day(stack, admin, page, age, good):
    made = invite(admin)
    stack.change("UPDATE invitations SET created_ms = created_ms - ?, expires_ms = expires_ms - ? WHERE id = ?", age, age,
                 made["invitation"]["id"])
    assert accept(page, token_of(made["link"])).status_code == (200 if good else 404)


def test_of_a_hundred_who_accept_at_once_one_is_in(stack, spec, admin):
    made = invite(admin)
    token = token_of(made["link"])
    clients = [Client(stack, spec, "admin") for _ in range(20)]

    def go(i):
        return accept(clients[i % 20], token, name=f"Number {i}", password=f"the password of number {i}").status_code

    codes = []
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(go, range(100)))
    assert codes.count(200) == 1 and set(codes) <= {200, 404, 503}
    assert stack.query("SELECT COUNT(*) FROM users WHERE email = ?", made["invitation"]["email"])[0][0] == 1


def test_a_hundred_links_each_accepted_twice_at_once_let_one_in(stack, spec, admin):
    clients = [Client(stack, spec, "admin") for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(100):
            made = invite(admin)
            codes = list(pool.map(lambda c: accept(c, token_of(made["link"])).status_code, clients))
            assert sorted(codes) == [200, 404]


def test_a_password_that_is_too_short_leaves_the_link_in_force(admin, page):
    made = invite(admin)
    token = token_of(made["link"])
    told = problem(accept(page, token, password="fourteen chars"), 422, "invalid-field")
    assert told["pointer"] == "/password"
    assert problem(accept(page, "unknown", password="fourteen chars"), 422, "invalid-field")["detail"] == told["detail"]
    problem(accept(page, token, password=made["invitation"]["email"]), 422, "invalid-field")
    assert problem(page.post("/api/invitations/accept", {"token": token, "password": "fifteen charact"}), 422,
                   "invalid-field")["pointer"] == "/name"
    assert accept(page, token, password="fifteen charact").status_code == 200


def test_a_link_is_not_for_other_sites(admin, page):
    made = invite(admin)
    for path in ("look", "accept"):
        body = {"token": token_of(made["link"]), "name": "n", "password": "a password of their own"}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            problem(page.post(f"/api/invitations/{path}", body, headers=headers), 403, "csrf")


def test_whom_nobody_can_invite(admin, person):
    problem(admin.post("/api/invitations", {"email": person.email.upper(), "role": "viewer"}), 409, "conflict")
    for email in ("nobody", "a@b@c", "a b@example.org", "<x>@example.org", "x@\n"):
        assert problem(admin.post("/api/invitations", {"email": email, "role": "viewer"}), 422,
                       "invalid-field")["pointer"] == "/email"
    problem(person.post("/api/invitations", {"email": address(), "role": "viewer"}), 403, "forbidden")


@pytest.mark.parametrize("how", ["demoted", "disabled", "deleted"])
def test_who_is_no_admin_any_more_has_invited_nobody(stack, spec, admin, page, how):
    boss = Person.add(stack, spec, "admin")
    made = invite(boss, "admin")
    if how == "deleted":
        admin.ok("DELETE", f"/api/users/{boss.user['id']}")
    else:
        assert change(admin, boss.user["id"], **({"role": "operator"} if how == "demoted" else {"disabled": True})
                      ).status_code == 200
    not_in_force(page, token_of(made["link"]))


def test_an_account_that_is_there_voids_its_invitation(stack, admin, page):
    made = invite(admin, "admin")
    stack.app("user", "add", made["invitation"]["email"], input="a password of their own\n")
    not_in_force(page, token_of(made["link"]))


def test_no_other_route_makes_an_account():
    makers = {str(r) for r in routes.load() if r.permission == "public" and r.method not in ("GET", "HEAD")
              and r.listener == "admin"}
    assert {m for m in makers if "/api/auth/" not in m} == {"POST /api/invitations/look", "POST /api/invitations/accept"}


# --- a new password ---


def test_a_password_link_sets_the_password_and_ends_what_was_signed_in(stack, spec, admin, person, page):
    made = admin.ok("POST", f"/api/users/{person.user['id']}/password-link")
    again = admin.ok("POST", f"/api/users/{person.user['id']}/password-link")
    not_in_force(page, token_of(made["link"]))
    token = token_of(again["link"])
    look = page.ok("POST", "/api/invitations/look", {"token": token})
    assert (look["kind"], look["email"]) == ("password", person.email)
    assert person.get("/api/auth/session").status_code == 200
    reply = page.post("/api/invitations/accept", {"token": token, "password": "quite another secret of theirs"})
    assert reply.status_code == 200
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    problem(page.post("/api/auth/login", {"email": person.email, "password": person.password}), 401, "unauthenticated")
    assert Person(stack, spec, person.email, "quite another secret of theirs").user["id"] == person.user["id"]
    not_in_force(page, token)
    assert get(admin, person.user["id"])["role"] == "operator"
    told = {a["kind"] for a in Person(stack, spec, person.email, "quite another secret of theirs").ok("GET", "/api/alerts")["items"]}
    assert told == {"account.password_link", "account.password"}, "they hear of both"


def test_a_password_that_was_set_otherwise_voids_the_link(stack, admin, person, page):
    token = token_of(admin.ok("POST", f"/api/users/{person.user['id']}/password-link")["link"])
    stack.app("user", "passwd", person.email, input="quite another secret of theirs\n")
    not_in_force(page, token)


def test_a_password_link_dies_with_its_account(stack, admin, person, page):
    token = token_of(admin.ok("POST", f"/api/users/{person.user['id']}/password-link")["link"])
    assert change(admin, person.user["id"], disabled=True).status_code == 200
    not_in_force(page, token)
    problem(admin.request("POST", f"/api/users/{person.user['id']}/password-link"), 409, "conflict")
    assert all(i["email"] != person.email for i in admin.ok("GET", "/api/invitations")["items"])


# --- the command line ---


def test_the_command_line_is_a_way_back_in(stack, spec, admin, page):
    email = address()
    made = stack.app_json("user", "invite", email, "--role", "operator")
    assert accept(page, token_of(made["link"])).status_code == 200
    person = Person(stack, spec, email, "a password of their own")
    assert stack.app_json("user", "role", email, "admin")["role"] == "admin"
    assert person.get("/api/users").status_code == 200
    assert stack.app_json("user", "disable", email)["state"] == "disabled"
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    assert stack.app_json("user", "enable", email)["state"] == "active"
    stack.app("user", "passwd", email, input="the password they forgot\n")
    Person(stack, spec, email, "the password they forgot")
    assert any(u["email"] == email for u in stack.app_json("user", "list"))
    target = f"user:{person.user['id']}"
    for action in ("user.role", "user.disable", "user.enable", "user.passwd"):
        assert [r[0] for r in rows(stack, action, target)] == [f"cli:{os.getuid()}"], action
    for args in (("role", email, "root"), ("delete", email), ("invite", address(), "--role", "x")):
        assert stack.app("user", *args, check=False).returncode == 2
    assert stack.app("user", "role", address(), "admin", check=False).returncode == 1
    assert "24 hours" in stack.app("user", "invite", "--help").stdout
    assert stack.app("user", "invite", address()).stdout.startswith(f"{stack.url}/invitation#")
