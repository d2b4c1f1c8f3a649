"""Releases of the agent that the tests publish: real binaries, which differ from the one that was built in their
version and, where a test wants it, in a fault (tests/agent/faults.c)."""

import shutil
import subprocess

from host import NATIVE, Host
from routes import ROOT
from wait import wait_until

# What `make build-test` links; see TEST_RELEASES in the Makefile.
GOOD, CRASH, HANG, EXIT, DEAF, SHRED = ("0.2.0", "0.2.1_crash", "0.2.2_hang", "0.2.3_exit", "0.2.4_deaf",
                                        "0.2.5_shred")


def binary(name, arch=NATIVE):
    return ROOT / "build" / arch / "releases" / name / "muster-agent"


def version_of(name):
    return name.split("_")[0]


def init_keys(stack):
    if not (stack.var / "updates/public/tuf/1.root.json").exists():
        stack.app("release", "init-keys")


def publish(stack, name, *options, arches=(NATIVE,)):
    """Publishes it, unless that was done; its version."""
    version = version_of(name)
    init_keys(stack)
    shown = stack.app("release", "show", version, "--json", check=False)
    if shown.returncode == 0 and '"published"' in shown.stdout:
        return version
    files = [word for arch in arches for word in ("--" + arch, binary(name, arch))]
    stack.app("release", "create", version, *files, *options)
    stack.app("release", "publish", version)
    return version


class UpdatableHost(Host):
    """A host whose agent has a binary of its own, which it may replace. start() starts that one's launcher."""

    def __init__(self, stack, **kwargs):
        super().__init__(stack, **kwargs)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for program in ("muster-agent", "muster-launcher"):
            shutil.copy(ROOT / "build" / self.arch / program, self.bin / program)
        self.agent = self.bin / "muster-agent"

    def command(self, *args, program="muster-agent"):
        return [str(self.bin / program), *map(str, args), "--config", str(self.conf)]

    def write_conf(self, **settings):
        super().write_conf(**{"DEPLOYMENT_MODE": "vm", "UPDATE_TRIAL_S": "10", **settings})

    def enrol(self, minted=None, **settings):
        init_keys(self.stack)
        self.write_conf(**settings)
        minted = minted or self.mint()
        self.ok("enroll", "--server", self.stack.agent_url, "--ca-fingerprint", minted["caFingerprint"],
                "--tuf-root", self.stack.var / "updates/public/tuf/1.root.json", "--otp", minted["otp"])
        return self

    def version(self):
        """Of the file, whoever runs."""
        return subprocess.run([self.agent, "version"], capture_output=True, text=True, check=True).stdout.split()[1]

    def wait_version_known(self):
        """The server offers nothing to a host it has not heard of."""
        def known():
            return self.shown()["state"] == "online" and '"update"' in self.capabilities()
        wait_until(known, 30, "the server knows what the agent can do")
        return self

    def capabilities(self):
        return self.stack.query("SELECT capabilities FROM agents WHERE id = ?", self.id)[0][0]

    def offer(self, version):
        return self.stack.boss.ok("POST", f"/api/agents/{self.id}/update", {"version": version})

    def reported(self):
        """As the server knows it: state, version, reason."""
        rows = self.stack.query("SELECT state, version, reason FROM agent_updates WHERE agent_id = ?", self.id)
        return rows[0] if rows else ("", "", "")

    def wait_reported(self, state, version, seconds=60):
        wait_until(lambda: self.reported()[:2] == (state, version), seconds,
                   lambda: f"the server knows of {state} {version}, not {self.reported()}")
        return self.reported()

    def litter(self):
        """What an update leaves beside the binary."""
        return sorted(p.name for p in self.bin.iterdir() if p.name not in ("muster-agent", "muster-launcher"))

    def assert_events_whole(self):
        """None is missing and none is double, whatever happened to the process."""
        stored = [(e[0], e[1]) for e in self.stored_events()]
        for epoch in {e for e, _ in stored}:
            seqs = [s for e, s in stored if e == epoch]
            assert seqs == list(range(1, len(seqs) + 1)), f"events of {epoch}: {seqs}"
