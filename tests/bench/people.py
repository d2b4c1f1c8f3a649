"""What people cost: the overview with 10,000 agents as a browser loads it, and sign-ins, which must not hold up agents.

A password hash is made to be slow (Argon2id, about 30 ms), and so a flood of sign-ins is the cheapest way to take the
processor away from everybody else. The reference of sign-ins is the same hash by Python's binding, one after another."""

import contextlib
import http.client
import json
import os
import secrets
import ssl
import statistics
import subprocess
import sys
import threading
import time

import bench_lib as lib

FLEET_RATE = 333  # 10,000 agents, one heartbeat in 30 s
CONNECTIONS = 64
LIMIT_KIB = 150
PACED_S = 30  # long enough for the first request of each connection to be less than one in a hundred


class SignIns:
    """Attempts over one connection, as a browser or a program makes them."""

    def __init__(self, stack):
        self.port = stack.port
        self.context = ssl.create_default_context(cafile=str(stack.var / "secrets/ca.pem"))
        self.connection = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=60)

    def try_once(self, email, password):
        """(status, seconds)"""
        start = time.monotonic()
        self.connection.request("POST", "/api/auth/login", json.dumps({"email": email, "password": password}),
                                {"Content-Type": "application/json", "Origin": f"https://localhost:{self.port}"})
        reply = self.connection.getresponse()
        reply.read()
        return reply.status, time.monotonic() - start


def add_person(stack):
    email, password = f"bench-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(18)
    subprocess.run([stack.root / "build/muster-app", "user", "add", email, "--role", "admin", "--config", stack.var / "app.conf"],
                   input=password + "\n", env=stack.env, check=True, capture_output=True, text=True)
    return email, password


def overview(results, stack):
    email, password = add_person(stack)
    env = {**os.environ, "BENCH_URL": f"https://localhost:{stack.port}", "BENCH_EMAIL": email, "BENCH_PASSWORD": password}
    runs = [json.loads(subprocess.run(["node", lib.HERE / "overview.mjs"], env=env, check=True, capture_output=True, text=True).stdout)
            for _ in range(3)]
    kib = max(run["bytes"] for run in runs) / 1024
    results.add("overview, 10,000 agents: transferred", kib, "KiB", None, f"under {LIMIT_KIB} KiB", kib < LIMIT_KIB)
    results.add("overview: first paint", statistics.median(run["paint_ms"] for run in runs), "ms")
    results.add("overview: its call of the API", statistics.median(run["api_ms"] for run in runs), "ms")


def hashes_per_second():
    """Of one thread, with the parameters that the server has."""
    from argon2.low_level import Type, hash_secret
    start, count = time.monotonic(), 20
    for _ in range(count):
        hash_secret(b"a password of some length", os.urandom(16), time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID)
    return count / (time.monotonic() - start)


def sign_ins(results, stack, seconds, threads=2):
    people = [add_person(stack) for _ in range(threads)]
    counts = [0] * threads
    end = time.monotonic() + seconds

    def work(i):
        client = SignIns(stack)
        while time.monotonic() < end:
            status, _ = client.try_once(*people[i])
            counts[i] += status == 200

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.add("sign-ins", sum(counts) / seconds, "1/s", hashes_per_second())


def refusals(results, stack, count=15):
    """A wrong password of somebody, and an address that nobody has, by turns."""
    wrong, unknown = [], []
    client = SignIns(stack)
    for _ in range(count):
        email, _ = add_person(stack)
        wrong.append(client.try_once(email, "not the password of anybody")[1])
        unknown.append(client.try_once(f"nobody-{secrets.token_hex(4)}@example.org", "not the password of anybody")[1])
    results.add("sign-in refused: wrong password", statistics.median(wrong) * 1000, "ms", statistics.median(unknown) * 1000,
                "as an unknown address: 0.8 to 1.25", 0.8 <= statistics.median(wrong) / statistics.median(unknown) <= 1.25)


@contextlib.contextmanager
def idler():
    """One core is busy, with what gives way to everything."""
    program = subprocess.Popen(["chrt", "--idle", "0", sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        program.kill()
        program.wait()


def flood(results, stack, agents, seconds=PACED_S):
    """Heartbeats at a fleet's pace, in quiet and beside as many sign-ins as get in; three pairs, medians. What the
    kernel's scheduler takes whenever one of the cores has work, whosever and however low its priority, stands beside."""
    env = {"BENCH_KEYS": str(agents.keys_file), "BENCH_BODY": '{"version":"0.1.0","platform":"linux"}', "BENCH_LUA": str(lib.HERE),
           "BENCH_PAUSE_MS": str(CONNECTIONS * 1000 // FLEET_RATE)}
    url = stack.agent_url("/api/agent/heartbeat")
    people = f"https://localhost:{stack.port}"
    pairs, beside_idlers = [], []
    for _ in range(3):
        with idler():
            beside_idlers.append(lib.wrk(url, "paced.lua", seconds, CONNECTIONS, env)["p99_ms"])
        quiet = lib.wrk(url, "paced.lua", seconds, CONNECTIONS, env)
        attack = subprocess.Popen(["wrk", "-t1", "-c16", f"-d{seconds + 2}s", "-s", lib.HERE / "login.lua", f"{people}/api/auth/login"],
                                  env={**os.environ, "BENCH_ORIGIN": people}, stdout=subprocess.DEVNULL)
        time.sleep(1)
        pairs.append((lib.wrk(url, "paced.lua", seconds, CONNECTIONS, env), quiet))
        attack.wait()
    loud, quiet = (statistics.median(pair[i]["p99_ms"] for pair in pairs) for i in (0, 1))
    results.add("heartbeat p99 beside a flood of sign-ins", loud, "ms", quiet, "at most twice the quiet one", loud <= 2 * quiet)
    results.add("heartbeat p99 beside a loop at idle priority", statistics.median(beside_idlers), "ms", quiet)
    bad = sum(pair[0]["bad"] for pair in pairs)
    results.add("heartbeats lost beside the flood", bad, "requests", None, "none", bad == 0)


def measure(results, stack, agents, seconds):
    overview(results, stack)
    sign_ins(results, stack, seconds)
    refusals(results, stack)
    flood(results, stack, agents)
