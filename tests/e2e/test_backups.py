"""The main job: a real directory, backed up by a real agent, stored, and restored bit for bit."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest

import trees
from host import Host
from stack import Stack
from wait import wait_until


def restored(host, target=None):
    """Where the tree is below the target: archives keep the whole path."""
    top = pathlib.Path(target or host.target)
    inside = top / str(host.source).lstrip("/")
    return inside if inside.exists() else top


def back_up(host, name="everything", expect=0, **options):
    if not host.stack.query("SELECT 1 FROM backup_configs WHERE name = ? AND agent_id = ?", name, host.id):
        host.add_config(name, **options)
    done = host.run("backup", "--config-name", name, timeout=300)
    assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
    return host.runs(name)[0]


def object_of(host, run):
    return host.stack.var / "store/objects" / run["s3_path"]


def restore(host, *options, target=None):
    done = host.run("restore", "--target", target or host.target, *options, timeout=300)
    assert done.returncode == 0, done.stderr
    return restored(host, target)


@pytest.mark.parametrize("method, level", [("zstd", 1), ("zstd", 3), ("gzip", 6)])
def test_a_tree_of_everything_comes_back_bit_for_bit(host, method, level):
    trees.nasty(host.source)
    run = back_up(host, method=method, level=str(level))
    assert (run["status"], run["error_count"]) == ("completed", 0), run
    back = restore(host)
    trees.assert_same(host.source, back)
    trees.assert_same_by_tools(host.source, back)


def test_what_is_stored_can_be_read_without_us(host, tmp_path):
    """zstd and tar of the system take it, and what they make of it is the same."""
    trees.nasty(host.source)
    run = back_up(host, method="zstd")
    data = object_of(host, run).read_bytes()
    done = subprocess.run(["tar", "-x", "--zstd", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p",
                           "-C", tmp_path], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr[:2000]
    inside = tmp_path / str(host.source).lstrip("/")
    subprocess.run(["diff", "-r", "--no-dereference", host.source, inside if inside.exists() else tmp_path], check=True)


def test_the_digest_that_was_reported_is_of_what_is_stored(host):
    (host.source / "file").write_bytes(os.urandom(100_000))
    run = back_up(host)
    reported = host.stack.query("SELECT sha256, size_bytes FROM backup_runs WHERE id = ?", run["id"])[0]
    data = object_of(host, run).read_bytes()
    assert reported == (hashlib.sha256(data).hexdigest(), len(data))


def test_pipes_and_devices_come_back_and_sockets_do_not(host):
    trees.special(host.source)
    run = back_up(host)
    assert run["status"] == "completed"
    back = trees.listing(restore(host))
    there = trees.listing(host.source)
    there.pop(b"/socket")
    assert back == there


def test_very_deep_directories_come_back(host):
    trees.deep(host.source)
    assert back_up(host)["status"] == "completed"
    trees.assert_same(host.source, restore(host))


def test_a_file_of_nine_gib_comes_back(host):
    with open(host.source / "huge", "wb") as f:
        f.write(b"first")
        f.seek(5 << 30)
        f.write(b"middle" * 1000)
        f.seek((9 << 30) - 4)
        f.write(b"last")
    run = back_up(host)
    assert run["status"] == "completed"
    back = restore(host)
    assert os.stat(back / "huge").st_size == 9 << 30
    trees.assert_same(host.source, back)


def test_an_empty_source_is_a_backup_too(host):
    assert back_up(host)["status"] == "completed"
    assert os.listdir(restore(host)) == []


def test_several_sources_and_excludes(host):
    a, b = host.source / "a", host.source / "b"
    for directory in (a, b, host.source / "not asked for"):
        directory.mkdir()
        (directory / "keep").write_text("k")
        (directory / "drop.tmp").write_text("d")
    host.add_config("two", a, b, exclude="*.tmp")
    assert back_up(host, "two")["status"] == "completed"
    back = restore(host)
    assert {p.decode() for p, f in trees.listing(back).items() if "size" in f} == {"/a/keep", "/b/keep"}


def test_restoring_lists_first_and_overwrites_only_when_told(host):
    (host.source / "file").write_text("as backed up")
    back_up(host)
    listed = host.ok("restore", "--list", "--target", host.target).stdout
    assert "file" in listed
    assert not host.target.exists() or not list(host.target.rglob("file"))
    back = restore(host)
    (back / "file").write_text("changed since")
    done = host.run("restore", "--target", host.target)
    assert (back / "file").read_text() == "changed since", done.stderr
    assert done.returncode != 0
    restore(host, "--overwrite")
    assert (back / "file").read_text() == "as backed up"


def test_restoring_goes_nowhere_but_below_its_roots(host, tmp_path):
    (host.source / "file").write_text("x")
    back_up(host)
    for target in (tmp_path, "/", host.target / ".." / "elsewhere", "relative"):
        done = host.run("restore", "--target", target)
        assert done.returncode != 0, target
        assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    host.target.mkdir(exist_ok=True)
    os.symlink(tmp_path, host.target / "way out")
    assert host.run("restore", "--target", host.target / "way out").returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_an_older_run_can_be_restored_by_its_id(host):
    (host.source / "file").write_text("old")
    first = back_up(host)
    (host.source / "file").write_text("new")
    back_up(host)
    assert (restore(host, "--log-id", first["id"]) / "file").read_text() == "old"
    assert (restore(host, "--overwrite") / "file").read_text() == "new"


def test_a_stored_object_that_was_damaged_is_noticed(host):
    (host.source / "file").write_bytes(os.urandom(300_000))
    run = back_up(host)
    path = object_of(host, run)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    done = host.run("restore", "--target", host.target)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) >= 1


# --- files that do not hold still ---


BIG = 96 * 1024 * 1024


@pytest.fixture
def paused(host):
    """A backup that is stopped in the middle of the file `m`; what lies before it is read, what lies after is not."""
    (host.source / "a before").write_text("before")
    with open(host.source / "m", "wb") as f:
        for _ in range(BIG >> 20):
            f.write(os.urandom(1 << 20))
    (host.source / "z after").write_text("after")
    host.add_config("moving", method="zstd")
    process = host.spawn("backup", "--config-name", "moving")
    pid = host.wait_reading(process, host.source / "m")

    def go_on(expect):
        os.kill(pid, signal.SIGCONT)
        assert process.wait(120) == expect, host.log_text()
        return host.runs("moving")[0]

    yield process, pid, go_on
    if process.poll() is None:
        os.kill(pid, signal.SIGKILL)
        process.wait()


def errors_of(run):
    return {os.path.basename(e.get("path", "")): e["message"] for e in json.loads(run["errors"])}


def test_a_file_that_vanishes_is_a_warning_by_name(host, paused):
    _, _, go_on = paused
    (host.source / "z after").unlink()
    run = go_on(3)
    assert (run["status"], list(errors_of(run))) == ("warning", ["z after"])
    back = restore(host)
    assert (back / "a before").read_text() == "before"
    assert (back / "m").stat().st_size == BIG


def test_a_file_that_changes_while_read_is_a_warning_by_name(host, paused):
    _, _, go_on = paused
    with open(host.source / "m", "ab") as f:
        f.write(b"more")
    run = go_on(3)
    assert (run["status"], list(errors_of(run))) == ("warning", ["m"])
    assert (restore(host) / "z after").read_text() == "after"


def test_a_file_that_shrinks_while_read_does_not_break_the_archive(host, paused):
    _, _, go_on = paused
    os.truncate(host.source / "m", 1000)
    run = go_on(3)
    assert (run["status"], list(errors_of(run))) == ("warning", ["m"])
    assert (restore(host) / "z after").read_text() == "after"


def test_files_that_cannot_be_read_are_warnings_by_name(stack):
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with Host(stack, user=65534) as host:
        host.enrol()
        (host.source / "open").write_text("o")
        (host.source / "closed").write_text("c")
        os.chmod(host.source / "closed", 0)
        (host.source / "closed directory").mkdir(mode=0o700)
        (host.source / "closed directory" / "inside").write_text("i")
        run = back_up(host, expect=3)
        assert run["status"] == "warning"
        assert set(errors_of(run)) == {"closed", "closed directory"}
        assert (restore(host) / "open").read_text() == "o"


def test_a_source_that_is_not_there_fails_the_run(host):
    host.add_config("missing", host.source / "nothing here")
    assert host.run("backup", "--config-name", "missing").returncode == 1
    assert [run["status"] for run in host.runs("missing")] == ["failed"]


# --- accidents ---


def test_an_agent_killed_in_the_middle_never_leaves_a_completed_run(host, paused):
    process, pid, _ = paused
    os.kill(pid, signal.SIGKILL)
    process.wait(30)
    run = host.runs("moving")[0]
    assert run["status"] == "running"
    host.ok("backup", "--reap")
    run = host.runs("moving")[0]
    assert run["status"] == "failed"
    assert not object_of(host, run).exists()
    assert not list((host.stack.var / "store/uploads").glob(f"*{run['id']}*"))
    # The next one finds nothing in its way.
    assert host.run("backup", "--config-name", "moving", timeout=120).returncode == 0


def test_a_polling_agent_reports_the_runs_of_a_killed_one(host, paused):
    process, pid, _ = paused
    os.kill(pid, signal.SIGKILL)
    process.wait(30)
    host.start()
    wait_until(lambda: host.runs("moving")[0]["status"] == "failed", 30, "the killed run was reported as failed")


def test_a_second_backup_of_the_same_config_waits_for_none(host, paused):
    _, _, go_on = paused
    done = host.run("backup", "--config-name", "moving")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert go_on(0)["status"] == "completed"
    assert len([r for r in host.runs("moving") if r["status"] == "completed"]) == 1


def test_sigterm_ends_a_backup_as_cancelled(host, paused):
    process, pid, _ = paused
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGCONT)
    assert process.wait(60) == 5
    assert host.runs("moving")[0]["status"] == "cancelled"


def test_a_server_that_comes_back_in_time_costs_nothing(host, paused):
    """Kill -9 of the app while parts are under way: the agent tries again, and every part is there once."""
    _, _, go_on = paused
    host.stack.kill_app(signal.SIGKILL)
    back = threading.Timer(2, host.stack.up)
    back.start()
    try:
        run = go_on(0)
    finally:
        back.join()
    assert run["status"] == "completed"
    trees.assert_same(host.source, restore(host))


def test_a_full_store_fails_the_run_and_nothing_else(spec_free_tmpfs):
    stack, host = spec_free_tmpfs
    (host.source / "small").write_text("s")
    assert back_up(host, "small")["status"] == "completed"
    (host.source / "large").write_bytes(os.urandom(48 * 1024 * 1024))
    done = host.run("backup", "--config-name", "small", timeout=120)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()[-1]) > 0
    assert any(word in done.stderr for word in ("room", "space", "full")), done.stderr
    assert host.runs("small")[0]["status"] == "failed"
    assert stack.ready()
    assert list((stack.var / "store/incoming").glob("*")) == []
    # With room again, it works again.
    (host.source / "large").unlink()
    assert back_up(host, "small")["status"] == "completed"


@pytest.fixture(params=["reserve", "no reserve"])
def spec_free_tmpfs(request, tmp_path):
    """A stack whose store lies on a file system of 40 MiB."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", tmp_path]).returncode:
        pytest.skip("needs to mount a small file system")
    try:
        reserve = "4" if request.param == "reserve" else "0"
        with Stack("full", MUSTER_STORE_RESERVE_MB=reserve, MUSTER_STORE_DIR=str(tmp_path / "store")) as stack:
            os.symlink(tmp_path / "store", stack.var / "store")
            with Host(stack) as host:
                yield stack, host.enrol()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_two_copies_side_by_side_know_nothing_of_each_other(host):
    with Stack("second") as second, Host(second) as other:
        other.enrol()
        (host.source / "mine").write_text("first stack")
        (other.source / "mine").write_text("second stack")
        assert back_up(host)["status"] == back_up(other)["status"] == "completed"
        assert (restore(host) / "mine").read_text() == "first stack"
        assert (restore(other) / "mine").read_text() == "second stack"
        assert host.id not in json.dumps(second.app_json("agent", "list"))
        done = host.run("once", env={"SERVER_URL": second.agent_url})
        assert done.returncode != 0 and "certificate" in done.stderr
