"""A new binary on its way here: from servers that are slow, wrong, hostile or gone, onto disks that are full or shut."""

import contextlib
import hashlib
import json
import os
import random
import resource
import shlex
import signal
import subprocess
import threading
import time

import pytest

import files as server_of
import tokens
from files import Files, cut_after, obedient, rest, whole
from host import NATIVE
from routes import ROOT
from wait import wait_until

DRIVER = ROOT / "build" / NATIVE / "tests/update_driver"
AGENT = ROOT / "build" / NATIVE / "muster-agent"
VERSION = subprocess.run([AGENT, "version"], capture_output=True, text=True).stdout.split()[-1]
CONTENT = random.Random(1).randbytes(900 * 1000)
NOT_FOUND, IO, INVALID, TOO_BIG, CONFLICT, DENIED, UNAVAILABLE, TIMEOUT, CORRUPT = -5, -2, -3, -4, -6, -7, -8, -9, -10


class Place:
    """Where an update is put together: A with its old content, and STATE_DIR's note."""

    def __init__(self, directory):
        self.binary = directory / "bin/muster-agent"
        self.binary.parent.mkdir()
        self.binary.write_bytes(b"the old one")
        self.binary.chmod(0o755)
        self.part = directory / "bin/muster-agent.part"
        self.note = directory / "note"

    def left(self):
        assert self.binary.read_bytes() == b"the old one"
        return sorted(p.name for p in self.binary.parent.iterdir() if p != self.binary)

    def download_command(self, files, rate=0, least_rate=0, window_ms=0, give_up_ms=0, size=None, sha256=None):
        return [DRIVER, "download", files.url, self.part, self.note, size or len(files.content), sha256 or files.sha256,
                files.ca, rate, least_rate, window_ms, give_up_ms]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def run(*command, env=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "stderr": done.stderr}


def download(place, files, **options):
    return run(*place.download_command(files, **options))


def assert_complete(place, files, report):
    assert report["rc"] == 0, report
    assert place.part.read_bytes() == files.content
    assert place.part.stat().st_mode & 0o7777 == 0o600
    assert report["percents"][-1] == 100


def assert_gone(place, report, rc, why):
    assert report["rc"] == rc and why in report["error"], report
    assert place.left() == [] and not place.note.exists()


def killed_halfway(place, files):
    """kill -9 while half of the file has been sent; how much of it was on the disk then."""
    child = subprocess.Popen([str(part) for part in place.download_command(files)], stdout=subprocess.DEVNULL)
    half = len(files.content) // 2
    wait_until(lambda: place.part.exists() and place.part.stat().st_size >= half, 20, "half of it has arrived")
    child.kill()
    child.wait()
    return place.part.stat().st_size


# --- how it should be ---


def test_it_arrives_whole_and_small(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        report = download(place, files)
        assert_complete(place, files, report)
        assert report["percents"] == list(range(101))
        assert files.ranges() == [None]
        assert "X-Agent-Api-Key" not in files.requests[0]
    assert 0 < report["peak_kib"] < 2048
    assert place.left() == ["muster-agent.part"]


def test_what_is_complete_is_not_asked_for_again(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        download(place, files)
        assert_complete(place, files, download(place, files))
        assert len(files.requests) == 1


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None], ids=["strong", "weak", "none"])
def test_a_killed_one_goes_on_where_it_stopped(place, tmp_path, etag):
    """A weak ETag says nothing about bytes, so that it is not asked with (RFC 9110 §13.1.5)."""
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), obedient) as files:
        files.etag = etag
        had = killed_halfway(place, files)
        assert_complete(place, files, download(place, files))
        stop.set()
        assert files.ranges() == [None, f"bytes={had}-"]
        assert files.requests[1].get("If-Range") == ('"v1"' if etag == '"v1"' else None)


def test_a_connection_that_breaks_again_and_again_is_made_again(place, tmp_path):
    with Files(tmp_path, CONTENT, cut_after(250 * 1000)) as files:
        assert_complete(place, files, download(place, files))
        assert len(files.requests) == 4 and all(files.ranges()[1:])


