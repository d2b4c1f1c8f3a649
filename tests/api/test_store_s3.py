"""The S3 store as the server uses it: against a real one (Swift), and against answers that only some stores give."""

import hashlib
import secrets
from urllib.parse import parse_qsl, urlsplit

import pytest

from oddstore import OddStore, error, made, parts_listed, there
from storedriver import Refused, StoreDriver
from swiftstore import MORE_STORES, Given, Swift
from upload import PART, md5

SMALL = secrets.token_bytes(100_000)
FULL = secrets.token_bytes(PART)
RUN = "0193a000-0000-7000-8000-000000000002"


@pytest.fixture(scope="module")
def swift():
    with Swift() as swift:
        yield swift


class Local:
    """Our own store, whose bodies are put where nginx and the app would have put them."""

    def __init__(self, stack, directory):
        self.dir = directory
        self.settings = {"MUSTER_STORE_DIR": str(directory), "MUSTER_SECRETS_DIR": str(stack.var / "secrets")}

    def put(self, driver, path, upload_id, number, body):
        with open(self.dir / "uploads" / upload_id, "r+b") as f:
            f.seek((number - 1) * PART)
            f.write(body)


class Remote:
    def __init__(self, swift):
        self.swift, self.settings = swift, swift.settings

    def put(self, driver, path, upload_id, number, body):
        reply = self.swift.request("PUT", driver.part_url(path, upload_id, number, body), data=body,
                                   headers={"Content-MD5": md5(body)})
        assert reply.status_code == 200, reply.text


@pytest.fixture(params=["local", "swift", *MORE_STORES])
def place(request, stack, tmp_path):
    if request.param == "local":
        return Local(stack, tmp_path)
    return Remote(request.getfixturevalue("swift") if request.param == "swift" else Given())


@pytest.fixture
def store(place):
    return StoreDriver(place.settings)


@pytest.fixture
def path():
    return f"users/u1/agents/a1/configs/c1/{secrets.token_hex(6)}.tar.zst"


def stored(place, store, path, *bodies):
    """The id of an upload that has these parts."""
    upload_id = store.call("begin", path, f"{RUN}-{secrets.randbelow(1000000)}")
    for number, body in enumerate(bodies, 1):
        place.put(store, path, upload_id, number, body)
    return upload_id


def refused(kind, call, *args):
    with pytest.raises(Refused) as refusal:
        call(*args)
    assert refusal.value.kind == kind, refusal.value
    return str(refusal.value)


# --- every store ---


def test_an_object_is_what_its_parts_are(place, store, path):
    upload_id = stored(place, store, path, FULL, SMALL)
    assert not store.exists(path)
    size, etag = store.complete(path, upload_id, FULL, SMALL)
    assert size == PART + len(SMALL)
    assert store.head(path) == (size, "online", etag)
    assert store.raw("read", path) == FULL + SMALL


def test_completing_again_finds_the_same_object(place, store, path):
    upload_id = stored(place, store, path, FULL, SMALL)
    first = store.complete(path, upload_id, FULL, SMALL)
    assert store.complete(path, upload_id, FULL, SMALL) == first
    refused("conflict", store.complete, path, upload_id, FULL, SMALL, SMALL)


@pytest.mark.parametrize("claimed", [(FULL,), (FULL, SMALL[:-1]), (FULL, SMALL, SMALL)], ids=["few", "short", "many"])
def test_an_upload_that_has_other_parts_is_not_completed(place, store, path, claimed):
    upload_id = stored(place, store, path, FULL, SMALL)
    refused("conflict", store.complete, path, upload_id, *claimed)
    assert not store.exists(path)
    store.complete(path, upload_id, FULL, SMALL)


def test_uploads_are_listed_until_they_are_objects(place, store, path):
    upload_id = stored(place, store, path, SMALL)
    mine = [u for u in store.uploads() if u[1] == upload_id]
    assert mine in ([(path, upload_id)], [("-", upload_id)])
    assert not [u for u in store.uploads(min_age_s=3600) if u[1] == upload_id]
    store.complete(path, upload_id, SMALL)
    assert not [u for u in store.uploads() if u[1] == upload_id]


