"""Chains of backups: only what changed is stored, and every point in time comes back as it was."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import trees
from host import Host


def restored(host, target):
    inside = pathlib.Path(target) / str(host.source).lstrip("/")
    return inside if inside.exists() else pathlib.Path(target)


class Chain:
    """A host with one incremental config, and a copy of what its source held at each run."""

    def __init__(self, host, **options):
        self.host, self.copies, self.ids = host, [], []
        host.add_config("chain", type="incremental", **options)

    def back_up(self, expect=0):
        done = self.host.run("backup", "--config-name", "chain", timeout=600)
        assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
        row = self.host.stack.query(
            "SELECT id, type, chain_id, chain_seq, full_reason, files, listed_files, sha256, encrypted, status FROM backup_runs "
            "WHERE config_name = 'chain' AND agent_id = ? ORDER BY started_ms DESC, id DESC LIMIT 1", self.host.id)[0]
        run = dict(zip(("id", "type", "chain", "seq", "reason", "files", "listed", "sha256", "encrypted", "status"), row))
        copy = self.host.dir / f"copy-{len(self.copies)}"
        subprocess.run(["cp", "-a", "--reflink=auto", self.host.source, copy], check=True)
        self.copies.append(copy)
        self.ids.append(run["id"])
        return run

    def check(self, n, *options):
        target = self.host.restores / f"at-{n}"
        done = self.host.run("restore", "--log-id", self.ids[n], "--target", target, *options, timeout=600)
        assert done.returncode == 0, done.stderr
        trees.assert_same(self.copies[n], restored(self.host, target))

    def objects(self, run_id):
        rows = self.host.stack.query("SELECT s3_path FROM backup_objects WHERE run_id = ? AND number > 0 ORDER BY number", run_id)
        return [self.host.stack.var / "store/objects" / path for path, in rows]


def replace(path, make):
    """Whatever stood there is something else now."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
    make(path)


CHANGES = [
    ("a file is written, one is added and one is deleted", lambda s: (
        (s / "text").write_text("changed\n"), (s / "added").write_text("new"), (s / "one").unlink())),
    ("a directory and a file are renamed", lambda s: (
        (s / "names").rename(s / "names moved"), (s / "text").rename(s / "text moved"))),
    ("files become directories and the other way round", lambda s: (
        replace(s / "empty", lambda p: (p.mkdir(), (p / "inside").write_text("i"))),
        replace(s / "many", lambda p: p.write_text("was a directory")),
        replace(s / "links/dangling", lambda p: p.mkdir()),
        replace(s / "empty directory", lambda p: p.symlink_to("many")))),
    ("hard links come and go", lambda s: (
        (s / "links/second").unlink(), os.link(s / "parts", s / "another name of parts"))),
    ("only attributes change", lambda s: (
        os.chmod(s / "text moved", 0o600), os.chown(s / "added", 77, 88), os.setxattr(s / "added", b"user.late", b"x"))),
    ("the clock is set back", lambda s: (
        (s / "added").write_text("old"), os.utime(s / "added", ns=(1, 1_000_000_000)))),
    ("nothing", lambda s: None),
    ("all is deleted", lambda s: [replace(p, lambda _: None) for p in list(s.iterdir())]),
]


def test_every_point_of_a_chain_comes_back(host):
    trees.nasty(host.source)
    chain = Chain(host)
    assert chain.back_up()["type"] == "full"
    for n, (what, change) in enumerate(CHANGES, 1):
        change(host.source)
        run = chain.back_up()
        assert (run["type"], run["seq"]) == ("incremental", n), f"{what}: {run}"
    for n in range(len(chain.ids)):
        chain.check(n)


def test_a_run_without_changes_stores_nothing(host):
    trees.nasty(host.source)
    chain = Chain(host)
    chain.back_up()
    time.sleep(4)  # files that were young at the run before are stored once more
    chain.back_up()
    run = chain.back_up()
    assert (run["type"], run["files"]) == ("incremental", 0), run
    assert run["listed"] > 500
    assert sum(path.stat().st_size for path in chain.objects(run["id"])) < 2000