def test_a_server_that_is_busy_is_asked_again_when_it_said(place, tmp_path):
    def busy(handler, files):
        handler.reply(503, b"x" * 100000, Retry_After=1)

    with Files(tmp_path, CONTENT, busy, obedient) as files:
        started = time.monotonic()
        assert_complete(place, files, download(place, files))
        assert time.monotonic() - started >= 1


def test_the_rate_is_kept_without_turning_in_circles(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        assert_complete(place, files, download(place, files, rate=500 * 1000))
        took, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert 1.4 <= took < 10  # 1.8 s less a quarter of a second's burst
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < took / 4


def test_one_that_is_told_to_stop_stops_and_keeps_its_part(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        child = subprocess.Popen([str(part) for part in place.download_command(files, rate=1024)],
                                 stdout=subprocess.PIPE, text=True)
        wait_until(lambda: place.part.exists() and place.part.stat().st_size > 0, 20, "something has arrived")
        child.send_signal(signal.SIGTERM)
        started = time.monotonic()
        report = json.loads(child.communicate(timeout=20)[0])
        assert report["rc"] == UNAVAILABLE and time.monotonic() - started < 2
        assert place.part.stat().st_size > 0 and place.note.exists()


# --- servers that cannot, or have changed their mind ---


def test_one_that_ignores_ranges_is_heard_from_the_beginning(place, tmp_path):
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), whole) as files:
        killed_halfway(place, files)
        assert_complete(place, files, download(place, files))
        stop.set()
        assert len(files.requests) == 2


def test_one_whose_file_has_another_etag_is_heard_from_the_beginning(place, tmp_path):
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), obedient) as files:
        killed_halfway(place, files)
        files.etag = '"v2"'
        assert_complete(place, files, download(place, files))
        stop.set()
        assert files.requests[1]["If-Range"] == '"v1"'
        assert 'etag v2\n' in place.note.read_text()


def test_one_that_goes_on_in_another_file_is_asked_for_the_whole(place, tmp_path):
    """If-Range is ignored, but the reply's ETag tells."""
    stop = threading.Event()

    def mixing(handler, files):
        start = handler.headers["Range"]
        rest(handler, files, int(start[6:-1])) if start else whole(handler, files)

    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), mixing) as files:
        killed_halfway(place, files)
        files.etag = '"v2"'
        assert_complete(place, files, download(place, files))
        stop.set()
        assert [r is None for r in files.ranges()] == [True, False, True]


def test_pieces_that_do_not_fit_together_are_fetched_once_more(place, tmp_path):
    """What a power cut leaves: the right length, and zeros in it."""
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), obedient) as files:
        had = killed_halfway(place, files)
        place.part.write_bytes(b"\0" * had)
        assert_complete(place, files, download(place, files))
        stop.set()
        assert [r is None for r in files.ranges()] == [True, False, True]


def test_a_part_of_another_target_is_not_gone_on_with(place, tmp_path):
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), obedient) as files:
        killed_halfway(place, files)
        files.content = CONTENT[::-1]
        files.sha256 = hashlib.sha256(files.content).hexdigest()
        assert_complete(place, files, download(place, files))
        stop.set()
        assert files.ranges() == [None, None]


def test_a_range_it_refuses_is_not_insisted_on(place, tmp_path):
    stop = threading.Event()

    def no_range(handler, files):
        handler.reply(416, Content_Range=f"bytes */{len(files.content)}")

    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), no_range, obedient) as files:
        killed_halfway(place, files)
        assert_complete(place, files, download(place, files))
        stop.set()
        assert [r is None for r in files.ranges()] == [True, False, True]


