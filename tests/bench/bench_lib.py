"""What the bench stands on: a stack of its own, thousands of agents in its database, and the load generators."""

import contextlib
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import sqlite3
import ssl
import subprocess
import time
import urllib.error
import urllib.request
import zlib

HERE = pathlib.Path(__file__).resolve().parent
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: waited {seconds} s, but not: {what}")
        time.sleep(0.05)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores, {model}, Linux {os.uname().release}"


def rss_kib(pid):
    """Resident memory without what the kernel shares with other processes' page cache is VmRSS all the same."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit(f"bench: no memory figure for process {pid}")


def children(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


class Stack:
    """A whole Muster in a directory of its own, with a static file and an upload target beside the app in nginx."""

    def __init__(self, root, var, port):
        self.root, self.var, self.port = root, pathlib.Path(var), port
        self.env = {**os.environ, "MUSTER_VAR": str(self.var), "MUSTER_PORT": str(port),
                    "MUSTER_AGENT_PORT": str(port + 1), "MUSTER_ENROL_BURST": "1000000", "MUSTER_LOGIN_BURST": "1000000",
                    "MUSTER_UPLINK_MBPS": "0", "MUSTER_LOG_LEVEL": "warning"}

    def __enter__(self):
        shutil.rmtree(self.var, ignore_errors=True)
        self.var.mkdir(parents=True)
        subprocess.run([self.root / "nginx/stack", "up"], env=self.env, check=True, stdout=subprocess.DEVNULL)
        self.add_references()
        return self

    def add_references(self):
        """The static file and the upload target, in the same nginx, on the same port, on the same disk."""
        (self.var / "static").write_bytes(b"x" * 499 + b"\n")
        (self.var / "upload").mkdir(mode=0o700)
        marker = "        set $muster_listener agent;\n"
        locations = f"""
        location = /bench/static {{ alias {self.var}/static; access_log off; }}
        location /bench/upload/ {{
            root {self.var}/upload;
            client_body_temp_path {self.var}/upload/tmp;
            client_max_body_size 0;
            dav_methods PUT;
            create_full_put_path on;
        }}
"""
        conf = self.var / "nginx/nginx.conf"
        text = conf.read_text()
        assert marker in text, "nginx.conf has changed its shape"
        conf.write_text(text.replace(marker, marker + locations))
        os.kill(self.pid("nginx"), signal.SIGHUP)
        wait_until(lambda: self.fetch(f"https://localhost:{self.port + 1}/bench/static") is not None, 10, "nginx reloaded")

    def fetch(self, url):
        context = ssl.create_default_context(cafile=str(self.var / "secrets/ca.pem"))
        try:
            with urllib.request.urlopen(url, context=context, timeout=10) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError:
            return None

    def __exit__(self, *exc):
        subprocess.run([self.root / "nginx/stack", "down"], env=self.env, check=False, stdout=subprocess.DEVNULL)
        if exc == (None, None, None):
            shutil.rmtree(self.var, ignore_errors=True)

    def agent_url(self, path):
        return f"https://localhost:{self.port + 1}{path}"

    def pid(self, name):
        return int((self.var / f"run/{name}.pid").read_text())

    def app(self, *args):
        return subprocess.run([self.root / "build/muster-app", *map(str, args), "--config", self.var / "app.conf"], env=self.env,
                              check=True, capture_output=True, text=True).stdout

    def agent_online(self):
        return any(a["state"] == "online" for a in json.loads(self.app("agent", "list", "--json")))

    def agent_id(self):
        """The real agent's: the seeded ones are online too once they have sent heartbeats."""
        return json.loads((self.var / "agent/state/identity.json").read_text())["id"]

    def add_config(self, name, source):
        self.app("backup-config", "add", "--name", name, "--agent", self.agent_id(), "--source", str(source),
                 "--method", "zstd", "--level", "1")

    def metric(self, name):
        text = self.fetch(f"https://localhost:{self.port}/metrics") or ""
        values = (line.split()[1] for line in text.splitlines() if line.startswith(name + " "))
        return int(float(next(values, "0")))

    def count(self, what):
        db = self.database()
        number = db.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0]
        db.close()
        return number

    def database(self):
        return sqlite3.connect(self.var / "muster.db", timeout=30)


def api_key():
    body = "msk_" + "".join(secrets.choice(BASE62) for _ in range(30))
    crc, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        digits = BASE62[digit] + digits
    return body + digits


class Agents:
    """Agents that exist only as rows: their keys are in keys_file, one a line."""

    def __init__(self, stack, keys_file, count):
        self.stack, self.keys_file, self.ids = stack, keys_file, []
        self.keys = keys = [api_key() for _ in range(count)]
        now = int(time.time() * 1000)
        db = stack.database()
        owner = db.execute("SELECT id FROM users ORDER BY created_ms LIMIT 1").fetchone()[0]
        with db:
            for i, key in enumerate(keys):
                agent_id = f"01900000-0000-7000-8000-{i:012x}"
                self.ids.append(agent_id)
                db.execute("INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?)",
                           (agent_id, f"bench-{i:05}", f"bench-{i:05}", owner,
                            hashlib.sha256(key.encode()).hexdigest(), now, now))
        db.close()
        keys_file.write_text("\n".join(keys) + "\n")

    def label(self, peers, labels):
        db = self.stack.database()
        with db:
            db.executemany("UPDATE agents SET labels = ? WHERE id = ?", [(labels, peer["id"]) for peer in peers])
        db.close()

    def give_commands(self, count):
        """One command for each of the first agents, in one commit, announced as any other process would."""
        now = int(time.time() * 1000)
        db = self.stack.database()
        with db:
            db.executemany("INSERT INTO commands (id, agent_id, kind, args, status, created_by, created_ms, expires_ms)"
                           " VALUES (?, ?, 'noop', '{}', 'pending', 'bench', ?, ?)",
                           [(f"cmd-{i}-{now}", self.ids[i], now, now + 600000) for i in range(count)])
            db.execute("UPDATE changes SET counter = counter + 1 WHERE topic = 'commands'")
        db.close()


