"""Runs, and the store they end in: what an agent may do with them, and what it and others may not."""

import hashlib
import re
import secrets
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import xxhash

from client import problem, raw
from sigv4 import resign
from upload import PART, Upload, md5, path_of, store_request
from wait import wait_until

SMALL = secrets.token_bytes(100_000)
FULL = secrets.token_bytes(PART)


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


@pytest.fixture
def upload(agent, config):
    return Upload(agent, config)


def run_of(operator, upload):
    return operator.ok("GET", f"/api/runs/{upload.log_id}")["run"]


def stored(stack, s3_path):
    return stack.var / "store/objects" / s3_path


def fetch(agent, **which):
    body = agent.ok("POST", "/api/agent/restore", which)
    return body, store_request(agent, "GET", body["url"])


# --- a whole run ---


def test_a_backup_in_parts_comes_back_bit_for_bit(stack, operator, agent, config, upload):
    assert upload.reply["upload"]["partSize"] == PART
    assert upload.s3_path == (f"users/{operator.user['id']}/agents/{agent.id}/configs/{config['id']}/"
                              f"{upload.reply.get('filename', upload.filename)}")
    assert run_of(operator, upload)["status"] == "running"
    upload.add(FULL)
    upload.add(SMALL)
    whole = FULL + SMALL
    assert upload.complete(sha256=hashlib.sha256(whole).hexdigest()).status_code == 200
    run = run_of(operator, upload)
    assert (run["status"], run["size"], run["errorCount"]) == ("completed", len(whole), 0)
    body, reply = fetch(agent)
    assert body["logId"] == upload.log_id and body["size"] == len(whole)
    assert reply.content == whole
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert stored(stack, upload.s3_path).read_bytes() == whole
    assert operator.ok("GET", f"/api/agents/{agent.id}")["agent"]["lastBackup"]["id"] == upload.log_id
    assert operator.ok("GET", f"/api/configs/{config['id']}")["lastRun"]["id"] == upload.log_id


def test_a_backup_in_one_put_comes_back_too(agent, config):
    start = agent.ok("POST", "/api/agent/backup/start",
                     {"configId": config["id"], "filename": "one.tar.gz", "filesize": len(SMALL)})
    assert "uploadId" not in start["upload"]
    assert store_request(agent, "PUT", start["upload"]["url"], data=SMALL).status_code == 200
    agent.ok("POST", "/api/agent/backup/complete", {"logId": start["logId"], "status": "completed", "filesProcessed": 1,
                                                    "bytesTransferred": len(SMALL), "duration": 1, "errors": []})
    assert fetch(agent, configId=config["id"])[1].content == SMALL


def test_a_download_serves_ranges_and_heads(agent, upload):
    upload.add(SMALL)
    upload.complete()
    url = agent.ok("POST", "/api/agent/restore", {})["url"]
    head = store_request(agent, "HEAD", url)
    assert int(head.headers["Content-Length"]) == len(SMALL)
    part = store_request(agent, "GET", url, headers={"Range": "bytes=10-19"}, judge=False)
    assert (part.status_code, part.content) == (206, SMALL[10:20])


def test_restore_finds_the_newest_good_run(agent, config):
    done = []
    for status in ("completed", "warning", "failed"):
        upload = Upload(agent, config)
        upload.add(SMALL)
        errors = [] if status == "completed" else [{"path": "/x", "message": "vanished"}]
        assert upload.complete(status, errors=errors).status_code == 200
        done.append(upload)
    Upload(agent, config)  # still running
    assert agent.ok("POST", "/api/agent/restore", {})["logId"] == done[1].log_id
    assert agent.ok("POST", "/api/agent/restore", {"configId": config["id"]})["logId"] == done[1].log_id
    assert agent.ok("POST", "/api/agent/restore", {"configName": config["name"]})["logId"] == done[1].log_id
    assert agent.ok("POST", "/api/agent/restore", {"logId": done[0].log_id})["logId"] == done[0].log_id
    listed = agent.ok("GET", "/api/agent/backups")["items"]
    assert [i["logId"] for i in listed] == [done[1].log_id, done[0].log_id]
    for which in ({"logId": done[2].log_id}, {"configName": "none of that name"},
                  {"configId": "01900000-dead-7000-8000-000000000000"}):
        problem(agent.post("/api/agent/restore", which), 404, "not-found")