def test_an_aborted_upload_leaves_nothing(place, store, path):
    upload_id = stored(place, store, path, SMALL)
    for _ in range(2):
        store.call("abort", path, upload_id)
    assert not [u for u in store.uploads() if u[1] == upload_id]
    refused("conflict", store.complete, path, upload_id, SMALL)
    assert not store.exists(path)


def test_aborting_too_late_removes_the_object(place, store, path):
    upload_id = stored(place, store, path, SMALL)
    store.complete(path, upload_id, SMALL)
    store.call("abort", path, upload_id)
    assert not store.exists(path)


def test_forgetting_an_upload_touches_no_object(place, store, path):
    upload_id = stored(place, store, path, SMALL)
    store.complete(path, upload_id, SMALL)
    store.call("forget", path, upload_id)
    assert store.raw("read", path) == SMALL


def test_an_object_is_deleted_and_deleted_again(place, store, path):
    store.complete(path, stored(place, store, path, SMALL), SMALL)
    for _ in range(2):
        store.call("delete", path)
        assert not store.exists(path)
    refused("not found", store.raw, "read", path)


def test_what_is_online_needs_no_thawing(place, store, path):
    store.complete(path, stored(place, store, path, SMALL), SMALL)
    store.call("thaw", path, 3)
    assert store.head(path)[1] == "online"


def test_only_paths_of_the_one_form_are_taken(store):
    for bad in "../x", "users/u/agents/a/configs/c/../x", "users/u/agents/a/configs/c/x?uploads", "":
        refused("invalid input", store.head, bad)


# --- a real S3 store ---


def test_what_the_store_refuses_is_told_and_is_no_object(swift, path):
    """A part that is not the last one has 5 MiB at least, or is none."""
    store = StoreDriver(swift.settings)
    upload_id = stored(Remote(swift), store, path, SMALL, SMALL)
    assert "EntityTooSmall" in refused("unavailable", store.complete, path, upload_id, SMALL, SMALL)
    assert not store.exists(path)
    store.call("abort", path, upload_id)


def test_amazons_library_signs_the_same_urls(swift, path):
    ours = StoreDriver(swift.settings).call("url", "GET", path, 0, 900)
    theirs = swift.boto().generate_presigned_url("get_object", Params={"Bucket": swift.bucket, "Key": path},
                                                 ExpiresIn=900)
    mine, other = (dict(parse_qsl(urlsplit(u).query)) for u in (ours, theirs))
    if mine["X-Amz-Date"] != other["X-Amz-Date"]:  # a second has begun between the two
        return test_amazons_library_signs_the_same_urls(swift, path)
    assert ours.split("?")[0] == theirs.split("?")[0]
    assert mine == other


def test_amazons_library_signs_the_same_parts(swift, path):
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    ours = StoreDriver(swift.settings).part_url(path, "an/upload+id", 7, SMALL, 900)
    mine = dict(parse_qsl(urlsplit(ours).query))
    request = AWSRequest("PUT", f"{swift.endpoint}/{swift.bucket}/{path}",
                         params={"partNumber": "7", "uploadId": "an/upload+id"},
                         headers={"Content-MD5": md5(SMALL), "Content-Length": str(len(SMALL))})
    auth = S3SigV4QueryAuth(Credentials(swift.access_key, swift.secret_key), "s3", swift.region, expires=900)
    auth.add_auth(request)
    theirs = dict(parse_qsl(urlsplit(request.prepare().url).query))
    if mine["X-Amz-Date"] != theirs["X-Amz-Date"]:
        return test_amazons_library_signs_the_same_parts(swift, path)
    assert mine == theirs


