"""A host that is set up wrong says so in one line, and nothing is half-written."""

import os
import subprocess

import pytest

import tokens
from host import Host

KEY = {"AGENT_ID": "01900000-dead-7000-8000-000000000000", "API_KEY": tokens.api_key()}


@pytest.mark.parametrize("line, complaint", [
    ('POLL_INTERVAL="soon"', "POLL_INTERVAL: must be a time"),
    ('POLL_INTERVAL="0s"', "POLL_INTERVAL: must be a time"),
    ('UPDATE_MODE="maybe"', "UPDATE_MODE: must be one of"),
    ('UPDATE_ROLLOUT_PERCENT="101"', "UPDATE_ROLLOUT_PERCENT: must be a whole number"),
    ('STATE_DIR="unclosed', "STATE_DIR: the closing quote is missing"),
    ("what is this", "expected KEY"),
    ('SERVER_URL="http://localhost:1"', "SERVER_URL"),
    ('SERVER_URL="https://user:pass@localhost/"', "SERVER_URL"),
    ('AGENT_ID="01900000-dead-7000-8000-000000000000"', "AGENT_ID: AGENT_ID and API_KEY go together"),
    ('API_KEY="msk_wrong"', "API_KEY: mistyped"),
    ('STATE_DIR=""', "STATE_DIR: must not be empty"),
])
@pytest.mark.parametrize("command", ["run", "once", "status", "backup"])
def test_a_mistake_in_the_configuration_names_its_line(fresh, line, complaint, command):
    fresh.conf.write_text(f"# first\n\n{line}\n")
    done = fresh.run(command, *(["--config-name", "x"] if command == "backup" else []))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"{fresh.conf}:3: {complaint}" in done.stderr
    assert "pass@" not in done.stderr and "msk_wrong" not in done.stderr


def test_an_unknown_key_is_a_warning_only(host):
    host.conf.write_text(host.conf.read_text() + 'FROM_THE_FUTURE="1"\n')
    assert "unknown key FROM_THE_FUTURE" in host.ok("once").stderr


def test_a_configuration_that_is_not_there_is_named(fresh):
    fresh.conf.unlink()
    done = fresh.run("once")
    assert done.returncode == 2
    assert str(fresh.conf) in done.stderr and "No such file" in done.stderr


def test_a_key_that_others_can_read_is_refused(fresh):
    fresh.write_conf(**KEY)
    fresh.conf.chmod(0o644)
    done = fresh.run("once")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert KEY["API_KEY"] not in done.stderr


def test_a_ca_file_that_is_not_there_is_named(fresh):
    fresh.write_conf(CA_FILE="/nonexistent/ca.pem", **KEY)
    fresh.conf.chmod(0o600)
    done = fresh.run("once")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "/nonexistent/ca.pem" in done.stderr


def test_a_ca_file_with_no_certificate_in_it_is_named(fresh, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing of use\n")
    fresh.write_conf(CA_FILE=tmp_path / "ca.pem", **KEY)
    fresh.conf.chmod(0o600)
    done = fresh.run("once")
    assert done.returncode != 0 and "ca.pem" in done.stderr


def test_a_state_directory_that_cannot_be_written_is_named(stack):
    """As an ordinary user, since root may write anywhere."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with Host(stack, user=65534) as host:
        host.write_conf()
        os.mkdir(host.state)  # of root's
        os.chmod(host.state, 0o755)
        minted = host.mint()
        done = host.run("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                        minted["otp"])
        assert done.returncode != 0
        assert len(done.stderr.splitlines()) == 1
        assert str(host.state) in done.stderr and "ermission denied" in done.stderr
        assert os.listdir(host.state) == []
        # The password has not been spent on it.
        os.chown(host.state, 65534, 65534)
        os.chmod(host.state, 0o700)
        host.ok("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                minted["otp"])


def test_a_state_directory_of_another_user_is_refused(fresh):
    """Whose directory it is decides which CA is trusted."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make a directory somebody else's")
    fresh.state.mkdir(mode=0o700)
    os.chown(fresh.state, 65534, 65534)
    done = fresh.run("once")
    assert done.returncode != 0
    assert str(fresh.state) in done.stderr and "belongs to another user" in done.stderr
    assert os.listdir(fresh.state) == []


def test_a_file_in_the_place_of_the_state_directory_is_named(fresh):
    fresh.state.write_text("in the way")
    done = fresh.run("once")
    assert done.returncode != 0
    assert str(fresh.state) in done.stderr


def test_a_full_disk_under_the_state_is_one_clear_line(stack, tmp_path):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", tmp_path]).returncode:
        pytest.skip("needs to mount a small file system")
    try:
        with Host(stack) as host:
            host.write_conf(STATE_DIR=tmp_path / "state")
            (tmp_path / "filler").write_bytes(b"")
            with open(tmp_path / "filler", "wb", buffering=0) as f:
                try:
                    while f.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            minted = host.mint()
            arguments = ("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                         minted["otp"])
            done = host.run(*arguments)
            assert done.returncode == 1
            assert "No space left on device" in done.stderr and len(done.stderr.splitlines()) == 1
            assert not (tmp_path / "state/identity.json").exists()
            (tmp_path / "filler").unlink()
            host.ok(*arguments)
            left = {p.name for p in (tmp_path / "state").iterdir() if "." in p.name}
            assert left <= {"identity.json", "key.pem", "cert.pem", "ca.pem", "enroll.lock"}, left
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_host_registered_by_key_alone_runs_without_a_certificate(stack, fresh):
    agent = stack.boss.register("by key")
    fresh.write_conf(AGENT_ID=agent.id, API_KEY=agent.key, CA_FILE=stack.ca)
    fresh.conf.chmod(0o600)
    fresh.ok("once")
    status = stack.boss.ok("GET", f"/api/agents/{agent.id}")["agent"]
    assert status["certificateNotAfter_ms"] is None


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], ["backup", "--config-name"],
                                       ["restore", "operand"], []])
def test_misuse_is_exit_code_two(fresh, arguments):
    done = subprocess.run([fresh.command()[0], *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize("command", ["enroll", "run", "once", "status", "backup", "restore", "events", "version"])
def test_every_command_has_help(fresh, command):
    done = subprocess.run([fresh.command()[0], command, "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    assert f"muster-agent {command}" in done.stdout
