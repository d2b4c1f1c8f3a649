"""Bringing everything up and taking it down, as make run, up, down and status do."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from host import NATIVE
from routes import ROOT
from stack import Stack, alive
from wait import wait_until


@pytest.fixture
def idle():
    """A stack that nobody has started yet, with this machine's agent."""
    stack = Stack("idle", agent=True, MUSTER_POLL_INTERVAL="2s")
    yield stack
    stack.__exit__(None, None, None)


def pids(stack):
    return {name: stack.pid(name) for name in ("app", "nginx", "agent") if (stack.var / f"run/{name}.pid").exists()}


def test_everything_comes_up_with_a_first_backup_and_goes_down(idle):
    assert idle.stack("status").returncode == 1
    done = idle.stack("up")
    assert done.returncode == 0, done.stderr
    admin = idle.admin_env()
    assert admin["MUSTER_ADMIN_PASSWORD"] in done.stdout
    assert stat.S_IMODE(os.stat(idle.var / "admin.env").st_mode) == 0o600
    assert idle.stack("status").returncode == 0
    wait_until(lambda: [a["state"] for a in idle.app_json("agent", "list")] == ["online"], 10, "the agent is online")
    agents = idle.app_json("agent", "list")
    assert agents[0]["last_backup"]["status"] == "completed"
    running = pids(idle)
    assert set(running) == {"app", "nginx", "agent"}
    assert idle.stack("down").returncode == 0
    assert not any(alive(pid) for pid in running.values())
    assert idle.stack("status").returncode == 1
    assert idle.stack("down").returncode == 0  # twice is as good as once


def test_the_agent_is_a_copy_that_follows_the_build_until_an_update_has_come(idle, tmp_path):
    built, mine = tmp_path / "muster-agent", idle.var / "agent/bin/muster-agent"
    for program in ("muster-agent", "muster-launcher"):
        shutil.copy(f"{ROOT}/build/{NATIVE}/{program}", tmp_path)
    idle.env["MUSTER_AGENT_DIR"] = str(tmp_path)

    def start_with(path, note):
        with open(path, "ab") as binary:  # bytes behind the program make it another one
            binary.write(note)
        assert idle.stack("up").returncode == 0
        running = os.readlink(f"/proc/{children(idle.pid('agent'))[0]}/exe")
        idle.stack("down")
        assert running == str(mine)
        return mine.read_bytes()

    assert start_with(built, b"one") == built.read_bytes()
    assert start_with(built, b"two") == built.read_bytes()
    (mine.parent / "muster-agent.trial").write_text("an update is on trial")
    assert not start_with(built, b"three").endswith(b"three")
    (mine.parent / "muster-agent.trial").unlink(missing_ok=True)  # the agent does not keep what is damaged
    assert start_with(mine, b"by an update").endswith(b"by an update")
    assert built.read_bytes().endswith(b"onetwothree")


def children(pid):
    return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def test_a_second_start_keeps_everything(idle):
    assert idle.stack("up").returncode == 0
    before, agents = (idle.var / "admin.env").read_text(), idle.app_json("agent", "list")
    running = pids(idle)
    again = idle.stack("up")  # while it is up: nothing to do
    assert again.returncode == 0 and pids(idle) == running
    assert idle.admin_env()["MUSTER_ADMIN_PASSWORD"] not in again.stdout
    idle.stack("down")
    assert idle.stack("up").returncode == 0
    assert (idle.var / "admin.env").read_text() == before
    assert [a["id"] for a in idle.app_json("agent", "list")] == [a["id"] for a in agents]
    assert idle.query("SELECT COUNT(*) FROM backup_runs") == [(1,)]