def test_progress_is_shown_while_a_run_is_under_way(operator, agent, upload):
    reply = agent.ok("POST", "/api/agent/backup/progress", {"logId": upload.log_id, "filesProcessed": 12,
                                                            "bytesRead": 3456, "bytesTransferred": 789})
    assert reply["cancel"] is False
    wait_until(lambda: run_of(operator, upload)["filesProcessed"] == 12, 3, "progress is shown")
    assert run_of(operator, upload)["bytesRead"] == 3456


# --- starting ---


@pytest.mark.parametrize("filename", ["", "a/b", "..", ".", "../x", "a b", "a\\b", "ä.tar", "a\u0000", "x" * 300,
                                      "%2e"])
def test_a_file_name_that_could_lead_elsewhere_is_refused(agent, config, filename):
    reply = agent.post("/api/agent/backup/start", {"configId": config["id"], "filename": filename, "multipart": True})
    if "\0" in filename:
        problem(reply, 400, "bad-json")
    else:
        assert problem(reply, 422, "invalid-field")["pointer"] == "/filename"


def test_one_put_needs_a_size(agent, config):
    reply = agent.post("/api/agent/backup/start", {"configId": config["id"], "filename": "a.tar"})
    assert problem(reply, 422, "invalid-field")["pointer"] == "/filesize"


def test_a_config_of_another_agent_is_not_there(operator, agent):
    foreign = operator.add_config(operator.register())
    problem(agent.post("/api/agent/backup/start", {"configId": foreign["id"], "filename": "a.tar", "multipart": True}),
            404, "not-found")


def test_the_same_name_twice_overwrites_nothing(stack, agent, config):
    first = Upload(agent, config, "same.tar")
    first.add(SMALL)
    assert first.complete().status_code == 200
    reply = agent.post("/api/agent/backup/start", {"configId": config["id"], "filename": "same.tar", "multipart": True})
    if reply.status_code == 200:
        assert reply.json()["upload"]["s3Path"] != first.s3_path
    else:
        problem(reply, 409, "conflict")
    assert stored(stack, first.s3_path).read_bytes() == SMALL


# --- parts ---


@pytest.mark.parametrize("fields, pointer", [
    ({"number": 0}, "/number"), ({"number": 10000001}, "/number"),
    ({"number": 1001, "object": "index"}, "/number"), ({"object": "other"}, "/object"), ({"number": "1"}, "/number"), ({"size": 0}, "/size"),
    ({"size": PART + 1}, "/size"), ({"md5": "x"}, "/md5"), ({"md5": "!" * 24}, "/md5")])
def test_a_part_out_of_range_is_refused(upload, fields, pointer):
    reply = upload.announce(1, SMALL, fields)
    assert problem(reply, 422, "invalid-field")["pointer"] == pointer


def test_a_run_of_another_agent_is_not_there(operator, upload):
    other = operator.register()
    body = {"logId": upload.log_id, "number": 1, "size": 1, "md5": md5(b"x")}
    problem(other.post("/api/agent/backup/parts", body), 404, "not-found")
    problem(other.post("/api/agent/backup/complete", upload.body("failed")), 404, "not-found")
    problem(other.post("/api/agent/backup/progress", {"logId": upload.log_id}), 404, "not-found")
    problem(other.post("/api/agent/restore", {"logId": upload.log_id}), 404, "not-found")
    assert run_of(operator, upload)["status"] == "running"


def test_a_part_may_be_sent_again(upload):
    url = upload.url(1, SMALL)
    for _ in range(2):
        assert upload.put(url, SMALL).status_code == 200
    assert upload.put(upload.url(1, SMALL), SMALL).status_code == 200
    upload.parts = [{"number": 1, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)}]
    assert upload.complete().status_code == 200


def test_a_stored_part_is_not_replaced_by_another(stack, upload):
    upload.add(SMALL)
    other = SMALL[::-1]
    announced = upload.announce(1, other)
    if announced.status_code == 200:
        assert upload.put(announced.json()["url"], other).status_code == 409
    else:
        problem(announced, 409, "conflict")
    assert upload.complete().status_code == 200
    assert stored(stack, upload.s3_path).read_bytes() == SMALL


# --- URLs ---


def changed(url, **query):
    """The URL with some parameters set otherwise; the rest byte for byte as it was."""
    for name, value in query.items():
        url = re.sub(rf"([?&]{name}=)[^&]*", lambda m: m[1] + value, url)
    return url