def extract_by_tools(chain, target):
    """What docs/backups.md says: tar after tar, and after each what its own list names is removed."""
    for run_id in chain.ids:
        data = b"".join(path.read_bytes() for path in chain.objects(run_id))
        tar = ["tar", "-x", "--zstd", "--recursive-unlink", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p",
               "-C", target]
        done = subprocess.run(tar, input=data, capture_output=True)
        assert done.returncode == 0, done.stderr[:2000]
        gone = target / ".muster/deleted"
        if gone.exists():
            subprocess.run(f"cd '{target}' && xargs -0 rm -rf -- < .muster/deleted && rm -r .muster", shell=True, check=True)


def test_a_chain_is_put_back_without_us(host, tmp_path):
    trees.nasty(host.source)
    chain = Chain(host)
    chain.back_up()
    for _, change in CHANGES[:4]:
        change(host.source)
        chain.back_up()
    extract_by_tools(chain, tmp_path)
    subprocess.run(["diff", "-r", "--no-dereference", chain.copies[-1], tmp_path / str(host.source).lstrip("/")], check=True)


@pytest.mark.parametrize("harm", ["missing", "cut off", "of another run", "garbage"])
def test_a_list_in_doubt_makes_a_full_run(host, harm):
    (host.source / "file").write_text("x")
    chain = Chain(host)
    first = chain.back_up()
    lists = [p for p in (host.state / "lists").iterdir() if p.is_file()]
    assert len(lists) == 1
    data = lists[0].read_bytes()
    if harm == "missing":
        lists[0].unlink()
    elif harm == "cut off":
        lists[0].write_bytes(data[:-3])
    elif harm == "garbage":
        lists[0].write_bytes(os.urandom(len(data)))
    else:
        chain.back_up()
        lists[0].write_bytes(data)
    run = chain.back_up()
    assert run["type"] == "full" and run["reason"], run
    assert run["chain"] != first["chain"]
    chain.check(-1 % len(chain.ids))


def test_a_new_full_run_begins_after_so_many(host):
    (host.source / "file").write_text("x")
    chain = Chain(host, **{"full-every": "2"})
    assert [chain.back_up()["seq"] for _ in range(5)] == [0, 1, 2, 0, 1]


def test_a_run_that_failed_breaks_no_chain(host):
    (host.source / "a").write_text("1")
    chain = Chain(host)
    chain.back_up()
    (host.source / "b").write_text("2")
    process = host.spawn("backup", "--config-name", "chain", "--full")
    process.kill()
    process.wait()
    host.ok("backup", "--reap")
    run = chain.back_up()
    assert run["status"] == "completed"
    chain.check(len(chain.ids) - 1)


# --- encrypted ---


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()
    return path, public


@pytest.fixture
def sealed(stack, key):
    """A host whose backups only the key opens."""
    with Host(stack) as host:
        host.enrol(AGE_RECIPIENTS=key[1])
        yield host


def test_an_encrypted_backup_is_opened_by_age_zstd_and_tar(sealed, key, tmp_path):
    trees.nasty(sealed.source)
    chain = Chain(sealed)
    run = chain.back_up()
    assert run["encrypted"] == 1
    data = b"".join(path.read_bytes() for path in chain.objects(run["id"]))
    assert data.startswith(b"age-encryption.org/v1\n")
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(f"age -d -i '{key[0]}' | zstd -d | tar x --xattrs --acls -p -C '{out}'", shell=True, input=data, capture_output=True)
    assert done.returncode == 0, done.stderr[:2000]
    subprocess.run(["diff", "-r", "--no-dereference", sealed.source, out / str(sealed.source).lstrip("/")], check=True)
    stored = (sealed.stack.var / "store/objects").rglob("*")
    assert not any(b"PaxHeader" in p.read_bytes() or b"not UTF-8" in p.read_bytes() for p in stored if p.is_file() and sealed.id in str(p))


def test_an_encrypted_chain_comes_back_with_the_key_and_not_without(sealed, key, tmp_path):
    trees.nasty(sealed.source)
    chain = Chain(sealed)
    chain.back_up()
    for _, change in CHANGES[:3]:
        change(sealed.source)
        chain.back_up()
    for n in range(4):
        chain.check(n, "--identity", key[0])
    wrong = tmp_path / "wrong.txt"
    subprocess.run(["age-keygen", "-o", wrong], check=True, capture_output=True)
    for options in (["--identity", wrong], []):
        target = sealed.restores / "no"
        done = sealed.run("restore", "--log-id", chain.ids[0], "--target", target, *options)
        assert done.returncode != 0
        assert not target.exists()


