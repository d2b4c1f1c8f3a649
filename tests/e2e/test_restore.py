"""Chains made by a real agent, kept by a real server, read back by the same agent."""

import json
import os
import subprocess

import trees
from test_backups import back_up, restored
from wait import wait_until


def chain(host, **options):
    """Three runs of a tree that loses, gains and changes what it has; the run ids, oldest first."""
    source, ids = host.source, []
    (source / "dir/sub").mkdir(parents=True)
    (source / "dir/sub/deep").write_text("deep")
    (source / "stays").write_text("stays")
    (source / "changes").write_text("one")
    (source / "becomes").mkdir()
    (source / "becomes/inside").write_text("x")
    os.link(source / "stays", source / "stays too")
    ids.append(back_up(host, type="incremental", **options)["id"])
    (source / "changes").write_text("two, longer")
    (source / "becomes/inside").unlink()
    (source / "becomes").rmdir()
    (source / "becomes").write_text("a file now")
    ids.append(back_up(host)["id"])
    subprocess.run(["rm", "-r", source / "dir"], check=True)
    os.rename(source / "stays too", source / "renamed")
    os.symlink("renamed", source / "link")
    ids.append(back_up(host)["id"])
    types = host.stack.query("SELECT type FROM backup_runs WHERE agent_id = ? ORDER BY chain_seq", host.id)
    assert [t for t, in types] == ["full", "incremental", "incremental"]
    return ids


def test_a_chain_comes_back_bit_for_bit(host):
    chain(host)
    host.ok("restore", "--target", host.target)
    trees.assert_same(host.source, restored(host))


def test_each_point_of_a_chain_comes_back(host):
    first, second, _ = chain(host)
    host.ok("restore", "--target", host.target, "--log-id", first)
    assert (restored(host) / "changes").read_text() == "one" and (restored(host) / "becomes/inside").exists()
    host.ok("restore", "--target", host.restores / "second", "--log-id", second)
    back = restored(host, host.restores / "second")
    assert (back / "changes").read_text() == "two, longer" and (back / "becomes").is_file()
    assert (back / "dir/sub/deep").read_text() == "deep"


def test_a_chain_is_listed_from_its_index_and_proven(host):
    ids = chain(host)
    listed = json.loads(host.ok("restore", "--list", "--json").stdout)["entries"]
    inside = {e["path"].removeprefix(str(host.source).lstrip("/")): e["seq"] for e in listed}
    assert inside["/changes"] > 0 and "/dir" not in inside and inside["/link"] == 2
    host.ok("verify")
    proven = host.stack.query("SELECT id FROM backup_runs WHERE proven_ms IS NOT NULL")
    assert {run for run, in proven} >= set(ids)


def test_an_encrypted_chain_comes_back_where_the_key_is(host, tmp_path):
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", tmp_path / "key"], capture_output=True, text=True).stdout.strip()
    host.conf.write_text(host.conf.read_text() + f'AGE_RECIPIENTS="{recipient}"\n')
    chain(host)
    assert host.run("restore", "--target", host.target).returncode == 1
    assert host.run("verify").returncode == 3
    host.ok("restore", "--target", host.target, "--identity", tmp_path / "key")
    trees.assert_same(host.source, restored(host))
    host.ok("verify", "--identity", tmp_path / "key")


def test_the_server_asks_for_a_restore_to_the_original_place(host):
    ids = chain(host)
    host.write_conf(RESTORE_ROOTS=host.source)
    (host.source / "changes").write_text("lost")
    (host.source / "renamed").unlink()
    host.start().wait_online()
    job = host.stack.app_json("backup", "restore", ids[-1], "--original", "--policy", "changed", "--path",
                              host.source / "changes", "--path", host.source / "renamed")

    def shown():
        return host.stack.query("SELECT status, detail FROM backup_jobs WHERE agent_id = ?", host.id)[0]

    wait_until(lambda: shown()[0] not in ("queued", "running"), 60, "the job has ended")
    assert shown()[0] == "completed", (job, shown())
    assert (host.source / "changes").read_text() == "two, longer" and (host.source / "renamed").exists()
