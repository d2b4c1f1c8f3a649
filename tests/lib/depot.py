"""A stand-in for the server and its store, for what an agent reads back: it says and stores whatever a test wants."""

import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import random
import ssl
import subprocess
import tarfile
import threading
import time

from files import self_signed
from host import NATIVE
from routes import ROOT
import tokens

AGENT_ID = "01900000-eeee-7000-8000-000000000001"
DELETED = ".muster/deleted"
OLD = 1_700_000_000
NOISE = random.Random(7).randbytes(300_000)  # nothing makes it smaller


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def member(path, content=None, type=None, mtime=OLD, mode=None, link="", **pax):
    """One entry: content makes it a file, none a directory."""
    info = tarfile.TarInfo(path)
    info.type = type or (tarfile.DIRTYPE if content is None else tarfile.REGTYPE)
    info.mtime, info.linkname = mtime, link
    info.mode = mode if mode is not None else 0o755 if info.type == tarfile.DIRTYPE else 0o644
    info.uid, info.gid = os.geteuid(), os.getegid()
    info.size = len(content or b"")
    info.pax_headers = pax
    return info, content or b""


def symlink(path, to, **more):
    return member(path, type=tarfile.SYMTYPE, link=to, **more)


def hardlink(path, to):
    return member(path, b"", type=tarfile.LNKTYPE, link=to)


def deletions(*paths):
    return member(DELETED, b"".join(os.fsencode(p) + b"\0" for p in paths), mode=0o600)


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def index(*lines):
    """lines: (type, path, size, mtime in seconds, seq) or text as it is."""
    text = [line if isinstance(line, str) else "%s - %d %d %s %s" % (line[0], line[2], line[3] * 1000, line[4], line[1])
            for line in lines]
    return zstd("\n".join(["muster-index 1", *text, f"end {len(text)}", ""]).encode())


