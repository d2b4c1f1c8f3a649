"""Stores that fail, archives that are damaged, and archives, chains and indexes that nobody honest made."""

import json
import os
import time

import pytest

from depot import DELETED, FULL, NOISE, OLD, Run, chain, deletions, hardlink, index, listing, member, symlink, tar, zstd


# --- volumes ---


@pytest.fixture
def volumes(depot):
    depot.add(Run("run-0", tar(member("noise", NOISE)), volume=100_000))
    return depot


def test_volumes_are_one_stream(volumes):
    assert volumes.restore() == {"noise": NOISE}
    assert [path.split("/")[3] for path, _ in volumes.fetched] == ["1", "2", "3", "4"]


def test_a_broken_connection_is_taken_up_where_it_broke(volumes):
    def cut(handler):
        if handler.path.split("/")[3] == "2" and handler.headers["Range"] is None:
            handler.send_object(end=30_000)
            return True
        return False

    volumes.faults.append(cut)
    assert volumes.restore() == {"noise": NOISE}
    assert [r for path, r in volumes.fetched if path.split("/")[3] == "2"] == [None, "bytes=30000-"]


def test_a_url_that_has_run_out_is_replaced_by_a_fresh_one(volumes):
    def expired(handler):
        if handler.path.split("/")[3:] == ["3", "1"]:
            handler.send(403)
            return True
        return False

    volumes.faults.append(expired)
    assert volumes.restore() == {"noise": NOISE}
    assert len(volumes.told("/api/agent/restore")) == 2


def test_a_store_that_always_refuses_is_given_up_soon(volumes):
    volumes.faults.append(lambda handler: handler.send(403) or True)
    started = time.monotonic()
    done = volumes.agent("restore", "--target", volumes.roots / "here")
    assert done.returncode == 1 and "403" in done.stderr and time.monotonic() - started < 20
    assert len(volumes.fetched) == 2


# --- damage ---