def test_what_amazons_library_stores_we_read_and_the_other_way_round(swift, path):
    store, client = StoreDriver(swift.settings), swift.boto()
    client.put_object(Bucket=swift.bucket, Key=path, Body=SMALL)
    assert store.raw("read", path) == SMALL
    other = path + ".2"
    store.complete(other, stored(Remote(swift), store, other, FULL, SMALL), FULL, SMALL)
    assert client.get_object(Bucket=swift.bucket, Key=other)["Body"].read() == FULL + SMALL
    store.call("delete", other)
    assert other not in swift.keys()


def test_an_upload_that_amazons_library_gave_up_is_over(swift, path):
    store = StoreDriver(swift.settings)
    upload_id = stored(Remote(swift), store, path, SMALL)
    swift.boto().abort_multipart_upload(Bucket=swift.bucket, Key=path, UploadId=upload_id)
    refused("conflict", store.complete, path, upload_id, SMALL)


def test_the_wrong_key_is_told_without_being_told(swift, path):
    secret = "not-the-secret-" + secrets.token_hex(8)
    store = StoreDriver({**swift.settings, "AWS_SECRET_ACCESS_KEY": secret})
    story = refused("unavailable", store.call, "begin", path, RUN)
    assert "SignatureDoesNotMatch" in story and secret not in story and "X-Amz" not in story


def test_a_store_with_a_certificate_of_strangers_is_not_spoken_to(swift, stack, path):
    store = StoreDriver({**swift.settings, "MUSTER_S3_CA_FILE": stack.ca})
    assert "certificate" in refused("unavailable", store.call, "check").lower()
    without = {k: v for k, v in swift.settings.items() if k != "MUSTER_S3_CA_FILE"}
    assert "certificate" in refused("unavailable", StoreDriver(without).call, "check").lower()


# --- answers ---


@pytest.fixture
def odd():
    with OddStore() as odd:
        yield odd


@pytest.fixture
def asking(odd):
    """An odd store that has one part of an upload "u", and whatever else it is told."""
    odd.answers |= {"GET max-parts uploadId": [parts_listed((1, 5, "aa"))], "HEAD": [error(404, "NoSuchKey")]}
    return StoreDriver(odd.settings)


def complete(store, path):
    return store.complete(path, "u", b"hello")


def test_an_error_in_a_200_is_an_error(odd, asking, path):
    odd.answers["POST uploadId"] = [(200, b'<?xml version="1.0"?>\n   \n' + error(200, "InternalError")[1]
                                     .split("?>", 1)[1].encode(), {})]
    assert "InternalError" in refused("unavailable", complete, asking, path)


@pytest.mark.parametrize("body", [b"", b"   ", b"<html>fine</html>", b"fine", b"<a>" * 100, b"\xff\xfe\0"],
                         ids=["empty", "blank", "page", "text", "deep", "binary"])
def test_a_200_that_says_nothing_is_no_success(odd, asking, path, body):
    odd.answers["POST uploadId"] = [(200, body, {})]
    refused("unavailable", complete, asking, path)


def test_an_empty_etag_is_asked_for(odd, asking, path):
    odd.answers |= {"POST uploadId": [made("")], "HEAD": [there(5, "cc-1")]}
    assert complete(asking, path) == (5, "cc-1")


def test_a_success_that_shows_no_object_is_none(odd, asking, path):
    odd.answers["POST uploadId"] = [made("cc-1")]
    refused("unavailable", complete, asking, path)


def test_an_object_of_another_size_is_not_ours(odd, asking, path):
    odd.answers |= {"POST uploadId": [made("cc-1")], "HEAD": [there(6)]}
    refused("conflict", complete, asking, path)


def test_an_answer_that_was_lost_is_made_up_for(odd, asking, path):
    """The upload is gone, since the try before has made the object."""
    odd.answers |= {"GET max-parts uploadId": [error(404, "NoSuchUpload")], "HEAD": [there(5, "cc-1")]}
    assert complete(asking, path) == (5, "cc-1")
    assert odd.count("POST uploadId") == 0