class Run:
    """What one run stored."""

    def __init__(self, id, archive, seq=0, index=None, volume=None, encrypted=False):
        self.id, self.seq, self.encrypted = id, seq, encrypted
        self.sha256, self.size = hashlib.sha256(archive).hexdigest(), len(archive)
        step = volume or max(1, len(archive))
        self.objects = {n + 1: archive[at:at + step] for n, at in enumerate(range(0, max(1, len(archive)), step))}
        if index is not None:
            self.objects[0] = index

    def damage(self, at=None):
        """One bit of the archive, in the middle."""
        data = bytearray(self.objects[1])
        data[len(data) // 2 if at is None else at] ^= 4
        self.objects[1] = bytes(data)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        self.server.said.append((self.path, body))
        status, answer = self.server.answer(self.path, body)
        self.send(status, json.dumps(answer).encode(), Content_Type="application/json")

    def do_GET(self):
        if self.path.startswith("/api/"):
            return self.do_POST()
        self.server.fetched.append((self.path, self.headers["Range"]))
        for fault in self.server.faults:
            if fault(self):
                return None
        return self.send_object()

    def object(self):
        _, _, run, number, _ = self.path.split("/")
        return self.server.runs[run].objects[int(number)]

    def send_object(self, end=None):
        data = self.object()
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        more = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self.send(206 if start else 200, data[start:end], **{"Content_Length": len(data) - start, **more})
        if end is not None:
            self.wfile.flush()
            self.close_connection = True

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Depot(http.server.ThreadingHTTPServer):
    """with Depot(directory) as depot: depot.add(Run(…), …) … depot.agent("restore", …).

    said: (path, body) of all that the agent said. fetched: (path, Range) of the store. faults: functions of the
    handler that answer instead when they return True. cancel: what a job is told. old: knows of no chains."""

    daemon_threads = True

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(directory))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.dir = pathlib.Path(directory)
        self.origin = f"https://localhost:{self.server_address[1]}"
        self.runs, self.said, self.fetched, self.faults, self.commands = {}, [], [], [], []
        self.cancel, self.old, self.tickets = False, False, 0
        self.roots = self.dir / "roots"
        self.roots.mkdir()
        self.settings = {}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass

    # --- what is stored ---

    def add(self, *runs):
        self.runs.update({run.id: run for run in runs})
        self.newest = runs[-1].id

    def url(self, run, number):
        return {"size": len(run.objects[number]), "url": f"{self.origin}/store/{run.id}/{number}/{self.tickets}"}

    def described(self, run):
        volumes = [{"number": n, **self.url(run, n)} for n in sorted(run.objects) if n > 0]
        kind = "full" if run.seq == 0 else "incremental"
        return {"logId": run.id, "type": kind, "seq": run.seq, "filename": "b.tar.zst", "size": run.size,
                "sha256": run.sha256, "encrypted": run.encrypted, "finished_ms": 1, "files": 1, "volumes": volumes,
                "index": self.url(run, 0) if 0 in run.objects else None}

    def answer(self, path, body):
        self.tickets += 1
        if path == "/api/agent/restore":
            target = self.runs.get(body.get("logId", self.newest))
            if target is None:
                return 404, {"type": "not-found", "title": "no such run", "status": 404}
            reply = {"success": True, "logId": target.id, "configName": "everything", "filename": "b.tar.zst"}
            if self.old:
                return 200, {**reply, "size": target.size, "sha256": target.sha256, "url": self.url(target, 1)["url"]}
            chain = [self.described(run) for run in self.runs.values() if run.seq <= target.seq]
            return 200, {**reply, "chain": chain}
        if path == "/api/agent/backup/job":
            return 200, {"success": True, "cancel": self.cancel}
        if path == "/api/agent/heartbeat":
            return 200, {"success": True, "status": "online", "nextPollS": 1, "commands": len(self.commands)}
        if path == "/api/agent/commands":
            return 200, {"success": True, "commands": self.commands}
        if path == "/api/agent/events":
            return 200, {"success": True, "acked": [event["seq"] for event in body["events"]]}
        return 200, {"success": True, "configs": []}

    def told(self, path):
        return [body for said, body in self.said if said == path]

    def events(self, kind):
        return [e for body in self.told("/api/agent/events") for e in body["events"] if e.get("kind") == kind]

    # --- the agent ---

    def command(self, *args):
        conf = self.dir / "agent.conf"
        lines = {"SERVER_URL": self.origin, "CA_FILE": self.dir / "ca.pem", "STATE_DIR": self.dir / "state",
                 "AGENT_ID": AGENT_ID, "RESTORE_ROOTS": self.roots, "POLL_INTERVAL": "1s", **self.settings}
        if not conf.exists():
            lines["API_KEY"] = tokens.api_key()
            conf.touch(0o600)
            self.key = lines["API_KEY"]
        lines["API_KEY"] = self.key
        conf.write_text("".join(f'{key}="{value}"\n' for key, value in lines.items()))
        return [str(ROOT / "build" / NATIVE / "muster-agent"), *map(str, args), "--config", str(conf)]

    def agent(self, *args, timeout=60):
        return subprocess.run(self.command(*args), capture_output=True, timeout=timeout, encoding="utf-8",
                              errors="surrogateescape", cwd="/")

    def ok(self, *args):
        done = self.agent(*args)
        assert done.returncode == 0, f"{args}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def restore(self, *args):
        """Into roots/here; what is there afterwards."""
        self.ok("restore", "--target", self.roots / "here", *args)
        return listing(self.roots / "here")

    def local_events(self):
        return json.loads(self.ok("events", "--json").stdout)

    @contextlib.contextmanager
    def running(self, *args):
        """The agent, until the block ends."""
        child = subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=open(self.dir / "agent.log", "ab"), cwd="/")
        try:
            yield child
        finally:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(20)
            child.kill()
            child.wait()


def listing(top):
    """{path: content of a file, "-> target" of a symlink, None of a directory}."""
    found = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = pathlib.Path(directory, name)
            key = str(path.relative_to(top))
            if path.is_symlink():
                found[key] = "-> " + os.readlink(path)
            else:
                found[key] = path.read_bytes() if path.is_file() else None
    return found


def chain(*archives, **more):
    """The runs run-0, run-1, … of these members."""
    return [Run(f"run-{seq}", zstd(tar(*members)), seq, **more) for seq, members in enumerate(archives)]


FULL = [member("d"), member("d/kept", b"kept"), member("d/goes", b"goes"), member("d/changes", b"before"),
        member("e"), member("e/f"), member("e/f/deep", b"deep"), symlink("l", "d/kept"), member("x", b"file")]


def two(depot):
    """A full archive, and one of what changed and what is gone."""
    gone = deletions("d/goes", "e", "e/f", "e/f/deep")
    depot.add(*chain(FULL, [member("d/changes", b"after"), member("new", b"new"), gone]))


def set_time(path, seconds):
    os.utime(path, (seconds, seconds), follow_symlinks=False)


def slowly(handler, bytes_a_step=1000, seconds=0.05):
    """Sends the object, never done in the time of a test."""
    data = handler.object()
    handler.send(200, b"", Content_Length=len(data))
    handler.close_connection = True
    with contextlib.suppress(OSError):
        for at in range(0, len(data), bytes_a_step):
            handler.wfile.write(data[at:at + bytes_a_step])
            time.sleep(seconds)
