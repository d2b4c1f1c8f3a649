"""Restores and proofs that are asked for on the server and done by a real agent."""

import pathlib

import pytest


@pytest.fixture
def backed_up(host):
    """A running host with one run of everything; gives the run's id."""
    (host.source / "deep").mkdir(parents=True)
    (host.source / "a file").write_text("one")
    (host.source / "deep" / "b").write_text("two")
    host.add_config("everything")
    host.ok("backup", "--config-name", "everything")
    host.start()
    host.wait_online()
    return host.runs("everything")[0]["id"]


def ask(host, kind, run, *options):
    done = host.stack.app("backup", kind, run, *options, "--wait", "--timeout", "60", check=False)
    return done.returncode, done.stdout


def inside(host, path):
    return pathlib.Path(host.target) / str(path).lstrip("/")


def test_what_was_picked_from_the_list_is_restored(host, backed_up):
    listed = host.stack.app_json("backup", "files", backed_up, host.source)
    assert [(e["name"], e["type"], e["outcome"]) for e in listed] == [("a file", "file", "ok"),
                                                                      ("deep", "directory", "ok")]
    code, said = ask(host, "restore", backed_up, "--target", host.target, "--path", listed[0]["path"])
    assert code == 0 and said.startswith("completed")
    assert inside(host, host.source / "a file").read_text() == "one"
    assert not inside(host, host.source / "deep").exists()


def test_a_proof_is_recorded(host, backed_up):
    code, said = ask(host, "verify", backed_up)
    assert code == 0 and said.startswith("completed")
    run = host.stack.boss.ok("GET", f"/api/runs/{backed_up}")["run"]
    assert run["proven_ms"] and run["verifyError"] == ""


def test_a_damaged_object_is_found_and_told(host, backed_up):
    path = host.stack.query("SELECT s3_path FROM backup_objects WHERE run_id = ? AND number = 1", backed_up)[0][0]
    file = host.stack.var / "store/objects" / path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert ask(host, "verify", backed_up)[0] == 1
    run = host.stack.boss.ok("GET", f"/api/runs/{backed_up}")["run"]
    assert run["proven_ms"] is None and run["verifyError"]
    told = [a for a in host.stack.boss.ok("GET", "/api/alerts")["items"] if a["agentId"] == host.id]
    assert "backup.verify" in [a["kind"] for a in told]
    assert ask(host, "restore", backed_up, "--target", host.target)[0] == 1
    assert not inside(host, host.source).exists()


def test_the_host_decides_where_it_writes(host, backed_up, tmp_path):
    code, said = ask(host, "restore", backed_up, "--target", tmp_path / "elsewhere")
    assert code == 1 and said.startswith("refused") and "RESTORE_ROOTS" in said
    assert not (tmp_path / "elsewhere").exists()
