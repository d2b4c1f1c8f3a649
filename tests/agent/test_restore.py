"""Backups read back by a real agent: chains with deletions, what is there already, a part of it, lists."""

import json
import os
import subprocess

import pytest

from depot import FULL, OLD, chain, deletions, hardlink, index, listing, member, set_time, symlink, two


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
    ([member("a"), member("a/b", b"b"), member("c", b"c")], [member("c", b"c"), hardlink("a", "c")],
     {"a": b"c", "c": b"c"}),
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


# --- what is there already ---


@pytest.fixture
def there(depot):
    """A target with files of every relation to the backup's."""
    depot.add(*chain([member("d", mode=0o700), member("d/older", b"backup"), member("d/newer", b"backup"),
                      member("d/same", b"backup"), member("d/missing", b"backup"), member("gone"),
                      member("gone/in", b"in")]))
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
    assert listing(depot.roots / "here") == {"a": None, "a/full": None, "b": b"file"}


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
    assert listing(depot.roots / "here") == {"way": None, "way/evil": b"evil", "file": b"new"}


def test_what_lies_on_another_file_system_is_told_and_the_rest_restored(depot):
    depot.add(*chain([member("disk"), member("disk/a", b"a"), member("b", b"b")]))
    there = depot.roots / "here/disk"
    there.mkdir(parents=True)
    restore = depot.command("restore", "--target", depot.roots / "here", "--policy", "always")
    done = subprocess.run(["unshare", "-m", "sh", "-c", f'mount -t tmpfs none "{there}" && "$@"', "sh", *restore],
                          capture_output=True, text=True)
    assert done.returncode == 3 and "disk/a: cannot be put in place: another file system" in done.stderr, done.stderr
    assert listing(depot.roots / "here") == {"disk": None, "b": b"b"}


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


def test_deletions_in_a_target_that_is_there_only_change_what_is_restored(there):
    """What a person has at the target is theirs: a deletion says what the backup does not have, no more."""
    there.add(*chain([member("d"), member("d/mine", b"backup")], [deletions("d/mine")]))
    assert there.restore("--policy", "always")["d/mine"] == b"mine"


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
