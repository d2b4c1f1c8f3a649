"""Updates of a host whose init is systemd: the service as it is shipped and installed, in a machine of its own. The
unit takes much from root, and must leave the agent what an update takes."""

import shutil

import pytest

import updatable as releases
from host import NATIVE
from machine import Machine
from routes import ROOT
from updatable import UpdatableHost
from wait import wait_until

UNIT = "muster-agent.service"
CONF = {"STATE_DIR": "/var/lib/muster-agent", "BACKUP_ROOTS": "/etc/muster", "RESTORE_ROOTS": "/srv"}


class SystemdHost(UpdatableHost):
    """What runs on it runs in the machine; the server sees a host like any other."""

    def __init__(self, stack, machine):
        super().__init__(stack)
        self.machine = machine
        machine.ok("mkdir", "-p", "/usr/lib/muster", "/etc/muster", "/srv")
        self.bin, self.state = machine.root / "usr/lib/muster", machine.root / "var/lib/muster-agent"
        self.conf, self.agent = machine.root / "etc/muster/agent.conf", self.bin / "muster-agent"
        for program in ("muster-agent", "muster-launcher"):
            shutil.copy(ROOT / "build" / NATIVE / program, self.bin / program)
        machine.ok("ln", "-sf", "../lib/muster/muster-agent", "/usr/bin/")
        shutil.copy(ROOT / "nginx/systemd" / UNIT, machine.root / "etc/systemd/system")
        machine.ok("systemctl", "daemon-reload")

    def run(self, *args, **kwargs):
        return self.machine.run("muster-agent", *args)

    def write_conf(self, **settings):
        super().write_conf(**{**CONF, **settings})

    def stop(self, *args):
        self.machine.run("systemctl", "stop", UNIT)

    def enrol(self, **settings):
        shutil.copy(self.stack.var / "updates/public/tuf/1.root.json", self.machine.root / "etc/muster/root.json")
        minted = self.mint()
        self.write_conf(**settings)
        self.ok("enroll", "--server", self.stack.agent_url, "--ca-fingerprint", minted["caFingerprint"],
                "--tuf-root", "/etc/muster/root.json", "--otp", minted["otp"])
        self.machine.ok("systemctl", "start", UNIT)
        return self.wait_version_known()

    def shows(self, name):
        return self.machine.ok("systemctl", "show", "--property", name, "--value", UNIT).strip()

    def log_text(self):
        return self.machine.ok("journalctl", "--unit", UNIT, "--no-pager", "--output", "cat")


@pytest.fixture(scope="module")
def machine():
    with Machine("update") as machine:
        yield machine


@pytest.fixture
def service(stack, machine):
    releases.init_keys(stack)
    with SystemdHost(stack, machine) as host:
        yield host
    machine.ok("rm", "-rf", "/var/lib/muster-agent", "/usr/lib/muster", "/etc/muster")


def update(host, name):
    version = releases.publish(host.stack, name)
    host.offer(version)
    return version


def test_the_service_is_restarted_by_a_transient_unit_and_the_new_one_committed(service):
    service.enrol(UPDATE_RESTART_METHOD="systemd")
    before = service.shows("MainPID")
    assert "NoNewPrivs:\t1" in service.machine.ok("cat", f"/proc/{before}/status"), "the unit holds it back"
    version = update(service, releases.GOOD)
    service.wait_reported("committed", version)
    assert "restarting as exec does" not in service.log_text()
    assert service.shows("MainPID") not in (before, "0"), "the whole service was restarted"
    assert service.shows("NRestarts") == "0", "and not because it had failed"
    assert service.version() == version and service.shown()["version"] == version
    wait_until(lambda: service.litter() == [], 10, "nothing is left beside the binary")
    assert service.machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "run-r*").stdout == ""
    service.stop()
    service.assert_events_whole()


def test_a_release_that_crashes_is_taken_back_after_a_restart_by_systemd(service):
    service.enrol(UPDATE_RESTART_METHOD="systemd")
    version = update(service, releases.CRASH)
    assert "crashed: signal 6" in service.wait_reported("restored", version)[2]
    assert service.version() == "0.1.0"
    assert "crashed: signal 6" in (service.state / f"update/evidence/{version}.log").read_text()
    wait_until(lambda: service.litter() == [], 10, "nothing is left beside the binary")
    assert (service.shows("ActiveState"), service.shows("NRestarts")) == ("active", "0")
    service.heartbeats_go_on()


def test_with_exec_systemd_sees_one_process_throughout(service):
    """Also when somebody reloads the service in the middle of the trial, which counts as a start of the new one."""
    service.enrol()
    before = service.shows("MainPID")
    version = update(service, releases.GOOD)
    wait_until(lambda: f"{version} is on trial" in service.log_text(), 30, "the trial begins")
    service.wait_reported("trial", version)
    service.machine.ok("systemctl", "reload", UNIT)
    service.wait_reported("committed", version)
    assert "the configuration was read again" in service.log_text()
    assert service.version() == version
    assert (service.shows("MainPID"), service.shows("NRestarts")) == (before, "0")
