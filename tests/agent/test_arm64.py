"""The other architecture's binaries, for real, under qemu-user."""

import shutil

import pytest

import trees
from host import NATIVE, QEMU, Host
from routes import ROOT

OTHER = {"amd64": "arm64", "arm64": "amd64"}[NATIVE]


@pytest.fixture
def other(stack):
    if not shutil.which(QEMU[OTHER]):
        pytest.skip(f"{QEMU[OTHER]} is not installed")
    with Host(stack, arch=OTHER) as host:
        yield host


def test_it_enrols_beats_backs_up_and_restores(other):
    other.enrol()
    other.ok("once")
    other.wait_online()
    assert other.stack.boss.ok("GET", f"/api/agents/{other.id}")["agent"]["arch"] == OTHER
    trees.nasty(other.source)
    other.add_config("everything")
    other.ok("backup", "--config-name", "everything", timeout=300)
    assert [r["status"] for r in other.runs()] == ["completed"]
    other.ok("restore", "--target", other.target, timeout=300)
    trees.assert_same(other.source, restored(other))


def test_one_restores_what_the_other_backed_up(other):
    """An archive does not depend on who made it."""
    other.enrol()
    trees.nasty(other.source)
    other.add_config("moved")
    other.ok("backup", "--config-name", "moved", timeout=300)
    other.arch = NATIVE
    other.ok("restore", "--target", other.target)
    trees.assert_same(other.source, restored(other))


def restored(host):
    """Where the tree is below the target: archives keep the whole path."""
    inside = host.target / str(host.source).lstrip("/")
    return inside if inside.exists() else host.target


def test_it_is_one_static_binary():
    for arch in (NATIVE, OTHER):
        for program in ("muster-agent", "muster-launcher"):
            head = (ROOT / "build" / arch / program).read_bytes()
            assert b"/lib64/ld-linux" not in head and b"/lib/ld-" not in head, f"{arch}/{program} wants a loader"
