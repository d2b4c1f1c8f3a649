"""What runs store: full ones the tree, incremental ones what changed in it since; and what their indexes say."""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile

import pytest

import snapshots
import trees
from snapshots import Chain


@pytest.fixture
def top(tmp_path):
    (tmp_path / "top").mkdir()
    return tmp_path / "top"


@pytest.fixture
def chain(top, tmp_path):
    return Chain(top, tmp_path / "work")


@pytest.fixture
def in_memory():
    """A directory where making files is cheap."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as top:
        yield pathlib.Path(top)


def stored(result):
    return set(result["members"]) - {b".muster/deleted"}


# --- full runs ---


def test_a_full_run_holds_the_tree_and_its_index_lists_it(chain, top):
    trees.nasty(top)
    trees.special(top)
    trees.deep(top, 300)
    (top / "times/before 1970").unlink()  # what tar gets wrong
    os.removexattr(top / "attributes/xattr", "user.näme")
    result = chain.run()
    (top / "socket").unlink()
    chain.assert_replayed()
    tree = {chain.path()} | {chain.path() + path for path in trees.listing(top)}
    assert set(result["index"]) == tree | {chain.path("socket")}
    assert result["index"][chain.path("socket")] == {
        "type": "s", "outcome": "s", "size": 0, "seq": None,
        "mtime_ms": result["index"][chain.path("socket")]["mtime_ms"]}
    assert {e["seq"] for p, e in result["index"].items() if p != chain.path("socket")} == {0}
    assert result["listedFiles"] == len(tree) and result["skipped"] == 1 and result["problems"] == 0
    shutil.rmtree(top, ignore_errors=True)


def test_nothing_changed_nothing_is_stored(chain, top):
    trees.nasty(top)
    trees.special(top)
    first = chain.run()
    second = chain.next()
    assert stored(second) == set() and snapshots.deleted(chain.archives[1]) == []
    assert second["index"] == first["index"]
    assert (second["totalFiles"], second["totalBytes"]) == (first["listedFiles"], first["listedBytes"])
    assert second["base"].startswith("run-config-0")


def test_a_list_of_another_run_is_refused(chain, top):
    chain.run()
    assert "does not follow" in chain.run(seq=2, ok=False)["error"]
    shutil.rmtree(chain.state)
    chain.state.mkdir()
    assert "does not follow" in chain.run(seq=1, ok=False)["error"]


def test_a_run_that_was_not_confirmed_or_was_stopped_leaves_the_list_alone(chain, top):
    (top / "a").write_bytes(b"a" * 100_000)
    chain.run()
    before = chain.list.read_bytes()
    (top / "b").write_bytes(b"b" * 100_000)
    chain.run("--keep", seq=1, ok=False)
    assert chain.run("--stop-at", 1000, seq=1, ok=False)["rc"] == -6
    assert chain.list.read_bytes() == before and os.listdir(chain.list.parent) == ["config"]
    assert chain.path("b") in stored(chain.next())


# --- what changes ---


def test_what_is_new_changed_or_renamed_is_stored_and_what_is_gone_is_named(chain, top):
    for name in ("same", "content", "mode", "moved", "gone"):
        (top / name).write_text(name)
    for name in ("kept", "moving", "going"):
        (top / name).mkdir()
        (top / name / "inside").write_text(name)
    chain.run()
    (top / "content").write_text("other")
    (top / "mode").chmod(0o600)
    (top / "moved").rename(top / "moved here")
    (top / "gone").unlink()
    (top / "moving").rename(top / "a new place")
    shutil.rmtree(top / "going")
    (top / "kept/new").write_text("new")
    result = chain.next()
    want = ["", "a new place", "a new place/inside", "content", "kept", "kept/new", "mode", "moved here"]
    assert stored(result) == {chain.path(p) for p in want}
    assert snapshots.deleted(chain.archives[1]) == [
        chain.path(p) for p in ("going", "going/inside", "gone", "moved", "moving", "moving/inside")]
    chain.assert_replayed()
    assert result["index"][chain.path("same")]["seq"] == 0 and result["index"][chain.path("content")]["seq"] == 1
    assert stored(chain.next()) == set()


def test_types_change_into_each_other(chain, top):
    def make(kind, path):
        if kind == "directory":
            path.mkdir()
            (path / "below").mkdir()
            (path / "below/deep").write_text("deep")
            (path / "passwd").write_text("mine")
        elif kind == "symlink":
            path.symlink_to("/etc")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.write_text("a file")

    kinds = ["file", "symlink", "pipe", "directory"]
    pairs = [(a, b) for a in kinds for b in kinds if a != b]
    for a, b in pairs:
        make(a, top / f"{a} to {b}")
    chain.run()
    for a, b in pairs:
        path = top / f"{a} to {b}"
        shutil.rmtree(path) if a == "directory" else path.unlink()
        make(b, path)
    result = chain.next()
    # Nothing below what is a directory no more: it might lead elsewhere by now.
    assert snapshots.deleted(chain.archives[1]) == []
    assert {result["index"][chain.path(f"{a} to {b}")]["type"] for a, b in pairs if b == "symlink"} == {"l"}
    for a, b in pairs:
        if a == "directory":  # which tar does not remove
            assert chain.path(f"{a} to {b}/passwd") not in result["index"]


def test_a_file_with_its_old_size_and_time_is_noticed(chain, top):
    (top / "a").write_text("before")
    old = (top / "a").stat()
    chain.run()
    (top / "a").write_text("behind")
    os.utime(top / "a", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert stored(chain.next()) == {chain.path("a")}
    other = top / "b"
    other.write_text("replac")
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.rename(top / "a")
    assert chain.path("a") in stored(chain.next())
    chain.assert_replayed()


def test_directories_that_change_places_are_noticed_by_their_files_inodes(chain, top):
    while True:  # two files that were changed in the same tick
        for name in ("one", "two"):
            (top / name).mkdir(exist_ok=True)
            (top / name / "f").write_text(name)
        for name in ("one", "two"):
            os.utime(top / name / "f", (1, 1))
        if (top / "one/f").stat().st_ctime_ns == (top / "two/f").stat().st_ctime_ns:
            break
    chain.run()
    (top / "one").rename(top / "three")
    (top / "two").rename(top / "one")
    (top / "three").rename(top / "two")
    assert {chain.path("one/f"), chain.path("two/f")} < stored(chain.next())
    chain.assert_replayed()


def test_times_of_the_future_and_the_past_do_not_make_a_file_change(chain, top):
    for name, when in (("future", 4_000_000_000), ("past", 5), ("before 1970", -100_000)):
        (top / name).write_text("x")
        os.utime(top / name, (when, when))
    chain.run()
    assert stored(chain.next()) == set()


def test_what_was_written_in_the_tick_of_the_run_is_stored_again(chain, top):
    (top / "a").write_text("one")
    chain.now_ms = -snapshots.FAR_MS  # the run starts now, by the clock that stamps files
    chain.run()
    assert {chain.path(), chain.path("a")} == stored(chain.next())
    assert stored(chain.next()) == set()


def test_a_clock_that_was_set_back_puts_what_came_after_in_doubt(chain, top):
    (top / "a").write_text("one")
    chain.run(ahead_ms=3_600_000)
    chain.now_ms = -3_600_000 - snapshots.FAR_MS
    assert {chain.path(), chain.path("a")} == stored(chain.next())
    chain.now_ms = 0
    chain.next()
    assert stored(chain.next()) == set()


def test_all_names_of_a_file_are_stored_when_one_is(chain, top):
    for name in ("a", "b", "z"):
        (top / name).mkdir()
        os.link(top / "a/one", top / name / "one") if name != "a" else (top / "a/one").write_text("many names")
    os.link(top / "a/one", top / "z/two")
    (top / "b/alone").write_text("x")
    os.link(top / "b/alone", top / "z/also")
    chain.run()
    (top / "b").rename(top / "c")  # which changes nothing about the file itself
    result = chain.next()
    assert {chain.path(p) for p in ("a/one", "c/one", "z/one", "z/two")} < stored(result)
    assert {chain.path(p) for p in ("c/alone", "z/also")} < stored(result)
    assert [result["members"][chain.path(p)] for p in ("c/one", "a/one", "z/one")] == ["-", "h", "h"]
    assert {result["index"][p]["seq"] for p in stored(result)} == {1}  # where a restore of one file looks
    chain.assert_replayed()
    assert stored(chain.next()) == set()
    (top / "z/two").write_text("other content")
    assert {chain.path(p) for p in ("a/one", "c/one", "z/one", "z/two")} == stored(chain.next())
    chain.assert_replayed()


def test_chains_of_random_changes_replay(chain, top):
    dice = random.Random(4)
    names = ["a", "a-b", "a b", "B", "ü", "x\ny", "z" * 255, "-", "."+"c", "a.d"]

    def somewhere():
        path = top
        for _ in range(dice.randrange(3)):
            path /= dice.choice(names[:6])
        return path / dice.choice(names)

    def change():
        path, what = somewhere(), dice.randrange(8)
        if path.is_symlink() or path.is_file():
            if what < 3:
                path.unlink()
            elif not path.is_symlink():
                path.write_text("again " * dice.randrange(9))
        elif path.is_dir():
            if what == 0:
                shutil.rmtree(path)
            elif what < 3 and not (other := somewhere()).exists() and path not in other.parents:
                if other.parent.is_dir() and not other.is_symlink():
                    path.rename(other)
        elif path.parent.is_dir() and not path.parent.is_symlink():
            files = [p for p in top.rglob("*") if p.is_file() and not p.is_symlink()]
            if what < 3:
                path.mkdir()
            elif what == 3:
                path.symlink_to("anywhere")
            elif what == 4 and files:
                os.link(dice.choice(files), path)
            else:
                path.write_text("new " * dice.randrange(9))

    for _ in range(200):
        change()
    chain.run()
    for _ in range(12):
        was = {p: kind(p) for p in top.rglob("*")}
        for _ in range(60):
            change()
        if any(k == "d" and os.path.lexists(p) and kind(p) != "d" for p, k in was.items()):
            chain.run()  # tar does not put a file in the place of a directory
        else:
            result = chain.next()
            assert result["problems"] == 0
        chain.assert_replayed()
    assert len(chain.archives) > 1


def kind(path):
    return "l" if path.is_symlink() else "d" if path.is_dir() else "f"


# --- trouble ---


def test_what_cannot_be_read_is_not_taken_for_gone(chain, top, tmp_path):
    (top / "locked").mkdir()
    (top / "locked/inside").write_text("inside")
    (top / "z").write_text("z")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "f").write_text("f")
    chain.sources = [top, elsewhere]
    chain.run()
    elsewhere.rename(tmp_path / "not there")
    (top / "z").unlink()
    result = chain.next()
    inside = os.fsencode(elsewhere).lstrip(b"/")
    assert snapshots.deleted(chain.archives[1]) == [chain.path("z")]
    assert result["index"][inside + b"/f"]["outcome"] == "u" and result["index"][inside + b"/f"]["seq"] == 0
    (tmp_path / "not there").rename(elsewhere)
    result = chain.next()
    assert stored(result) == {inside, inside + b"/f"}
    assert result["index"][inside + b"/f"] == {**result["index"][inside + b"/f"], "outcome": "-", "seq": 2}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_an_unreadable_directory_keeps_what_it_held(chain, top, tmp_path):
    (top / "locked").mkdir()
    (top / "locked/inside").write_text("inside")
    (top / "file").write_text("file")
    for path in (tmp_path, chain.work, chain.state, top, top / "locked", top / "file", top / "locked/inside"):
        os.chown(path, 65534, 65534)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o11)
    driver = tmp_path / "driver"
    shutil.copy(snapshots.DRIVER, driver)

    def run(*options):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", driver, *options,
                               chain.state, "config", "run-x", top], capture_output=True, check=True, text=True)
        return done.stdout

    index, archive = chain.work / "index", chain.work / "archive"
    assert '"rc":0' in run("--clock", "10000")
    (top / "locked").chmod(0)
    (top / "file").chmod(0)
    out = run("--clock", "20000", "--incremental", "1", "--index", index, "--archive", archive)
    assert '"unreadable":2' in out and '"problems":2' in out
    entries = snapshots.read_index(index)
    assert {p: (e["outcome"], e["seq"]) for p, e in entries.items()} == {
        chain.path(): ("-", 0), chain.path("file"): ("u", 0), chain.path("locked"): ("u", 0),
        chain.path("locked/inside"): ("u", 0)}
    assert snapshots.deleted(archive) == []
    (top / "locked").chmod(0o700)
    (top / "file").chmod(0o600)
    run("--clock", "30000", "--incremental", "2", "--index", index, "--archive", archive)
    assert {e["outcome"] for e in snapshots.read_index(index).values()} == {"-"}
    assert {chain.path("file"), chain.path("locked/inside")} < set(snapshots.members(archive))


def test_files_that_do_not_stand_still_are_told_and_tried_again(chain, top):
    (top / "a first").write_bytes(os.urandom(300_000))
    for name in ("changed", "grown", "shorter", "vanished"):
        (top / name).write_bytes(b"x" * 50_000)
    (top / "dir").mkdir()
    (top / "dir/inside").write_text("x")
    chain.run()
    for name in ("a first", "changed", "grown", "shorter"):
        (top / name).write_bytes(b"y" * 4_000_000)  # more than lies between the reader and the writer
    script = chain.work / "script"
    script.write_text(f"cd '{top}' && truncate -s 10 'a first' && rm vanished && rm -r dir && mkfifo dir\n")
    result = chain.next("--at", 200_000, f"sh {script}")
    assert result["changed"] == 1 and result["problems"] == result["changed"] + result["vanished"]
    assert "a first" in result["errors"][0]["path"] and result["errors"][0]["kind"] == "changed"
    assert result["index"][chain.path("a first")]["outcome"] == "c"
    assert chain.path("vanished") in snapshots.deleted(chain.archives[1])
    assert chain.path("a first") in stored(chain.next())
    assert stored(chain.next()) == set()


def test_a_damaged_truncated_or_foreign_list_counts_as_none(chain, top):
    trees.names(os.fsencode(top))
    chain.run()
    good = chain.list.read_bytes()
    dice = random.Random(1)
    places = dice.sample(range(6, len(good)), 60)  # behind the frame's head, where some bits mean nothing
    flips = [good[:at] + bytes([good[at] ^ 1 << dice.randrange(8)]) + good[at + 1:] for at in places]
    for bad in (b"", b"x", good[:-1], good[:len(good) // 2], good + b"x", good + good, *flips):
        chain.list.write_bytes(bad)
        result = chain.run("--keep", ok=False)
        assert result["rc"] == 0 and result["base"] is None, bad
    chain.list.write_bytes(good)
    assert chain.run("--keep", ok=False)["base"]
    other = Chain(top, chain.work, config="other")
    shutil.copy(chain.list, other.list)
    assert other.run("--keep", ok=False)["base"] is None


# --- size ---


def test_a_hundred_thousand_names_in_one_directory_are_sorted_in_flat_memory(in_memory, tmp_path):
    top = in_memory
    chain = Chain(top, tmp_path / "work")
    for i in range(100_000):
        os.mknod(top / f"{i * 7919 % 100_000} is a name of some length")
    result = chain.run()
    assert len(result["index"]) == 100_001 and result["peakKib"] < 6 * 1024
    os.unlink(top / "77777 is a name of some length")
    os.mknod(top / "0 is a new one")
    result = chain.next()
    assert stored(result) == {chain.path(), chain.path("0 is a new one")} and result["peakKib"] < 6 * 1024
    assert snapshots.deleted(chain.archives[1]) == [chain.path("77777 is a name of some length")]


# --- what is left out ---


def test_file_systems_tags_sizes_and_sockets(chain, top):
    signature = "Signature: 8a477f597d28d172789f06886806bc55"
    for name, tag, text in (("cache", "CACHEDIR.TAG", signature + "\n# more"),
                            ("no cache", "CACHEDIR.TAG", signature[:-1] + "6"), ("other", ".nobackup", "")):
        (top / name).mkdir()
        (top / name / tag).write_text(text)
        (top / name / "inside").write_text("x")
        (top / name / "zz").mkdir()
    (top / "large").write_bytes(b"x" * 5001)
    (top / "as large as may be").write_bytes(b"x" * 5000)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(top / "socket"))
    options = ("--skip-tag", "CACHEDIR.TAG", "--skip-tag", ".nobackup", "--max-file-size", 5000)
    result = chain.run(*options)
    want = ["", "as large as may be", "cache", "cache/CACHEDIR.TAG", "no cache", "no cache/CACHEDIR.TAG",
            "no cache/inside", "no cache/zz", "other", "other/.nobackup"]
    assert stored(result) == {chain.path(p) for p in want}
    left_out = {p for p, e in result["index"].items() if e["outcome"] == "s"}
    assert left_out == {chain.path(p) for p in ("cache", "other", "large", "socket")}
    assert result["skipped"] == 4 and result["problems"] == 0
    assert {e["kind"] for e in result["errors"]} == {"skipped"}
    assert result["index"][chain.path("cache")]["seq"] == 0 and result["index"][chain.path("large")]["seq"] is None
    assert stored(chain.next(*options)) == set()
    assert stored(chain.next()) == {chain.path(p) for p in ("cache/inside", "cache/zz", "large", "other/inside",
                                                            "other/zz")}
    result = chain.next(*options)
    assert snapshots.deleted(chain.archives[-1]) == [
        chain.path(p) for p in ("cache/inside", "cache/zz", "large", "other/inside", "other/zz")]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")
def test_one_file_system(chain, top):
    (top / "mounted").mkdir()
    (top / "proc").mkdir()
    (top / "z").write_text("z")
    if subprocess.run(["mount", "-t", "tmpfs", "none", top / "mounted"], capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-t", "proc", "none", top / "proc"], check=True)
        (top / "mounted/inside").write_text("inside")
        result = chain.run()
        assert chain.path("mounted/inside") in stored(result) and chain.path("proc/self") not in result["index"]
        assert result["index"][chain.path("proc")] == {**result["index"][chain.path("proc")], "outcome": "s", "seq": 0}
        result = chain.next("--one-file-system")
        assert snapshots.deleted(chain.archives[1]) == [chain.path("mounted/inside")]
        assert result["index"][chain.path("mounted")]["outcome"] == "s"
    finally:
        subprocess.run(["umount", top / "mounted", top / "proc"])


def test_the_state_directory_is_not_even_mentioned(top, tmp_path):
    chain = Chain(top, top / "work")
    (top / "z").write_text("z")
    result = chain.run()
    assert chain.path("work") in result["index"] and chain.path("work/state") not in result["index"]


def test_excludes_are_those_of_git(chain, top):
    """Random patterns over a tree that has what they speak of, judged by git itself."""
    dice = random.Random(5)
    names = ["a", "b", "ab", "a.o", "b.txt", "foo", "bar", "[x]", "a b", "#c", "!d", "é", "x*y", "back\\slash"]
    for one in names:
        (top / one).mkdir()
        for two in names:
            if dice.random() < 0.5:
                (top / one / two).mkdir()
                for three in dice.sample(names, 4):
                    (top / one / two / three).write_text("x")
            else:
                (top / one / two).write_text("x")
    subprocess.run(["git", "init", "-q", chain.work / "git"], check=True)
    pieces = ["*", "?", "**", "/", "/", "a", "b", "foo", "bar", "[ab]", "[!a]", "[^b]", "[a-f]", "[[:alpha:]]", "[]x]",
              "\\*", "\\[x]", ".o", ".txt", "x\\*y", "é", "**/", "/**", "/**/", "[", "\\", " ", "#c", "back\\\\slash"]
    fixed = [["*.o"], ["/a/*", "!/a/b"], ["**/foo"], ["foo/**"], ["a/**/b"], ["b/"], ["/foo"], ["\\#c"], ["#c"],
             ["\\!d"], ["!d"], ["*", "!a", "!*/"], ["a b"], ["a\\ "], ["foo/**/"], ["**"], ["/**"], ["**/"], ["/"],
             ["*/b"], ["a**o"], ["***"], ["[[:alpha:]"], ["[a"], ["[]"], ["a/**/**/b"], ["foo/bar/"], ["/*/*/*"],
             ["?"], [""]]
    cases = fixed + [["".join(dice.choices(pieces, k=dice.randint(1, 5))) for _ in range(dice.randint(1, 4))]
                     for _ in range(100)]
    for case in cases:
        case = [dice.choice(["", "", "", "!"]) + p for p in case] if case not in fixed else case
        options = [o for p in case for o in ("--exclude", p)]
        result = chain.run("--keep", *options)
        assert {p for p in result["index"]} == {chain.path()} | not_ignored(chain, top, case), case


def not_ignored(chain, top, patterns):
    (chain.work / "git/.git/info/exclude").write_bytes(b"\n".join(map(os.fsencode, patterns)) + b"\n")
    paths = [os.fsencode(p.relative_to(top)) for p in top.rglob("*")]
    done = subprocess.run(["git", f"--git-dir={chain.work}/git/.git", f"--work-tree={top}", "check-ignore", "-z",
                           "--no-index", "--stdin"], input=b"\0".join(paths) + b"\0", capture_output=True, cwd=top)
    assert done.returncode in (0, 1), done.stderr
    ignored = set(done.stdout.split(b"\0"))
    return {chain.path() + b"/" + p for p in paths if p not in ignored}


def test_a_whole_path_excludes_too(chain, top):
    for name in ("a", "b"):
        (top / name).mkdir()
        (top / name / "x.tmp").write_text("x")
    result = chain.run("--exclude", f"{top}/a/*.tmp", "--exclude", f"{pathlib.Path('/')}elsewhere/b")
    assert set(result["index"]) == {chain.path(p) for p in ("", "a", "b", "b/x.tmp")}
