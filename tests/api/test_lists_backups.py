"""Lists about what is stored: the chains of a config, what retention would do with them, the storage, an agent's runs."""

import csv
import io
import secrets

import pytest

from client import problem
from upload import Upload

DAY_MS = 86400000


def cells(person, path):
    """The file, row by row."""
    reply = person.get(path)
    assert reply.status_code == 200, reply.text
    return list(csv.DictReader(io.StringIO(reply.text, newline="")))


class Stored:
    """A config with three chains: "old", pinned; "long", of three runs; "torn", of which nothing can be restored."""

    def __init__(self, stack, operator):
        self.stack, self.operator = stack, operator
        self.tag = secrets.token_hex(4)
        self.agent = operator.register(f"=host {self.tag}")
        self.config = operator.add_config(self.agent, f"files {self.tag}")
        self.id = self.config["id"]
        old, long, torn = self.run(9, 5000), self.run(5, 100), self.run(2, 200)
        self.names = {old: "old", long: "long", torn: "torn"}
        self.upon = [self.run(4, 100, long, 1), self.run(3, 100, long, 2)]
        stack.change("UPDATE backup_runs SET pinned_ms = 1 WHERE id = ?", old)
        stack.change("UPDATE backup_runs SET verify_error = 'it is torn', verified_ms = 1 WHERE id = ?", torn)

    def run(self, days_ago, size, chain=None, seq=0):
        upload = Upload(self.agent, self.config)
        upload.add(secrets.token_bytes(size))
        assert upload.complete().status_code == 200
        self.stack.change("UPDATE backup_runs SET started_ms = started_ms - ?, finished_ms = finished_ms - ?,"
                          " origin = 'schedule', type = ?, chain_id = ?, chain_seq = ? WHERE id = ?", days_ago * DAY_MS,
                          days_ago * DAY_MS, "incremental" if chain else "full", chain or upload.log_id, seq, upload.log_id)
        return upload.log_id

    def chains(self, route, query="", person=None):
        """The page, and how many there are in all."""
        page = (person or self.operator).ok("GET", f"/api/configs/{self.id}/{route}?{query}")
        return [self.names[c["chainId"]] for c in page["items"]], page


@pytest.fixture(scope="module")
def stored(stack, operator):
    return Stored(stack, operator)


ORDERS = [
    ("", "torn long old"), ("order=asc", "old long torn"), ("sort=size", "torn long old"),
    ("sort=size&order=desc", "old long torn"), ("sort=runs", "old torn long"), ("sort=runs&order=desc", "long torn old"),
    ("limit=2", "torn long"), ("limit=2&offset=2", "old"), ("limit=1&offset=3", ""),
]


@pytest.mark.parametrize("route", ["chains", "retention"])
@pytest.mark.parametrize("query, expected", ORDERS)
def test_chains_are_sorted_and_paged(stored, route, query, expected):
    found, page = stored.chains(route, query)
    assert (found, page["total"]) == (expected.split(), 3)
    if "limit" not in query:
        rows = cells(stored.operator, f"/api/configs/{stored.id}/{route}?format=csv&{query}")
        assert [stored.names[row["chain"]] for row in rows] == found


@pytest.mark.parametrize("query, expected", [
    ("only=restorable", "long old"), ("only=broken", "torn"), ("only=pinned", "old"), ("only=pinned&limit=1&offset=1", ""),
])
def test_chains_are_filtered(stored, query, expected):
    found, page = stored.chains("chains", query)
    assert (found, page["total"]) == (expected.split(), 1 if "limit" in query else len(found))


def test_a_chain_is_found_by_the_id_of_any_of_its_runs(stored):
    assert stored.chains("chains", f"q={stored.upon[1].upper()}")[0] == ["long"]
    assert stored.chains("retention", f"q={stored.upon[0]}")[0] == ["long"]
    assert stored.chains("chains", "q=pinned")[0] == [], "reasons are the preview's"
    for text in ("%25", "_", "%5C"):
        assert stored.chains("chains", f"q={text}")[0] == [], "what is searched for is no pattern"


def test_a_page_of_chains_has_their_runs_and_a_file_their_number(stored):
    _, page = stored.chains("chains", "sort=runs&order=desc&limit=1")
    assert [r["chainSeq"] for r in page["items"][0]["runs"]] == [0, 1, 2]
    row = cells(stored.operator, f"/api/configs/{stored.id}/chains?format=csv&sort=runs&order=desc")[0]
    assert (row["runs"], row["restorable"], row["pinned"], row["encrypted"]) == ("3", "true", "false", "false")
    assert row["newest"].endswith("Z") and int(row["bytes"]) == page["items"][0]["size"]


def test_the_preview_is_filtered_and_its_sums_are_of_all(stored):
    rules = "keepLast=1&retentionDays=0"
    found, whole = stored.chains("retention", rules)
    assert (whole["keep"] + whole["delete"], len(found)) == (3, 3)
    goes, page = stored.chains("retention", f"{rules}&action=delete")
    assert goes == [stored.names[c["chainId"]] for c in whole["items"] if c["action"] == "delete"]
    assert [page[k] for k in ("keep", "delete", "freedBytes", "policy")] == [
        whole[k] for k in ("keep", "delete", "freedBytes", "policy")]
    assert stored.chains("retention", f"{rules}&q=PINNED")[0] == ["old"]
    stays, _ = stored.chains("retention", f"{rules}&action=keep")
    assert "old" in stays and sorted(stays + goes) == ["long", "old", "torn"]
    by_action = [c["action"] for c in stored.chains("retention", f"{rules}&sort=action")[1]["items"]]
    assert by_action == sorted(by_action)
    file = cells(stored.operator, f"/api/configs/{stored.id}/retention?format=csv&{rules}&q=pinned")
    assert [(r["what happens"], "pinned" in r["reasons"]) for r in file] == [("keep", True)]


