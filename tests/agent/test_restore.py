"""Backups read back by a real agent: chains with deletions, choices, policies, damage, hostile archives, proofs, jobs."""

import json
import os
import random
import subprocess
import time

import pytest

import depot as store
from depot import OLD, Depot, Run, deletions, hardlink, index, listing, member, set_time, slowly, symlink, tar, zstd
from wait import wait_until

NOISE = random.Random(7).randbytes(300_000)


@pytest.fixture
def depot(tmp_path):
    with Depot(tmp_path) as depot:
        yield depot


def chain(*archives, **more):
    return [Run(f"run-{seq}", zstd(tar(*members)), seq, **more) for seq, members in enumerate(archives)]


FULL = [member("d"), member("d/kept", b"kept"), member("d/goes", b"goes"), member("d/changes", b"before"),
        member("e"), member("e/f"), member("e/f/deep", b"deep"), symlink("l", "d/kept"), member("x", b"file")]


def two(depot):
    depot.add(*chain(FULL, [member("d/changes", b"after"), member("new", b"new"), deletions("d/goes", "e", "e/f", "e/f/deep")]))


def everything_inside(depot, name="here"):
    """Also what is hidden."""
    return listing(depot.roots / name)


# --- chains ---


def test_a_chain_comes_back_as_the_tree_was_last(depot):
    two(depot)
    assert depot.restore() == {"d": None, "d/kept": b"kept", "d/changes": b"after", "l": "-> d/kept", "x": b"file",
                               "new": b"new"}


def test_an_earlier_run_of_a_chain_comes_back_as_the_tree_was_then(depot):
    two(depot)
    found = depot.restore("--log-id", "run-0")
    assert found["d/changes"] == b"before" and found["e/f/deep"] == b"deep" and "new" not in found


def test_directories_that_are_only_passed_through_keep_their_time(depot):
    two(depot)
    depot.restore()
    for name in ("d", "d/kept", "d/changes"):
        assert (depot.roots / "here" / name).stat().st_mtime == OLD


@pytest.mark.parametrize("before, after, expected", [
    ([member("a"), member("a/b", b"b")], [member("a", b"now a file")], {"a": b"now a file"}),
    ([member("a", b"file")], [member("a"), member("a/b", b"b")], {"a": None, "a/b": b"b"}),
    ([member("a"), member("a/b", b"b")], [symlink("a", "elsewhere")], {"a": "-> elsewhere"}),
    ([symlink("a", "elsewhere")], [member("a"), member("a/b", b"b")], {"a": None, "a/b": b"b"}),
    ([member("a"), member("a/b", b"b"), member("c", b"c")], [member("c", b"c"), hardlink("a", "c")], {"a": b"c", "c": b"c"}),
    ([member("a"), member("a/b", b"b")], [symlink("a", "elsewhere"), deletions("a/b")], {"a": "-> elsewhere"}),
])
def test_what_became_of_another_type_replaces_what_it_was(depot, before, after, expected):
    depot.add(*chain(before, after))
    assert depot.restore() == expected


def test_attributes_of_a_directory_are_those_of_the_last_archive_that_has_it(depot):
    depot.add(*chain([member("d", mode=0o700, mtime=OLD), member("d/a", b"a")],
                     [member("d", mode=0o750, mtime=OLD + 60), member("d/b", b"b")], [member("d/c", b"c")]))
    depot.restore()
    found = (depot.roots / "here/d").stat()
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o750, OLD + 60)


def test_an_old_server_s_single_archive_is_restored(depot):
    depot.old = True
    depot.add(*chain(FULL))
    assert depot.restore()["d/changes"] == b"before"


def test_a_chain_with_a_gap_is_refused(depot):
    depot.add(*chain(FULL, [member("a", b"a")], [member("b", b"b")]))
    del depot.runs["run-1"]
    done = depot.agent("restore", "--target", depot.roots / "here")
    assert done.returncode == 1 and "chain" in done.stderr
    assert listing(depot.roots) == {}


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


# --- what is there already ---