def test_a_config_that_wants_encryption_is_refused_by_a_host_without_recipients(host):
    (host.source / "file").write_text("x")
    host.stack.app_json("backup-config", "add", "--name", "sealed", "--agent", host.id, "--source", host.source, "--encrypt")
    done = host.run("backup", "--config-name", "sealed")
    assert done.returncode != 0 and "AGE_RECIPIENTS" in done.stderr
    assert not host.runs("sealed") or host.runs("sealed")[0]["status"] == "failed"


# --- damage ---


def damage(path, how):
    data = bytearray(path.read_bytes())
    path.chmod(0o600)
    if how == "bit":
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
    else:
        path.write_bytes(data[:-100])


@pytest.mark.parametrize("how", ["bit", "truncated"])
def test_a_damaged_archive_changes_nothing_and_is_found_by_verify(host, how):
    (host.source / "a").write_bytes(os.urandom(3_000_000))
    chain = Chain(host)
    chain.back_up()
    (host.source / "b").write_bytes(os.urandom(1_000_000))
    run = chain.back_up()
    assert host.run("verify", "--log-id", run["id"]).returncode == 0
    proven = host.stack.query("SELECT COUNT(*) FROM backup_runs WHERE chain_id = ? AND proven_ms IS NOT NULL", run["chain"])
    assert proven == [(2,)]
    damage(chain.objects(chain.ids[0])[0], how)
    target = host.restores / "here"
    target.mkdir()
    (target / "mine").write_text("stays")
    done = host.run("restore", "--log-id", run["id"], "--target", target, "--overwrite")
    assert done.returncode != 0
    assert [p.name for p in target.iterdir() if not p.name.startswith(".")] == ["mine"]
    assert host.run("verify", "--log-id", run["id"]).returncode != 0
    verdict = host.stack.query("SELECT verify_error FROM backup_runs WHERE id = ?", chain.ids[0])[0][0]
    assert verdict
    alerts = host.stack.query("SELECT COUNT(*) FROM alerts WHERE kind = 'backup.verify' AND agent_id = ?", host.id)
    assert alerts[0][0] >= 1


# --- size ---


def test_two_hundred_thousand_small_files(host):
    for d in range(200):
        directory = host.source / f"{d:03}"
        directory.mkdir()
        for n in range(1000):
            (directory / f"file-{n}").write_bytes(b"%d" % n)
    chain = Chain(host)
    assert chain.back_up()["files"] >= 200_200
    (host.source / "007/file-7").write_bytes(b"changed")
    (host.source / "008/file-8").unlink()
    run = chain.back_up()
    assert run["type"] == "incremental"
    target = host.restores / "all"
    host.ok("restore", "--log-id", run["id"], "--target", target, timeout=900)
    subprocess.run(["diff", "-rq", host.source, restored(host, target)], check=True)


def test_a_sparse_file_of_twenty_gib(host):
    with open(host.source / "sparse", "wb") as f:
        for at in (0, 5 << 30, (20 << 30) - 4096):
            f.seek(at)
            f.write(os.urandom(4096))
    chain = Chain(host)
    chain.back_up()
    chain.check(0)
    assert (restored(host, host.restores / "at-0") / "sparse").stat().st_blocks < 100_000


@pytest.fixture
def roomy():
    """A directory where files are made in no time: in memory, if there is room for as many."""
    there = "/dev/shm" if os.statvfs("/dev/shm").f_favail > 2_000_000 else None
    top = tempfile.mkdtemp(prefix="muster-many-", dir=there)
    yield pathlib.Path(top)
    subprocess.run(["rm", "-rf", "--", top], check=True)


COUNTED = """import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))"""


