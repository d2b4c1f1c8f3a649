"""Releases of the agent that the tests publish: real binaries, which differ from the one that was built in their
version and, where a test wants it, in a fault (tests/agent/faults.c)."""

import contextlib
import json
import shutil
import subprocess

from client import Person
from host import NATIVE, Host
from routes import ROOT
from spec import Spec
from stack import Stack
from wait import wait_until

# What `make build-test` links; see TEST_RELEASES in the Makefile.
GOOD, CRASH, HANG, EXIT, DEAF, SHRED = ("0.2.0", "0.2.1_crash", "0.2.2_hang", "0.2.3_exit", "0.2.4_deaf",
                                        "0.2.5_shred")
NEXT = "0.3.0"  # the release after GOOD, and as good


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


@contextlib.contextmanager
def server(name, **settings):
    """One of its own, for tests that take releases back, or the server down."""
    with Stack(name, MUSTER_POLL_INTERVAL="1s", **settings) as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, Spec(), env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        init_keys(stack)
        yield stack


def downloads(stack, path):
    """What nginx has sent of files whose path ends so: status and bytes of each."""
    lines = map(json.loads, (stack.var / "log/access.log").read_text().splitlines())
    return [(line["status"], line["bytes_out"]) for line in lines if line["path"].endswith(path)]


class UpdatableHost(Host):
    """A host whose agent has a binary of its own, which it may replace. start() starts that one's launcher."""

    def __init__(self, stack, **kwargs):
        super().__init__(stack, **kwargs)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for program in ("muster-agent", "muster-launcher"):
            shutil.copy(ROOT / "build" / self.arch / program, self.bin / program)
        self.agent = self.bin / "muster-agent"

    def install(self, name):
        """Has the host run this release from the start."""
        shutil.copy(binary(name, self.arch), self.agent)
        return self

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
        """An operator's order: windows and turns do not hold it up."""
        return self.stack.boss.ok("POST", f"/api/agents/{self.id}/update", {"version": version})

    def roll_out(self, version, **fields):
        """A rollout with this host alone."""
        return self.stack.boss.ok("POST", "/api/rollouts", {"version": version, "target": {"agents": [self.id]},
                                                            "stages": [{"percent": 100, "soakS": 0}], **fields})

    def forge_offer(self, version, downgrade=False):
        """What a server in wrong hands says: rows that no route of ours would make."""
        with self.stack.database() as db:
            db.execute("UPDATE changes SET counter = counter + 1 WHERE topic = 'rollouts'")
            rev = db.execute("SELECT counter FROM changes WHERE topic = 'rollouts'").fetchone()[0]
            db.execute("INSERT INTO agent_updates (agent_id) VALUES (?) ON CONFLICT DO NOTHING", (self.id,))
            db.execute("UPDATE agent_updates SET offer_rollout_id = ?, offer_version = ?, offer_rev = ?,"
                       " offer_not_before_ms = 0, offer_force = 1, offer_downgrade = ? WHERE agent_id = ?",
                       ("01900000-dddd-7000-8000-%012x" % rev, version, rev, downgrade, self.id))

    def reported(self):
        """As the server knows it: state, version, reason."""
        rows = self.stack.query("SELECT state, version, reason FROM agent_updates WHERE agent_id = ?", self.id)
        return rows[0] if rows else ("", "", "")

    def wait_reported(self, state, version, seconds=60):
        wait_until(lambda: self.reported()[:2] == (state, version), seconds,
                   lambda: f"the server knows of {state} {version}, not {self.reported()}")
        return self.reported()

    def heartbeats_go_on(self):
        seen = self.shown()["last_seen_ms"]
        wait_until(lambda: self.shown()["last_seen_ms"] > seen + 1500, 15, "it beats on")

    def litter(self):
        """What an update leaves beside the binary."""
        return sorted(p.name for p in self.bin.iterdir() if p.name not in ("muster-agent", "muster-launcher"))

    def assert_events_whole(self):
        """None is missing and none is double, whatever happened to the process."""
        stored = [(e[0], e[1]) for e in self.stored_events()]
        for epoch in {e for e, _ in stored}:
            seqs = [s for e, s in stored if e == epoch]
            assert seqs == list(range(1, len(seqs) + 1)), f"events of {epoch}: {seqs}"
