"""The way of a backup's bytes: what is sent is what the server was told, encrypted when it has to be, however the store
behaves, as fast as it may and no faster; and what runs before and after."""

import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
import threading
import time

import pytest

from backupserver import LOG_ID, BackupServer
from test_age import Key
from wait import wait_until

KIB = 1024
FULL = {"run": {"type": "full", "base": None, "chainSeq": 0, "reason": "the first"}, "partsPerObject": 1000}


def say_full(what, request):
    return FULL if what == "start" else {}


def run(host, *args, **kwargs):
    return host.run("backup", "--config-name", "slow", *args, **kwargs)


def members(data):
    """Names in a .tar.zst."""
    plain = subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(plain)).getnames()


def decrypt(key, data):
    return subprocess.run(["age", "-d", "-i", key.path], input=data, capture_output=True)


def told(server):
    """What the server heard about the archive and its index is what arrived."""
    done = server.completed
    archive, index = server.archive(), b"".join(data for _, data in sorted(server.index.items()))
    assert sorted(server.parts) == list(range(1, done["partCount"] + 1))
    assert done["size"] == len(archive) and done["sha256"] == hashlib.sha256(archive).hexdigest()
    assert all(len(server.parts[n]) == server.part_size for n in range(1, done["partCount"])), "only the last is short"
    assert sorted(server.index) == list(range(1, done["indexPartCount"] + 1)) and done["indexSize"] == len(index)
    assert "parts" not in done
    return archive, index


@pytest.fixture
def keys(tmp_path):
    return [Key(tmp_path / f"{n}.key") for n in range(3)]


def text(host, name="file", size=1000):
    (host.source / name).write_bytes(os.urandom(size))


def test_an_archive_and_its_index_are_two_objects(fresh, backups):
    text(fresh, size=300 * KIB)
    server = backups(say=say_full, part_size=64 * KIB)
    assert run(fresh).returncode == 0
    archive, index = told(server)
    assert any(name.endswith("/file") for name in members(archive))
    plain = subprocess.run(["zstd", "-dc"], input=index, capture_output=True, check=True).stdout.decode()
    assert plain.startswith("muster-index 1\n")
    assert server.completed["partCount"] >= 5 and server.completed["status"] == "completed"


def test_an_older_server_gets_no_index(fresh, backups):
    text(fresh)
    server = backups()
    assert run(fresh).returncode == 0
    assert not server.index and server.completed["indexPartCount"] == 0
    told(server)


def test_there_is_no_limit_to_the_number_of_parts(fresh, backups):
    """Numbers count on over the volumes, whose size is the server's business."""
    text(fresh, size=1030 * 64 * KIB)
    server = backups(say=say_full, part_size=64 * KIB, compression=False)
    assert run(fresh).returncode == 0
    told(server)
    assert server.completed["partCount"] > 1030


def test_what_is_encrypted_can_be_read_by_each_recipient_and_nobody_else(fresh, backups, keys):
    text(fresh, size=200 * KIB)
    server = backups({"AGE_RECIPIENTS": f"{keys[0].public} {keys[1].public}"}, say=say_full, part_size=64 * KIB)
    assert run(fresh).returncode == 0
    archive, index = told(server)
    start, = server.asked("start")
    assert start["encrypted"] is True and start["filename"].endswith(".tar.zst.age")
    for key in keys[:2]:
        assert any(name.endswith("/file") for name in members(decrypt(key, archive).stdout))
        assert decrypt(key, index).stdout[:4] == b"\x28\xb5\x2f\xfd"
    assert decrypt(keys[2], archive).returncode != 0
    assert archive.startswith(b"age-encryption.org/v1\n") and index.startswith(b"age-encryption.org/v1\n")


def test_the_config_may_choose_among_the_hosts_recipients(fresh, backups, keys):
    text(fresh)
    server = backups({"AGE_RECIPIENTS": f"{keys[0].public} {keys[1].public}"}, recipients=[keys[1].public])
    assert run(fresh).returncode == 0
    assert decrypt(keys[0], server.archive()).returncode != 0
    assert any(name.endswith("/file") for name in members(decrypt(keys[1], server.archive()).stdout))


@pytest.mark.parametrize("own, options, reason", [
    (None, {"encryption": True}, "names nobody"),
    (None, {"recipients": [0]}, "names nobody"),
    ([0], {"recipients": [0, 1]}, "is not in AGE_RECIPIENTS"),
    ("age1nonsense", {}, "not an age recipient"),
    (None, {"preHook": "dump"}, "HOOKS"),
])
def test_what_this_host_does_not_want_is_refused_and_told(fresh, backups, keys, own, options, reason):
    text(fresh)
    if "recipients" in options:
        options = {"recipients": [keys[n].public for n in options["recipients"]]}
    own = " ".join(keys[n].public for n in own) if isinstance(own, list) else own
    server = backups({"AGE_RECIPIENTS": own}, **options)
    done = run(fresh)
    assert done.returncode == 1 and reason in done.stderr
    assert not server.asked("start") and not server.parts
    events = b"".join(path.read_bytes() for path in (fresh.state / "events").iterdir() if path.is_file())
    assert b"backup_refused" in events