def peak_kib(command):
    """The most memory that it took. A small program starts it, since the system's count begins with whoever did."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", COUNTED, *command], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.split()[-1])


def test_a_million_files_take_little_memory(host, roomy):
    for d in range(1000):
        (roomy / f"{d:03}").mkdir()
        for n in range(1000):
            os.mknod(roomy / f"{d:03}/file-{n}")
    host.write_conf(BACKUP_ROOTS=roomy)
    host.add_config("million", roomy, type="incremental")
    command = host.command("backup", "--config-name", "million")
    assert peak_kib(command) < 32 * 1024
    (roomy / "007/file-7").write_bytes(b"changed")
    (roomy / "008/file-8").unlink()
    assert peak_kib(command) < 32 * 1024
    runs = host.stack.query("SELECT type, status, listed_files FROM backup_runs WHERE config_name = 'million' ORDER BY chain_seq")
    assert runs == [("full", "completed", 1_001_001), ("incremental", "completed", 1_001_000)]


def test_two_configs_at_once_do_not_meet(host):
    """One, whose sending is limited, is stopped in the middle while the other begins and ends."""
    for name, mib, kib_per_s in (("left", 72, 8192), ("right", 20, 0)):
        (host.source / name).mkdir()
        (host.source / name / "data").write_bytes(os.urandom(mib << 20))
        host.add_config(name, host.source / name, **{"rate-limit": kib_per_s})
    left = host.spawn("backup", "--config-name", "left")
    stopped = host.wait_reading(left, host.source / "left/data")
    host.ok("backup", "--config-name", "right")
    assert [host.runs(name)[0]["status"] for name in ("left", "right")] == ["running", "completed"]
    os.kill(stopped, signal.SIGCONT)
    assert left.wait(300) == 0, host.log_text()
    for name in ("left", "right"):
        run = host.runs(name)[0]
        data = (host.stack.var / "store/objects" / run["s3_path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == host.stack.query("SELECT sha256 FROM backup_runs WHERE id = ?", run["id"])[0][0]
        host.ok("restore", "--config-name", name, "--target", host.restores / name)
        trees.assert_same(host.source / name, restored(host, host.restores / name) / name)


# --- restoring what is wanted, where it is wanted ---


@pytest.fixture
def small(host):
    for name in ("keep", "a/one", "a/two.conf", "b/three.conf"):
        (host.source / name).parent.mkdir(exist_ok=True)
        (host.source / name).write_text(f"first {name}")
    os.link(host.source / "a/one", host.source / "b/one again")
    chain = Chain(host)
    chain.back_up()
    (host.source / "a/one").write_text("second a/one")
    chain.back_up()
    return chain


def files_below(path):
    return sorted(str(p.relative_to(path)) for p in pathlib.Path(path).rglob("*") if p.is_file())


def test_a_path_and_a_pattern_choose(small):
    host = small.host
    host.ok("restore", "--config-name", "chain", "--path", host.source / "a", "--target", host.restores / "p")
    assert files_below(restored(host, host.restores / "p")) == ["a/one", "a/two.conf"]
    host.ok("restore", "--config-name", "chain", "--pattern", "*.conf", "--target", host.restores / "q")
    assert files_below(restored(host, host.restores / "q")) == ["a/two.conf", "b/three.conf"]
    host.ok("restore", "--config-name", "chain", "--path", host.source / "b/one again", "--target", host.restores / "r")
    assert (restored(host, host.restores / "r") / "b/one again").read_text() == "second a/one"


def test_the_original_place_by_each_policy(stack):
    with Host(stack) as host:
        host.enrol(RESTORE_ROOTS=host.source)
        for name in ("same", "changed", "gone"):
            (host.source / name).write_text("backed up")
        chain = Chain(host)
        chain.back_up()
        expect = {"never": "later", "newer": "later", "changed": "backed up", "always": "backed up"}
        for policy, content in expect.items():
            (host.source / "changed").write_text("later")
            (host.source / "gone").unlink(missing_ok=True)
            before = (host.source / "same").stat().st_ino
            trial = host.ok("restore", "--config-name", "chain", "--original", "--policy", policy, "--dry-run").stdout
            assert "gone" in trial and not (host.source / "gone").exists()
            host.ok("restore", "--config-name", "chain", "--original", "--policy", policy)
            assert (host.source / "gone").read_text() == "backed up"
            assert (host.source / "changed").read_text() == content, policy
            assert ((host.source / "same").stat().st_ino == before) == (policy != "always"), policy
        assert [p.name for p in host.source.iterdir() if p.name.startswith(".muster")] == []


def test_what_is_inside_is_listed_as_it_was(small):
    shown = json.loads(small.host.ok("restore", "--log-id", small.ids[1], "--list", "--json").stdout)
    names = [entry["path"].rsplit("/source/", 1)[-1] for entry in shown["entries"]]
    assert {"a/one", "a/two.conf", "b/three.conf", "keep"} <= set(names)
