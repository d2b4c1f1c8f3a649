"""What an agent gets to read back, and what it may not; what people see of what is inside a run."""

import hashlib
import json

import pytest

from chains import StoredRun, chain, listing, packed
from client import problem
from upload import Upload, store_request

TREE = [("etc", "d", "-", 0, 1771185600000, None), ("etc/hosts",), ("etc/my notes",), (b"etc/caf\xe9",),
        ("etc/lost", "f", "v", 0, 0, None), ("etc/x", "d", "-", 0, 5, None), ("etc/x/hosts", "f", "c", 9, 7, 2),
        ("srv/data", "d"), ("srv/data/sock", "s", "s", 0, 1, None)]


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


def restore(agent, **which):
    return agent.ok("POST", "/api/agent/restore", which)


def refused(agent, status, slug, **which):
    return problem(agent.post("/api/agent/restore", which), status, slug)


# --- chains ---


def test_a_chain_comes_whole_and_in_order(stack, agent, config):
    runs = chain(stack, agent, config, 3, index=packed(listing(TREE)))
    reply = restore(agent)
    assert reply["logId"] == runs[2].id and reply["type"] == "incremental" and reply["method"] == "zstd"
    assert "url" not in reply and reply["encrypted"] is False
    assert [(link["logId"], link["seq"], link["type"]) for link in reply["chain"]] == [
        (runs[0].id, 0, "full"), (runs[1].id, 1, "incremental"), (runs[2].id, 2, "incremental")]
    for run, link in zip(runs, reply["chain"]):
        parts = [store_request(agent, "GET", volume["url"]).content for volume in link["volumes"]]
        assert parts == run.volumes and [v["number"] for v in link["volumes"]] == [1, 2]
        assert [v["size"] for v in link["volumes"]] == [len(p) for p in parts]
        assert hashlib.sha256(b"".join(parts)).hexdigest() == link["sha256"] and sum(map(len, parts)) == link["size"]
        assert store_request(agent, "GET", link["index"]["url"]).content == run.index
        assert link["index"]["size"] == len(run.index)


def test_a_run_within_a_chain_needs_only_what_is_before_it(stack, agent, config):
    runs = chain(stack, agent, config, 3)
    assert [link["logId"] for link in restore(agent, logId=runs[1].id)["chain"]] == [runs[0].id, runs[1].id]
    runs[2].set(deleted_ms=1)
    assert restore(agent)["logId"] == runs[1].id


def test_a_full_run_in_one_volume_has_the_old_fields_too(stack, agent, config):
    run = StoredRun(stack, agent, config)
    reply = restore(agent, logId=run.id)
    assert store_request(agent, "GET", reply["url"]).content == b"volume"
    assert reply["chain"][0]["index"] is None and len(reply["chain"]) == 1


def test_the_newest_at_a_time_is_found(stack, agent, config):
    runs = chain(stack, agent, config, 3, start_ms=1_700_000_000_000)
    for at_ms, want in ((1_700_000_000_000, 0), (1_700_000_000_999, 0), (1_700_000_001_000, 1), (2_000_000_000_000, 2)):
        assert restore(agent, configId=config["id"], at_ms=at_ms)["logId"] == runs[want].id
    refused(agent, 404, "not-found", at_ms=1_699_999_999_999)
    assert refused(agent, 422, "invalid-field", at_ms=0)["pointer"] == "/at_ms"


@pytest.mark.parametrize("damage", [
    lambda runs, stack: runs[1].set(deleted_ms=1), lambda runs, stack: runs[0].set(deleted_ms=1),
    lambda runs, stack: runs[1].set(status="failed"), lambda runs, stack: runs[2].set(base_id=runs[0].id),
    lambda runs, stack: runs[2].set(base_id=None), lambda runs, stack: runs[0].set(type="incremental"),
    lambda runs, stack: runs[1].remove(),
    lambda runs, stack: stack.change("DELETE FROM backup_objects WHERE run_id = ? AND number = 1", runs[1].id),
    lambda runs, stack: stack.change("DELETE FROM backup_objects WHERE run_id = ? AND number = 2", runs[1].id),
    lambda runs, stack: stack.change("UPDATE backup_objects SET completed_ms = NULL WHERE run_id = ?", runs[0].id),
    lambda runs, stack: runs[1].file(2).unlink(), lambda runs, stack: runs[1].file(1).write_bytes(b"other")],
    ids=["deleted", "full deleted", "failed", "stands on another", "stands on nothing", "begins with no full one",
         "gone", "first volume gone", "last volume gone", "not made", "not stored", "stored otherwise"])
