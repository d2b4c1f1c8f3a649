"""What all lists have in common: q, sort, order, limit, offset, CSV."""

import csv
import io
import secrets

import pytest

from client import Person, Program, problem
from spec import Spec

DOCUMENT = Spec().document


def lists():
    """(path, the names it sorts by), from the document."""
    for path, item in DOCUMENT["paths"].items():
        for parameter in item.get("get", {}).get("parameters", []):
            if parameter.get("name") == "sort":
                yield path, parameter["schema"]["enum"]


LISTS = [pytest.param(path, sorts, id=path) for path, sorts in lists()]


@pytest.fixture(scope="module")
def rollout(stack, admin, operator):
    """One of two agents; what is offered is judged elsewhere, so a row does for the release."""
    agents = [operator.register(f"member {n}") for n in range(2)]
    stack.change("INSERT INTO releases (version, channel, status, min_version, changelog, eventlog_min, size_bytes,"
                 " downgrade, created_ms, published_ms) VALUES ('6.6.6', 'test', 'published', '0.0.1', '', 1, 1, 0, 1, 1)")
    body = {"version": "6.6.6", "target": {"agents": [a.id for a in agents]}}
    yield admin.ok("POST", "/api/rollouts", body)
    stack.change("DELETE FROM rollouts WHERE version = '6.6.6'")
    stack.change("DELETE FROM releases WHERE version = '6.6.6'")


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


@pytest.fixture
def list_path(agent, request):
    def find(path):
        if path.startswith("/api/rollouts/"):
            return path.replace("{id}", request.getfixturevalue("rollout")["id"])
        if path.startswith("/api/configs/"):
            return path.replace("{id}", request.getfixturevalue("config")["id"])
        return path.replace("{id}", agent.id)

    return find


def test_the_members_of_a_rollout_are_sorted_and_searched(admin, rollout):
    members = f"/api/rollouts/{rollout['id']}/members"

    def names(query):
        return [m["agentName"] for m in admin.ok("GET", f"{members}?{query}")["items"]]

    assert names("sort=name") == ["member 0", "member 1"]
    assert names("sort=name&order=desc") == ["member 1", "member 0"]
    assert names("q=MEMBER+1") == ["member 1"]
    text = admin.get(f"{members}?format=csv&sort=name").text
    assert [row["agent"] for row in csv.DictReader(io.StringIO(text, newline=""))] == ["member 0", "member 1"]


@pytest.mark.parametrize("path, sorts", LISTS)
def test_every_list_sorts_both_ways_by_all_it_says(admin, list_path, path, sorts):
    path = list_path(path)
    for sort in sorts:
        for order in ("asc", "desc"):
            body = admin.ok("GET", f"{path}?sort={sort}&order={order}&limit=200")
            assert body["total"] >= len(body["items"])
    told = problem(admin.get(f"{path}?sort=none"), 422, "invalid-field")
    assert told["parameter"] == "sort"
    problem(admin.get(f"{path}?order=up"), 422, "invalid-field")
    problem(admin.get(f"{path}?format=xml"), 422, "invalid-field")
    problem(admin.get(f"{path}?limit=201"), 422, "invalid-field")


@pytest.mark.parametrize("path, sorts", LISTS)
def test_every_list_is_a_file_too(admin, list_path, path, sorts):
    reply = admin.get(f"{list_path(path)}?format=csv")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="')
    assert reply.headers["Cache-Control"] == "no-store"
    rows = list(csv.reader(io.StringIO(reply.text, newline="")))
    total = admin.ok("GET", f"{list_path(path)}?limit=1")["total"]
    assert len(rows) >= 1 and abs(len(rows) - 1 - total) <= 1  # others may be at work
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("path, sorts", LISTS)
def test_a_search_that_fits_nothing_gives_nothing(admin, list_path, path, sorts):
    assert admin.ok("GET", f"{list_path(path)}?q=there+is+no+such+thing")["items"] == []


def rows_of(person, query):
    text = person.get(f"/api/agents?format=csv&{query}").text
    return list(csv.DictReader(io.StringIO(text, newline="")))


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://evil\";\"x\")"]


