"""What every store grants to the holder of a URL, and what none does: the same tests for our own store and for a real
S3 one, OpenStack Swift; and for the one that MUSTER_TEST_S3 names (tests/lib/swiftstore.py)."""

import contextlib
import hashlib
import http.client
import re
import secrets
import ssl
import time
from urllib.parse import urlsplit

import pytest

from client import Person
from sigv4 import resign
from stack import Stack
from swiftstore import MORE_STORES, Given, Swift
from upload import PART, Upload, md5, store_request

SMALL = secrets.token_bytes(100_000)
OTHERS = secrets.token_bytes(100_000)
FULL = secrets.token_bytes(PART)
UNSIGNED = {"x-amz-copy-source": "another's object", "x-amz-acl": "public-read", "x-amz-meta-a": "b",
            "x-amz-tagging": "a=b", "x-amz-storage-class": "GLACIER", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
# Amazon refuses all of them. A URL's body is unsigned by definition, and Swift lets it be said again; Ceph heeds none of
# them with a part, and refuses only what would change the part.
WITHOUT_EFFECT = {"swift": {"x-amz-content-sha256"}, "other": set(UNSIGNED) - {"x-amz-copy-source"}}


class Kept:
    """A server, its store, and somebody to make agents."""

    def __init__(self, kind, stack, operator, ca, secret):
        self.kind, self.stack, self.operator, self.ca, self.secret = kind, stack, operator, ca, secret
        self.bucket = stack.store.settings["AWS_S3_BUCKET"] if stack.store else "muster-test"


@contextlib.contextmanager
def kept_elsewhere(kind, spec, store):
    with store, Stack(kind, store=store) as stack:
        yield Kept(kind, stack, Person.add(stack, spec, "operator"), str(store.ca), store.secret_key)


@pytest.fixture(scope="module", params=["local", "swift", *MORE_STORES])
def kept(request, spec):
    if request.param == "local":
        stack, operator = request.getfixturevalue("stack"), request.getfixturevalue("operator")
        yield Kept("local", stack, operator, stack.ca, (stack.var / "secrets/store.key").read_text().strip())
    else:
        store = Swift() if request.param == "swift" else Given()
        with kept_elsewhere(request.param, spec, store) as elsewhere:
            yield elsewhere


@pytest.fixture
def agent(kept):
    return kept.operator.register()


@pytest.fixture
def upload(kept, agent):
    return Upload(agent, kept.operator.add_config(agent))


def raw(kept, method, url, body=b"", **headers):
    """The status of a request whose target no library tidies up."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=kept.ca)
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=60)
    try:
        connection.putrequest(method, url.split(parts.netloc, 1)[1], skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def signed_headers(body):
    return {"Content-Length": str(len(body)), "Content-MD5": md5(body)}


def completed(upload, *bodies):
    for body in bodies:
        upload.add(body)
    reply = upload.complete()
    assert reply.status_code == 200, reply.text
    return upload


def download(upload, **which):
    return upload.agent.ok("POST", "/api/agent/restore", {"logId": upload.log_id, **which})["url"]


def stored_by_another(kept, body):
    """What x-amz-copy-source says to have another agent's object."""
    agent = kept.operator.register()
    return f"/{kept.bucket}/{completed(Upload(agent, kept.operator.add_config(agent)), body).s3_path}"


class Whole:
    """A backup as agents sent them before there were parts: in one PUT."""

    def __init__(self, kept, agent, size=len(SMALL)):
        config = kept.operator.add_config(agent)
        self.agent = agent
        start = agent.ok("POST", "/api/agent/backup/start",
                         {"configId": config["id"], "filename": "one.tar.gz", "filesize": size})
        self.log_id, self.url = start["logId"], start["upload"]["url"]
        self.end = {"logId": self.log_id, "status": "completed", "filesProcessed": 1, "bytesTransferred": size,
                    "duration": 1, "errors": []}

    def put(self, body, **headers):
        return store_request(self.agent, "PUT", self.url, data=body, headers=headers).status_code

    def complete(self):
        return self.agent.post("/api/agent/backup/complete", self.end).status_code

    def read(self):
        return store_request(self.agent, "GET", download(self)).content


# --- what works ---


def test_a_backup_in_parts_comes_back(upload):
    completed(upload, FULL, SMALL)
    reply = store_request(upload.agent, "GET", download(upload))
    assert (reply.status_code, reply.content) == (200, FULL + SMALL)


def test_a_backup_in_one_put_comes_back(kept, agent):
    whole = Whole(kept, agent)
    assert whole.put(SMALL) == 200
    assert [whole.complete(), whole.complete()] == [200, 200]
    assert whole.read() == SMALL


def test_a_download_serves_ranges(upload):
    completed(upload, SMALL)
    reply = store_request(upload.agent, "GET", download(upload), headers={"Range": "bytes=100-199"}, judge=False)
    assert (reply.status_code, reply.content) == (206, SMALL[100:200])


def test_a_part_may_be_sent_again(upload):
    url = upload.url(1, SMALL)
    for _ in range(2):
        assert upload.put(url, SMALL).status_code == 200
    completed(upload, SMALL)


def test_parts_may_come_in_any_order(upload):
    for number, body in (3, SMALL), (1, FULL), (2, FULL):
        assert upload.put(upload.url(number, body), body).status_code == 200
    upload.parts = [{"number": n, "etag": hashlib.md5(b).hexdigest(), "size": len(b)}
                    for n, b in ((1, FULL), (2, FULL), (3, SMALL))]
    completed(upload)
    assert store_request(upload.agent, "GET", download(upload)).content == FULL + FULL + SMALL


def test_the_end_may_be_told_again(upload):
    completed(upload, SMALL)
    assert upload.complete().status_code == 200


def test_an_end_without_all_parts_is_refused_and_may_be_made_good(upload):
    upload.add(FULL)
    url = upload.url(2, SMALL)  # announced, not sent
    early = upload.parts + [{"number": 2, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)}]
    assert upload.complete(parts=early).status_code == 409
    assert upload.put(url, SMALL).status_code == 200
    assert upload.complete(parts=early).status_code == 200