# --- the store ---


def once_each(answer):
    """A way to hesitate: `answer`(handler) to the first PUT of each part."""
    seen = set()

    def hesitate(handler, number):
        if number in seen:
            return False
        seen.add(number)
        answer(handler)
        return True

    hesitate.seen = seen
    return hesitate


def refuse(status, **headers):
    def answer(handler):
        handler.body()
        handler.answer(status, {}, **headers)
    return answer


def reset(handler):
    handler.rfile.read(1000)
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()


@pytest.mark.parametrize("answer", [refuse(403), refuse(500), refuse(503, **{"Retry-After": 1}), refuse(400), reset],
                         ids=["expired", "error", "slow down", "damaged", "reset"])
def test_each_part_is_tried_again_with_a_url_of_its_own(fresh, backups, answer):
    text(fresh, size=400 * KIB)
    hesitate = once_each(answer)
    server = backups(hesitate=hesitate, part_size=128 * KIB, compression=False)
    assert run(fresh).returncode == 0
    told(server)
    asked = [request["number"] for request in server.asked("parts")]
    assert all(asked.count(number) == 2 for number in server.parts) and len(hesitate.seen) == len(server.parts) >= 4


def test_a_part_that_nothing_helps_ends_the_run(fresh, backups):
    text(fresh)
    server = backups(hesitate=lambda handler, number: not handler.answer(507, {}, Connection="close"))
    done = run(fresh)
    assert done.returncode == 1 and "no room left" in done.stderr
    assert server.completed["status"] == "failed" and "sha256" not in server.completed
    assert "no room left" in server.completed["errors"][0]["message"]