def test_a_name_that_is_a_formula_is_made_plain(operator):
    tag = secrets.token_hex(4)
    for text in FORMULAS:
        operator.register(f"{text} {tag}")
    names = {row["name"] for row in rows_of(operator, f"q={tag}")}
    assert names == {f"'{text} {tag}" for text in FORMULAS}
    raw = operator.get(f"/api/agents?format=csv&q={tag}").text
    for line in raw.split("\r\n")[1:]:
        for cell in next(csv.reader([line]), []):
            assert not cell or cell[0] not in "=+-@\t\r", line


def test_commas_and_quotes_stay_in_their_cell_and_a_row_is_a_line(stack, operator):
    tag = secrets.token_hex(4)
    names = [f'a,b "{tag}"', f"two\nlines {tag}", f" blank {tag}", f"\ttab {tag}", f"grüße {tag}"]
    for name in names:
        agent = operator.register("x")
        stack.change("UPDATE agents SET name = ?, name_lower = ? WHERE id = ?", name, name.lower(), agent.id)
    found = {row["name"] for row in rows_of(operator, f"q={tag}")}
    assert found == {"'" + n.replace("\t", " ") if n[0] == "\t" else n.replace("\n", " ") for n in names}
    assert len(operator.get(f"/api/agents?format=csv&q={tag}").content.split(b"\n")) == len(names) + 2


def test_a_file_has_all_that_the_filters_let_through_in_their_order(operator):
    tag = secrets.token_hex(4)
    for n in range(60):
        operator.register(f"{tag} {n:02d}")
    rows = rows_of(operator, f"q={tag}&sort=name&order=desc&limit=5&offset=7")
    assert [row["name"] for row in rows] == [f"{tag} {n:02d}" for n in range(59, -1, -1)]


def test_a_file_holds_nothing_of_anybody_else(operator, neighbour, agent):
    assert agent.id not in neighbour.get("/api/agents?format=csv").text
    assert agent.id in operator.get("/api/agents?format=csv").text


def test_large_replies_are_packed_and_those_with_secrets_are_not(operator, agent):
    for _ in range(8):
        operator.register("packed")
    assert operator.get("/api/agents").headers.get("Content-Encoding") == "gzip"
    assert operator.get("/api/auth/session").headers.get("Content-Encoding") is None


# --- the lists of people ---


def cells(person, path):
    """The file, row by row."""
    reply = person.get(path)
    assert reply.status_code == 200, reply.text
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


@pytest.fixture(scope="module")
def invited(stack, admin):
    """Four invitations in each of their states, made in this order; gives the tag that is in all of their addresses."""
    tag = secrets.token_hex(4)
    made = {}
    for n, (state, role) in enumerate((("open", "viewer"), ("used", "operator"), ("expired", "operator"), ("revoked", "admin"))):
        email = f"{'dcba'[n]}-{tag}@Example.org"
        made[state] = admin.ok("POST", "/api/invitations", {"email": email, "role": role})["invitation"]["id"]
        stack.change("UPDATE invitations SET created_ms = created_ms - ? WHERE id = ?", 10000 - n, made[state])
    stack.change("UPDATE invitations SET used_ms = 5 WHERE id = ?", made["used"])
    stack.change("UPDATE invitations SET expires_ms = created_ms WHERE id = ?", made["expired"])
    stack.change("UPDATE invitations SET revoked_ms = 5 WHERE id = ?", made["revoked"])
    return tag


@pytest.mark.parametrize("query, expected", [
    ("", "abcd"), ("order=asc", "dcba"), ("sort=email", "abcd"), ("sort=email&order=desc", "dcba"),
    ("sort=expires", "bdca"), ("sort=role", "acbd"), ("state=open", "d"), ("state=used", "c"), ("state=expired", "b"),
    ("state=revoked", "a"), ("role=operator", "bc"), ("role=operator&state=used", "c"), ("role=viewer&state=used", ""),
    ("limit=2", "ab"), ("limit=2&offset=2", "cd"), ("limit=2&offset=3", "d"),
])
def test_invitations_are_sorted_filtered_and_paged(admin, invited, query, expected):
    page = admin.ok("GET", f"/api/invitations?q={invited.upper()}&{query}")
    assert "".join(i["email"][0] for i in page["items"]) == expected
    assert page["total"] == (4 if "limit" in query else len(expected))
    if "limit" not in query:  # a file has no pages
        rows = cells(admin, f"/api/invitations?format=csv&q={invited}&{query}")
        assert "".join(r["e-mail"][0] for r in rows) == expected