def refused(reply, *statuses):
    assert reply.status_code in statuses, reply.text
    assert reply.json()["status"] == reply.status_code


def alone(put):
    """What raw(…) gives once nginx has let go of the request before; upload.put waits by itself."""
    until = time.monotonic() + 10
    while (reply := put())[0] == 429 and time.monotonic() < until:
        time.sleep(0.05)
    return reply


def test_any_change_of_a_url_breaks_it(agent, upload):
    url = upload.url(1, SMALL)
    query = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    signature = query["X-Amz-Signature"]
    mutants = [
        changed(url, **{"X-Amz-Signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")}),
        changed(url, **{"X-Amz-Signature": ""}),
        changed(url, **{"X-Amz-Expires": "604800"}),
        changed(url, **{"X-Amz-Date": "20300101T000000Z"}),
        changed(url, **{"X-Amz-SignedHeaders": "host"}),
        changed(url, partNumber="2"),
        changed(url, uploadId="another"),
        url.replace("&partNumber=1", ""),
        url + "&x=1",
        url + "&partNumber=2",
        url.split("?")[0],
        url.replace(upload.filename, "other.tar"),
        url.replace("/objects/", "/objects//"),
        url.replace("/objects/users", "/objects/./users"),
        url.replace("/objects/users", "/objects/x/../users"),
        url.replace("/objects/users", "/objects/%75sers"),
        url.replace("X-Amz-Date", "x-amz-date"),
    ]
    for mutant in mutants:
        assert mutant != url
        reply = alone(lambda: raw(agent, "PUT", path_of(mutant), SMALL, **{"Content-MD5": md5(SMALL)}))
        assert reply[0] in (400, 403, 404), f"{mutant}: {reply}"
    assert upload.put(url, SMALL).status_code == 200


def test_a_url_is_for_its_method(agent, upload):
    url = upload.url(1, SMALL)
    refused(store_request(agent, "GET", url), 403, 404)
    assert store_request(agent, "HEAD", url, judge=False).status_code in (403, 404)
    refused(store_request(agent, "DELETE", url), 405)
    refused(store_request(agent, "POST", url, data=SMALL), 405)
    upload.add(SMALL)
    upload.complete()
    get = agent.ok("POST", "/api/agent/restore", {})["url"]
    refused(store_request(agent, "PUT", get, data=SMALL), 403)


@pytest.fixture
def store_secret(stack):
    return (stack.var / "secrets/store.key").read_text().strip()


def test_urls_are_signed_as_amazon_describes(upload, store_secret):
    url = upload.url(1, SMALL)
    headers = {"Content-Length": str(len(SMALL)), "Content-MD5": md5(SMALL)}
    ours = {k: v[0] for k, v in parse_qs(urlsplit(resign(url, "PUT", store_secret, headers)).query).items()}
    assert ours == {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("what", ["expired", "of tomorrow", "for a week", "for another host", "for another region",
                                  "unsigned length", "for nobody"])
def test_a_url_that_is_signed_right_but_not_in_force_is_refused(agent, upload, store_secret, what):
    """Whoever had the key could make these; the store still takes only what it would make itself."""
    url, now = upload.url(1, SMALL), time.time()
    headers = {"Content-Length": str(len(SMALL)), "Content-MD5": md5(SMALL)}
    credential = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0]
    make = {
        "expired": lambda: resign(url, "PUT", store_secret, headers, when=now - 901),
        "of tomorrow": lambda: resign(url, "PUT", store_secret, headers, when=now + 86400),
        "for a week": lambda: resign(url, "PUT", store_secret, headers, **{"X-Amz-Expires": "604801"}),
        "for another host": lambda: resign(url, "PUT", store_secret, {**headers, "Host": "elsewhere:1"}),
        "for another region": lambda: resign(url, "PUT", store_secret, headers,
                                             **{"X-Amz-Credential": credential.replace("/local/", "/mars/")}),
        "unsigned length": lambda: resign(url, "PUT", store_secret, headers,
                                          **{"X-Amz-SignedHeaders": "content-md5;host"}),
        "for nobody": lambda: resign(url, "PUT", store_secret, headers, **{"X-Amz-Credential": credential.replace(
            agent.id, "01900000-dead-7000-8000-000000000000")}),
    }
    refused(upload.put(make[what](), SMALL), 403)
    almost = resign(url, "PUT", store_secret, headers, when=now - 600)  # the way it is done is not what was wrong
    assert upload.put(almost, SMALL).status_code == 200


