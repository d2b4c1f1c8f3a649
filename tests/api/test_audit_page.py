"""Reading the audit trail: filters, pages, the export as JSON lines, and names that try to break out of a line."""

import csv
import io
import json
import socket
import ssl
import threading
import time

import pytest
import requests

from client import Client, Person, problem
from stack import Stack
from wait import wait_until


def last(stack):
    return stack.query("SELECT MAX(seq) FROM audit")[0][0]


def rows(admin, **query):
    return admin.get("/api/audit", params=query).json()["items"]


def every(admin, **query):
    """All pages."""
    found, before = [], {}
    while True:
        page = admin.get("/api/audit", params={**query, **before}).json()
        found += page["items"]
        if page["next"] is None:
            return found
        before = {"before": page["next"]}


def lines(reply):
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.content.decode("ascii").splitlines()]


def export(admin, **query):
    return lines(admin.get("/api/audit/export", params=query))


@pytest.fixture
def acts(stack, admin, spec):
    """Somebody new who registers an agent and deactivates it, and one refusal; gives (person, agent, first seq)."""
    first = last(stack) + 1
    person = Person.add(stack, spec, "operator")
    agent = person.register("audited")
    person.ok("POST", f"/api/agents/{agent.id}/deactivate")
    problem(person.get("/api/audit"), 403, "forbidden")
    return person, agent, first


# --- the page ---


def test_the_newest_rows_come_first_and_say_everything(stack, admin, acts):
    person, agent, _ = acts
    found = rows(admin, limit=4)
    assert [r["seq"] for r in found] == sorted((r["seq"] for r in found), reverse=True)
    row = next(r for r in rows(admin) if r["action"] == "agent.deactivate" and r["target"] == f"agent:{agent.id}")
    assert (row["actor"], row["actorName"]) == (f"user:{person.user['id']}", person.email)
    assert (row["targetName"], row["result"], row["address"]) == ("audited", "ok", "127.0.0.1")
    assert len(row["requestId"]) == 32 and isinstance(row["detail"], dict)
    stored = stack.query("SELECT time_ms, mac FROM audit WHERE seq = ?", row["seq"])[0]
    assert (row["time_ms"], row["mac"]) == stored


def test_only_admins_read_the_trail(operator, viewer, page):
    for path in ("/api/audit", "/api/audit/export", "/api/audit/verified"):
        problem(operator.get(path), 403, "forbidden")
        problem(viewer.get(path), 403, "forbidden")
        problem(page.get(path), 401, "unauthenticated")
    problem(operator.post("/api/audit/verify"), 403, "forbidden")


def test_each_filter_finds_what_it_says_and_nothing_else(admin, acts):
    person, agent, first = acts
    me = f"user:{person.user['id']}"
    mine = every(admin, actor=me)
    assert mine and all(r["actor"] == me for r in mine)
    assert every(admin, actor=person.email) == mine
    assert every(admin, actor=person.email.upper()) == mine
    assert {"agent.deactivate", "auth.login"} <= {r["action"] for r in mine}
    assert all(r["actor"].startswith("user:") for r in rows(admin, actor="user:"))
    assert rows(admin, actor="user") == [] and rows(admin, actor=me[:-1]) == []
    assert rows(admin, actor="nobody@example.org") == []
    assert all(r["action"].startswith("agent.") for r in rows(admin, action="agent."))
    assert {r["target"] for r in every(admin, target=f"agent:{agent.id}")} == {f"agent:{agent.id}"}
    assert rows(admin, target=f"agent:{agent.id[:-1]}") == []
    refused = rows(admin, actor=me, result="denied")
    assert [(r["action"], r["target"]) for r in refused] == [("request.role", "/api/audit")]
    assert [r["seq"] for r in rows(admin, actor=me, target="/api/")] == [refused[0]["seq"]]
    assert every(admin, actor=me, address="127.") == every(admin, actor=me, address="127.0.0.1") == mine
    assert rows(admin, address="127.0.0.") and rows(admin, address="127.0.0") == []
    assert [r["seq"] for r in rows(admin, q=refused[0]["requestId"])] == [refused[0]["seq"]]