def test_a_chain_with_a_gap_is_never_offered(stack, agent, config, damage):
    whole = StoredRun(stack, agent, config, finished_ms=1_700_000_000_000)
    runs = chain(stack, agent, config, 3)
    damage(runs, stack)
    refused(agent, 409, "conflict", logId=runs[2].id)
    assert restore(agent, logId=whole.id)["logId"] == whole.id


def test_the_newest_that_can_be_restored_is_taken(stack, agent, config):
    whole = StoredRun(stack, agent, config, finished_ms=1_700_000_000_000)
    runs = chain(stack, agent, config, 3)
    runs[0].set(deleted_ms=1)
    assert restore(agent)["logId"] == whole.id


@pytest.mark.parametrize("columns", [{"status": "failed"}, {"status": "running"}, {"deleted_ms": 5}])
def test_what_did_not_end_well_or_is_deleted_is_not_there(stack, agent, config, columns):
    run = StoredRun(stack, agent, config)
    run.set(**columns)
    refused(agent, 404, "not-found", logId=run.id)
    assert agent.ok("GET", "/api/agent/backups")["items"] == []
    problem(agent.post("/api/agent/backup/verified", {"logId": run.id, "result": "proven"}), 404, "not-found")


# --- who may read what ---


def test_who_may_read_a_run(stack, operator, neighbour, agent, config):
    run = StoredRun(stack, agent, config)
    other, verifier, foreign = operator.register("other"), operator.register("verifier"), neighbour.register("foreign")
    verified = {"logId": run.id, "result": "intact"}

    def allowed(asker):
        status = asker.post("/api/agent/restore", {"logId": run.id}).status_code
        assert asker.post("/api/agent/backup/verified", verified).status_code == status
        listed = run.id in [i["logId"] for i in asker.ok("GET", "/api/agent/backups")["items"]]
        assert listed == (status == 200)
        return status == 200

    everybody = (agent, other, verifier, foreign)
    assert [allowed(a) for a in everybody] == [True, False, False, False]
    stack.change("UPDATE backup_configs SET agent_id = ? WHERE id = ?", other.id, config["id"])
    assert [allowed(a) for a in everybody] == [True, True, False, False]
    for named, want in ((verifier, [True, True, True, False]), (foreign, [True, True, False, False])):
        options = json.dumps({**config["options"], "verifyAgentId": named.id}, separators=(",", ":"))
        stack.change("UPDATE backup_configs SET options = ? WHERE id = ?", options, config["id"])
        assert [allowed(a) for a in everybody] == want
    # A pattern that only looks like it names a verifier.
    sly = json.dumps({**config["options"], "excludes": [f'"verifyAgentId":"{verifier.id}"']}, separators=(",", ":"))
    stack.change("UPDATE backup_configs SET options = ? WHERE id = ?", sly, config["id"])
    assert [allowed(a) for a in everybody] == [True, True, False, False]


# --- what reading has shown ---


def verdict(stack, run):
    return stack.query("SELECT verified_ms IS NOT NULL, verify_error, intact_ms IS NOT NULL, proven_ms IS NOT NULL"
                       " FROM backup_runs WHERE id = ?", run.id)[0]


def test_what_reading_back_has_shown_is_recorded(stack, operator, agent, config):
    run = StoredRun(stack, agent, config)
    say = lambda **fields: agent.ok("POST", "/api/agent/backup/verified", {"logId": run.id, **fields})  # noqa: E731
    say(result="intact", detail="", entries=0, bytes=6)
    assert verdict(stack, run) == (1, "", 1, 0)
    say(result="proven", entries=5, bytes=6)
    assert verdict(stack, run) == (1, "", 1, 1)
    alerts = lambda: [a for a in operator.ok("GET", "/api/alerts")["items"]  # noqa: E731
                      if a["kind"] == "backup.verify" and a["agentId"] == agent.id]
    assert alerts() == []
    say(result="failed", detail="volume 1 has the wrong hash: ü" + "ü" * 200)
    assert verdict(stack, run)[1].startswith("volume 1 has the wrong hash") and verdict(stack, run)[3] == 1
    assert "wrong hash" in alerts()[0]["message"]


# --- what is inside ---


def files(person, run, **query):
    return person.get(f"/api/runs/{run.id}/files", params=query)


def names(person, run, **query):
    reply = files(person, run, **query)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    return [e["path" if "search" in query or "problems" in query else "name"] for e in body["entries"]], body["next"]