@pytest.mark.parametrize("headers", [
    {"Content_Range": "bytes 0-899999/900000"},
    {"Content_Range": None},
    {"Content_Range": "bytes 10-5/3"},
    {"Content_Length": 5},
], ids=["another", "none", "nonsense", "another length"])
def test_a_range_that_is_not_the_one_asked_for_is_refused(place, tmp_path, headers):
    stop = threading.Event()

    def other(handler, files):
        rest(handler, files, int(handler.headers["Range"][6:-1]), **headers)

    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop), other) as files:
        killed_halfway(place, files)
        assert_gone(place, download(place, files), INVALID, "range")
        stop.set()


# --- servers that are wrong, or hostile ---


def test_an_endless_file_ends_where_it_should(place, tmp_path):
    def endless(handler, files):
        handler.close_connection = True
        handler.reply(200, Content_Length=None)
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(CONTENT[:4096])
                files.sent += 4096

    with Files(tmp_path, CONTENT, endless) as files:
        files.sha256 = "0" * 64
        assert_gone(place, download(place, files), TOO_BIG, "larger than the 900000 bytes")
        assert files.sent < 20 << 20  # what sockets hold, and no more


def test_endless_chunks_end_where_they_should(place, tmp_path):
    def endless(handler, files):
        handler.close_connection = True
        handler.reply(200, Content_Length=None, Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"1000\r\n" + CONTENT[:4096] + b"\r\n")

    with Files(tmp_path, CONTENT, endless) as files:
        assert_gone(place, download(place, files), TOO_BIG, "larger than")