def test_a_url_made_for_one_agent_is_not_for_anothers_run(operator, agent, upload, store_secret):
    other = operator.register()
    url = upload.url(1, SMALL)
    headers = {"Content-Length": str(len(SMALL)), "Content-MD5": md5(SMALL)}
    credential = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0]
    theirs = resign(url, "PUT", store_secret, headers, **{"X-Amz-Credential": credential.replace(agent.id, other.id)})
    refused(upload.put(theirs, SMALL), 403)


def test_a_body_that_is_not_the_announced_one_is_refused(agent, upload):
    url = upload.url(1, SMALL)
    refused(upload.put(url, SMALL[:-1]), 403)  # length
    refused(upload.put(url, SMALL + b"x"), 403)
    refused(upload.put(url, SMALL[::-1]), 403)  # MD5 header
    lying = store_request(agent, "PUT", url, data=SMALL[::-1], headers={"Content-MD5": md5(SMALL)})
    refused(lying, 400, 403)  # the header is right, the bytes are not
    refused(store_request(agent, "PUT", url, data=SMALL), 403)  # no MD5 at all
    problem(upload.complete(parts=[]), 409, "conflict")
    assert upload.put(url, SMALL).status_code == 200


def announce_xxh64(upload, number, data, **fields):
    return upload.agent.post("/api/agent/backup/parts", {"logId": upload.log_id, "number": number, "size": len(data),
                                                         "xxh64": xxh64(data), **fields})


def xxh64(data):
    return xxhash.xxh64(data).hexdigest()


def bare_put(agent, url, data, **headers):
    return store_request(agent, "PUT", url, data=data, headers=headers)


def test_a_part_can_be_announced_with_its_xxh64(agent, upload):
    """What the store asks for at the start, and what our agent sends: no header, the digest is signed in the URL."""
    assert upload.reply["upload"]["digest"] == "xxh64"
    url = announce_xxh64(upload, 1, SMALL).json()["url"]
    assert parse_qs(urlsplit(url).query)["xxh64"] == [xxh64(SMALL)]
    refused(bare_put(agent, url, SMALL[::-1]), 400, 403)  # other bytes
    refused(bare_put(agent, url, SMALL + b"x"), 403)
    for mutant in (changed(url, xxh64=xxh64(SMALL[::-1])), changed(url, xxh64=xxh64(SMALL)[:-1]),
                   re.sub("&xxh64=[0-9a-f]*|xxh64=[0-9a-f]*&", "", url)):
        assert mutant != url
        refused(bare_put(agent, mutant, SMALL[::-1]), 400, 403)
        refused(bare_put(agent, mutant, SMALL, **{"Content-MD5": md5(SMALL)}), 400, 403)
    problem(upload.complete(parts=[]), 409, "conflict")
    reply = bare_put(agent, url, SMALL)
    assert (reply.status_code, reply.headers["ETag"]) == (200, f'"{xxh64(SMALL)}"')
    assert bare_put(agent, url, SMALL).status_code == 200  # once more
    refused(bare_put(agent, url, SMALL[::-1]), 400, 403, 409)
    problem(upload.complete(parts=[{"number": 1, "etag": xxh64(SMALL[::-1]), "size": len(SMALL)}]), 409, "conflict")
    assert upload.complete(parts=[{"number": 1, "etag": xxh64(SMALL), "size": len(SMALL)}]).status_code == 200
    get = agent.ok("POST", "/api/agent/restore", {})["url"]
    assert store_request(agent, "GET", get).content == SMALL
    refused(store_request(agent, "GET", f"{get}&xxh64={xxh64(SMALL)}"), 403)


@pytest.mark.parametrize("add", ["&xxh64=", "&xxh64=0123456789abcdef", "&xxh64=%30123456789abcdef"])
def test_a_digest_cannot_be_put_into_a_url(agent, upload, add):
    """Nor be there twice: what is signed says which digest it is."""
    by_md5, by_xxh64 = upload.url(1, SMALL), announce_xxh64(upload, 2, SMALL).json()["url"]
    for url in (by_md5, by_xxh64):
        refused(upload.put(url + add, SMALL), 400, 403)
        refused(upload.put(url.replace("?", "?" + add[1:] + "&"), SMALL), 400, 403)