def test_a_wrong_state_of_an_invitation_is_named(admin):
    assert problem(admin.get("/api/invitations?state=x"), 422, "invalid-field")["parameter"] == "state"
    assert problem(admin.get("/api/invitations?role=x"), 422, "invalid-field")["parameter"] == "role"


def test_the_list_of_sessions_is_sorted_filtered_and_paged(stack, spec):
    person = Person.add(stack, spec, "viewer")
    program = Program(stack, spec, person.email, person.password)
    rows = person.ok("GET", "/api/auth/sessions")["items"]
    browser = next(r["id"] for r in rows if r["kind"] == "cookie")
    token = next(r["id"] for r in rows if r["kind"] == "token")
    stack.change("UPDATE sessions SET user_agent = 'Browser/7', created_ms = created_ms - 9, address = '192.0.2.9' WHERE id = ?",
                 browser)
    stack.change("UPDATE sessions SET user_agent = '=1+1 script', address = '192.0.2.10' WHERE id = ?", token)

    def ids(query):
        page = person.ok("GET", f"/api/auth/sessions?{query}")
        return [r["id"] for r in page["items"]]

    assert ids("sort=created&order=asc") == [browser, token] == ids("sort=address&order=desc")
    assert ids("sort=created&order=desc") == [token, browser]
    assert ids("kind=cookie") == ids("q=BROWSER") == ids("q=192.0.2.9") == [browser]
    assert ids("kind=token") == ids("q=script") == [token] and ids("kind=token&q=browser") == []
    assert ids("sort=created&order=asc&limit=1&offset=1") == [token]
    assert [r["program"] for r in cells(person, "/api/auth/sessions?format=csv&sort=created&order=asc")] == [
        "Browser/7", "'=1+1 script"]
    assert [r["this one"] for r in cells(program, "/api/auth/sessions?format=csv&sort=created&order=asc")] == ["false", "true"]
    problem(person.get("/api/auth/sessions?kind=robot"), 422, "invalid-field")


def test_the_list_of_tokens_is_sorted_filtered_and_paged(stack, spec):
    person = Person.add(stack, spec, "operator")
    for name, scopes in (("beta", ["read"]), ("=1+1", ["enrol"]), ("Alpha", ["read", "fleet"])):
        made = person.ok("POST", "/api/auth/tokens", {"name": name, "scopes": scopes})["token"]["id"]
    stack.change("UPDATE access_tokens SET expires_ms = created_ms, last_used_ms = 4, last_address = '192.0.2.77' WHERE id = ?", made)

    def names(query):
        return [t["name"] for t in person.ok("GET", f"/api/auth/tokens?{query}")["items"]]

    assert names("sort=name") == ["=1+1", "Alpha", "beta"] and names("sort=name&order=desc") == ["beta", "Alpha", "=1+1"]
    assert names("") == ["Alpha", "=1+1", "beta"], "the newest first"
    assert names("state=expired") == names("q=192.0.2.77") == names("q=ALPHA") == names("q=fleet") == ["Alpha"]
    assert names("state=valid&sort=name") == ["=1+1", "beta"] and names("state=expired&q=beta") == []
    assert names("sort=used&order=desc&limit=1") == names("sort=expires&order=asc&limit=1") == ["Alpha"]
    assert names("sort=name&limit=1&offset=1") == ["Alpha"]
    assert [r["name"] for r in cells(person, "/api/auth/tokens?format=csv&sort=name")] == ["'=1+1", "Alpha", "beta"]
    problem(person.get("/api/auth/tokens?state=x"), 422, "invalid-field")


def test_nobody_exports_the_sessions_or_tokens_of_others(operator, neighbour):
    made = neighbour.ok("POST", "/api/auth/tokens", {"name": "of the neighbour", "scopes": ["read"]})["token"]["id"]
    theirs = {r["id"] for r in cells(neighbour, "/api/auth/sessions?format=csv")} | {made}
    assert made in neighbour.get("/api/auth/tokens?format=csv").text
    for path in ("/api/auth/sessions?format=csv", "/api/auth/tokens?format=csv", f"/api/auth/tokens?q={made}"):
        assert not [t for t in theirs if t in operator.get(path).text]
