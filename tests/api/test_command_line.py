"""muster-app beside the running server: what it prints, and what it says when it is used wrong."""

import json
import os
import secrets
import shutil
import sqlite3
import stat
import subprocess

import pytest

from client import Agent, Person, problem


def run(stack, *args, input=""):
    """Without the --config that stack.app adds."""
    return subprocess.run([stack.bin, *map(str, args)], capture_output=True, text=True, timeout=60, input=input,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")})


def names(stack):
    text = run(stack, "--help").stdout
    return [line[2:26].strip() for line in text.split("Commands:\n")[1].split("\n\n")[0].splitlines()]


def test_every_command_has_help(stack):
    found = names(stack)
    assert len(found) >= 19
    for name in found:
        done = run(stack, *name.split(), "--help")
        assert done.returncode == 0, name
        assert done.stdout.startswith(f"muster-app {name}:") and "--config FILE" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["dance"], ["user"], ["user", "add"], ["agent", "list", "--nonsense"],
                                       ["agent", "deactivate"], ["version", "operand"], ["serve", "--config"]])
def test_misuse_is_exit_code_two(stack, arguments):
    done = run(stack, *arguments)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


def test_agents_are_listed_for_scripts(stack, agent):
    agent.beat(version="0.1.9")
    listed = {a["id"]: a for a in stack.app_json("agent", "list")}
    assert {"id", "name", "state", "version", "platform", "last_seen_ms", "last_backup"} <= set(listed[agent.id])
    assert agent.name in stack.app("agent", "list").stdout


def test_a_person_is_added_once_and_not_with_a_weak_password(stack, spec):
    email = f"{secrets.token_hex(4)}@example.org"
    for weak in ("", "short", "1234567"):
        done = stack.app("user", "add", email, input=weak + "\n", check=False)
        assert done.returncode == 1 or done.returncode == 2, weak
        assert len(done.stderr.splitlines()) == 1
    stack.app("user", "add", email, input="long enough to be one\n")
    done = stack.app("user", "add", email.upper(), input="long enough to be one\n", check=False)
    assert done.returncode == 1
    person = Person(stack, spec, email, "long enough to be one")
    assert person.user["role"] == "viewer"
    assert email in [u["email"] for u in stack.app_json("user", "list")]
    assert "long enough" not in stack.app("user", "list").stdout


@pytest.mark.parametrize("email", ["", "no at sign", "two@at@signs", "a b@c", "a@", "@b", "a\nb@c", "x" * 300 + "@y",
                                   "a@b\u200b", "a\u202e@b", "a\u00ad@b", "\udce9@b", "a\u0085@b"])
def test_an_address_that_is_none_is_refused(stack, email):
    done = stack.app("user", "add", email, input="long enough to be one\n", check=False)
    assert done.returncode in (1, 2)


def test_a_name_is_text_that_pages_can_show(stack, admin):
    """A shell of another encoding gives bytes that are no UTF-8."""
    email = f"{secrets.token_hex(4)}@example.org"
    for name in ("J\udcf6rg", "a\nb", "\u202eJ", "x" * 121):
        done = stack.app("user", "add", email, "--name", name, input="long enough to be one\n", check=False)
        assert done.returncode == 1 and "--name" in done.stderr, name
    stack.app("user", "add", email, "--name", "Jörg", input="long enough to be one\n")
    assert "Jörg" in [u["name"] for u in admin.ok("GET", f"/api/users?q={email}")["items"]]


def test_an_agent_is_named_by_id_or_name(stack, operator):
    unique = f"host-{secrets.token_hex(4)}"
    agent = operator.register(unique)
    stack.app("agent", "deactivate", unique)
    assert operator.ok("GET", f"/api/agents/{agent.id}")["agent"]["status"] == "deactivated"
    stack.app("agent", "activate", agent.id)
    operator.register(unique)
    done = stack.app("agent", "deactivate", unique, check=False)
    assert done.returncode == 1 and "several" in done.stderr.lower() or "more than one" in done.stderr.lower()
    assert stack.app("agent", "deactivate", "nobody", check=False).returncode == 1


def test_deleting_an_agent_asks_for_a_yes(stack, operator, agent):
    stack.app("agent", "delete", agent.id, check=False)
    assert operator.get(f"/api/agents/{agent.id}").status_code == 200
    stack.app("agent", "delete", agent.id, "--yes")
    problem(operator.get(f"/api/agents/{agent.id}"), 404, "not-found")


def test_a_backup_config_is_added_and_listed(stack, operator, agent):
    made = stack.app_json("backup-config", "add", "--name", "cli", "--agent", agent.id, "--source", "/etc", "--source",
                          "/srv", "--exclude", "*.tmp", "--method", "gzip", "--level", "9")
    config = operator.ok("GET", f"/api/configs/{made['id']}")
    assert config["sources"] == [{"path": "/etc"}, {"path": "/srv"}]
    options = config["options"]
    assert (options["method"], options["level"], options["excludes"]) == ("gzip", 9, ["*.tmp"])
    assert made["id"] in [c["id"] for c in stack.app_json("backup-config", "list")]


@pytest.mark.parametrize("more", [["--source", "relative"], ["--source", "/a", "--method", "rar"],
                                  ["--source", "/a", "--level", "20"], []])