def publish(stack, version):
    """A release as a row alone, for where nobody will fetch it."""
    db = stack.database()
    with db:
        db.execute("INSERT INTO releases (version, channel, min_version, eventlog_min, status, size_bytes, created_ms,"
                   " published_ms) VALUES (?, 'stable', '', 1, 'published', 1000, 1, 1)", (version,))
        db.execute("UPDATE changes SET counter = counter + 1 WHERE topic = 'releases'")
    db.close()


def wrk(url, script, seconds, connections, env=None):
    out = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", HERE / script, url],
                         env={**os.environ, **(env or {})}, check=True, capture_output=True, text=True).stdout
    line = next(l for l in out.splitlines() if l.startswith("RESULT "))
    result = json.loads(line[7:])
    result["rate"] = (result["requests"] - result["bad"]) / result["seconds"]
    return result


def wrk_writes(stack, *args):
    """The same, with how many writes the database was given meanwhile."""
    before = stack.metric("muster_db_writes_total")
    result = wrk(*args)
    return {**result, "writes": stack.metric("muster_db_writes_total") - before}


def swarm(stack, keys, count, path, body="", wake=None):
    command = [stack.root / "build/bench/swarm", "--port", str(stack.port + 1), "--count", str(count), "--path", path,
               "--keys", str(keys), "--body", body] + (["--parked"] if wake else [])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if wake:
        process.stdout.readline()
        wait_until(lambda: stack.metric("muster_requests_parked") >= count, 60, f"{count} requests are parked")
        wake()
        process.stdin.write("woken\n")
        process.stdin.flush()
    out, _ = process.communicate(timeout=300)
    return json.loads(out.splitlines()[-1])


def beat_env(keys_file, update):
    """For heartbeat.lua: what an agent says that can update itself."""
    return {"BENCH_KEYS": str(keys_file),
            "BENCH_BODY": json.dumps({"version": "0.1.0", "platform": "linux", "arch": "amd64", "deploymentMode": "vm",
                                      "capabilities": ["update"], "update": update})}


def write_enrol_bodies(stack, path, count):
    """Distinct certificate requests under tokens of many uses."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    tokens = [json.loads(stack.app("otp", "mint", "--uses", "1000", "--json"))["otp"] for _ in range(count // 1000)]
    with open(path, "w") as out:
        for i in range(count):
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"enrol-{i}")])
            csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
            out.write(json.dumps({"otp": tokens[i // 1000], "csr": csr.public_bytes(serialization.Encoding.PEM).decode(),
                                  "hostname": f"enrol-{i}", "platform": "linux", "arch": "amd64", "version": "0.1.0",
                                  "proto": 1, "capabilities": [], "deploymentMode": "vm"}) + "\n")


def make_tree(tree, size_mib):
    """What a host has: copies of this machine's own programs, libraries and documents, until size_mib is reached."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    limit, total, copy = size_mib * 1024 * 1024, 0, 0
    while total < limit:
        for source in sorted(pathlib.Path("/usr").rglob("*")):
            if total >= limit:
                break
            if source.is_symlink() or not source.is_file():
                continue
            target = tree / str(copy) / source.relative_to("/usr")
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                shutil.copyfile(source, target)
                total += target.stat().st_size
        copy += 1
    return total


def reference_upload(stack, tree):
    """Seconds of tar c DIR | zstd -1 | curl -T - into the same nginx on the same disk."""
    url = stack.agent_url(f"/bench/upload/ref-{secrets.token_hex(4)}.tar.zst")
    start = time.monotonic()
    tar = subprocess.Popen(["tar", "c", "-C", tree.parent, tree.name], stdout=subprocess.PIPE)
    zstd = subprocess.Popen(["zstd", "-1", "-q", "-c"], stdin=tar.stdout, stdout=subprocess.PIPE)
    curl = subprocess.run(["curl", "-sS", "-f", "--cacert", str(stack.var / "secrets/ca.pem"), "-T", "-", url], stdin=zstd.stdout,
                          check=False, stdout=subprocess.DEVNULL)
    tar.stdout.close()
    zstd.stdout.close()
    if curl.returncode != 0 or tar.wait() != 0 or zstd.wait() != 0:
        raise SystemExit("bench: the reference upload failed")
    seconds = time.monotonic() - start
    for file in (stack.var / "upload").rglob("*.zst"):
        file.unlink()
    return seconds


def agent_backup(stack, config):
    """Seconds and peak resident KiB of one backup by the agent's own command. The peak is read from the process itself:
    what wait4 reports would count this interpreter's memory before exec."""
    command = [stack.root / f"build/{native()}/muster-agent", "backup", "--config-name", config, "--config",
               stack.var / "agent/agent.conf"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_kib(process.pid))
        time.sleep(0.02)
    seconds = time.monotonic() - start
    if process.returncode != 0:
        raise SystemExit(f"bench: the backup failed: {process.stderr.read()[-500:]}")
    return seconds, peak


def peak_kib(pid):
    with contextlib.suppress(OSError):
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def native():
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
