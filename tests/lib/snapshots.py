"""Runs of the agent's snapshot driver, and the way back from its archives with nobody's tools but tar and rm."""

import json
import os
import pathlib
import re
import subprocess

import trees

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = next(iter(ROOT.glob(f"build/{os.environ.get('MUSTER_TEST_ARCH', 'a*64')}/tests/snapshot_driver")), None)
FAR_MS = 10_000  # more than the agent's doubt about files that were written just now


class Chain:
    """A tree, and the runs that stored it. Each run takes place ten seconds after the one before, as its clock says, so
    that what was written before a run is not in doubt."""

    def __init__(self, top, work, sources=None, config="config"):
        self.top, self.work, self.config = pathlib.Path(top), pathlib.Path(work), config
        self.sources = sources or [self.top]
        self.state = self.work / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        self.archives = []
        self.now_ms = 0

    @property
    def list(self):
        return self.state / "lists" / self.config

    def run(self, *options, seq=None, ok=True, ahead_ms=FAR_MS):
        """A full run (seq None or 0), or an incremental one."""
        number = len(self.archives)
        self.now_ms += ahead_ms
        name = f"{self.config}-{number}-{self.now_ms}"
        archive, index = self.work / f"{name}.tar", self.work / f"{name}.index"
        chained = ["--incremental", str(seq)] if seq else []
        wait_for_next_tick(self.work)
        done = subprocess.run(
            [DRIVER, "--clock", str(self.now_ms), "--archive", archive, "--index", index, *chained,
             *map(str, options), self.state, self.config, f"run-{name}".replace("_", "-"), *self.sources],
            capture_output=True, check=True, timeout=300)
        result = json.loads(done.stdout)
        wait_for_next_tick(self.work)
        if not ok:
            return result
        assert result["rc"] == 0, result["error"]
        if not seq:
            self.archives = []
        self.archives.append(archive)
        result["index"] = read_index(index)
        result["members"] = members(archive)
        return result

    def next(self, *options, **kwargs):
        return self.run(*options, seq=len(self.archives), **kwargs)

    def path(self, below=""):
        """As archives have it."""
        return os.fsencode(self.top).lstrip(b"/") + (b"/" + os.fsencode(below) if below else b"")

    def replay(self):
        """The tree as its archives tell it."""
        target = self.work / f"replayed-{self.now_ms}"
        target.mkdir()
        for archive in self.archives:
            extract(archive, target)
        return target / str(self.top).lstrip("/")

    def assert_replayed(self):
        assert_same_tree(self.top, self.replay())


def wait_for_next_tick(directory):
    """Until the file system's clock has moved on, so that what happens from here on has another time."""
    def now():
        fd = os.open(directory, os.O_TMPFILE | os.O_RDWR)
        try:
            return os.fstat(fd).st_ctime_ns
        finally:
            os.close(fd)

    start = now()
    while now() == start:
        pass


def members(archive):
    """{path: type letter} in the archive's order, as bytes."""
    done = subprocess.run(["tar", "-tvf", archive, "--quoting-style=escape", "--warning=no-unknown-keyword"],
                          capture_output=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        kind, name = line[:1], line.split(None, 5)[5]
        for arrow in (b" -> ", b" link to "):
            if kind in b"lh":
                name = name.split(arrow)[0]
        found[unescape(name).rstrip(b"/")] = kind.decode()
    return found


def unescape(name):
    letters = {b"n": b"\n", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"r": b"\r", b"v": b"\v"}
    return re.sub(rb"\\([0-7]{3}|.)",
                  lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else letters.get(m[1], m[1]), name)


def extract(archive, target):
    subprocess.run(["tar", "-x", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p", "-f", archive,
                    "-C", target, "--warning=no-unknown-keyword"], check=True)
    gone = target / ".muster/deleted"
    if gone.exists():
        paths = gone.read_bytes().split(b"\0")[:-1]
        subprocess.run(["xargs", "-0", "-r", "rm", "-rf", "--"], input=b"\0".join(paths), cwd=target, check=True)
        gone.unlink()
        gone.parent.rmdir()


def deleted(archive):
    done = subprocess.run(["tar", "-xOf", archive, ".muster/deleted", "--warning=no-unknown-keyword"],
                          capture_output=True, check=True)
    return done.stdout.split(b"\0")[:-1]


def read_index(path):
    """{path: entry}, in order; the format is checked on the way."""
    done = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True)
    lines = done.stdout.split(b"\n")
    assert lines[0] == b"muster-index 1" and lines[-1] == b"" and lines[-2] == b"end %d" % (len(lines) - 3)
    found = {}
    for line in lines[1:-2]:
        kind, outcome, size, mtime, seq, name = line.split(b" ")
        assert kind in b"fdlpcbs" and outcome in b"-cuvs"
        name.decode()
        assert not re.search(rb"[\x00-\x20\x7f]", name)
        path = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), name)
        found[path] = {"type": kind.decode(), "outcome": outcome.decode(), "size": int(size), "mtime_ms": int(mtime),
                       "seq": None if seq == b"-" else int(seq)}
    assert list(found) == sorted(found, key=sort_key), "the index is not in the order of paths"
    return found


def sort_key(path):
    return path.split(b"/")


def assert_same_tree(a, b):
    """But for the times of directories, which removing what is in them changes."""
    left, right = trees.listing(a), trees.listing(b)
    for facts in (*left.values(), *right.values()):
        if facts["mode"].startswith("0o4"):
            del facts["mtime_ns"]
    wrong = [f"{path!r} is missing" for path in left.keys() - right.keys()]
    wrong += [f"{path!r} is too much" for path in right.keys() - left.keys()]
    wrong += [f"{path!r}: {left[path]} is {right[path]}" for path in left.keys() & right.keys()
              if left[path] != right[path]]
    assert not wrong, "\n".join(sorted(wrong)[:20]) + f"\n({len(wrong)} differences)"
