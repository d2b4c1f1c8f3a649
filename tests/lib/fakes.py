"""A machine with a launcher and agents that do as a script says: tests/agent/fake_agent.c."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from routes import ROOT
from stack import LOGS, alive
from wait import wait_until

FAKES = ROOT / "build/fakes"
EPOCH, SEQ = "00112233445566aa", 10
HEALTHY = f"serve {EPOCH} {SEQ + 1}"


def steps_of(header, macro):
    """The names of the steps in "#define MACRO(STEP) …"."""
    text = (ROOT / header).read_text().replace("\\\n", "")
    line = next(line for line in text.splitlines() if line.startswith(f"#define {macro}("))
    return re.findall(r"STEP\((\w+)\)", line.split(")", 1)[1])


class Machine:
    """with Machine() as m: … The agent is 0.1.0 and does what `old` says. launcher: "muster-launcher" of build/fakes
    dies where "kill-launcher" says."""

    def __init__(self, old=HEALTHY, trial_s=2):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-fakes-"))
        self.bin, self.ground = self.dir / "bin", self.dir / "ground"
        self.state_dir = self.dir / "state"
        for path in (self.bin, self.ground, self.state_dir):
            path.mkdir()
        self.agent = self.bin / "muster-agent"
        self.evidence = self.state_dir / "evidence"
        self.trial_s = trial_s
        shutil.copy(FAKES / "muster-launcher", self.bin)
        self.lay(self.agent, "0.1.0", old + "\nswap")
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        with contextlib.suppress(OSError):
            logs = LOGS / self.dir.name
            logs.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.dir / "log", logs)
        shutil.rmtree(self.dir)

    # --- files ---

    def beside(self, suffix):
        return self.agent.with_name(self.agent.name + suffix)

    @staticmethod
    def lay(path, version, script):
        path.unlink(missing_ok=True)  # it may be running
        path.write_bytes((FAKES / "fake-agent").read_bytes() + f"\n#script\nname {version}\n{script}\n".encode())
        path.chmod(0o755)

    @property
    def installed(self):
        """The version of the whole binary that is A."""
        program, _, script = self.agent.read_bytes().rpartition(b"\n#script\n")
        assert program == (FAKES / "fake-agent").read_bytes(), "a whole binary"
        return script.split()[1].decode()

    @property
    def trial(self):
        """What A.trial says; {} when there is none."""
        try:
            lines = self.beside(".trial").read_text().splitlines()
        except FileNotFoundError:
            return {}
        return dict(line.split(" ", 1) for line in lines)

    def write_trial(self, **changes):
        fields = {"muster-trial": "1", "phase": "trial", "version": "0.2.0", "previous": "0.1.0",
                  "trial_s": self.trial_s, "starts": 0, "round": 1, "epoch": EPOCH, "seq": SEQ, "replayed": SEQ,
                  "boot": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "reason": None,
                  "evidence": self.evidence, **changes}
        return "".join(f"{key} {value}\n" for key, value in fields.items() if value is not None)

    def phase(self):
        return self.trial.get("phase")

    def touch(self, name, text=""):
        (self.ground / name).write_text(text)

    def remove(self, name):
        (self.ground / name).unlink()

    @property
    def runs(self):
        """A line for every start and end: "0.2.0 started"."""
        with contextlib.suppress(FileNotFoundError):
            return (self.ground / "runs").read_text().splitlines()
        return []

    def log(self):
        return (self.dir / "log").read_text(errors="replace") if (self.dir / "log").exists() else ""

    # --- life ---

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([self.bin / "muster-launcher"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, "FAKE_DIR": str(self.ground)}, cwd="/",
                                            start_new_session=True)
        return self

    def stop(self, how=signal.SIGTERM):
        """The launcher's exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(40)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process = None

    def agent_pid(self):
        with contextlib.suppress(OSError):
            pids = open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()
            return next((int(pid) for pid in pids if alive(int(pid))), None)
        return None

    def wait(self, condition, what, seconds=20):
        try:
            return wait_until(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.trial}\n{self.runs}\n{self.log()}") from None

    def wait_run(self, line, times=1):
        self.wait(lambda: self.runs.count(line) >= times, f"{times} x {line!r}")

    # --- an update ---

    def offer(self, script, version="0.2.0", **start):
        """Lays the new one beside the old, as the download does."""
        self.lay(self.beside(".new"), version, script)
        self.touch("start", self.write_trial(version=version, **start))

    def update(self, script, **start):
        """Has the running agent hand the new one over."""
        if self.process is None:
            self.start()
        self.wait_run("0.1.0 started")
        self.offer(script, **start)