@pytest.fixture
def there(depot):
    """A target with files of every relation to the backup's."""
    depot.add(*chain([member("d", mode=0o700), member("d/older", b"backup"), member("d/newer", b"backup"),
                      member("d/same", b"backup"), member("d/missing", b"backup"), member("gone"), member("gone/in", b"in")]))
    here = depot.roots / "here"
    (here / "d").mkdir(parents=True)
    for name, when in (("older", OLD - 9), ("newer", OLD + 9), ("same", OLD)):
        (here / "d" / name).write_bytes(b"theres")
        set_time(here / "d" / name, when)
    (here / "d/mine").write_bytes(b"mine")
    (here / "d").chmod(0o755)
    set_time(here / "d", OLD + 5)
    return depot


@pytest.mark.parametrize("policy, replaced, mode", [
    ("never", [], 0o755), ("newer", ["older"], 0o755), ("changed", ["newer", "older"], 0o700),
    ("always", ["newer", "older", "same"], 0o700)])
def test_the_policy_decides_about_what_is_there(there, policy, replaced, mode):
    found = there.restore("--policy", policy)
    assert sorted(n for n in ("older", "newer", "same") if found["d/" + n] == b"backup") == replaced
    assert found["d/missing"] == b"backup" and found["d/mine"] == b"mine" and found["gone/in"] == b"in"
    found = (there.roots / "here/d").stat()
    assert (found.st_mode & 0o7777, found.st_mtime == OLD) == (mode, mode == 0o700)
    assert [p.name for p in (there.roots / "here").iterdir() if p.name.startswith(".")] == []


def test_a_dry_run_says_what_the_policy_would_do_and_does_nothing(there):
    there.runs["run-0"].objects[0] = index(
        ("d", "d", 0, OLD, 0), ("f", "d/missing", 6, OLD, 0), ("f", "d/newer", 6, OLD, 0), ("f", "d/older", 6, OLD, 0),
        ("f", "d/same", 6, OLD, 0), ("d", "gone", 0, OLD, 0), ("f", "gone/in", 2, OLD, 0), "f u 0 0 - unreadable")
    before = listing(there.roots)
    for wanted in ({}, None):
        if wanted is None:
            del there.runs["run-0"].objects[0]  # then the archive itself is looked at
        said = json.loads(there.ok("restore", "--target", there.roots / "here", "--policy", "newer", "--dry-run",
                                   "--json").stdout)
        assert {e["path"].rstrip("/"): e["action"] for e in said["entries"]} == {
            "d": "keep", "d/missing": "write", "d/newer": "keep", "d/older": "replace", "d/same": "keep",
            "gone": "write", "gone/in": "write"}
    assert listing(there.roots) == before


def test_a_dry_run_to_a_new_place_makes_not_even_its_parents(depot):
    depot.add(*chain(FULL))
    said = depot.ok("restore", "--target", depot.roots / "not/yet", "--dry-run").stdout
    assert "write    d/kept" in said and listing(depot.roots) == {}


def test_a_target_that_is_there_needs_a_policy(there):
    done = there.agent("restore", "--target", there.roots / "here")
    assert done.returncode == 1 and "--policy" in done.stderr
    assert "missing" not in str(listing(there.roots))


def test_no_file_replaces_a_directory_with_something_in_it(depot):
    depot.add(*chain([member("a", b"file"), member("b", b"file")]))
    (depot.roots / "here/a/full").mkdir(parents=True)
    done = depot.agent("restore", "--target", depot.roots / "here", "--overwrite")
    assert done.returncode == 3 and "a directory is in its place" in done.stderr
    assert everything_inside(depot) == {"a": None, "a/full": None, "b": b"file"}