def test_a_failed_run_leaves_nothing_to_read(upload):
    upload.add(SMALL)
    assert upload.complete("failed").status_code == 200
    assert upload.agent.post("/api/agent/restore", {"logId": upload.log_id}).status_code == 404
    assert upload.complete("completed").status_code == 409


# --- what does not ---


def changed(url, **query):
    for name, value in query.items():
        url = re.sub(rf"([?&]{name}=)[^&]*", lambda m: m[1] + value, url)
    return url


def test_any_change_of_a_url_breaks_it(kept, upload):
    url = upload.url(1, SMALL)
    signature = re.search("X-Amz-Signature=([0-9a-f]{64})", url)[1]
    mutants = [
        changed(url, **{"X-Amz-Signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")}),
        changed(url, **{"X-Amz-Signature": ""}),
        changed(url, **{"X-Amz-Expires": "604800"}),
        changed(url, **{"X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 1))}),
        changed(url, **{"X-Amz-SignedHeaders": "host"}),
        changed(url, partNumber="2"),
        changed(url, uploadId="another"),
        url.split("?")[0],
        url.replace("&partNumber=1", ""),
        url + "&x-id=PutObject",
        url.replace(upload.filename, "other.tar"),
        url.replace("/configs/", "/configs/x"),
    ]
    for mutant in mutants:
        assert mutant != url
        status = raw(kept, "PUT", mutant, SMALL, **{"Content-MD5": md5(SMALL)})
        assert status in (400, 403, 404, 405), f"{mutant}: {status}"
    assert upload.put(url, SMALL).status_code == 200


def test_a_url_is_for_its_method(kept, upload):
    url = upload.url(1, SMALL)
    for method in "GET", "DELETE", "POST":
        assert raw(kept, method, url, **({"Content-MD5": md5(SMALL)})) in (403, 404, 405), method
    completed(upload, SMALL)
    get = download(upload)
    assert raw(kept, "PUT", get, SMALL, **{"Content-MD5": md5(SMALL)}) == 403
    assert raw(kept, "DELETE", get) in (403, 405)
    assert store_request(upload.agent, "GET", get).content == SMALL


def test_a_url_that_is_not_in_force_is_refused(kept, upload):
    url, now = upload.url(1, SMALL), time.time()
    tomorrow = [now + 86400] if kept.kind == "local" else []  # Swift and Ceph look only whether a URL is too old
    for when in [now - 901, *tomorrow]:
        other = resign(url, "PUT", kept.secret, signed_headers(SMALL), when=when)
        assert upload.put(other, SMALL).status_code == 403
    assert upload.put(resign(url, "PUT", kept.secret, signed_headers(SMALL), when=now - 600), SMALL).status_code == 200


def test_a_signature_of_another_key_is_refused(kept, upload):
    url = upload.url(1, SMALL)
    assert upload.put(resign(url, "PUT", kept.secret + "x", signed_headers(SMALL)), SMALL).status_code == 403
    assert upload.put(resign(url, "PUT", kept.secret, signed_headers(SMALL)), SMALL).status_code == 200


def test_a_body_that_is_not_the_announced_one_is_refused(upload):
    url = upload.url(1, SMALL)
    lying = {"Content-MD5": md5(SMALL)}
    for body in SMALL[:-1], SMALL + b"x", b"":  # length
        assert store_request(upload.agent, "PUT", url, data=body, headers=lying).status_code in (403, 411)
    assert upload.put(url, SMALL[::-1]).status_code == 403  # its MD5
    assert store_request(upload.agent, "PUT", url, data=SMALL[::-1], headers=lying).status_code in (400, 403)
    assert store_request(upload.agent, "PUT", url, data=SMALL).status_code == 403  # no MD5 at all
    assert upload.complete(parts=[]).status_code == 409  # nothing of all that has come to anything
    assert upload.put(url, SMALL).status_code == 200


def test_a_chunked_body_is_refused(upload):
    url = upload.url(1, SMALL)
    reply = store_request(upload.agent, "PUT", url, data=iter([SMALL]), headers={"Content-MD5": md5(SMALL)})
    assert reply.status_code in (403, 411)  # a length that is not said is not the signed one
    assert upload.complete(parts=[]).status_code == 409


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_header_that_is_not_signed_is_refused_or_without_effect(kept, upload, name):
    """An unsigned copy-source would read what others have stored."""
    value = stored_by_another(kept, OTHERS) if name == "x-amz-copy-source" else UNSIGNED[name]
    reply = upload.put(upload.url(1, SMALL), SMALL, **{name: value})
    if name not in WITHOUT_EFFECT.get(kept.kind, ()):
        assert reply.status_code in (400, 403, 501), reply.text
    completed(upload, SMALL)
    url = download(upload)
    reply = store_request(upload.agent, "GET", url)
    assert reply.content == SMALL
    marks = ("x-amz-meta-", "x-amz-tagging", "x-amz-storage-class")
    assert not [h for h in reply.headers if h.lower().startswith(marks)]
    assert raw(kept, "GET", url.split("?")[0]) in (403, 404), "anybody may read it"


def test_one_put_copies_nothing_that_others_have_stored(kept, agent):
    """There its digest is not signed, so that nothing but the store stands in the way."""
    source, whole = stored_by_another(kept, OTHERS), Whole(kept, agent)
    if whole.put(SMALL, **{"x-amz-copy-source": source}) == 200:
        assert whole.complete() == 200
        assert whole.read() == SMALL
    else:
        assert whole.complete() == 409
        assert whole.put(SMALL) == 200


def test_what_came_in_one_put_does_not_change(kept, agent):
    """Its URL is in force for an hour. Swift takes the body again, and then shows that the object is damaged."""
    whole = Whole(kept, agent)
    assert whole.put(SMALL) == 200 and whole.complete() == 200
    assert whole.put(OTHERS) in ((403, 404, 409) if kept.kind != "swift" else (200,))
    assert whole.read() != OTHERS


def test_nothing_is_listed_or_read_without_a_signature(kept, upload):
    completed(upload, SMALL)
    parts = urlsplit(download(upload))
    bare = f"{parts.scheme}://{parts.netloc}"
    top = f"/{kept.bucket}" if kept.kind == "other" else "/"  # Ceph has a list of no buckets for strangers
    for path in top, parts.path, parts.path.rsplit("/", 1)[0] + "/", parts.path + "?uploads":
        assert raw(kept, "GET", bare + path) in (403, 404), path


def test_a_part_is_announced_as_the_store_likes_it(kept, upload):
    """MD5 with every one; XXH64 with ours alone, since others would compare nothing."""
    ours = upload.reply["upload"]["digest"] == "xxh64"
    assert ours == (kept.kind == "local")
    announced = upload.agent.post("/api/agent/backup/parts", {"logId": upload.log_id, "number": 1, "size": len(SMALL),
                                                              "xxh64": "0123456789abcdef"})
    assert announced.status_code == (200 if ours else 422)
    assert ours or announced.json()["pointer"] == "/xxh64"


def test_a_stored_part_cannot_be_made_into_another(upload):
    upload.add(SMALL)
    announced = upload.announce(1, SMALL[::-1])
    if announced.status_code == 200:
        assert upload.put(announced.json()["url"], SMALL[::-1]).status_code == 409
    completed(upload)
    assert store_request(upload.agent, "GET", download(upload)).content == SMALL


def test_a_finished_object_does_not_change(upload):
    completed(upload, SMALL)
    url = upload.agent.post("/api/agent/backup/parts", {"logId": upload.log_id, "number": 1, "size": len(SMALL),
                                                        "md5": md5(SMALL)})
    assert url.status_code == 409
    assert store_request(upload.agent, "GET", download(upload)).content == SMALL