def test_a_tree_is_browsed(stack, operator, agent, config):
    run = StoredRun(stack, agent, config, index=packed(listing(TREE)))
    assert names(operator, run) == (["etc", "srv"], None)
    assert names(operator, run, path="etc") == (["caf\\351", "hosts", "lost", "my notes", "x"], None)
    assert names(operator, run, path="etc", limit=2) == (["caf\\351", "hosts"], "hosts")
    assert names(operator, run, path="etc", limit=2, after="hosts") == (["lost", "my notes"], "my notes")
    assert names(operator, run, path="etc", limit=2, after="my notes") == (["x"], None)
    assert names(operator, run, search="HOSTS") == (["etc/hosts", "etc/x/hosts"], None)
    assert names(operator, run, search="hosts", limit=1) == (["etc/hosts"], "etc/hosts")
    assert names(operator, run, problems=1) == (["etc/lost", "etc/x/hosts", "srv/data/sock"], None)
    entry = files(operator, run, path="etc/x").json()["entries"][0]
    assert entry == {"name": "hosts", "path": "etc/x/hosts", "type": "file", "size": 9, "mtime_ms": 7,
                     "outcome": "changed", "seq": 2}
    above = files(operator, run).json()["entries"][1]
    assert above == {"name": "srv", "path": "srv", "type": "directory", "size": None, "mtime_ms": None,
                     "outcome": "ok", "seq": None}
    problem(files(operator, run, path="nowhere"), 404, "not-found")
    assert problem(files(operator, run, limit=0), 422, "invalid-field")["parameter"] == "limit"


def test_an_encrypted_list_is_browsed_on_the_host(stack, operator, agent, config):
    run = StoredRun(stack, agent, config, index=b"age-encryption.org/v1\n", encrypted=True)
    assert "muster-agent restore --list" in problem(files(operator, run), 409, "encrypted")["detail"]


@pytest.mark.parametrize("index", [
    b"", b"no zstd", packed("nonsense\n"), packed("muster-index 1\nend 5\n"), packed(listing(TREE))[:-8],
    packed("muster-index 1\nf - 1 1 0 ../up\nend 1\n"), packed(b"muster-index 1\n" + b"x" * (1 << 20))],
    ids=["nothing", "no zstd", "another kind", "too few", "cut", "walks up", "no end of a line"])
def test_a_list_that_is_none_is_refused(stack, operator, agent, config, index):
    run = StoredRun(stack, agent, config, index=index)
    problem(files(operator, run, search="zzz"), 409, "conflict")


def test_what_has_no_list_or_is_not_ones_own_is_not_browsed(stack, operator, neighbour, agent, config):
    problem(files(operator, StoredRun(stack, agent, config)), 404, "not-found")
    run = StoredRun(stack, agent, config, index=packed(listing(TREE)))
    problem(files(neighbour, run), 404, "not-found")
    run.file(0).unlink()
    problem(files(operator, run), 404, "not-found")
    run.set(deleted_ms=1)
    problem(files(operator, run), 404, "not-found")


# --- all of it over the wire ---


def backed_up(agent, config, archive, index, **start):
    """A run as an agent makes it."""
    upload = Upload(agent, config, encrypted=False, **start)
    upload.store(1, archive)
    upload.store(1, index, object="index")
    reply = upload.complete(parts=[], partCount=1, size=len(archive), indexPartCount=1, indexSize=len(index),
                            sha256=hashlib.sha256(archive).hexdigest(), listedFiles=1, listedBytes=1)
    assert reply.status_code == 200, reply.text
    return upload.log_id, upload.reply["run"]


def test_what_agents_upload_is_browsed_restored_and_proven(stack, operator, agent):
    config = operator.add_config(agent)
    stack.change("UPDATE backup_configs SET options = ? WHERE id = ?",
                 json.dumps({**config["options"], "type": "incremental"}), config["id"])
    indexes = [packed(listing(TREE)), packed(listing([*TREE, ("etc/new", "f", "-", 5, 6, 1)]))]
    full, first = backed_up(agent, config, b"full archive", indexes[0])
    newer, second = backed_up(agent, config, b"what changed", indexes[1], base=full)
    assert (first["type"], second["type"], second["base"]) == ("full", "incremental", full)
    links = restore(agent)["chain"]
    assert [link["logId"] for link in links] == [full, newer]
    fetched = [[store_request(agent, "GET", o["url"]).content for o in (link["volumes"][0], link["index"])]
               for link in links]
    assert fetched == [[b"full archive", indexes[0]], [b"what changed", indexes[1]]]
    assert operator.get(f"/api/runs/{newer}/files", params={"search": "new"}).json()["entries"][0]["seq"] == 1
    agent.ok("POST", "/api/agent/backup/verified", {"logId": newer, "result": "proven"})
    assert operator.ok("GET", f"/api/runs/{newer}")["run"]["proven_ms"]