def test_ctrl_c_takes_all_of_it_down(idle):
    process = subprocess.Popen([ROOT / "nginx/stack", "run"], env=idle.env, stdin=subprocess.DEVNULL,
                               stdout=open(idle.var / "out", "wb"), stderr=subprocess.STDOUT, start_new_session=True)
    wait_until(lambda: "Ctrl-C" in (idle.var / "out").read_text() or process.poll() is not None, 90, "it is up")
    running = pids(idle)
    assert len(running) == 3 and all(alive(pid) for pid in running.values())
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(60) == 0
    assert not any(alive(pid) for pid in running.values())
    assert "error" not in (idle.var / "out").read_text().lower()


def test_ctrl_c_half_way_up_takes_down_what_is_up(idle):
    process = subprocess.Popen([ROOT / "nginx/stack", "run"], env=idle.env, stdin=subprocess.DEVNULL,
                               stdout=open(idle.var / "out", "wb"), stderr=subprocess.STDOUT, start_new_session=True)
    wait_until(lambda: "app" in pids(idle) or process.poll() is not None, 60, "the app is up")
    app = idle.pid("app")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    assert not alive(app)
    assert not any(alive(pid) for pid in pids(idle).values())


def test_a_part_that_dies_is_started_again_by_up(idle):
    assert idle.stack("up").returncode == 0
    # nginx's workers outlive a master that is killed, and keep its ports; that one is asked.
    for name, how in (("app", signal.SIGKILL), ("agent", signal.SIGKILL), ("nginx", signal.SIGTERM)):
        pid = idle.pid(name)
        os.kill(pid, how)
        wait_until(lambda: not alive(pid), 10, f"{name} is dead")
        assert idle.stack("status").returncode == 1
        done = idle.stack("up")
        assert done.returncode == 0, f"after {name} died: {done.stderr}"
        assert idle.stack("status").returncode == 0


def test_a_taken_port_is_a_clear_error(idle):
    for port in (idle.port, idle.agent_port):
        with socket.create_server(("127.0.0.1", port)):
            done = idle.stack("up")
            assert done.returncode == 1
            assert f"port {port} is taken" in done.stderr and "MUSTER_" in done.stderr
            assert len(done.stderr.splitlines()) == 1
    assert not (idle.var / "muster.db").exists()


def test_a_directory_that_cannot_be_written_is_a_clear_error(idle):
    done = subprocess.run([ROOT / "nginx/stack", "up"], env={**idle.env, "MUSTER_VAR": "/proc/muster"},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "/proc/muster" in done.stderr and "MUSTER_VAR" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_mistake_in_app_conf_stops_the_start_with_its_line(idle):
    assert idle.stack("up").returncode == 0
    idle.stack("down")
    conf = idle.var / "app.conf"
    conf.write_text(conf.read_text() + 'MUSTER_THREADS="many"\n')
    done = idle.stack("up")
    assert done.returncode != 0
    assert re.search(rf"{conf}:\d+: MUSTER_THREADS: must be a whole number", done.stderr)
    assert pids(idle) == {}


def test_missing_secrets_are_a_clear_error_and_nothing_is_made_anew(idle):
    """A lost CA must not quietly become another one: every host would be locked out."""
    assert idle.stack("up").returncode == 0
    idle.stack("down")
    shutil.move(idle.var / "secrets/ca.key", idle.var / "ca.key.away")
    done = idle.stack("up")
    assert done.returncode != 0, done.stdout
    assert "ca.key" in done.stderr
    assert not (idle.var / "secrets/ca.key").exists()
    shutil.move(idle.var / "ca.key.away", idle.var / "secrets/ca.key")
    assert idle.stack("up").returncode == 0
    wait_until(lambda: idle.app_json("agent", "list")[0]["state"] == "online", 30, "the agent is back")


def test_the_agents_of_a_stack_are_what_scripts_expect(idle):
    assert idle.stack("up").returncode == 0
    assert (idle.var / "agent/agent.conf").exists()
    agent = idle.app_json("agent", "list")[0]
    assert {"id", "name", "state", "version", "platform", "last_seen_ms", "last_backup"} <= set(agent)
    assert json.dumps(agent)