def test_text_is_found_anywhere_and_wildcards_are_letters(admin, operator, acts):
    person, agent, _ = acts
    assert any(r["target"] == f"agent:{agent.id}" for r in rows(admin, q="AUDITED"))
    found = rows(admin, q=person.email)
    assert found and all(person.email in (r["actorName"], r["targetName"]) for r in found)
    name = "100%_\\'sure"
    other = operator.register(name)
    assert {r["target"] for r in rows(admin, q=name)} == {f"agent:{other.id}"}
    assert rows(admin, q="100%x\\'sure") == [] and rows(admin, q="1__") == []


def test_a_range_of_time_begins_with_its_start_and_ends_before_its_end(admin, acts):
    person, *_ = acts
    mine = every(admin, actor=person.email)
    middle = mine[len(mine) // 2]["time_ms"]
    assert [r["seq"] for r in every(admin, actor=person.email, from_ms=middle)] == [
        r["seq"] for r in mine if r["time_ms"] >= middle]
    assert [r["seq"] for r in every(admin, actor=person.email, to_ms=middle)] == [
        r["seq"] for r in mine if r["time_ms"] < middle]
    assert rows(admin, from_ms=int(time.time() * 1000) + 60000) == []
    assert rows(admin, to_ms=1) == []
    assert rows(admin, from_ms=middle, to_ms=middle) == []


def test_pages_hold_each_row_once_while_new_ones_arrive(stack, admin, operator):
    for _ in range(3):
        operator.register()
    newest = last(stack)
    seen, before = [], {}
    for _ in range(4):
        page = admin.get("/api/audit", params={"limit": 3, **before}).json()
        seen += [r["seq"] for r in page["items"]]
        before = {"before": page["next"]}
        operator.register()
    assert seen == list(range(newest, newest - 12, -1))


def test_the_last_page_says_so(stack, admin):
    page = admin.get("/api/audit", params={"before": 3}).json()
    assert [r["seq"] for r in page["items"]] == [2, 1] and page["next"] is None
    page = admin.get("/api/audit", params={"before": 3, "limit": 2}).json()
    assert [r["seq"] for r in page["items"]] == [2, 1] and page["next"] is None
    page = admin.get("/api/audit", params={"before": 3, "limit": 1}).json()
    assert [r["seq"] for r in page["items"]] == [2] and page["next"] == 2
    assert admin.get("/api/audit", params={"before": 1}).json() == {"items": [], "next": None}


def test_the_trail_is_read_from_its_beginning_too(stack, admin, acts):
    person, *_ = acts
    found, after = [], 0
    for _ in range(3):
        page = admin.get("/api/audit", params={"order": "asc", "limit": 3, "after": after}).json()
        found += [r["seq"] for r in page["items"]]
        after = page["next"]
    assert found == list(range(1, 10)) and after == 9
    newest = last(stack)
    end = admin.get("/api/audit", params={"order": "asc", "after": newest - 2, "limit": 200}).json()
    assert [r["seq"] for r in end["items"]][:2] == [newest - 1, newest] and end["next"] is None
    assert admin.get("/api/audit", params={"order": "asc", "after": newest + 1000}).json() == {"items": [], "next": None}
    assert [r["seq"] for r in rows(admin, before=8, after=5)] == [7, 6]
    assert [r["seq"] for r in rows(admin, before=8, after=5, order="asc")] == [6, 7]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_page_is_filled_however_far_apart_its_rows_are(stack, admin, operator, spec, limit):
    """One row of this person's among ever more of others, so that each page has to be looked for further."""
    person = Person.add(stack, spec, "operator")
    for between in (0, 1, 5, 22):
        for _ in range(between):
            operator.register()
        person.register()
    mine = [r["seq"] for r in rows(admin, actor=person.email, action="agent.register", limit=200)]
    assert len(mine) == 4
    for order, expected in (("desc", mine), ("asc", mine[::-1])):
        found, query = [], {}
        while True:
            page = admin.get("/api/audit", params={"actor": person.email, "action": "agent.register", "limit": limit,
                                                   "order": order, **query}).json()
            found += [r["seq"] for r in page["items"]]
            if page["next"] is None:
                break
            query = {"before" if order == "desc" else "after": page["next"]}
        assert found == expected


@pytest.mark.parametrize("query, name", [
    ({"order": "up"}, "order"), ({"after": "-1"}, "after"), ({"q": "x" * 121}, "q"),
    ({"result": "maybe"}, "result"), ({"limit": "0"}, "limit"), ({"limit": "201"}, "limit"), ({"limit": "x"}, "limit"),
    ({"before": "0"}, "before"), ({"from_ms": "-1"}, "from_ms"), ({"to_ms": "1.5"}, "to_ms"), ({"q": "x" * 201}, "q"),
    ({"actor": "x" * 201}, "actor"), ({"before": "9" * 30}, "before"),
])
def test_a_wrong_filter_is_named(admin, query, name):
    assert problem(admin.get("/api/audit", params=query), 422, "invalid-field")["parameter"] == name


def test_what_is_asked_is_data_and_never_part_of_a_statement(stack, admin):
    for text in ("' OR 1=1 --", "\" OR \"\"=\"", "'; DELETE FROM audit; --", "%", "_", "\\", "%' ESCAPE '"):
        for name in ("actor", "action", "target", "address"):
            assert rows(admin, **{name: text}) == []
    assert rows(admin, q="'; DELETE FROM audit; --") == rows(admin, q="x" * 120) == []


def test_who_was_deleted_is_an_id_alone(stack, spec, admin):
    person = Person.add(stack, spec, "viewer")
    me = f"user:{person.user['id']}"
    assert rows(admin, actor=me)[0]["actorName"] == person.email
    stack.change("UPDATE users SET deleted_ms = 1, purge_after_ms = 2 WHERE id = ?", person.user["id"])
    found = rows(admin, actor=me)
    assert found and all(r["actorName"] is None for r in found)
    assert all(r["targetName"] is None for r in rows(admin, target=me))


# --- the export ---


def test_the_export_has_every_row_oldest_first_and_is_a_row_itself(stack, admin):
    newest = last(stack)
    reply = admin.get("/api/audit/export")
    got = lines(reply)
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="muster-audit-20')
    assert [r["seq"] for r in got] == list(range(1, newest + 2))
    assert got[-1]["action"] == "audit.export" and got[-1]["actor"] == f"user:{admin.user['id']}"
    assert got[0]["time"].endswith("Z") and got[0]["time_ms"] > 0
    paged = {r["seq"]: r for r in every(admin, limit=200)}
    assert all({k: v for k, v in r.items() if k != "time"} == paged[r["seq"]] for r in got[:-1])


def test_the_export_takes_filters_and_goes_on_where_one_ended(stack, admin, acts):
    person, *_ = acts
    mine = every(admin, actor=person.email)
    assert [r["seq"] for r in export(admin, actor=person.email)] == sorted(r["seq"] for r in mine)
    row = rows(admin, action="audit.export")[0]
    assert row["detail"]["query"] == "actor=", "what was typed is not kept: it may be an address"
    export(admin, result="ok", from_ms=1, q="ada@example.org")
    assert rows(admin, action="audit.export")[0]["detail"]["query"] == "result=ok&from_ms=1&q="
    assert [r["seq"] for r in export(admin, after=mine[0]["seq"], actor=person.email)] == []
    assert export(admin, after=mine[0]["seq"])[0]["seq"] == mine[0]["seq"] + 1
    assert problem(admin.get("/api/audit/export", params={"result": "x"}), 422, "invalid-field")["parameter"] == "result"


def test_a_refused_export_leaves_no_export_behind(stack, admin):
    before = last(stack)
    problem(admin.get("/api/audit/export", params={"after": "x"}), 422, "invalid-field")
    assert last(stack) == before


def test_a_head_request_is_recorded_too_and_has_no_body(stack, admin):
    before = last(stack)
    assert admin.request("HEAD", "/api/audit/export", judge=False).content == b""
    assert stack.query("SELECT action FROM audit WHERE seq > ?", before) == [("audit.export",)]


def test_not_everybody_exports_at_once(stack, admin):
    """Two do; the rest are told when to come back. A place is given back when its reader has ended."""
    cookies = {c.name: c.value for c in admin.session.cookies}
    slow = [requests.get(stack.url + "/api/audit/export", cookies=cookies, verify=stack.ca, stream=True, timeout=30)
            for _ in range(2)]
    for reply in slow:
        reply.content
        reply.close()
    codes = []

    def ask():
        codes.append(requests.get(stack.url + "/api/audit/export", cookies=cookies, verify=stack.ca,
                                  timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 503} and 200 in codes
    assert admin.get("/api/audit/export").status_code == 200


def test_who_asks_again_at_once_is_not_in_their_own_way(stack, admin):
    """A place is given back before the reply ends, however it ends."""
    for n in range(30):
        assert admin.request("HEAD", "/api/audit/export", judge=False).status_code == 200
        problem(admin.get("/api/audit/export?result=x"), 422, "invalid-field")
        assert admin.get("/api/audit/export", params={"after": last(stack)}).status_code == 200
        admin.ok("POST", "/api/audit/verify")


# --- names that try to break out ---

EVIL = "a\nb\r\n\t\x1b[2J\x00\u202e\u2028\u2066\ufeff\x9b\x7f,\"=1+1\\u000a\U0001f512"


def test_no_name_breaks_a_line_of_the_export(stack, admin, operator):
    agent = operator.register()
    for name in (EVIL.replace("\0", ""), "x\u202eb", "x\u2028b", "x\u2066b", "x\nb", "x\x1bb", "x\x9bb"):
        problem(operator.post("/api/agents", {"name": name, "platform": "linux"}), 422, "invalid-field")
    text = EVIL.replace("\0", "")
    stack.change("UPDATE agents SET name = ? WHERE id = ?", text, agent.id)  # an older program was not so strict
    raw = admin.get("/api/audit/export").content
    assert all(0x20 <= byte < 0x7f or byte == 0x0a for byte in raw)
    got = [json.loads(line) for line in raw.decode("ascii").splitlines()]
    assert [r["seq"] for r in got] == list(range(1, len(got) + 1))
    assert next(r for r in got if r["target"] == f"agent:{agent.id}")["targetName"] == text


def test_no_name_breaks_a_line_or_a_cell_of_the_spreadsheet(stack, admin, operator):
    agent = operator.register()
    for name in ("=1+1", "+x", "-x", "@x", "\tx", EVIL.replace("\0", "")):
        stack.change("UPDATE agents SET name = ? WHERE id = ?", name, agent.id)
        reply = admin.get("/api/audit/export", params={"format": "csv", "target": f"agent:{agent.id}"})
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert reply.headers["Content-Disposition"].endswith('.csv"')
        text = reply.content.decode("utf-8")
        assert not set(text) & set("\t\x1b\u202e\u2028\u2066\ufeff\x9b\x7f") and text.count("\n") == text.count("\r\n") == 2
        head, row = csv.DictReader(io.StringIO(text)).fieldnames, next(csv.DictReader(io.StringIO(text)))
        assert head[:4] == ["seq", "time", "actor", "actorName"] and row["target"] == f"agent:{agent.id}"
        assert row["targetName"] == ("'" + name if name[0] in "=+-@" else
                                     "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name))
        assert json.loads(row["detail"]) == rows(admin, target=f"agent:{agent.id}")[0]["detail"]
    problem(admin.get("/api/audit/export", params={"format": "xml"}), 422, "invalid-field")


def test_no_address_bar_and_no_header_breaks_a_line_of_the_log(stack, spec, admin, page, wire):
    agent = "Mozilla\u202e\u2028 \"x\" \\ \x9b\x7f".encode("utf-8")
    mark = f"mark-{time.time_ns()}"
    evil = f"{mark}%0a2026-01-01T00:00:00.000Z%20error%20%20%20forged%1b[2J%e2%80%ae%e2%80%a8"
    requests.get(f"{stack.url}/api/agents/{evil}", headers={"User-Agent": agent}, verify=stack.ca, timeout=30)
    page.post("/api/auth/login", {"email": f"{mark}\n\u202e@example.org", "password": "wrong"},
              headers={"User-Agent": agent}, judge=False)
    admin.request("POST", f"/api/alerts/{evil}/acknowledge", judge=False)
    # nginx logs an error with the request's line, its Host and its Referer; a body that is too large is one.
    for client in (page, wire):
        for headers in ({"Referer": "https://x/\x1b[2J\u202e".encode("utf-8")}, {}):
            reply = client.request("POST", f"/api/auth/login?{evil}", judge=False, data=b"x" * 20000000, headers=headers)
            assert reply.status_code in (400, 404, 413)

    def logged():
        lines = [json.loads(line) for line in (stack.var / "log/access.log").read_text().splitlines()]
        return sum(mark in line["path"] for line in lines) >= 2

    wait_until(logged, 30, "nginx has written what it was asked")
    seen = 0
    for path in (stack.var / "log").rglob("*"):
        if not path.is_file():
            continue
        for line in path.read_bytes().split(b"\n"):
            assert not line.startswith(b"2026-01-01T00:00:00.000Z"), path
            assert all(byte >= 0x20 or byte == 0x09 for byte in line), (path, line)
            assert not set(line.decode("utf-8")) & set("\u202e\u2028\u2029\u2066\x9b\x7f"), (path, line)
            seen += mark.encode() in line
    assert seen >= 4


def ask(client, target, *headers):
    """A request byte by byte; (status, body)."""
    port = client.stack.port if client.listener == "admin" else client.stack.agent_port
    context = ssl.create_default_context(cafile=client.stack.ca)
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: localhost:%d" % port, b"Connection: close", *headers]
    with socket.create_connection(("localhost", port), 30) as plain, context.wrap_socket(plain, server_hostname="localhost") as s:
        s.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        reply = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_bytes_that_do_not_belong_into_an_address_are_refused(page, wire):
    for client in (page, wire):
        for target in (b"/api/\xe2\x80\xae", b"/health/live?\xff", b"/\x80"):
            status, body = ask(client, target)
            assert (status, body["type"]) == (400, "/problems/bad-request"), target
        status, body = ask(client, b"/health/live", b"Referer: https://x/\x1b[2J")
        assert (status, body["type"]) == (400, "/problems/bad-request")
        assert ask(client, b"/health/live", b"Referer: https://x/plain?x=%e2")[0] == 200


def test_a_text_that_is_no_utf8_neither_stops_the_page_nor_the_export(stack, admin):
    """A character that was cut in two when a row was made."""
    seq = last(stack)
    kept = stack.query("SELECT target, detail FROM audit WHERE seq = ?", seq)[0]
    with stack.database() as db:
        db.execute("UPDATE audit SET target = CAST(? AS TEXT), detail = CAST(? AS TEXT) WHERE seq = ?",
                   (b"x:\xc3", b"no json \xff", seq))
    try:
        row = next(r for r in rows(admin) if r["seq"] == seq)
        assert row["target"] == "x:\ufffd" and row["detail"] == {"text": "no json \ufffd"}
        assert any(r["seq"] == seq for r in export(admin))
    finally:
        with stack.database() as db:
            db.execute("UPDATE audit SET target = ?, detail = ? WHERE seq = ?", (*kept, seq))


@pytest.fixture
def own(spec):
    """A server whose log says of an accident."""
    with Stack("export") as stack:
        env = stack.admin_env()
        yield stack, Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])


def test_an_export_that_cannot_go_on_is_seen_to_be_cut_short(own):
    """A row that no program of ours has written: too large for what is held at once. What is sent ends in the middle of
    the transfer, so that nobody takes it for the whole."""
    stack, admin = own
    for _ in range(150):  # more than nginx holds back before it sends a head
        admin.ok("POST", "/api/audit/verify")
    seq = stack.query("SELECT MAX(seq) - 2 FROM audit")[0][0]
    kept = stack.query("SELECT detail FROM audit WHERE seq = ?", seq)[0][0]
    stack.change("UPDATE audit SET detail = ? WHERE seq = ?", '{"x":"' + "y" * 3000000 + '"}', seq)
    try:
        try:
            whole = admin.get("/api/audit/export", judge=False).status_code == 200
        except requests.RequestException:
            whole = False  # some of it was on its way already
        assert not whole
        assert "a reply was broken off" in stack.log_text()
        assert admin.get("/api/audit/export", params={"after": seq}).status_code == 200
    finally:
        stack.change("UPDATE audit SET detail = ? WHERE seq = ?", kept, seq)


def test_strangers_see_no_difference_between_filters(stack, spec):
    page = Client(stack, spec, "admin")
    for query in ("", "?actor=admin@localhost", "?result=x", "?limit=999"):
        problem(page.get("/api/audit" + query), 401, "unauthenticated")
