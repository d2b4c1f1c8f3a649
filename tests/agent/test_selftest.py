"""muster-agent selftest: what a new binary shows before it takes the old one's place."""

import json

import pytest

from wait import wait_until


def everything_in(directory):
    return {p: (p.lstat().st_mtime_ns, p.lstat().st_size, p.lstat().st_mode) for p in directory.rglob("*")}


def report(host, **kwargs):
    done = host.run("selftest", "--json", **kwargs)
    found = json.loads(done.stdout)
    assert (done.returncode == 0) == found["ok"], done
    return found


def test_it_is_well_beside_a_running_agent_and_writes_nothing(host):
    host.start().wait_online()
    wait_until(lambda: list((host.state / "events").glob("*.seg")), 30, "there is an event log")
    host.stop()
    before = everything_in(host.dir)
    found = report(host)
    assert found["ok"] and found["eventlog"] == [1, 1] and found["proto"] == 1
    assert everything_in(host.dir) == before


def test_a_host_that_is_not_enrolled_is_well(fresh):
    assert report(fresh)["ok"]
    assert not fresh.state.exists()


@pytest.mark.parametrize("name, content, complaint", [
    ("ca.pem", "not a certificate", "ca.pem"),
    ("identity.json", "{", "identity"),
    ("events/0000000000000099.seg", "MUSTEREX" + "x" * 100, "event log"),
])
def test_what_it_cannot_read_is_named(host, name, content, complaint):
    (host.state / name).parent.mkdir(exist_ok=True)
    (host.state / name).write_text(content)
    found = report(host)
    assert not found["ok"] and complaint in found["error"], found


def test_a_configuration_it_does_not_understand_is_named(host):
    host.write_conf(UPDATE_MODE="sideways")
    found = report(host)
    assert not found["ok"] and "UPDATE_MODE" in found["error"]


def test_a_person_is_told_in_words(host):
    done = host.ok("selftest")
    assert "works here" in done.stdout