def test_a_store_that_answers_500_after_an_abort_says_that_it_is_over(odd, asking, path):
    odd.answers |= {"POST uploadId": [error(500, "UnknownError")]}
    refused("unavailable", complete, asking, path)
    odd.answers["GET max-parts uploadId"] = [error(404, "NoSuchUpload")]
    refused("conflict", complete, asking, path)


def test_what_a_store_does_not_know_is_left_out(odd, asking, path):
    odd.answers |= {"POST uploadId": [error(501, "NotImplemented"), made("cc-1")], "HEAD": [there(5, "cc-1")]}
    assert complete(asking, path) == (5, "cc-1")
    first, second = [headers for what, _, headers, _ in odd.asked if what == "POST uploadId"]
    assert first["If-None-Match"] == "*" and "If-None-Match" not in second


def test_parts_are_completed_with_the_etags_of_the_store(odd, asking, path):
    odd.answers |= {"POST uploadId": [made("cc-1")], "HEAD": [there(5, "cc-1")]}
    complete(asking, path)
    body = next(body for what, _, _, body in odd.asked if what == "POST uploadId")
    assert b"<PartNumber>1</PartNumber><ETag>\"aa\"</ETag>" in body


def test_a_part_that_is_another_one_is_noticed_where_etags_are_md5s(odd, path):
    store = StoreDriver(odd.settings)
    odd.answers |= {"POST uploadId": [made("cc-2")], "HEAD": [error(404, "NoSuchKey"), there(10, "cc-2")],
                    "GET max-parts uploadId": [parts_listed((1, 5, hashlib.md5(b"hello").hexdigest()),
                                                            (2, 5, hashlib.md5(b"hallo").hexdigest()))]}
    assert "part 2" in refused("conflict", store.complete, path, "u", b"hello", b"hullo")
    assert odd.count("POST uploadId") == 0


def test_parts_may_be_listed_in_pages(odd, asking, path):
    pages = [parts_listed(*((n, 1, "aa") for n in numbers), truncated=more)
             for numbers, more in ((range(1, 1001), "1000"), (range(1001, 2001), "2000"), (range(2001, 2003), ""))]
    odd.answers |= {"GET max-parts uploadId": pages[:1], "GET max-parts part-number-marker uploadId": pages[1:],
                    "POST uploadId": [made("cc-2002")], "HEAD": [there(2002, "cc-2002")]}
    assert asking.complete(path, "u", *[b"x"] * 2002) == (2002, "cc-2002")
    markers = [q["part-number-marker"] for what, q, *_ in odd.asked if "part-number-marker" in what]
    assert markers == ["1000", "2000"]
    assert odd.asked[-2][3].count(b"<Part>") == 2002


def test_a_list_that_never_ends_is_not_followed(odd, asking, path):
    odd.answers["GET max-parts uploadId"] = [parts_listed(truncated="1")]
    odd.answers["GET max-parts part-number-marker uploadId"] = [parts_listed(truncated="1")]
    refused("unavailable", complete, asking, path)
    odd.answers["GET max-parts part-number-marker uploadId"] = [parts_listed(truncated=str(n)) for n in range(2, 50)]
    odd.asked.clear()
    refused("unavailable", complete, asking, path)
    assert len(odd.asked) < 5


def test_what_may_pass_is_tried_again(odd, asking, path):
    odd.answers |= {"HEAD": [error(503, "SlowDown"), error(500, "InternalError"), there(5)]}
    assert asking.head(path)[0] == 5
    odd.answers["HEAD"] = [error(503, "SlowDown")]
    odd.asked.clear()
    refused("unavailable", asking.head, path)
    assert odd.count("HEAD") == 4


def test_a_refusal_is_not_tried_again(odd, asking, path):
    odd.answers["HEAD"] = [error(403, "AccessDenied")]
    refused("unavailable", asking.head, path)
    assert odd.count("HEAD") == 1


def test_no_redirect_is_followed(odd, asking, path):
    odd.answers["GET uploads"] = []
    odd.answers["HEAD"] = [(307, "", {"Location": f"{odd.settings['AWS_S3_ENDPOINT']}/elsewhere",
                                      "x-amz-bucket-region": "eu-west-9"})]
    assert "eu-west-9" in refused("unavailable", asking.head, path)
    assert odd.count("HEAD") == 1


