"""Backups beside restic, borg and tar | zstd | curl: the same tree, onto the same disk, at zstd's level 3.

Ours and curl's bytes go through nginx and TLS, into the store that `make run` has; restic and borg write a repository
in a directory. restic encrypts always, the others do not. Of each: the time from the command to its end, the processor
time of its own processes, the most memory that one of them had, and what is stored afterwards."""

import contextlib
import os
import pathlib
import random
import secrets
import shutil
import statistics
import subprocess
import time

import bench_lib as lib

ROUNDS = 3
LEVEL = 3
FILES, LARGE_MIB = 60000, 4096
SECRET = {"RESTIC_PASSWORD": "bench", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
          "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}


class Run:
    """One or more programs, each feeding the next; the figures of all of them."""

    def __init__(self, scratch, *commands):
        env = {**os.environ, **SECRET, "BORG_BASE_DIR": str(scratch / "borg-home"), "RESTIC_CACHE_DIR": str(scratch / "restic-cache")}
        start = time.monotonic()
        processes, feed = [], subprocess.DEVNULL
        for n, command in enumerate(commands):
            last = n == len(commands) - 1
            processes.append(subprocess.Popen([str(word) for word in command], stdin=feed, env=env, stderr=subprocess.DEVNULL,
                                              stdout=subprocess.DEVNULL if last else subprocess.PIPE))
            if feed is not subprocess.DEVNULL:
                feed.close()
            feed = processes[-1].stdout
        self.peak_kib, self.cpu_s = 0, 0.0
        waiting = {process.pid: command for process, command in zip(processes, commands)}
        while waiting:
            for pid in list(waiting):
                self.peak_kib = max(self.peak_kib, lib.peak_kib(pid), *(lib.peak_kib(child) for child in lib.children(pid)), 0)
                done, status, usage = os.wait4(pid, os.WNOHANG)
                if done:
                    command = waiting.pop(pid)
                    self.cpu_s += usage.ru_utime + usage.ru_stime
                    if os.waitstatus_to_exitcode(status) != 0:
                        raise SystemExit(f"bench: {command[0]} failed with {os.waitstatus_to_exitcode(status)}")
            time.sleep(0.005)
        self.wall_s = time.monotonic() - start
        for process in processes:
            process.returncode = 0  # it has been waited for


class Tool:
    """full() begins from nothing; again() has the last one to build on."""

    def __init__(self, scratch, tree):
        self.scratch, self.tree, self.repo = scratch, tree, scratch / type(self).__name__

    def again(self):
        return None


class Restic(Tool):
    def full(self):
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.rmtree(self.scratch / "restic-cache", ignore_errors=True)
        Run(self.scratch, ["restic", "-q", "-r", self.repo, "init"])
        return self.again()

    def again(self):
        return Run(self.scratch, ["restic", "-q", "-r", self.repo, "backup", self.tree])

    def stored(self):
        return size_of(self.repo)


class Borg(Tool):
    def full(self):
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.rmtree(self.scratch / "borg-home", ignore_errors=True)
        Run(self.scratch, ["borg", "init", "-e", "none", self.repo])
        return self.again()

    def again(self):
        return Run(self.scratch, ["borg", "create", "--compression", f"zstd,{LEVEL}",
                                  f"{self.repo}::{secrets.token_hex(4)}", self.tree])

    def stored(self):
        return size_of(self.repo)


class Pipe(Tool):
    def __init__(self, scratch, tree, stack):
        super().__init__(scratch, tree)
        self.stack = stack

    def full(self):
        for file in (self.stack.var / "upload").rglob("*.zst"):
            file.unlink()
        url = self.stack.agent_url(f"/bench/upload/{secrets.token_hex(4)}.tar.zst")
        return Run(self.scratch, ["tar", "c", "-C", self.tree.parent, self.tree.name], ["zstd", f"-{LEVEL}", "-q", "-c"],
                   ["curl", "-sS", "-f", "--cacert", self.stack.var / "secrets/ca.pem", "-T", "-", url])

    def stored(self):
        return sum(file.stat().st_size for file in (self.stack.var / "upload").rglob("*.zst"))


class Muster(Tool):
    def __init__(self, scratch, tree, stack):
        super().__init__(scratch, tree)
        self.stack = stack
        self.name = f"bench-{secrets.token_hex(3)}"
        stack.app("backup-config", "add", "--name", self.name, "--agent", stack.agent_id(), "--source", tree,
                  "--method", "zstd", "--level", LEVEL, "--type", "incremental")

    def run(self, *more):
        return Run(self.scratch, [self.stack.root / f"build/{lib.native()}/muster-agent", "backup", "--config-name", self.name,
                                  "--config", self.stack.var / "agent/agent.conf", "--json", *more])

    def full(self):
        return self.run("--full")

    def again(self):
        return self.run()

    def stored(self):
        db = self.stack.database()
        row = db.execute("SELECT size_bytes FROM backup_runs WHERE config_name = ? AND type = 'full' AND status = 'completed' "
                         "ORDER BY started_ms DESC LIMIT 1", (self.name,)).fetchone()
        db.close()
        return row[0]


def size_of(directory):
    return sum(entry.stat().st_size for entry in pathlib.Path(directory).rglob("*") if entry.is_file())


def make_tree(tree):
    """Sources as a kernel has them: many small texts, whose lines come again and again, and one large image, half of
    whose blocks do not compress."""
    shutil.rmtree(tree, ignore_errors=True)
    dice = random.Random(7)
    words = [f"{a}_{b}{c}" for a in ("dev", "page", "irq", "lock", "node", "queue", "skb") for b in ("alloc", "free", "init", "put")
             for c in ("", "_all", "_rcu", "_safe")]
    lines = [("\t" * dice.randrange(3) + " ".join(dice.choices(words, k=dice.randrange(2, 9))) + ";\n").encode() for _ in range(20000)]
    for n in range(FILES):
        folder = tree / f"{n // 2000:02}" / f"{n // 20 % 100:02}"
        folder.mkdir(parents=True, exist_ok=True)
        count = min(4000, int(dice.paretovariate(1.2) * 120))
        (folder / f"{words[n % len(words)]}_{n}.c").write_bytes(b"".join(dice.choices(lines, k=count)))
    text = b"".join(lines)[:1024 * 1024].ljust(1024 * 1024, b"\n")
    with (tree / "disk.img").open("wb") as image:
        for n in range(LARGE_MIB):
            image.write(dice.randbytes(1024 * 1024) if n % 2 else text)
    return FILES + 1


def read_all(tree):
    """What one tool has left of the tree in memory is not the next one's luck."""
    buffer = bytearray(1 << 20)
    for path in tree.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def medians(runs):
    return {"wall_s": statistics.median(r.wall_s for r in runs), "cpu_s": statistics.median(r.cpu_s for r in runs),
            "peak_mib": max(r.peak_kib for r in runs) / 1024}


def measure(results, stack, scratch):
    tree = scratch / "sources"
    make_tree(tree)
    tools = {"muster": Muster(scratch, tree, stack), "restic": Restic(scratch, tree), "borg": Borg(scratch, tree),
             "tar | zstd | curl": Pipe(scratch, tree, stack)}
    full, again = {name: [] for name in tools}, {name: [] for name in tools}
    for _ in range(ROUNDS):
        for name, tool in tools.items():
            subprocess.run(["sync"], check=True)
            read_all(tree)
            full[name].append(tool.full())
            second = tool.again()
            if second:
                again[name].append(second)
    full = {name: medians(runs) for name, runs in full.items()}
    again = {name: medians(runs) for name, runs in again.items() if runs}
    report(results, tools, full, again)
    with contextlib.suppress(OSError):
        shutil.rmtree(tree)
        for tool in tools.values():
            shutil.rmtree(tool.repo, ignore_errors=True)


def report(results, tools, full, again):
    """Ours first, each beside what it has to be better than; then the others' own figures."""
    peaks = {name: max(run["peak_mib"] for run in (full[name], again.get(name, full[name]))) for name in tools}
    fastest = min(run["wall_s"] for name, run in full.items() if name != "muster")
    ours, nothing = full["muster"]["wall_s"], again["muster"]["wall_s"]
    results.add("full backup", ours, "s", fastest, "at most the fastest other", ours <= fastest)
    results.add("nothing changed", nothing, "s", again["restic"]["wall_s"], "at most half of restic", nothing * 2 <= again["restic"]["wall_s"])
    results.add("backup peak memory", peaks["muster"], "MiB", peaks["restic"], "under a tenth of restic", peaks["muster"] * 10 < peaks["restic"])
    for name, tool in tools.items():
        results.add(f"{name}: full", full[name]["wall_s"], "s")
        results.add(f"{name}: full, processor", full[name]["cpu_s"], "s")
        if name in again:
            results.add(f"{name}: nothing changed", again[name]["wall_s"], "s")
            results.add(f"{name}: nothing changed, processor", again[name]["cpu_s"], "s")
        results.add(f"{name}: peak memory", peaks[name], "MiB")
        results.add(f"{name}: stored", tool.stored() / 2**20, "MiB")