@pytest.mark.parametrize("way", ["flipped", "truncated", "truncated and told so", "another"])
@pytest.mark.parametrize("seq", [0, 1])
def test_an_archive_that_is_not_what_was_stored_changes_nothing(depot, way, seq):
    depot.add(*chain([member("a", NOISE)], [member("b", NOISE)]))
    run = depot.runs[f"run-{seq}"]
    if way == "flipped":
        run.damage()
    elif way == "another":
        run.objects[1] = zstd(tar(member("a", b"evil")))
        run.size = len(run.objects[1])
    else:
        run.objects[1] = run.objects[1][:len(run.objects[1]) // 2]
        run.size = len(run.objects[1]) if way.endswith("so") else run.size
    (depot.roots / "here").mkdir()
    (depot.roots / "here/a").write_text("mine")
    done = depot.agent("restore", "--target", depot.roots / "here", "--policy", "always")
    assert done.returncode == 1, done.stderr
    assert listing(depot.roots) == {"here": None, "here/a": b"mine"}
    assert depot.agent("restore", "--target", depot.roots / "new").returncode == 1
    assert not (depot.roots / "new").exists()


# --- hostile archives ---


@pytest.mark.parametrize("path", ["../outside/victim", "/etc/hostname", "a/../../outside/victim", "", ".", "..", "./"])
def test_deletions_reach_nothing_but_what_was_restored(depot, tmp_path, path):
    (tmp_path / "roots/outside").mkdir()
    (tmp_path / "roots/outside/victim").write_text("untouched")
    depot.add(*chain([member("a", b"a")], [deletions(path)]))
    done = depot.agent("restore", "--target", depot.roots / "here")
    assert done.returncode == 3 and "not deleted" in done.stderr
    assert listing(depot.roots) == {"here": None, "here/a": b"a", "outside": None, "outside/victim": b"untouched"}
    assert os.path.exists("/etc/hostname")


def test_deletions_do_not_go_through_symlinks(depot, tmp_path):
    (tmp_path / "victim").write_text("untouched")
    depot.add(*chain([symlink("way", str(tmp_path)), member("a", b"a")], [deletions("way/victim", "way/roots", "a")]))
    assert depot.restore() == {"way": f"-> {tmp_path}"}
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize("content, why", [
    (b"x" * (1 << 20), "too long"), (b"a\0b", "cut off"), (b"x" * (64 << 20), "too long")],
    ids=["one long path", "no end", "a very long path"])
def test_a_list_of_deletions_that_is_none_fails_and_changes_nothing(depot, content, why):
    depot.add(*chain([member("a", b"a")], [member(DELETED, content)]))
    (depot.roots / "here").mkdir()
    done = depot.agent("restore", "--target", depot.roots / "here", "--policy", "always")
    assert done.returncode == 1 and why in done.stderr
    assert listing(depot.roots / "here") == {}


def test_a_list_of_deletions_of_another_type_deletes_nothing(depot):
    depot.add(*chain([member("a", b"a")], [symlink(DELETED, "/etc/passwd")]))
    assert depot.restore() == {"a": b"a", ".muster": None, ".muster/deleted": "-> /etc/passwd"}


def test_an_archive_cannot_leave_the_place_it_is_put_together_in(depot, tmp_path):
    depot.add(*chain([symlink("way", "../.."), member("way/evil", b"evil"), member("../evil", b"evil"),
                      hardlink("hard", "../../server.pem"), member("good", b"good")],
                     [member("way/evil", b"evil"), member("/tmp/muster-evil", b"evil")]))
    done = depot.agent("restore", "--target", depot.roots / "here")
    assert done.returncode == 3
    assert listing(depot.roots / "here") == {"way": "-> ../..", "good": b"good"}
    assert not list(tmp_path.rglob("evil")) and not os.path.exists("/tmp/muster-evil")


def test_an_entry_of_the_name_of_the_place_aside_is_not_put_in_place(depot):
    depot.add(*chain([member(".muster-restore-run-0"), member(".muster-restore-run-0/evil", b"evil"), member("a", b"a")]))
    (depot.roots / "here").mkdir()
    assert depot.agent("restore", "--target", depot.roots / "here", "--policy", "always").returncode == 3
    assert listing(depot.roots / "here") == {"a": b"a"}


@pytest.mark.parametrize("change", [
    {"seq": 1}, {"type": "incremental"}, {"sha256": "0" * 63 + "X"}, {"size": 1}, {"logId": "../x"}, {"logId": "other"},
    {"volumes": []}, {"volumes": [{"number": 2, "size": 1, "url": "https://localhost/"}]}, {"volumes": None}])
def test_a_chain_that_makes_no_sense_is_refused(depot, monkeypatch, change):
    depot.add(*chain(FULL))
    real = depot.described
    monkeypatch.setattr(depot, "described", lambda run: {**real(run), **change})
    done = depot.agent("restore", "--target", depot.roots / "here")
    assert done.returncode == 1 and "not understood" in done.stderr, done.stderr
    assert listing(depot.roots) == {}


# --- lists ---


def test_a_list_comes_from_the_index_alone(depot):
    depot.add(*chain(FULL))
    depot.runs["run-0"].objects[0] = index(("d", "home", 0, OLD, 0), "f c 7 1700000000123 2 home/a\\040b\\377",
                                           ("f", "other", 3, OLD, 1))
    said = json.loads(depot.ok("restore", "--list", "--json", "--path", "/home").stdout)
    assert [(e["path"], e["type"], e["size"], e["seq"], e["outcome"]) for e in said["entries"]] == [
        ("home", "directory", 0, 0, "fine"), ("home/a b\\377", "file", 7, 2, "changed")]
    assert said["complete"] and said["entries"][1]["mtime_ms"] == 1700000000123
    assert [path.split("/")[3] for path, _ in depot.fetched] == ["0"]
    assert "home/a b\\377  changed" in depot.ok("restore", "--list").stdout


@pytest.mark.parametrize("text", [
    "", "muster-index 2\nend 0\n", "muster-index 1\n", "muster-index 1\nend 1\n", "muster-index 1\nend 0\nend 0\n",
    "muster-index 1\nf - 1 1 0 a\nend 2\n", "muster-index 1\nx - 1 1 0 a\nend 1\n", "muster-index 1\nf - 1 1 0 \nend 1\n",
    "muster-index 1\nf - 1 1 0 a\\9\nend 1\n", "muster-index 1\nf - -1 1 0 a\nend 1\n", "muster-index 1\nend 0",
    "muster-index 1\nf - 1 1 0 a\\000b\nend 1\n", "muster-index 1\nf - 1 1 0 " + "x" * (3 << 20) + "\nend 1\n"],
    ids=range(13))
def test_an_index_that_is_none_is_told(depot, text):
    depot.add(Run("run-0", zstd(tar(*FULL)), index=zstd(text.encode())))
    done = depot.agent("restore", "--list")
    assert done.returncode == 1 and "damaged" in done.stderr