@pytest.mark.parametrize("route, query, name", [
    ("chains", "only=all", "only"), ("chains", "sort=action", "sort"), ("chains", "offset=-1", "offset"),
    ("retention", "action=stay", "action"), ("retention", "limit=201", "limit"), ("retention", "keepLast=-1", "keepLast"),
])
def test_a_wrong_parameter_is_named(stored, route, query, name):
    path = f"/api/configs/{stored.id}/{route}?{query}"
    assert problem(stored.operator.get(path), 422, "invalid-field")["parameter"] == name


def test_files_about_a_config_are_its_owners(stored, neighbour, viewer, admin):
    for route in ("chains", "retention"):
        path = f"/api/configs/{stored.id}/{route}?format=csv"
        for person in neighbour, viewer:
            problem(person.get(path), 404, "not-found")
        assert len(cells(admin, path)) == 3
    for person in neighbour, viewer:
        assert stored.id not in person.get(f"/api/storage?format=csv&q={stored.tag}").text
        assert cells(person, f"/api/storage?format=csv&agentId={stored.agent.id}") == []
    stored.stack.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'config', ?, 1)",
                        viewer.user["id"], stored.id)
    assert len(cells(viewer, f"/api/configs/{stored.id}/chains?format=csv")) == 3
    assert [r["backup id"] for r in cells(viewer, f"/api/storage?format=csv&q={stored.tag}")] == [stored.id]


def test_what_is_stored_is_sorted_searched_and_paged(stack, operator):
    tag = secrets.token_hex(4)
    for name, sizes in (("b", [10]), ("c", [500]), ("a", [20, 30, 40])):
        agent = operator.register(f"-{name} {tag}")
        config = operator.add_config(agent, f"={'cab'['abc'.index(name)]} {tag}")
        for size in sizes:
            upload = Upload(agent, config)
            upload.add(b"x" * size)
            assert upload.complete().status_code == 200
            stack.change("UPDATE backup_runs SET status = 'completed' WHERE id = ?", upload.log_id)

    def hosts(query):
        page = operator.ok("GET", f"/api/storage?q={tag}&{query}")
        assert page["total"] == 3 and page["runs"] >= 5 and page["bytes"] >= 600, "the sums are of all"
        return "".join(row["agentName"][1] for row in page["items"])

    assert hosts("") == "cab" and hosts("order=asc") == "bac"
    assert hosts("sort=agent") == "abc" and hosts("sort=agent&order=desc") == "cba"
    assert hosts("sort=config") == "bca" and hosts("sort=config&order=desc") == "acb"
    assert hosts("sort=runs") == "bca" and hosts("sort=runs&order=desc") == "abc"
    assert hosts("limit=1&offset=1") == "a" and hosts("limit=2&offset=3") == ""
    file = cells(operator, f"/api/storage?format=csv&q={tag}&sort=agent")
    assert [(r["host"], r["bytes"], r["runs"]) for r in file] == [
        (f"'-a {tag}", "90", "3"), (f"'-b {tag}", "10", "1"), (f"'-c {tag}", "500", "1")]
    problem(operator.get("/api/storage?sort=age"), 422, "invalid-field")


def test_the_runs_of_an_agent_are_filtered_by_their_state(stack, stored):
    path = f"/api/agents/{stored.agent.id}/runs"
    assert stored.operator.ok("GET", f"{path}?status=completed")["total"] == 5
    assert stored.operator.ok("GET", f"{path}?status=failed") == {"items": [], "total": 0}
    assert len(cells(stored.operator, f"{path}?format=csv&status=completed&q={stored.tag}")) == 5
    assert problem(stored.operator.get(f"{path}?status=x"), 422, "invalid-field")["parameter"] == "status"


def test_what_an_agent_said_of_its_updates_is_a_list(stack, operator, neighbour):
    agent = operator.register("updated")
    for n, (state, version, reason) in enumerate((("offered", "2.0.0", ""), ("failed", "3.0.0", "=1+1"), ("committed", "1.0.0", "Fine"))):
        stack.change("INSERT INTO agent_update_history (id, agent_id, time_ms, state, version, current_version, reason,"
                     " rollout_id) VALUES (?, ?, ?, ?, ?, '0.9.0', ?, '')", f"{agent.id}-{n}", agent.id, n + 1, state, version,
                     reason)
    path = f"/api/agents/{agent.id}/updates"

    def versions(query):
        return "".join(row["version"][0] for row in operator.ok("GET", f"{path}?{query}")["items"])

    assert versions("") == "132" and versions("order=asc") == "231"
    assert versions("sort=version") == "123" and versions("sort=state&order=desc") == "231"
    assert versions("state=failed") == versions("q==1%2B1") == versions("q=3.0") == "3"
    assert versions("q=FINE") == "1" and versions("q=0.9&limit=1&offset=1") == "3" and versions("state=trial") == ""
    assert [r["reason"] for r in cells(operator, f"{path}?format=csv&sort=version")] == ["Fine", "", "'=1+1"]
    assert problem(operator.get(f"{path}?state=x"), 422, "invalid-field")["parameter"] == "state"
    problem(neighbour.get(f"{path}?format=csv"), 404, "not-found")