def test_merging_never_follows_a_symlink(depot, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    depot.add(*chain([member("way"), member("way/evil", b"evil"), member("file", b"new")]))
    here = depot.roots / "here"
    here.mkdir()
    os.symlink(outside, here / "way")
    (outside / "victim").write_text("untouched")
    os.symlink(outside / "victim", here / "file")
    depot.restore("--policy", "always")
    assert listing(outside) == {"victim": b"untouched"}
    assert everything_inside(depot) == {"way": None, "way/evil": b"evil", "file": b"new"}


def test_what_lies_on_another_file_system_is_told_and_the_rest_restored(depot):
    depot.add(*chain([member("disk"), member("disk/a", b"a"), member("b", b"b")]))
    there = depot.roots / "here/disk"
    there.mkdir(parents=True)
    restore = depot.command("restore", "--target", depot.roots / "here", "--policy", "always")
    done = subprocess.run(["unshare", "-m", "sh", "-c", f'mount -t tmpfs none "{there}" && "$@"; code=$?; ls "{there}"; exit $code',
                           "sh", *restore], capture_output=True, text=True)
    assert done.returncode == 3 and "disk/a: cannot be put in place: another file system" in done.stderr, done.stderr
    assert everything_inside(depot) == {"disk": None, "b": b"b"}


def test_a_symlink_in_place_of_a_directory_on_the_way_is_not_followed(depot, tmp_path):
    """The archive has no entry for "way": it is no restored directory, only one that is passed through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    depot.add(*chain([member("way/evil", b"evil")]))
    (depot.roots / "here").mkdir()
    os.symlink(outside, depot.roots / "here/way")
    done = depot.agent("restore", "--target", depot.roots / "here", "--policy", "always")
    assert done.returncode == 3 and "no directory" in done.stderr
    assert listing(outside) == {} and os.path.islink(depot.roots / "here/way")


def test_what_a_killed_restore_left_inside_the_target_is_cleared(depot):
    depot.add(*chain([member("a", b"a")]))
    left = depot.roots / "here/.muster-restore-run-0"
    (left / "half").mkdir(parents=True)
    assert depot.restore("--policy", "never") == {"a": b"a"}


def test_a_tree_deeper_than_any_path_is_restored_and_cleared(depot):
    deep = "/".join(["n" * 200] * 60)
    depot.add(*chain([member(deep + "/file", b"deep")], [deletions("n" * 200)], [member("a", b"a")]))
    assert depot.restore() == {"a": b"a"}


# --- a part of it ---


def test_paths_and_patterns_choose(depot):
    depot.add(*chain([member("home"), member("home/a.txt", b"1"), member("home/sub"), member("home/sub/b.txt", b"2"),
                      member("home/sub/c.jpg", b"3"), member("homer.txt", b"4")]))
    here = ("restore", "--policy", "always", "--target")
    depot.ok(*here, depot.roots / "1", "--path", "/home/sub")
    depot.ok(*here, depot.roots / "2", "--pattern", "*.txt")
    depot.ok(*here, depot.roots / "3", "--path", "home", "--pattern", "*.txt")
    depot.ok(*here, depot.roots / "4", "--pattern", "home/*.txt", "--path", "homer.txt", "--path", "home")
    names = [sorted(p for p, content in listing(depot.roots / n).items() if content is not None) for n in "1234"]
    assert names == [["home/sub/b.txt", "home/sub/c.jpg"], ["home/a.txt", "home/sub/b.txt", "homer.txt"],
                     ["home/a.txt", "home/sub/b.txt"], ["home/a.txt"]]


def test_a_chosen_hard_link_comes_with_its_content(depot):
    depot.add(*chain([member("a"), member("a/first", b"content"), member("b"), hardlink("b/second", "a/first"),
                      hardlink("b/third", "a/first"), hardlink("c", "a/first")]))
    found = depot.restore("--path", "b")
    assert found == {"b": None, "b/second": b"content", "b/third": b"content"}
    assert (depot.roots / "here/b/second").stat().st_ino == (depot.roots / "here/b/third").stat().st_ino
    assert len(depot.fetched) == 2


def test_the_original_place_takes_what_was_chosen(depot):
    place = depot.roots / "data"
    inside = str(place).lstrip("/")
    depot.add(*chain([member(inside, mode=0o700), member(inside + "/lost", b"lost"), member(inside + "/kept", b"old")]))
    place.mkdir(mode=0o755)
    (place / "kept").write_text("mine")
    done = depot.ok("restore", "--original", "--path", place / "lost", "--policy", "always")
    assert listing(depot.roots) == {"data": None, "data/lost": b"lost", "data/kept": b"mine"}, done.stdout
    assert place.stat().st_mode & 0o7777 == 0o755  # it was only passed through


def test_the_original_place_of_everything_is_found_in_the_index(depot):
    place = depot.roots / "data"
    inside = str(place).lstrip("/")
    depot.add(*chain([member(inside), member(inside + "/file", b"back")]))
    depot.runs["run-0"].objects[0] = index(("d", inside, 0, OLD, 0), ("f", inside + "/file", 4, OLD, 0))
    depot.ok("restore", "--original", "--policy", "never")
    assert listing(depot.roots) == {"data": None, "data/file": b"back"}
    assert place.stat().st_mtime == OLD


def test_an_original_place_outside_the_roots_is_refused_and_told(depot, tmp_path):
    outside = str(tmp_path / "outside")
    depot.add(*chain([member(outside.lstrip("/") + "/file", b"x")]))
    done = depot.agent("restore", "--original", "--path", outside)
    assert done.returncode == 1 and "RESTORE_ROOTS" in done.stderr and not os.path.exists(outside)
    assert "restore_refused" in json.dumps(depot.local_events())


@pytest.mark.parametrize("target", ["/etc/here", "{roots}/../outside", "relative", "{roots}/way/here"])
def test_a_target_outside_the_roots_is_refused_and_told(depot, tmp_path, target):
    os.symlink(tmp_path, depot.roots / "way")
    depot.add(*chain(FULL))
    done = depot.agent("restore", "--target", target.format(roots=depot.roots))
    assert done.returncode == 1
    assert listing(depot.roots) == {"way": f"-> {tmp_path}"} and not (tmp_path / "here").exists()
    assert "restore_refused" in json.dumps(depot.local_events())


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


def test_deletions_in_a_target_that_is_there_only_change_what_is_restored(there):
    """What a person has at the target is theirs: a deletion says what the backup does not have, no more."""
    there.add(*chain([member("d"), member("d/mine", b"backup")], [deletions("d/mine")]))
    assert there.restore("--policy", "always")["d/mine"] == b"mine"


@pytest.mark.parametrize("content, why", [
    (b"x" * (1 << 20), "too long"), (b"a\0b", "cut off"), (b"x" * (64 << 20), "too long")],
    ids=["one long path", "no end", "a very long path"])
def test_a_list_of_deletions_that_is_none_fails_and_changes_nothing(depot, content, why):
    depot.add(*chain([member("a", b"a")], [member(store.DELETED, content)]))
    (depot.roots / "here").mkdir()
    done = depot.agent("restore", "--target", depot.roots / "here", "--policy", "always")
    assert done.returncode == 1 and why in done.stderr
    assert everything_inside(depot) == {}


def test_a_list_of_deletions_of_another_type_deletes_nothing(depot):
    depot.add(*chain([member("a", b"a")], [symlink(store.DELETED, "/etc/passwd")]))
    assert depot.restore() == {"a": b"a", ".muster": None, ".muster/deleted": "-> /etc/passwd"}


def test_an_archive_cannot_leave_the_place_it_is_put_together_in(depot, tmp_path):
    depot.add(*chain([symlink("way", "../.."), member("way/evil", b"evil"), member("../evil", b"evil"),
                      hardlink("hard", "../../server.pem"), member("good", b"good")],
                     [member("way/evil", b"evil"), member("/tmp/muster-evil", b"evil")]))
    done = depot.agent("restore", "--target", depot.roots / "here")
    assert done.returncode == 3
    assert everything_inside(depot) == {"way": "-> ../..", "good": b"good"}
    assert not list(tmp_path.rglob("evil")) and not os.path.exists("/tmp/muster-evil")


def test_an_entry_of_the_name_of_the_place_aside_is_not_put_in_place(depot):
    depot.add(*chain([member(".muster-restore-run-0"), member(".muster-restore-run-0/evil", b"evil"), member("a", b"a")]))
    (depot.roots / "here").mkdir()
    assert depot.agent("restore", "--target", depot.roots / "here", "--policy", "always").returncode == 3
    assert everything_inside(depot) == {"a": b"a"}


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


# --- encrypted ---


@pytest.fixture
def keys(tmp_path):
    """(path of an identity, its recipient), twice."""
    made = []
    for name in ("one", "other"):
        subprocess.run(["age-keygen", "-o", tmp_path / name], check=True, capture_output=True)
        recipient = subprocess.run(["age-keygen", "-y", tmp_path / name], capture_output=True, text=True).stdout.strip()
        made.append((tmp_path / name, recipient))
    return made


def encrypted(data, recipient):
    return subprocess.run(["age", "-r", recipient], input=data, capture_output=True, check=True).stdout


@pytest.fixture
def secret(depot, keys):
    for seq, members in enumerate([[member("a", NOISE)], [member("b", b"b")]]):
        run = Run(f"run-{seq}", encrypted(zstd(tar(*members)), keys[0][1]), seq, volume=90_000, encrypted=True,
                  index=encrypted(index(("f", "a", len(NOISE), OLD, 0)), keys[0][1]))
        depot.add(run)
    return depot


def test_an_encrypted_chain_takes_an_identity(secret, keys):
    done = secret.agent("restore", "--target", secret.roots / "here")
    assert done.returncode == 1 and "--identity" in done.stderr
    assert listing(secret.roots) == {}
    assert secret.restore("--identity", keys[0][0]) == {"a": NOISE, "b": b"b"}


def test_the_identity_may_be_the_host_s(secret, keys):
    secret.settings["AGE_IDENTITY"] = keys[0][0]
    assert secret.restore() == {"a": NOISE, "b": b"b"}
    assert [e["path"] for e in json.loads(secret.ok("restore", "--list", "--json").stdout)["entries"]] == ["a"]


def test_another_identity_restores_nothing(secret, keys):
    done = secret.agent("restore", "--target", secret.roots / "here", "--policy", "always", "--identity", keys[1][0])
    assert done.returncode == 1 and "identit" in done.stderr
    assert not (secret.roots / "here").exists()


def test_an_identity_that_others_can_read_is_not_used(secret, keys):
    keys[0][0].chmod(0o644)
    done = secret.agent("restore", "--target", secret.roots / "here", "--identity", keys[0][0])
    assert done.returncode == 1 and "chmod 600" in done.stderr


# --- proofs ---


def verdicts(depot):
    return [(v["logId"], v["result"]) for v in depot.told("/api/agent/backup/verified")]


def test_a_proof_reads_every_archive_and_writes_nothing(depot):
    two(depot)
    assert depot.ok("verify").stdout.count("proven") == 2
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "proven")]
    assert depot.told("/api/agent/backup/verified")[0]["entries"] == len(FULL)
    assert listing(depot.roots) == {}


@pytest.mark.parametrize("way", ["flipped", "truncated", "gone", "no archive"])
def test_a_proof_finds_what_cannot_be_restored(depot, way):
    depot.add(*chain([member("a", NOISE)], [member("b", NOISE)]))
    run = depot.runs["run-1"]
    if way == "flipped":
        run.damage()
    elif way == "no archive":
        depot.add(Run("run-1", b"no archive at all", 1))
    elif way == "gone":
        depot.faults.append(lambda handler: "/run-1/" in handler.path and (handler.send(404) or True))
    else:
        run.objects[1], run.size = run.objects[1][:1000], 1000
    done = depot.agent("verify", "--json")
    assert done.returncode == 1 and "1 of 2 archives" in done.stderr
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "failed")]
    assert json.loads(done.stdout)["result"] == "failed"


def test_without_the_identity_an_encrypted_archive_is_intact_at_most(secret, keys):
    for options in ((), ("--identity", keys[1][0])):
        secret.said.clear()
        assert secret.agent("verify", *options).returncode == 3
        assert verdicts(secret) == [("run-0", "intact"), ("run-1", "intact")]
    secret.said.clear()
    secret.runs["run-0"].damage()
    assert secret.agent("verify").returncode == 1
    assert verdicts(secret) == [("run-0", "failed"), ("run-1", "intact")]


def test_with_the_identity_an_encrypted_archive_is_proven(secret, keys):
    secret.ok("verify", "--identity", keys[0][0])
    assert verdicts(secret) == [("run-0", "proven"), ("run-1", "proven")]


def test_a_server_that_is_gone_is_no_verdict(depot):
    depot.add(*chain(FULL))
    depot.faults.append(lambda handler: handler.send(403) or True)
    assert depot.agent("verify").returncode == 1
    assert verdicts(depot) == []


# --- jobs of the server's ---


def ask(depot, kind, **args):
    depot.commands.append({"id": f"c-{len(depot.commands)}", "kind": kind, "args": {"jobId": "job-1", **args}})


def job_ends(depot):
    return [j for j in depot.told("/api/agent/backup/job") if j["status"] != "running"]


def wait_end(depot, count=1):
    wait_until(lambda: len(job_ends(depot)) >= count, 30, "the job has ended")
    return job_ends(depot)[-1]


def wait_result(depot):
    return wait_until(lambda: depot.events("command_result"), 30, "the command's result is told")[-1]


def test_the_server_may_ask_for_a_restore(depot):
    two(depot)
    ask(depot, "restore", logId="run-1", target=str(depot.roots / "here"), paths=["/d"], policy="never")
    with depot.running("run"):
        assert wait_end(depot)["status"] == "completed"
        assert "done" in json.dumps(wait_result(depot))
    assert everything_inside(depot) == {"d": None, "d/kept": b"kept", "d/changes": b"after"}
    assert list((depot.dir / "state/jobs").iterdir()) == []
    assert len(job_ends(depot)) == 1  # though the command was named again and again


def test_the_server_may_ask_for_a_proof(depot):
    two(depot)
    ask(depot, "verify", logId="run-1")
    with depot.running("run"):
        assert wait_end(depot)["status"] == "completed"
    assert verdicts(depot) == [("run-0", "proven"), ("run-1", "proven")]


@pytest.mark.parametrize("args", [{"target": "/etc/muster-evil"}, {"original": True, "paths": ["/etc"]}])
def test_the_server_cannot_have_anything_written_outside_the_roots(depot, args):
    two(depot)
    ask(depot, "restore", logId="run-1", policy="always", **args)
    with depot.running("run"):
        end = wait_end(depot)
        assert end["status"] == "refused" and "RESTORE_ROOTS" in end["detail"]
        assert "refused" in json.dumps(wait_result(depot))
        wait_until(lambda: depot.events("restore_refused"), 30, "the refusal is an event")
    assert listing(depot.roots) == {} and not os.path.exists("/etc/muster-evil")


@pytest.mark.parametrize("args", [{"jobId": "../x"}, {"jobId": ""}, {"jobId": None}])
def test_a_job_without_an_id_is_refused(depot, args):
    two(depot)
    ask(depot, "restore", logId="run-1", **args)
    with depot.running("run"):
        assert "refused" in json.dumps(wait_result(depot))
    assert job_ends(depot) == []


@pytest.fixture
def endless(depot):
    depot.add(Run("run-0", tar(member("noise", NOISE))))
    depot.faults.append(lambda handler: slowly(handler) or True)
    (depot.roots / "here").mkdir()
    ask(depot, "restore", logId="run-0", target=str(depot.roots / "here"), policy="always")
    return depot


def test_a_job_is_cancelled_by_the_reply_to_its_progress(endless):
    with endless.running("run"):
        wait_until(lambda: any(j["bytes"] > 0 for j in endless.told("/api/agent/backup/job")), 30, "progress is told")
        assert endless.told("/api/agent/backup/job")[-1]["totalBytes"] == endless.runs["run-0"].size
        endless.cancel = True
        assert wait_end(endless)["status"] == "cancelled"
    assert everything_inside(endless) == {}


def test_a_killed_job_is_told_as_failed(endless):
    with endless.running("run") as agent:
        child = wait_until(lambda: children(agent.pid), 30, "the job runs")[0]
        wait_until(lambda: endless.fetched, 30, "it reads")
        os.kill(child, 9)
        result = json.dumps(wait_result(endless))
    assert "failed" in result and "killed by signal 9" in result
    assert endless.runs["run-0"].size > 0 and not (endless.roots / "here/noise").exists()


def test_a_second_job_waits_for_the_first(endless):
    endless.commands.append({"id": "c-9", "kind": "verify", "args": {"jobId": "job-2", "logId": "run-0"}})
    with endless.running("run"):
        wait_until(lambda: endless.told("/api/agent/backup/job"), 30, "the job runs")
        polls = len(endless.told("/api/agent/commands"))
        wait_until(lambda: len(endless.told("/api/agent/commands")) > polls + 2, 30, "the command is named again")
        assert {j["jobId"] for j in endless.told("/api/agent/backup/job")} == {"job-1"}
        endless.faults.clear()
        endless.cancel = True
        wait_until(lambda: "job-2" in {j["jobId"] for j in endless.told("/api/agent/backup/job")}, 30, "it has its turn")


def test_the_heartbeat_says_what_this_agent_can(depot, keys):
    depot.settings.update(AGE_IDENTITY=keys[0][0], AGE_RECIPIENTS=keys[0][1])
    with depot.running("run"):
        wait_until(lambda: depot.told("/api/agent/heartbeat"), 30, "a heartbeat came")
    assert {"backup-2", "encrypt", "verify", "restore"} <= set(depot.told("/api/agent/heartbeat")[0]["capabilities"])


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        found = [int(word) for word in file.read().split()]
    return [child for child in found if b"restore" in open(f"/proc/{child}/cmdline", "rb").read()]