def test_a_store_that_is_away_for_a_while_is_waited_for(fresh, backups):
    """It is gone when the second part comes, and back some time later on the same port."""
    text(fresh, size=600 * KIB)
    server = backups(part_size=128 * KIB, compression=False)
    store = BackupServer(server.context, fresh.source)
    server.store_url = store.url
    first = store
    gone, again = threading.Event(), []

    def leave(handler, number):
        if number == 2:
            handler.close_connection = True
            gone.set()
        return number == 2

    store.hesitate = leave
    with subprocess.Popen(fresh.command("backup", "--config-name", "slow"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        assert gone.wait(30)
        first.close()
        asked = len(server.asked("parts"))
        wait_until(lambda: len(server.asked("parts")) > asked + 1, 30, "the part is tried again")
        again.append(BackupServer(server.context, fresh.source, port=first.server_address[1]))
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    server.parts = {**first.parts, **again[0].parts}
    told(server)
    again[0].close()


def test_a_reply_that_is_lost_is_asked_for_again(fresh, backups):
    text(fresh)
    lost = []

    def say(what, request):
        if what == "complete" and not lost:
            lost.append(request)
            return None
        return {}

    server = backups(say=say)
    assert run(fresh).returncode == 0
    assert len(server.asked("complete")) == 2 and server.completed == lost[0]


@pytest.mark.parametrize("status, options, stays", [(403, {}, False), (200, {"rateLimitKbps": 1}, True)],
                         ids=["in doubt", "cancelled"])
def test_the_list_of_files_goes_when_nobody_knows_whether_the_run_counts(fresh, backups, status, options, stays):
    """A run that is known not to count leaves it as it was."""
    text(fresh, size=20 * KIB)

    def say(what, request):
        if what == "complete":
            return {} if status == 200 else status
        return {"cancel": what == "progress" and status == 200}

    server = backups(say=say, compression=False, **options)
    listed = fresh.state / "lists" / server.config["id"]
    listed.parent.mkdir(parents=True)
    listed.write_text("of the run before")
    assert run(fresh).returncode == (5 if stays else 1)
    assert listed.exists() == stays and server.asked("complete")


def test_a_run_that_goes_on_from_what_this_host_does_not_have_fails(fresh, backups):
    text(fresh)
    server = backups(say=lambda what, request: {"run": {"type": "incremental", "base": "01900000-dddd-7000-8000-000000000009",
                                                        "chainSeq": 1}} if what == "start" else {})
    done = run(fresh)
    assert done.returncode == 1 and "goes on from" in done.stderr
    assert server.completed["status"] == "failed" and not server.parts


def test_a_cancelled_run_says_who_wanted_it_and_why(fresh, backups):
    text(fresh, size=4000 * KIB)
    server = backups(say=lambda what, request: {"cancel": True, "reason": "the window is over"}
                     if what == "progress" else {}, compression=False, rateLimitKbps=100)
    done = run(fresh)
    assert done.returncode == 5 and "cancelled by the server: the window is over" in done.stderr
    assert server.completed["status"] == "cancelled"


# --- how fast ---


@pytest.mark.parametrize("own, config", [(None, 1024), (1024, 100000), (1024, 0)])
def test_the_smaller_limit_of_the_rate_is_kept(fresh, backups, own, config):
    text(fresh, size=4096 * KIB)
    server = backups({"BACKUP_RATE_KBPS": own}, compression=False, rateLimitKbps=config, part_size=1024 * KIB)
    started = time.monotonic()
    assert run(fresh).returncode == 0
    took = time.monotonic() - started
    told(server)
    assert 3.5 < took < 8, "4 MiB at 1 MiB a second"


def test_without_a_limit_nothing_waits(fresh, backups):
    text(fresh, size=4096 * KIB)
    backups(compression=False, part_size=1024 * KIB)
    started = time.monotonic()
    assert run(fresh).returncode == 0
    assert time.monotonic() - started < 3


# --- sources ---


def test_a_missing_source_is_a_warning_and_no_source_at_all_a_failure(fresh, backups):
    text(fresh)
    server = backups()
    server.config["sources"].append({"path": str(fresh.source / "gone")})
    server.config["sources"][0] = {"path": str(fresh.source / "file")}
    assert run(fresh).returncode == 3
    assert server.completed["status"] == "warning" and server.completed["unreadable"] == 1
    problem, = server.completed["errors"]
    assert problem["path"].endswith("/gone") and problem["kind"] == "unreadable"
    server.config["sources"] = [{"path": str(fresh.source / "gone")}]
    done = run(fresh)
    assert done.returncode == 1 and server.completed["status"] == "failed"
    assert "no source could be read" in done.stderr


# --- hooks ---


@pytest.fixture
def hooks(fresh):
    """Writes scripts as hooks; the settings for them."""
    def write(**scripts):
        lines = []
        for name, script in scripts.items():
            path = fresh.dir / f"{name}.sh"
            path.write_text(f"#!/bin/sh\nSOURCE='{fresh.source}' DIR='{fresh.dir}'\n{script}\n")
            path.chmod(0o700)
            lines.append(f"{name} 20 {path} x\n")
        (fresh.dir / "hooks").write_text("# hooks\n" + "".join(lines))
        (fresh.dir / "hooks").chmod(0o644)
        return {"HOOKS": fresh.dir / "hooks"}
    return write


def test_hooks_run_before_and_after(fresh, backups, hooks):
    text(fresh)
    settings = hooks(dump='echo "$MUSTER_WHEN $MUSTER_RUN_ID" > $SOURCE/dump; echo chatter',
                     tidy='echo "$MUSTER_STATUS" > $DIR/status; rm $SOURCE/dump')
    server = backups(settings, preHook="dump", postHook="tidy")
    done = run(fresh, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "completed"
    assert any(name.endswith("/dump") for name in members(server.archive()))
    assert (fresh.dir / "status").read_text() == "completed\n" and not (fresh.source / "dump").exists()


def test_a_hook_that_fails_before_ends_the_run_with_nothing_read(fresh, backups, hooks):
    text(fresh)
    settings = hooks(dump="exit 7", tidy='echo "$MUSTER_STATUS" > $DIR/status')
    server = backups(settings, preHook="dump", postHook="tidy")
    done = run(fresh)
    assert done.returncode == 1 and "hook dump ended with exit code 7" in done.stderr
    assert not server.parts and server.completed["status"] == "failed" and server.completed["bytesRead"] == 0
    assert (fresh.dir / "status").read_text() == "failed\n", "what the first one began may have to be ended"


def test_a_hook_that_fails_after_is_a_warning(fresh, backups, hooks):
    text(fresh)
    server = backups(hooks(tidy="exit 1"), postHook="tidy")
    assert run(fresh).returncode == 3
    assert server.completed["status"] == "warning"
    assert "hook tidy" in server.completed["errors"][0]["message"]
    told(server)


def test_a_hook_is_ended_when_the_run_is_cancelled(fresh, backups, hooks):
    text(fresh)
    settings = hooks(dump="echo > $DIR/began; sleep 1000")
    server = backups(settings, preHook="dump",
                     say=lambda what, request: {"cancel": True} if what == "progress" else {})
    started = time.monotonic()
    done = run(fresh)
    assert done.returncode == 5 and (fresh.dir / "began").exists()
    assert server.completed["status"] == "cancelled" and time.monotonic() - started < 15


def test_a_hook_that_anybody_may_change_is_refused(fresh, backups, hooks):
    text(fresh)
    settings = hooks(dump="exit 0")
    (fresh.dir / "dump.sh").chmod(0o777)
    server = backups(settings, preHook="dump")
    done = run(fresh)
    assert done.returncode == 1 and "only root or the agent" in done.stderr
    assert not server.asked("start")


def test_the_command_is_named_at_the_start(fresh, backups):
    text(fresh)
    server = backups()
    fresh.run("backup", "--config-name", "slow", "--command-id", "01900000-ffff-7000-8000-000000000001")
    start, = server.asked("start")
    assert start["commandId"] == "01900000-ffff-7000-8000-000000000001" and "base" not in start
    assert start["encrypted"] is False and server.completed["logId"] == LOG_ID