def test_chunks_of_which_nothing_but_wrapping_comes_take_no_longer_than_allowed(place, tmp_path):
    """One byte, and thousands of extension around it, faster than they are read: there is never a wait to cut short."""
    block = (b"1;" + b"x" * 8000 + b"\r\ny\r\n") * 2000

    def wrapped(handler, files):
        handler.close_connection = True
        handler.reply(200, Content_Length=None, Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(block)

    with Files(tmp_path, CONTENT, wrapped) as files:
        started = time.monotonic()
        report = download(place, files, least_rate=1 << 20, give_up_ms=1500)
        assert report["rc"] == TIMEOUT and time.monotonic() - started < 10, report


def test_a_file_of_another_size_is_refused_before_it_comes(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        assert_gone(place, download(place, files, size=899999), INVALID, "has 900000 bytes, not the 899999")
        assert_gone(place, download(place, files, size=900001), INVALID, "has 900000 bytes, not the 900001")


def test_a_file_that_is_not_the_one_signed_is_refused(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        assert_gone(place, download(place, files, sha256="1" * 64), CORRUPT, "SHA-256")
        assert len(files.requests) == 1


def test_one_that_always_stops_halfway_is_given_up(place, tmp_path):
    def half(handler, files):
        handler.close_connection = True
        handler.reply(200, files.content[:450000], Content_Length=None, Accept_Ranges="none")

    with Files(tmp_path, CONTENT, half) as files:
        report = download(place, files, least_rate=1 << 20, window_ms=100, give_up_ms=2500)
        assert report["rc"] == UNAVAILABLE and len(files.requests) > 1 and "ended after 450000 of 900000 bytes" in report["error"], report
        assert place.left() == ["muster-agent.part"]


def test_one_that_dribbles_is_given_up_with_the_reason(place, tmp_path):
    def dribble(handler, files):
        at = int((handler.headers["Range"] or "bytes=0-")[6:-1])
        handler.reply(206 if at else 200, Content_Length=len(CONTENT) - at,
                      Content_Range=f"bytes {at}-899999/900000")
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(CONTENT[at:at + 10])
                at += 10
                time.sleep(0.1)

    with Files(tmp_path, CONTENT, dribble) as files:
        started = time.monotonic()
        report = download(place, files, least_rate=1 << 20, window_ms=500, give_up_ms=1000)
        assert report["rc"] == TIMEOUT and "less than 1048576 bytes a second" in report["error"], report
        assert time.monotonic() - started < 10
        assert place.left() == ["muster-agent.part"]


def test_one_that_dribbles_before_it_answers_is_given_up(place, tmp_path):
    def dribble(handler, files):
        with contextlib.suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                handler.wfile.write(b"X: y\r\n")
                time.sleep(0.2)

    with Files(tmp_path, CONTENT, dribble) as files:
        started = time.monotonic()
        report = download(place, files, least_rate=1 << 20, give_up_ms=1500)
        assert report["rc"] == TIMEOUT and time.monotonic() - started < 10, report


@pytest.mark.parametrize("status, rc", [(404, NOT_FOUND), (410, NOT_FOUND), (403, DENIED)])
def test_a_refusal_keeps_what_is_there(place, tmp_path, status, rc):
    stop = threading.Event()
    with Files(tmp_path, CONTENT, cut_after(len(CONTENT) // 2, stop),
               lambda handler, files: handler.reply(status, b"x" * 100000)) as files:
        had = killed_halfway(place, files)
        report = download(place, files)
        stop.set()
        assert report["rc"] == rc and str(status) in report["error"], report
        assert place.part.stat().st_size == had and len(files.requests) == 2


def test_a_redirect_is_not_followed(place, tmp_path):
    with Files(tmp_path, CONTENT) as other, \
         Files(tmp_path, CONTENT, lambda handler, files: handler.reply(302, Location=other.url)) as files:
        assert_gone(place, download(place, files), INVALID, "redirect")
        assert other.requests == []


def test_another_ca_is_not_trusted(place, tmp_path):
    (tmp_path / "other").mkdir()
    with Files(tmp_path, CONTENT) as files:
        files.ca = server_of.self_signed(tmp_path / "other").with_name("ca.pem")
        report = download(place, files)
        assert report["rc"] == DENIED and "CA" in report["error"]
        assert files.requests == []


# --- disks ---


def in_mount_namespace(*lines):
    """Runs the lines by a shell that has its own mounts; what it printed."""
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    done = subprocess.run([*alone, "sh", "-ec", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("this machine lets us make no mount namespace")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def quoted(*command):
    return shlex.join(str(part) for part in command)


def test_a_full_disk_is_told_and_left_clean(place, tmp_path):
    with Files(tmp_path, CONTENT) as files:
        report, *left = in_mount_namespace(f"mount -t tmpfs -o size=512k none {place.part.parent}",
                                           quoted(*place.download_command(files)), f"ls {place.part.parent}")
        report = json.loads(report)
        assert report["rc"] == IO and "No space left" in report["error"] and report["errno"] == 28
        assert left == [] and not place.note.exists()


def test_too_little_room_is_told_before_anything_is_fetched(place):
    report = in_mount_namespace(f"mount -t tmpfs -o size=4m none {place.part.parent}",
                                quoted(DRIVER, "space", place.part.parent, 1 << 20, 1 << 20),
                                quoted(DRIVER, "space", place.part.parent, 3 << 20, 2 << 20))
    assert json.loads(report[0])["rc"] == 0
    assert json.loads(report[1])["rc"] == IO
    assert "4.0 MiB free, 5.0 MiB needed (2.0 MiB of it" in json.loads(report[1])["error"]


def test_a_read_only_place_is_told(place, tmp_path):
    directory = place.binary.parent
    with Files(tmp_path, CONTENT) as files:
        lines = in_mount_namespace(f"mount --bind {directory} {directory}", f"mount -o remount,bind,ro {directory}",
                                   quoted(DRIVER, "open", place.binary), quoted(*place.download_command(files)))
        assert files.requests == []
    opened, fetched = map(json.loads, lines)
    assert opened["rc"] == DENIED and "read-only filesystem" in opened["error"]
    assert fetched["rc"] == IO and "Read-only file system" in fetched["error"]
    assert place.left() == [] and not place.note.exists()


def test_a_place_that_becomes_read_only_meanwhile_is_told(place):
    """Downloaded, and then nothing more can be changed."""
    place.part.write_bytes(b"new")
    directory = place.binary.parent
    report, = in_mount_namespace(f"mount --bind {directory} {directory}",
                                 f"mount -o remount,bind,ro {directory}", quoted(DRIVER, "finish", place.binary))
    assert json.loads(report)["rc"] == DENIED
    assert place.left() == ["muster-agent.part"]  # nothing can be removed there


def test_a_noexec_place_is_told(place):
    directory = place.binary.parent
    opened, tried = map(json.loads, in_mount_namespace(
        f"mount -t tmpfs -o noexec none {directory}", f"cp {AGENT} {place.binary}",
        quoted(DRIVER, "open", place.binary), quoted(DRIVER, "selftest", place.binary, VERSION)))
    assert opened["rc"] == DENIED and "noexec" in opened["error"]
    assert tried["rc"] == DENIED and "cannot be executed: Permission denied" in tried["error"]


# --- patches ---


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    """(directory, old, new) with old and new in it, and a patch between them as the server makes it."""
    directory = tmp_path_factory.mktemp("patch")
    old = AGENT.read_bytes()
    new = bytearray(old)
    for at in range(1000, len(new), 50000):
        new[at:at + 8] = b"changed!"
    new[300000:300000] = random.Random(2).randbytes(5000)  # everything after it moves
    (directory / "old").write_bytes(old)
    (directory / "new").write_bytes(new)
    subprocess.run(["zstd", "-q", "--ultra", "-22", "--long=27", "--patch-from", directory / "old", directory / "new",
                    "-o", directory / "patch"], check=True, stderr=subprocess.DEVNULL)
    return directory, old, bytes(new)


def apply(directory, place, old, new, patch="patch", base="old", size=None):
    return run(DRIVER, "patch", directory / base, hashlib.sha256(old).hexdigest(), directory / patch, place.part,
               size or len(new), hashlib.sha256(new).hexdigest())


def test_a_patch_makes_the_new_binary_within_its_memory(patched, place):
    directory, old, new = patched
    assert (directory / "patch").stat().st_size < len(new) / 10
    report = apply(directory, place, old, new)
    assert report["rc"] == 0, report
    assert place.part.read_bytes() == new
    assert report["peak_kib"] < 4096


def test_a_patch_for_another_base_is_refused(patched, place):
    directory, old, new = patched
    report = apply(directory, place, old, new, base="new")
    assert report["rc"] == CONFLICT and "another file" in report["error"]
    assert place.left() == []


def test_a_damaged_patch_is_refused(patched, place):
    directory, old, new = patched
    patch = bytearray((directory / "patch").read_bytes())
    patch[len(patch) // 2] ^= 0xff
    (directory / "damaged").write_bytes(patch)
    (directory / "short").write_bytes((directory / "patch").read_bytes()[:-100])
    for name in ("damaged", "short"):
        assert apply(directory, place, old, new, patch=name)["rc"] == CORRUPT
        assert place.left() == []


def test_a_patch_that_would_unpack_to_gigabytes_takes_no_memory(patched, place):
    directory, old, new = patched
    bomb = subprocess.run("head -c 1000000000 /dev/zero | zstd -q --stream-size=1000000000 --long=27", shell=True,
                          capture_output=True, check=True).stdout
    (directory / "bomb").write_bytes(bomb)
    report = apply(directory, place, old, new, patch="bomb")
    assert report["rc"] == TOO_BIG and report["peak_kib"] < 4096
    assert place.left() == []


# --- the rest of an update ---


def test_the_finished_binary_takes_the_place_beside_the_old_one(place):
    place.binary.chmod(0o750)
    place.part.write_bytes(b"the new one")
    assert run(DRIVER, "finish", place.binary)["rc"] == 0
    assert place.left() == ["muster-agent.new"]
    fresh = place.binary.with_name("muster-agent.new")
    assert fresh.read_bytes() == b"the new one" and fresh.stat().st_mode & 0o7777 == 0o750


@pytest.fixture
def fleet(tmp_path):
    """Our own server, a mirror with a CA of its own, and the environment of an agent that is registered by key."""
    for name in ("own", "mirror"):
        (tmp_path / name).mkdir()
    with Files(tmp_path / "own", b'{"own": 1}') as own, Files(tmp_path / "mirror", b'{"mirror": 1}') as mirror:
        env = {"SERVER_URL": own.origin, "CA_FILE": str(own.ca), "STATE_DIR": str(tmp_path / "state"),
               "AGENT_ID": "01900000-eeee-7000-8000-000000000001", "API_KEY": tokens.api_key()}
        yield own, mirror, env


def test_metadata_comes_from_our_own_server_and_no_key_is_shown(fleet):
    own, _, env = fleet
    report = run(DRIVER, "fetch", "1.root.json", 100, env=env)
    assert report["rc"] == 0 and report["stderr"] == '{"own": 1}', report
    assert own.paths == ["/updates/tuf/1.root.json"]
    assert "x-agent-api-key" not in [name.lower() for name in own.requests[0]]


def test_metadata_comes_from_the_update_server_when_there_is_one(fleet):
    own, mirror, env = fleet
    env |= {"UPDATE_SERVER": mirror.origin + "/a/b/", "STORE_CA_FILE": str(mirror.ca)}
    report = run(DRIVER, "fetch", "timestamp.json", 100, env=env)
    assert report["rc"] == 0 and report["stderr"] == '{"mirror": 1}', report
    assert mirror.paths == ["/a/b/updates/tuf/timestamp.json"] and own.paths == []
    assert "x-agent-api-key" not in [name.lower() for name in mirror.requests[0]]


def test_the_update_servers_certificate_is_verified(fleet):
    _, mirror, env = fleet
    report = run(DRIVER, "fetch", "timestamp.json", 100, env={**env, "UPDATE_SERVER": mirror.origin})
    assert report["rc"] == DENIED and mirror.paths == [], report


@pytest.mark.parametrize("answer, rc", [
    (lambda handler, files: handler.reply(404, b"x" * 5000), NOT_FOUND),
    (lambda handler, files: handler.reply(500), UNAVAILABLE),
    (lambda handler, files: handler.reply(302, Location="/elsewhere"), INVALID),
    (lambda handler, files: handler.reply(200, b"x" * 101), TOO_BIG),
    (lambda handler, files: handler.reply(200, b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n", Content_Length=None,
                                          Transfer_Encoding="chunked"), TOO_BIG),
], ids=["missing", "ill", "redirect", "too long", "too long in chunks"])
def test_other_answers_than_the_metadata(fleet, answer, rc):
    own, _, env = fleet
    own.answers = (answer,)
    report = run(DRIVER, "fetch", "timestamp.json", 100, env=env)
    assert report["rc"] == rc and report["stderr"] == "", report


@pytest.mark.parametrize("name", ["", ".", "..", "../api", "a/b", "%2e%2e", "a?b", "a#b", "a b", "a\r\nX: y", "\u00e9"])
def test_a_name_that_leads_elsewhere_is_none(fleet, name):
    own, _, env = fleet
    assert run(DRIVER, "fetch", name, 100, env=env)["rc"] == INVALID
    assert own.paths == []


def test_a_targets_digest_stands_in_front_of_its_name(fleet):
    own, mirror, env = fleet
    env["UPDATE_SERVER"] = mirror.origin + "/a/"
    report = run(DRIVER, "url", "0.2.0/agent-linux-amd64", "f00d", env=env)
    assert report["stderr"] == f"{mirror.origin}/a/updates/tuf/targets/0.2.0/f00d.agent-linux-amd64"
    assert run(DRIVER, "url", "plain", "f00d", env=env)["stderr"].endswith("/targets/f00d.plain")


@pytest.mark.parametrize("path", ["", "/", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/%2E%2e/b", "a?b", "a/b#c",
                                  "a b", "x" * 300, "a/" * 300 + "b"])
def test_a_target_that_leads_elsewhere_is_none(fleet, path):
    report = run(DRIVER, "url", path, "f00d", env=fleet[2])
    assert report["rc"] == INVALID and report["stderr"] == ""