def test_a_reply_without_an_end_is_not_kept(odd, asking, path):
    odd.answers["POST uploads"] = [(200, b"<a>" + b" " * (5 << 20), {})]
    refused("unavailable", asking.call, "begin", path, RUN)
    odd.answers["HEAD"] = [(200, "", {"Content-Length": 5, "x-long": "x" * 70_000})]
    refused("unavailable", asking.head, path)


def test_entities_are_not_taken(odd, asking, path):
    bomb = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><InitiateMultipartUploadResult>'
            "<UploadId>&b;</UploadId></InitiateMultipartUploadResult>")
    odd.answers["POST uploads"] = [(200, bomb, {})]
    refused("unavailable", asking.call, "begin", path, RUN)


def test_an_object_is_read_as_one_even_if_it_is_replaced_meanwhile(odd, asking, path):
    odd.answers |= {"HEAD": [there(5)], "GET": [error(412, "PreconditionFailed")]}
    refused("conflict", asking.raw, "read", path)
    assert odd.asked[-1][2]["If-Match"] == '"e-1"'


def test_an_object_that_comes_short_is_an_error(odd, asking, path):
    odd.answers |= {"HEAD": [there(5)], "GET": [(206, "hell", {})]}
    refused("unavailable", asking.raw, "read", path)


@pytest.mark.parametrize("headers, state", [
    ({}, "online"), ({"x-amz-storage-class": "STANDARD_IA"}, "online"),
    ({"x-amz-storage-class": "GLACIER_IR"}, "online"),
    ({"x-amz-storage-class": "GLACIER"}, "archived"), ({"x-amz-storage-class": "DEEP_ARCHIVE"}, "archived"),
    ({"x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "ARCHIVE_ACCESS"}, "archived"),
    ({"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"'}, "thawing"),
    ({"x-amz-storage-class": "GLACIER", "x-amz-restore":
      'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"'}, "thawed")])
def test_an_object_says_whether_it_is_archived(odd, asking, path, headers, state):
    odd.answers["HEAD"] = [there(5, **headers)]
    assert asking.head(path)[1] == state


def test_an_archived_object_is_thawed_and_until_then_not_read(odd, asking, path):
    odd.answers |= {"HEAD": [there(5, **{"x-amz-storage-class": "GLACIER"})], "POST restore": [(202, "", {})]}
    refused("conflict", asking.raw, "read", path)
    asking.call("thaw", path, 3)
    assert b"<Days>3</Days>" in odd.asked[-1][3]
    odd.answers["POST restore"] = [error(409, "RestoreAlreadyInProgress")]
    asking.call("thaw", path, 3)
    odd.answers["HEAD"] = [there(5, **{"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"'})]
    before = len(odd.asked)
    asking.call("thaw", path, 3)
    assert len(odd.asked) == before + 1  # it was only looked at


def test_a_tier_that_thaws_for_good_is_given_no_days(odd, asking, path):
    odd.answers |= {"HEAD": [there(5, **{"x-amz-archive-status": "DEEP_ARCHIVE_ACCESS"})],
                    "POST restore": [(200, "", {})]}
    asking.call("thaw", path, 3)
    assert b"Days" not in odd.asked[-1][3]


def test_other_things_in_the_bucket_are_not_ours(odd, asking, path):
    def upload(key, upload_id):
        return (f"<Upload><Key>{key}</Key><UploadId>{upload_id}</UploadId>"
                "<Initiated>2020-01-01T00:00:00.000Z</Initiated></Upload>")
    odd.answers["GET max-uploads prefix uploads"] = [
        (200, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>" + upload(path, "mine") +
         upload("users/x", "theirs") + upload("users/u/agents/a/configs/c/x y", "odd") +
         "</ListMultipartUploadsResult>", {})]
    assert asking.uploads(60) == [(path, "mine")]
