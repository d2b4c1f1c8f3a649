"""A machine with systemd: this machine's own files under an overlay that is gone afterwards, booted by systemd-nspawn.
It shares our network, so it reaches the servers of the tests on loopback. Takes root."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from wait import wait_until

BOOT = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
rm -f "$1/root/etc/machine-id"
exec systemd-nspawn --quiet --register=no --keep-unit --machine="$2" --directory="$1/root" --boot -- --unit=basic.target
"""


class Machine:
    """with Machine("name") as machine: … Paths inside are machine.root / "etc/…" as long as it is up."""

    def __init__(self, name):
        self.name = f"{name}-{os.getpid()}"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-machine-"))
        self.nspawn = self.leader = None

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc):
        if self.leader:
            os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd's own: power off
        if self.nspawn:
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.nspawn.pid, signal.SIGKILL)
                self.nspawn.wait()
        shutil.rmtree(self.dir, ignore_errors=True)  # the mounts went with their namespace

    def boot(self):
        self.log = open(self.dir / "console", "wb")
        mounts = self.dir / "mounts"
        mounts.mkdir()
        self.nspawn = subprocess.Popen(["unshare", "--mount", "--propagation=private", "bash", "-c", BOOT, "boot",
                                        str(mounts), self.name], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, start_new_session=True)
        self.leader = wait_until(self.find_leader, 30, "the machine's init is there")
        wait_until(lambda: self.run("systemctl", "is-active", "basic.target").returncode == 0, 60, "the machine is up")

    def console(self):
        return (self.dir / "console").read_text(errors="replace")

    def find_leader(self):
        assert self.nspawn.poll() is None, f"systemd-nspawn ended: {self.console()[-2000:]}"
        pid = self.nspawn.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return None

    @property
    def root(self):
        return pathlib.Path(f"/proc/{self.leader}/root")

    def run(self, *command, input=None, timeout=60):
        return subprocess.run(["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--pid", "--cgroup",
                               "--", *map(str, command)], input=input, capture_output=True, text=True, timeout=timeout)

    def ok(self, *command, **kwargs):
        done = self.run(*command, **kwargs)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout
