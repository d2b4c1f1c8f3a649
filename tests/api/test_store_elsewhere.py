"""A server whose objects are in an S3 store: it says so when the store is away or full, and nothing is lost."""

import hashlib
import json
import secrets

import pytest
import requests

from client import Person, problem
from stack import Stack
from swiftstore import Swift
from upload import PART, Upload, store_request
from wait import wait_until

SMALL = secrets.token_bytes(100_000)
FULL = secrets.token_bytes(PART)


@pytest.fixture(scope="module")
def elsewhere():
    with Swift() as swift, Stack("elsewhere", store=swift) as stack:
        yield stack


@pytest.fixture(scope="module")
def somebody(elsewhere, spec):
    return Person.add(elsewhere, spec, "operator")


@pytest.fixture
def agent(somebody):
    return somebody.register()


@pytest.fixture
def upload(somebody, agent):
    return Upload(agent, somebody.add_config(agent))


@pytest.fixture
def swift(elsewhere):
    """Up, and with room, before the test and after it."""
    yield elsewhere.store
    elsewhere.store.kill()
    elsewhere.store.start()
    elsewhere.wait_ready()


def ready(stack):
    return requests.get(f"{stack.url}/health/ready", verify=stack.ca, timeout=30)


def run_of(person, upload):
    return person.ok("GET", f"/api/runs/{upload.log_id}")["run"]


def sent(upload, number, body):
    return upload.put(upload.url(number, body), body).status_code


# --- the store goes away ---


def test_health_tells_a_store_that_is_away(elsewhere, swift):
    elsewhere.wait_ready()
    swift.kill()
    wait_until(lambda: ready(elsewhere).status_code == 503, 30, "the store is missed")
    assert "store: failed" in ready(elsewhere).json()["detail"]
    assert requests.get(f"{elsewhere.url}/health/live", verify=elsewhere.ca, timeout=30).status_code == 200
    swift.start()
    wait_until(lambda: ready(elsewhere).status_code == 200, 30, "the store is back")


def test_a_run_does_not_begin_without_a_store(somebody, agent, swift):
    config = somebody.add_config(agent)
    swift.kill()
    body = {"configId": config["id"], "filename": "a.tar.zst", "multipart": True}
    problem(agent.post("/api/agent/backup/start", body), 503, "unavailable")
    swift.start()
    agent.ok("POST", "/api/agent/backup/start", body)


def test_a_store_that_is_killed_in_the_middle_of_a_run_loses_nothing(somebody, upload, swift):
    upload.add(FULL)
    swift.kill()
    assert sent(upload, 2, SMALL) >= 500
    upload.parts.append({"number": 2, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)})
    problem(upload.complete(), 503, "unavailable")
    assert run_of(somebody, upload)["status"] == "running"
    swift.start()
    assert upload.complete().status_code == 409  # the second part has not come yet
    assert sent(upload, 2, SMALL) == 200
    swift.kill()
    problem(upload.complete(), 503, "unavailable")
    swift.start()
    assert upload.complete().status_code == 200
    assert run_of(somebody, upload)["status"] == "completed"
    url = upload.agent.ok("POST", "/api/agent/restore", {"logId": upload.log_id})["url"]
    assert store_request(upload.agent, "GET", url).content == FULL + SMALL


def test_an_object_whose_completion_was_not_noted_is_found(elsewhere, somebody, upload):
    """The server dies between the store's word and its own."""
    upload.add(SMALL)
    client = elsewhere.store.boto()
    upload_id = upload.reply["upload"]["uploadId"]
    client.complete_multipart_upload(Bucket=elsewhere.store.bucket, Key=upload.s3_path, UploadId=upload_id,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": upload.parts[0]["etag"]}]})
    assert upload.complete().status_code == 200
    assert run_of(somebody, upload)["size"] == len(SMALL)


# --- the store is full ---


def test_a_full_store_fails_the_run_cleanly(elsewhere, somebody, upload, swift):
    upload.add(FULL)
    swift.kill()
    swift.start(full=True)
    assert sent(upload, 2, SMALL) in (503, 507)
    upload.parts.append({"number": 2, "etag": hashlib.md5(SMALL).hexdigest(), "size": len(SMALL)})
    assert upload.complete().status_code == 409
    assert upload.complete("failed", parts=[]).status_code == 200
    assert run_of(somebody, upload)["status"] == "failed"
    assert upload.reply["upload"]["uploadId"] not in swift.uploads()
    assert upload.s3_path not in swift.keys()


# --- what is left ---


def test_a_failed_run_leaves_nothing_in_the_store(elsewhere, upload):
    upload.add(SMALL)
    assert upload.reply["upload"]["uploadId"] in elsewhere.store.uploads()
    assert upload.complete("failed").status_code == 200
    assert upload.reply["upload"]["uploadId"] not in elsewhere.store.uploads()
    assert upload.s3_path not in elsewhere.store.keys()


def test_what_is_elsewhere_is_not_asked_for_here(elsewhere, upload):
    upload.add(SMALL)
    assert upload.complete().status_code == 200
    reply = requests.get(f"{elsewhere.agent_url}/objects/{upload.s3_path}", verify=elsewhere.ca, timeout=30)
    assert reply.status_code == 404
    assert not list((elsewhere.var / "store").rglob("users"))


def test_a_config_names_the_bucket_it_goes_to(elsewhere, agent, upload):
    destination = agent.ok("GET", "/api/agent/configs")["configs"][0]["destination"]
    assert (destination["bucket"], destination["region"]) == (elsewhere.store.bucket, elsewhere.store.region)


# --- settings and secrets ---


def test_a_store_that_is_given_by_half_is_refused(elsewhere):
    for missing in "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_S3_BUCKET":
        env, elsewhere.env = elsewhere.env, {**elsewhere.env, missing: ""}
        try:
            for command in "check-config", "serve":
                done = elsewhere.app(command, check=False)
                assert done.returncode != 0 and missing in done.stderr, done.stderr
        finally:
            elsewhere.env = env


def test_the_secret_may_be_in_a_file(elsewhere, tmp_path):
    (tmp_path / "secret").write_text(elsewhere.store.secret_key + "\n")
    env, elsewhere.env = elsewhere.env, {**elsewhere.env, "AWS_SECRET_ACCESS_KEY": "",
                                         "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}
    try:
        assert str(tmp_path / "secret") in elsewhere.app("check-config").stdout
        elsewhere.env["AWS_SECRET_ACCESS_KEY"] = "both"
        assert "AWS_SECRET_ACCESS_KEY_FILE" in elsewhere.app("check-config", check=False).stderr
    finally:
        elsewhere.env = env


def test_the_secret_is_printed_and_logged_nowhere(elsewhere, upload):
    upload.add(SMALL)
    assert upload.complete().status_code == 200
    secret = elsewhere.store.secret_key
    text = elsewhere.app("check-config").stdout
    told = json.loads(elsewhere.app("check-config", "--json").stdout)
    assert secret not in text and told["AWS_SECRET_ACCESS_KEY"] == "(secret)"
    assert elsewhere.store.bucket in text
    log = elsewhere.log_text()
    assert secret not in log and "X-Amz-Signature" not in log
