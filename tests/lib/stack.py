"""A whole Muster of its own, in a temporary directory on free ports, started and stopped by nginx/stack."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile

import requests

from routes import ROOT
from wait import wait_until

FIRST_PORT = int(os.environ.get("MUSTER_TEST_PORT", "18700"))
LAST_PORT = FIRST_PORT + 98


LOGS = pathlib.Path(os.environ.get("MUSTER_TEST_LOGS", ROOT / "build/test-logs/by-hand"))
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error: ")

# What is up is noted here with the process it belongs to, so that the runner can take down what a killed test program
# has left, and nothing of anybody else.
NOTES = ROOT / "build/test-stacks"


def take_down_leftovers():
    for note in NOTES.glob("muster-*"):
        owner, port = note.read_text().split()
        if alive(owner):
            continue
        var = pathlib.Path(tempfile.gettempdir()) / note.name
        env = {**os.environ, "MUSTER_VAR": str(var), "MUSTER_PORT": port}
        subprocess.run([ROOT / "nginx/stack", "down"], env=env, capture_output=True, timeout=120)
        shutil.rmtree(var, ignore_errors=True)
        note.unlink(missing_ok=True)


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Ports:
    """Two ports in a row, kept from other test programs of this machine by a lock as long as this object lives."""

    def __init__(self):
        for port in range(FIRST_PORT, LAST_PORT, 2):
            self.lock = open(f"/tmp/muster-test-port-{port}.lock", "w")
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if is_free(port) and is_free(port + 1):
                    self.port = port
                    return
            self.lock.close()
        raise AssertionError(f"no free ports from {FIRST_PORT} to {LAST_PORT}")

    def release(self):
        self.lock.close()


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class Stack:
    """with Stack("api") as stack: … Settings are variables of the environment, which override app.conf. With agent,
    this machine's own agent runs too and has a first backup. store: a swiftstore.Swift that objects go to."""

    def __init__(self, name, agent=False, store=None, **settings):
        self.name, self.store = name, store
        self.ports = Ports()
        self.port, self.agent_port = self.ports.port, self.ports.port + 1
        self.var = pathlib.Path(tempfile.mkdtemp(prefix=f"muster-{name}-"))
        self.note = NOTES / self.var.name
        self.note.parent.mkdir(parents=True, exist_ok=True)
        self.note.write_text(f"{os.getpid()} {self.port}")
        self.bin = ROOT / os.environ.get("MUSTER_TEST_APP", "build/muster-app")
        self.env = {
            **os.environ,
            "MUSTER_VAR": str(self.var),
            "MUSTER_PORT": str(self.port),
            "MUSTER_AGENT_PORT": str(self.agent_port),
            "MUSTER_APP": str(self.bin),
            "MUSTER_WITHOUT_AGENT": "" if agent else "1",
            # All tests are one client to nginx, and on a fast machine they ask more often than any rate one thinks of.
            "MUSTER_LOGIN_BURST": "1000000",
            "MUSTER_ENROL_BURST": "1000000",
            "MUSTER_LOG_LEVEL": "debug",
            **(store.settings if store else {}),
            **settings,
        }

    # --- life ---

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc):
        self.down()
        self.keep_logs()
        reports = [line for line in self.log_text().splitlines() if SANITIZER.search(line)]
        shutil.rmtree(self.var, ignore_errors=True)
        self.note.unlink(missing_ok=True)
        self.ports.release()
        # Leaks are found when the app ends, so nobody else can have seen them.
        assert not reports, f"the sanitizers found something; {LOGS / self.var.name} has it: {reports[:3]}"

    def stack(self, action):
        done = subprocess.run([ROOT / "nginx/stack", action], env=self.env, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        return done

    def up(self):
        done = self.stack("up")
        assert done.returncode == 0, f"nginx/stack up: {done.stdout}{done.stderr}"

    def down(self):
        self.stack("down")

    def keep_logs(self):
        """Always: the runner removes them when everything passed."""
        target = LOGS / self.var.name
        shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError):
            shutil.copytree(self.var / "log", target)

    # --- the app, as a process ---

    def pid(self, name="app"):
        return int((self.var / f"run/{name}.pid").read_text())

    def kill_app(self, how=signal.SIGKILL):
        pid = self.pid()
        os.kill(pid, how)
        wait_until(lambda: not alive(pid), 30, f"the app ended after {how.name}")

    def down_app(self):
        """Politely; up() brings it back, with whatever settings there are then."""
        self.kill_app(signal.SIGTERM)

    def ready(self):
        try:
            return requests.get(f"{self.url}/health/ready", verify=self.ca, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def wait_ready(self):
        wait_until(self.ready, 30, "the app is ready")

    # --- places ---

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    @property
    def agent_url(self):
        return f"https://localhost:{self.agent_port}"

    @property
    def ca(self):
        return str(self.var / "ca.pem")

    def admin_env(self):
        lines = (self.var / "admin.env").read_text().splitlines()
        return dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)

    def log_text(self):
        return "".join(p.read_text(errors="replace") for p in sorted((self.var / "log").rglob("*")) if p.is_file())

    # --- behind the scenes ---

    def app(self, *args, input="", check=True):
        done = subprocess.run([self.bin, *map(str, args), "--config", self.var / "app.conf"], env=self.env, input=input,
                              capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"muster-app {args}: {done.stderr}"
        return done

    def app_json(self, *args):
        return json.loads(self.app(*args, "--json").stdout)

    @contextlib.contextmanager
    def database(self):
        """The live database. What is changed here is a change behind the server's back: for what has no API, such as
        letting time pass."""
        db = sqlite3.connect(self.var / "muster.db", timeout=30)
        try:
            with db:
                yield db
        finally:
            db.close()

    def query(self, sql, *args):
        with self.database() as db:
            return db.execute(sql, args).fetchall()

    def change(self, sql, *args, topic=None):
        with self.database() as db:
            count = db.execute(sql, args).rowcount
            if topic:
                db.execute("UPDATE changes SET counter = counter + 1 WHERE topic = ?", (topic,))
        return count