def test_parts_of_programs_from_before_are_known(stack, agent, upload):
    """Such a program may have noted a part, or take over while a run goes on: it knows md5 alone."""
    url = upload.url(1, SMALL)
    noted = "SELECT md5, digest FROM backup_parts WHERE run_id = ?"
    digest = hashlib.md5(SMALL).hexdigest()
    assert stack.query(noted, upload.log_id)[0] == (digest, digest)
    stack.change("UPDATE backup_parts SET digest = '' WHERE run_id = ?", upload.log_id)
    assert upload.announce(1, SMALL).status_code == 200
    problem(upload.announce(1, SMALL[::-1]), 409, "conflict")
    assert upload.put(url, SMALL).status_code == 200
    assert upload.put(url, SMALL).status_code == 200
    wrong = [{"number": 1, "etag": hashlib.md5(b"x").hexdigest(), "size": len(SMALL)}]
    problem(upload.complete(parts=wrong), 409, "conflict")
    assert upload.complete(parts=[{**wrong[0], "etag": digest}]).status_code == 200


def test_a_part_has_one_digest(agent, upload):
    for fields in ({"xxh64": "0" * 15}, {"xxh64": "0" * 17}, {"xxh64": "g" * 16}, {"xxh64": 7}):
        assert problem(announce_xxh64(upload, 1, SMALL, **fields), 422, "invalid-field")["pointer"] == "/xxh64"
    assert problem(announce_xxh64(upload, 1, SMALL, md5=md5(SMALL)), 422, "invalid-field")["pointer"] == "/md5"
    assert problem(announce_xxh64(upload, 1, SMALL, xxh64=None, md5=None), 422, "invalid-field")
    assert announce_xxh64(upload, 1, SMALL).status_code == 200
    problem(upload.announce(1, SMALL), 409, "conflict")  # not with another one afterwards


def test_headers_that_are_not_signed_are_refused(upload):
    url = upload.url(1, SMALL)
    for name, value in (("x-amz-copy-source", "/muster/users/x/y"), ("x-amz-acl", "public-read"),
                        ("X-AMZ-Meta-A", "b"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")):
        refused(upload.put(url, SMALL, **{name: value}), 403)


def test_a_chunked_body_is_refused_before_it_is_read(stack, agent, upload):
    url = upload.url(1, SMALL)
    before = {p: p.stat().st_size for p in (stack.var / "store").rglob("*") if p.is_file()}
    reply = store_request(agent, "PUT", url, data=iter([SMALL]), headers={"Content-MD5": md5(SMALL)})
    refused(reply, 411)
    assert {p: p.stat().st_size for p in (stack.var / "store").rglob("*") if p.is_file()} == before


def test_a_download_that_brings_a_body_leaves_nothing_on_disk(stack, agent, upload):
    """A body would land on the store's disk, past every quota."""
    upload.add(SMALL)
    assert upload.complete().status_code == 200
    url = agent.ok("POST", "/api/agent/restore", {"logId": upload.log_id})["url"]
    for method in "GET", "HEAD":
        for body in iter([SMALL]), SMALL:
            reply = store_request(agent, method, url, data=body, judge=method == "GET")
            assert reply.status_code == 403, reply.text
    assert not list((stack.var / "store/incoming").iterdir())


def test_a_denied_upload_leaves_nothing_on_disk(stack, upload):
    url = changed(upload.url(1, SMALL), **{"X-Amz-Signature": "0" * 64})
    before = {p for p in (stack.var / "store").rglob("*")}
    refused(upload.put(url, SMALL), 403)
    assert {p for p in (stack.var / "store").rglob("*")} == before


def test_a_part_of_a_finished_upload_is_refused(stack, upload):
    url = upload.url(1, SMALL)
    upload.add(SMALL)
    assert upload.complete().status_code == 200
    refused(upload.put(url, SMALL), 403, 409)
    problem(upload.announce(2, SMALL), 409, "conflict")
    assert stored(stack, upload.s3_path).read_bytes() == SMALL


def test_urls_of_a_deactivated_agent_stop(operator, agent, upload):
    put = upload.url(1, SMALL)
    done = Upload(agent, operator.add_config(agent, "another"))
    done.add(SMALL)
    done.complete()
    get = agent.ok("POST", "/api/agent/restore", {})["url"]
    assert store_request(agent, "GET", get).status_code == 200
    operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
    wait_until(lambda: store_request(agent, "GET", get).status_code == 403, 1, "the URL stopped within a second")
    refused(upload.put(put, SMALL), 403)


def test_what_is_in_the_store_is_reached_by_no_other_way(agent, page, upload):
    upload.add(SMALL)
    upload.complete()
    for target in (f"/objects/{upload.s3_path}", f"/-/objects/{upload.s3_path}", f"/store/objects/{upload.s3_path}",
                   "/objects/", "/objects/../muster.db", "/objects/..%2f..%2fmuster.db", "/objects/%2e%2e/muster.db"):
        assert raw(agent, "GET", target)[0] in (400, 403, 404), target
        assert page.get(target, judge=False).status_code in (400, 403, 404), target


def test_objects_are_not_on_the_peoples_port(agent, page, upload):
    upload.add(SMALL)
    upload.complete()
    url = agent.ok("POST", "/api/agent/restore", {})["url"]
    assert page.get(path_of(url), judge=False).status_code == 404


# --- completing ---


def test_completed_needs_every_part(upload):
    problem(upload.complete(), 409, "conflict")  # none at all
    upload.add(FULL)
    announced = upload.url(2, SMALL)
    claim = upload.parts + [{"number": 2, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)}]
    problem(upload.complete(parts=claim), 409, "conflict")  # announced, never sent
    upload.put(announced, SMALL)
    for lie in ([{**claim[0], "size": 5}, claim[1]], [{**claim[0], "etag": "0" * 32}, claim[1]], [claim[0]],
                [claim[0], {**claim[1], "number": 3}], claim + [{**claim[1], "number": 3}]):
        problem(upload.complete(parts=lie), 409, "conflict")
    assert upload.complete(parts=claim).status_code == 200


def test_a_gap_between_parts_is_no_backup(upload):
    upload.add(FULL)
    upload.put(upload.url(3, SMALL), SMALL)
    upload.parts.append({"number": 3, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)})
    problem(upload.complete(), 409, "conflict")


