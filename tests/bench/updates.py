"""What updates cost: the check, the patch, the agent's memory, and what the engine does to the database's writer.

On a stack of the tests, with real releases and a real agent that has a binary of its own to replace."""

import contextlib
import json
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

import updatable
from proxy import Proxy
from stack import Stack
from updatable import UpdatableHost

CHECKS = 20
WHOLE, VERSION_ONLY, CHANGED = "0.2.0", "0.3.0", "0.4.0_changed"


def measure(results, build):
    """One host's way from 0.1.0, which is no release and so has no patch, over 0.2.0 to 0.3.0."""
    with Stack("bench", MUSTER_POLL_INTERVAL="1s", MUSTER_UPLINK_MBPS="0", MUSTER_LOG_LEVEL="warning") as stack:
        for name in (WHOLE, VERSION_ONLY, CHANGED):
            updatable.publish(stack, name)
        patch(results, stack, VERSION_ONLY, WHOLE, "only the version differs")
        patch(results, stack, CHANGED, VERSION_ONLY, "and one file's code")
        compressed(results, updatable.binary(CHANGED))
        with UpdatableHost(stack) as host:
            host.enrol()
            check(results, host)
            host.start().wait_version_known()
            memory(results, host, WHOLE, "whole file")
            memory(results, host, VERSION_ONLY, "patch", patched=True)
            selftest(results, host)
        results.add("server, memory after two updates", status_kib(stack.pid(), "VmHWM:") / 1024, "MiB")
    engine(results, build)


# --- the patch ---


def percent(part, whole):
    return 100 * part.stat().st_size / whole.stat().st_size


def patch(results, stack, name, base, what):
    """As published, beside bsdiff's, which is made for programs and takes a minute of memory and time for it."""
    targets = stack.var / "updates/public/tuf/targets" / updatable.version_of(name)
    made = next(targets.glob(f"*.agent-linux-{updatable.NATIVE}.from-{updatable.version_of(base)}.zst"))
    with tempfile.TemporaryDirectory() as scratch:
        theirs = pathlib.Path(scratch) / "patch"
        subprocess.run(["bsdiff", updatable.binary(base), updatable.binary(name), theirs], check=True)
        reference = percent(theirs, updatable.binary(name))
    results.add(f"patch, {what}", percent(made, updatable.binary(name)), "% of all", reference)


def compressed(results, binary):
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "xz"
        with open(out, "wb") as file:
            subprocess.run(["xz", "-9e", "-c", binary], stdout=file, check=True)
        results.add("the whole agent, by xz -9e", percent(out, binary), "% of all")


# --- the check ---


def check(results, host):
    """With nothing new since the last one. Bytes are those of the connection, TLS and all, both ways; curl fetches the
    same two files over one connection of its own."""
    with Proxy(host.stack.agent_port) as proxy:
        host.write_conf(UPDATE_SERVER=proxy.url)
        host.ok("update", "check")  # the first one fetches everything
        ours = bytes_of(proxy, host.command("update", "check"))
        theirs = bytes_of(proxy, curl(host, proxy.url))
    host.write_conf()
    host.ok("update", "check")
    pairs = [(milliseconds(host.command("update", "check")), milliseconds(curl(host, host.stack.agent_url)))
             for _ in range(CHECKS)]
    results.add("update check, nothing new: on the wire", ours, "bytes", theirs)
    results.add("update check, nothing new: time", statistics.median(p[0] for p in pairs), "ms",
                statistics.median(p[1] for p in pairs))


def curl(host, url):
    files = [word for name in ("2.root.json", "timestamp.json") for word in (f"{url}/updates/tuf/{name}", "-o", "/dev/null")]
    return ["curl", "-sS", "--http1.1", "--cacert", host.stack.ca, *files]


def bytes_of(proxy, command):
    before = proxy.up + proxy.down
    milliseconds(command)
    time.sleep(0.2)  # what either side says at the end of a connection
    return proxy.up + proxy.down - before


def milliseconds(command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - start) * 1000


# --- memory ---


def memory(results, host, name, what, patched=False):
    """The peak of each process of the agent from the offer to the commit, and of all of them at one moment, in which
    pages that they share are counted for each. The launcher, which is not part of an update, is not."""
    version = updatable.version_of(name)
    log = host.stack.var / "log/access.log"
    seen = log.stat().st_size
    with Peaks(host) as peaks:
        host.stack.app("rollout", "create", "--version", version, "--agent", host.id, "--stage", "100%")
        host.wait_reported("committed", version, 120)
    fetched = log.read_bytes()[seen:].decode()
    assert (".zst" in fetched) == patched, f"the update by {what} fetched: {fetched}"
    for process in ("run", "update stage"):
        results.add(f"update by {what}: peak of {process}", peaks.kib[process] / 1024, "MiB")
    most = peaks.most_kib / 1024
    results.add(f"update by {what}: all at once", most, "MiB", None, "under 6 MiB", most < 6)


def selftest(results, host):
    """Too short to be seen in passing: by itself, looked at without a pause."""
    peak = 0
    for _ in range(CHECKS):
        process = subprocess.Popen(host.command("selftest", "--json"), stdout=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, status_kib(process.pid, "VmHWM:"))
        assert process.returncode == 0, "the self-test failed"
    results.add("self-test of a release: peak", peak / 1024, "MiB")


def status_kib(pid, key):
    with contextlib.suppress(OSError):
        for line in open(f"/proc/{pid}/status"):
            if line.startswith(key):
                return int(line.split()[1])
    return 0


class Peaks:
    """Looks at the agent's processes all the time: their peak is gone with them."""

    def __init__(self, host):
        self.host, self.kib, self.most_kib = host, {}, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join()

    def watch(self):
        while not self.stopping.wait(0.002):
            total = 0
            for pid in self.host.children():
                name = self.name(pid)
                if name:
                    self.kib[name] = max(self.kib.get(name, 0), status_kib(pid, "VmHWM:"))
                    total += status_kib(pid, "VmRSS:")
            self.most_kib = max(self.most_kib, total)

    @staticmethod
    def name(pid):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[1:]
        except OSError:
            return None
        return " ".join(words[:2]) if words[:1] == ["update"] else words[0] if words else None


# --- the engine ---


def engine(results, build):
    """Processor time that one step holds the database's writer, with 100,000 agents. Everything else that is written
    waits for it. What an outage does to deadlines is one step for as many as the pace lets be under way."""
    out = subprocess.run([build / "bench/engine", "100000"], check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    for row in rows:
        goal = ("under 50 ms", row["most_ms"] < 50) if "outage" not in row["name"] else (None, None)
        results.add(f"engine: {row['name']}", row["most_ms"], "ms", None, *goal)
