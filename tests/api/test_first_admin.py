"""The first administrator, from the environment: what makes one, and what refuses the start."""

import json
import os
import secrets
import subprocess

import pytest

from argon2_calls import argon2id
from client import Client

EMAIL = "Ada.Lovelace@example.org"


def run(stack, tmp_path, command, **env):
    conf = tmp_path / "app.conf"
    places = {"MUSTER_DB": "muster.db", "MUSTER_SECRETS_DIR": "secrets", "MUSTER_STORE_DIR": "store",
              "MUSTER_DB_BACKUP_DIR": "db-backups", "MUSTER_UPDATE_DIR": "updates", "MUSTER_SOCKET": "socket",
              "MUSTER_PID_FILE": "pid"}
    lines = [f'{key}="{tmp_path / name}"' for key, name in places.items()]
    conf.write_text("\n".join([*lines, f'MUSTER_PUBLIC_URL="{stack.url}"', f'MUSTER_AGENT_URL="{stack.agent_url}"']))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MUSTER_")}
    return subprocess.run([stack.bin, *command, "--config", conf], env={**clean, **env}, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)


def test_address_and_hash_make_the_first_admin(stack, tmp_path):
    env = {"MUSTER_ADMIN_EMAIL": EMAIL, "MUSTER_ADMIN_PASSWORD_HASH": argon2id(secrets.token_urlsafe(16))}
    done = run(stack, tmp_path, ["init", "--json"], **env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["admin"] == {"email": EMAIL, "password": None}
    assert env["MUSTER_ADMIN_PASSWORD_HASH"] not in done.stdout + done.stderr
    listed = run(stack, tmp_path, ["user", "list", "--json"])
    assert [(user["email"], user["role"]) for user in json.loads(listed.stdout)] == [(EMAIL, "admin")]


def test_the_hash_may_stand_in_a_file(stack, tmp_path):
    file = tmp_path / "hash"
    file.write_text(argon2id(secrets.token_urlsafe(16)) + "\n")
    done = run(stack, tmp_path, ["init"], MUSTER_ADMIN_EMAIL=EMAIL, MUSTER_ADMIN_PASSWORD_HASH_FILE=str(file))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["init", "serve"])
@pytest.mark.parametrize("password", ["admin", "password", "changeme", "muster", "correct horse battery staple",
                                      EMAIL, "Ada.Lovelace"])
def test_the_hash_of_a_default_password_refuses_the_start(stack, tmp_path, command, password):
    done = run(stack, tmp_path, [command], MUSTER_ADMIN_EMAIL=EMAIL, MUSTER_ADMIN_PASSWORD_HASH=argon2id(password))
    assert done.returncode == 1
    assert "tried first everywhere" in done.stderr and not done.stdout
    assert not (tmp_path / "muster.db").exists()


@pytest.mark.parametrize("command", ["init", "serve"])
def test_a_plain_password_in_the_environment_refuses_the_start(stack, tmp_path, command):
    done = run(stack, tmp_path, [command], MUSTER_ADMIN_PASSWORD="hunter2-hunter2-hunter2")
    assert done.returncode == 1
    assert "MUSTER_ADMIN_PASSWORD:" in done.stderr and "hunter2" not in done.stderr + done.stdout
    assert not (tmp_path / "muster.db").exists()


@pytest.mark.parametrize("value", ["hunter2", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$", "$argon2id$v=19$m=4,t=1,p=1$x$y",
                                   "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"])
@pytest.mark.parametrize("command", ["init", "serve"])
def test_what_is_no_argon2id_hash_of_our_size_refuses_the_start(stack, tmp_path, command, value):
    done = run(stack, tmp_path, [command], MUSTER_ADMIN_EMAIL=EMAIL, MUSTER_ADMIN_PASSWORD_HASH=value)
    assert done.returncode in (1, 2)
    assert "MUSTER_ADMIN_PASSWORD_HASH" in done.stderr and value not in done.stderr + done.stdout
    assert not (tmp_path / "muster.db").exists()


def test_nobody_registers_by_themselves(stack, spec):
    page = Client(stack, spec, "admin")
    assert page.post("/api/users", {"email": "a@b.c", "password": "x"}, judge=False).status_code in (401, 404, 405)
    for path in ("/api/auth/register", "/api/auth/signup"):
        assert page.post(path, {"email": "a@b.c", "password": "x"}, judge=False).status_code == 404