def test_a_short_part_in_the_middle_is_no_backup(upload):
    upload.add(SMALL)
    upload.add(SMALL)
    problem(upload.complete(), 409, "conflict")


def test_one_put_that_never_came_is_no_backup(agent, config):
    start = agent.ok("POST", "/api/agent/backup/start",
                     {"configId": config["id"], "filename": "missing.tar.gz", "filesize": 10})
    problem(agent.post("/api/agent/backup/complete", {"logId": start["logId"], "status": "completed"}), 409, "conflict")


def test_completing_again_is_answered_alike_and_otherwise_refused(operator, upload):
    upload.add(SMALL)
    for _ in range(3):
        assert upload.complete().status_code == 200
    problem(upload.complete("failed"), 409, "conflict")
    problem(upload.complete("warning", errors=[{"message": "x"}]), 409, "conflict")
    assert run_of(operator, upload)["status"] == "completed"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_did_not_work_out_leaves_no_object(stack, operator, upload, status):
    upload.add(SMALL)
    errors = [{"path": "/etc/x", "message": "disk on fire"}, {"message": "gave up"}]
    assert upload.complete(status, errors=errors).status_code == 200
    run = run_of(operator, upload)
    assert (run["status"], run["errors"], run["errorCount"]) == (status, errors, 2)
    assert not stored(stack, upload.s3_path).exists()
    problem(upload.complete("completed"), 409, "conflict")


def test_of_many_errors_a_run_keeps_what_a_list_can_carry(operator, upload):
    errors = [{"path": "/" + "p" * 4000, "message": "m" * 900}] * 200
    assert upload.complete("failed", errors=errors, errorCount=100000).status_code == 200
    run = run_of(operator, upload)
    assert run["errorCount"] == 100000
    assert run["errors"] == errors[:len(run["errors"])] and 10 < len(run["errors"]) < 20


def test_runs_are_listed_for_who_may_see_them(operator, neighbour, admin, agent, upload):
    assert upload.log_id in operator.get("/api/runs?limit=200").text
    assert upload.log_id in operator.get(f"/api/agents/{agent.id}/runs").text
    assert upload.log_id in operator.get("/api/runs?status=running&limit=200").text
    assert upload.log_id not in operator.get("/api/runs?status=failed&limit=200").text
    assert admin.get(f"/api/runs/{upload.log_id}").status_code == 200
    assert upload.log_id not in neighbour.get("/api/runs?limit=200").text
    problem(neighbour.get(f"/api/runs/{upload.log_id}"), 404, "not-found")
    problem(neighbour.get(f"/api/agents/{agent.id}/runs"), 404, "not-found")