def test_a_wrong_backup_config_is_refused_in_one_line(stack, agent, more):
    done = stack.app("backup-config", "add", "--name", "x", "--agent", agent.id, *more, check=False)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) <= 2 and done.stderr


def test_a_password_minted_on_the_command_line_enrols(stack, spec):
    minted = stack.app_json("otp", "mint", "--name", "cli", "--host", "host")
    agent = Agent.enrol(stack, spec, minted)
    agent.beat()
    agent.close()


def test_a_copy_of_the_database_is_private_and_whole(stack, tmp_path):
    stack.app("backup-db", tmp_path / "copy.db")
    assert stat.S_IMODE(os.stat(tmp_path / "copy.db").st_mode) & 0o077 == 0
    with sqlite3.connect(tmp_path / "copy.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    again = stack.app("backup-db", tmp_path / "copy.db", check=False)
    assert again.returncode == 1, "an existing file is not overwritten"
    assert stack.app("backup-db", "/nonexistent/copy.db", check=False).returncode == 1


def test_restoring_needs_the_server_to_be_stopped(stack, tmp_path):
    stack.app("backup-db", tmp_path / "copy.db")
    done = stack.app("restore-db", tmp_path / "copy.db", check=False)
    assert done.returncode == 1 and "stop" in done.stderr
    (tmp_path / "noise").write_bytes(os.urandom(5000))
    assert stack.app("restore-db", tmp_path / "noise", check=False).returncode == 1
    assert stack.ready()


def test_a_second_server_on_the_same_socket_is_refused(stack):
    done = stack.app("serve", check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) >= 1
    assert stack.ready()


@pytest.mark.parametrize("line, complaint", [
    ('MUSTER_THREADS="many"', "MUSTER_THREADS: must be a whole number"),
    ('MUSTER_PUBLIC_URL="http://x"', "MUSTER_PUBLIC_URL: "),
    ('MUSTER_PUBLIC_URL="https://x/path"', "MUSTER_PUBLIC_URL: "),
    ('MUSTER_AGENT_URL="https://x y"', "MUSTER_AGENT_URL: "),
    ('MUSTER_LOG_LEVEL="loud"', "MUSTER_LOG_LEVEL: must be one of"),
    ('MUSTER_POLL_INTERVAL="0"', "MUSTER_POLL_INTERVAL: must be a time"),
    ("nonsense", "expected KEY"),
    ('MUSTER_DB=""', "MUSTER_DB: "),
])
@pytest.mark.parametrize("command", ["check-config", "serve", "migrate"])
def test_a_mistake_in_the_configuration_names_file_line_and_reason(stack, tmp_path, line, complaint, command):
    conf = tmp_path / "app.conf"
    conf.write_text(f"# a comment\n\n{line}\n")
    done = run(stack, command, "--config", conf)
    assert done.returncode == 2, done.stderr
    assert f"{conf}:3: {complaint}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_configuration_that_is_not_there_is_named(stack):
    done = run(stack, "serve", "--config", "/nonexistent/app.conf")
    assert done.returncode == 2
    assert "/nonexistent/app.conf" in done.stderr


def test_what_is_in_force_is_printed_without_secrets(stack, tmp_path):
    conf = tmp_path / "app.conf"
    password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
    conf.write_text(f'MUSTER_ADMIN_EMAIL="a@b.c"\nMUSTER_ADMIN_PASSWORD_HASH="{password_hash}"\n')
    done = run(stack, "check-config", "--config", conf)
    assert "aGFzaGhhc2" not in done.stdout + done.stderr
    shown = json.loads(stack.app("check-config", "--json").stdout)
    assert shown


@pytest.mark.parametrize("broken", ["MUSTER_DB", "MUSTER_SECRETS_DIR"])
def test_a_place_that_cannot_be_had_is_one_clear_line(stack, tmp_path, broken):
    conf = tmp_path / "app.conf"
    lines = [line for line in (stack.var / "app.conf").read_text().splitlines() if not line.startswith(broken + "=")]
    conf.write_text("\n".join(lines + [f'{broken}="/proc/nonexistent/x"', f'MUSTER_SOCKET="{tmp_path}/s"',
                                       f'MUSTER_PID_FILE="{tmp_path}/p"']) + "\n")
    done = run(stack, "serve", "--config", conf)
    assert done.returncode == 1
    complaint = [line for line in done.stderr.splitlines() if "warning" not in line]
    assert len(complaint) == 1 and "/proc/nonexistent" in complaint[0], done.stderr


def test_secrets_that_others_can_read_are_refused(stack, tmp_path):
    shutil.copytree(stack.var / "secrets", tmp_path / "secrets")
    (tmp_path / "secrets/master.key").chmod(0o644)
    conf = tmp_path / "app.conf"
    lines = [line for line in (stack.var / "app.conf").read_text().splitlines() if "SECRETS_DIR" not in line]
    conf.write_text("\n".join(lines + [f'MUSTER_SECRETS_DIR="{tmp_path}/secrets"', f'MUSTER_SOCKET="{tmp_path}/s"',
                                       f'MUSTER_PID_FILE="{tmp_path}/p"']) + "\n")
    done = run(stack, "serve", "--config", conf)
    assert done.returncode == 1
    assert "master.key" in done.stderr and "chmod 600" in done.stderr
