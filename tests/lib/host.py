"""A host with a real agent on it: its own configuration and state, in a directory of its own."""

import contextlib
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import tempfile

from routes import ROOT
from stack import LOGS, alive
from wait import wait_until

NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
QEMU = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}


class Host:
    """with Host(stack) as host: … arch: whose binary; one that is not this machine's runs under qemu-user. user: the
    uid that the agent runs as, instead of ours."""

    def __init__(self, stack, arch=NATIVE, user=None, dir=None):
        self.stack, self.arch, self.user = stack, arch, user
        self.dir = pathlib.Path(dir or tempfile.mkdtemp(prefix="muster-host-"))
        self.conf, self.state = self.dir / "agent.conf", self.dir / "state"
        self.source, self.restores = self.dir / "source", self.dir / "restores"
        self.source.mkdir()
        self.restores.mkdir()
        self.target = self.restores / "here"
        self.daemon = None
        self.api = None
        for path in (self.dir, self.source, self.restores) if user is not None else ():
            os.chown(path, user, user)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        logs = LOGS / self.dir.name
        with contextlib.suppress(OSError):
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.dir / "agent.log", logs)
        subprocess.run(["rm", "-rf", "--", self.dir])  # trees deeper than any path are too much for shutil

    # --- the agent, as a command ---

    def command(self, *args, program="muster-agent"):
        binary = [str(ROOT / "build" / self.arch / program)]
        if self.arch != NATIVE:
            binary.insert(0, QEMU[self.arch])
        if self.user is not None:
            binary = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *binary]
        return [*binary, *map(str, args), "--config", str(self.conf)]

    def run(self, *args, timeout=300, env=None, input=None):
        """Runs a subcommand to its end."""
        return subprocess.run(self.command(*args), capture_output=True, timeout=timeout, input=input,
                              env={**os.environ, **(env or {})}, cwd="/", encoding="utf-8", errors="surrogateescape")

    def ok(self, *args, **kwargs):
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, f"muster-agent {args}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def json(self, *args, **kwargs):
        return json.loads(self.ok(*args, "--json", **kwargs).stdout)

    def spawn(self, *args, **kwargs):
        """Starts a subcommand and leaves it running."""
        self.log = open(self.dir / "agent.log", "ab")
        return subprocess.Popen(self.command(*args, **kwargs), stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=self.log, start_new_session=True, cwd="/")

    # --- becoming one of the fleet ---

    def mint(self, *options):
        return self.stack.app_json("otp", "mint", *options)

    def write_conf(self, **settings):
        lines = {"SERVER_URL": self.stack.agent_url, "STATE_DIR": self.state,
                 "BACKUP_ROOTS": self.source, "RESTORE_ROOTS": self.restores, **settings}
        self.conf.write_text("".join(f'{key}="{value}"\n' for key, value in lines.items() if value is not None))
        if self.user is not None:
            os.chown(self.conf, self.user, self.user)

    def enrol(self, minted=None, **settings):
        self.write_conf(**settings)
        minted = minted or self.mint()
        self.ok("enroll", "--server", self.stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                minted["otp"])
        return self

    @property
    def id(self):
        return json.loads((self.state / "identity.json").read_text())["id"]

    def shown(self):
        """As the server's own command line lists it."""
        return next(a for a in self.stack.app_json("agent", "list") if a["id"] == self.id)

    # --- the agent, as a service ---

    def start(self, *args, program="muster-launcher"):
        self.daemon = self.spawn(*args, program=program)
        return self

    def stop(self, how=signal.SIGTERM, seconds=45):
        """Ends the service; its exit code."""
        if self.daemon is None:
            return None
        if self.daemon.poll() is None:
            self.daemon.send_signal(how)
        try:
            return self.daemon.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.daemon.pid, signal.SIGKILL)
            self.daemon.wait()
            self.daemon = None

    def children(self, pid=None):
        """Every living process below the service."""
        found = []
        with contextlib.suppress(OSError):
            for child in open(f"/proc/{pid or self.daemon.pid}/task/{pid or self.daemon.pid}/children").read().split():
                if alive(int(child)):
                    found += [int(child), *self.children(int(child))]
        return found

    def wait_online(self):
        wait_until(lambda: self.shown()["state"] == "online", 30, "the agent is online")
        return self

    def log_text(self):
        return (self.dir / "agent.log").read_text(errors="replace")

    # --- backups ---

    def add_config(self, name, *sources, **options):
        flags = [flag for source in sources or [self.source] for flag in ("--source", source)]
        flags += [flag for key, value in options.items() for flag in ("--" + key, value)]
        return self.stack.app_json("backup-config", "add", "--name", name, "--agent", self.id, *flags)

    def runs(self, config_name=None):
        """Rows of this host's runs, newest first."""
        rows = self.stack.query("SELECT id, config_name, status, size_bytes, files, error_count, errors, s3_path"
                                " FROM backup_runs WHERE agent_id = ? ORDER BY started_ms DESC, id DESC", self.id)
        names = ("id", "config_name", "status", "size_bytes", "files", "error_count", "errors", "s3_path")
        runs = [dict(zip(names, row)) for row in rows]
        return [r for r in runs if config_name in (None, r["config_name"])]

    def stored_events(self):
        return self.stack.query("SELECT epoch, seq, kind, level, message FROM agent_logs WHERE agent_id = ?"
                                " ORDER BY epoch, seq", self.id)

    def wait_reading(self, process, path):
        """Until the process has this file open, and then stops it there. SIGCONT is the caller's."""
        wanted = os.fsencode(path)

        def reading():
            for pid in [process.pid, *self.children(process.pid)]:
                with contextlib.suppress(OSError):
                    for fd in os.listdir(f"/proc/{pid}/fd"):
                        with contextlib.suppress(OSError):
                            if os.readlink(os.fsencode(f"/proc/{pid}/fd/{fd}")) == wanted:
                                os.kill(pid, signal.SIGSTOP)
                                return pid
            assert process.poll() is None, "the agent ended before it read that file"
            return None

        return wait_until(reading, 60, f"the agent reads {path}")
