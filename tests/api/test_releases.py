"""Publishing, on the command line: what is made is right in the eyes of another implementation, at any moment; and what
must not be published is not. test_updates.py has what the server does with it."""

import fcntl
import hashlib
import json
import os
import secrets
import subprocess
import threading

import pytest

from host import NATIVE
from releases import CUT, FOREIGN, PRELOADED, Publisher, Refused, TufClient, canonical, fake_binary, native_binary

TARGET = f"agent-linux-{FOREIGN}"


@pytest.fixture(scope="module")
def factory(stack, tmp_path_factory):
    return lambda **settings: Publisher(stack, tmp_path_factory.mktemp("publisher"), **settings)


@pytest.fixture(scope="module")
def shared(factory):
    """With keys at hand; for tests that leave it usable and use versions of their own, each above the last."""
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.minor = 0

    def next_version():
        publisher.minor += 1
        return f"1.{publisher.minor}.0"

    publisher.next_version = next_version
    return publisher


@pytest.fixture
def offline(factory):
    """Two of three root and targets keys must sign, and none of them is on the server."""
    publisher = factory()
    publisher.run("release", "init-keys", "--root", "2/3", "--targets", "2/3")
    publisher.away = publisher.offline()
    return publisher


# --- what is made ---


def test_another_implementation_accepts_all_of_it(shared):
    version = shared.next_version()
    shared.create(version, "--changelog", 'Zeilen\n"und" Schrägstriche \\', "--min-version", "1.0.0",
                  "--container-image", "registry.example:5000/muster/agent:1")
    shared.run("release", "publish", version)
    client = shared.client()
    client.everything()
    custom = client.targets["targets"][f"{version}/{TARGET}"]["custom"]
    assert {k: v for k, v in custom.items() if k != "released_at"} == {
        "product": "muster-agent", "version": version, "os": "linux", "arch": FOREIGN, "min_version": "1.0.0",
        "channel": "stable", "changelog": 'Zeilen\n"und" Schrägstriche \\', "eventlog_min": 1,
        "container_image": "registry.example:5000/muster/agent:1", "downgrade": False}
    assert client.targets["x_muster"]["withdrawn"] == []
    assert client.root["signed"]["consistent_snapshot"] is True
    for key_id, key in client.root["signed"]["keys"].items():
        assert hashlib.sha256(canonical(key)).hexdigest() == key_id
        assert key["keytype"] == "ecdsa" and key["scheme"] == "ecdsa-sha2-nistp256"


def test_the_first_output_names_the_fingerprint_and_the_keys(factory):
    publisher = factory()
    said = publisher.json("release", "init-keys", "--root", "2/3")
    first = (publisher.updates / "public/tuf/1.root.json").read_bytes()
    assert said["root fingerprint"] == "sha256:" + hashlib.sha256(first).hexdigest()
    assert len(said["root keys"]) == 3
    for path in publisher.keys.glob("*.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert "BEGIN PRIVATE KEY" in path.read_text()
    assert publisher.run("release", "init-keys", check=False).returncode == 1
    assert publisher.client().refresh()["targets"] == {}


def test_keys_of_a_run_that_was_cut_short_are_used(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    before = sorted(p.name for p in publisher.keys.iterdir())
    (publisher.updates / "public/tuf/1.root.json").unlink()
    publisher.run("release", "init-keys")
    assert sorted(p.name for p in publisher.keys.iterdir()) == before
    publisher.client().refresh()


def test_publishing_twice_is_publishing_once(shared):
    version = shared.next_version()
    shared.release(version)
    before = {p: p.stat().st_mtime_ns for p in (shared.updates / "public").rglob("*") if p.is_file()}
    shared.run("release", "publish", version)
    assert {p: p.stat().st_mtime_ns for p in (shared.updates / "public").rglob("*") if p.is_file()} == before


def test_a_staged_release_can_be_made_again_and_forgotten(shared):
    version = shared.next_version()
    shared.create(version, "--changelog", "first")
    shared.create(version, "--changelog", "second")
    assert shared.json("release", "show", version)["changelog"] == "second"
    shared.run("release", "withdraw", version)
    assert shared.run("release", "show", version, check=False).returncode == 1
    assert not (shared.updates / "staging" / version).exists()
    assert shared.run("release", "publish", version, check=False).returncode == 1


def test_fixed_files_follow_the_newest_stable_release(shared):
    stable, beta, public = shared.next_version(), shared.next_version(), shared.updates / "public"
    shared.release(stable, "--container-image", "registry.example:5000/name:tag", "--changelog", "c")
    shared.create(beta, "--channel", "beta")
    shared.run("release", "publish", beta)
    data = (public / TARGET).read_bytes()
    manifest = json.loads((public / "manifest.json").read_text())
    assert manifest.pop("released_at").endswith("Z")
    assert manifest == {
        "version": stable, "container_image": "registry.example:5000/name:tag", "changelog": "c",
        "min_version": manifest["min_version"], "binaries": {f"linux-{FOREIGN}": {
            "url": f"/updates/{TARGET}", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}}}
    values = (public / "helm-values.yaml").read_text()
    assert 'repository: "registry.example:5000/name"' in values and 'tag: "tag"' in values


def test_min_version_stays_what_it_was_unless_said(shared):
    first, second = shared.next_version(), shared.next_version()
    shared.release(first, "--min-version", "1.0.1")
    shared.release(second)
    assert shared.json("release", "show", second)["min_version"] == "1.0.1"


# --- what is not ---


@pytest.mark.parametrize("options, why", [
    (["--min-version", "9.0.0"], "min-version"), (["--min-version", "x"], "min-version"),
    (["--channel", "A b"], "channel"),
    (["--container-image", "a b"], "container-image"), (["--eventlog-min", "0"], "eventlog-min"),
    (["--changelog-file", "/nowhere"], "nowhere"),
])
def test_options_that_make_no_sense_are_refused(shared, options, why):
    version = shared.next_version()
    done = shared.create(version, *options, check=False)
    assert done.returncode in (1, 2) and why in done.stderr
    assert shared.run("release", "show", version, check=False).returncode == 1


def test_a_file_that_is_no_agent_of_that_kind_is_refused(shared, tmp_path):
    version = shared.next_version()
    (tmp_path / "text").write_text(f"#!/bin/sh\necho {version}\n")
    files = {
        "not an ELF": ("text", FOREIGN), "its machine is": (fake_binary(tmp_path / "m", version, NATIVE), FOREIGN),
        "does not say": (fake_binary(tmp_path / "v", "7.7.7"), FOREIGN),
        "say that it is": (fake_binary(tmp_path / "w", version + ".1"), FOREIGN),
        "when it is asked": (native_binary(tmp_path / "n", version, says="9.9.9"), NATIVE),
        "No such file": ("nowhere", FOREIGN),
    }
    for why, (file, arch) in files.items():
        done = shared.run("release", "create", version, f"--{arch}", tmp_path / file, check=False)
        assert done.returncode in (1, 2) and why in done.stderr, done.stderr
    assert shared.run("release", "create", version, check=False).returncode == 2
    assert shared.run("release", "create", "not-a-version", check=False).returncode == 2
    shared.run("release", "create", version, f"--{NATIVE}", native_binary(tmp_path / "good", version))


def test_a_program_that_never_answers_is_given_up(shared, tmp_path):
    version = shared.next_version()
    source = tmp_path / "hang.c"
    source.write_text(f'#include <unistd.h>\nconst char v[] = "{version}";\nint main(void) {{ for (;;) pause(); }}\n')
    subprocess.run(["cc", "-o", tmp_path / "hang", source], check=True)
    done = shared.run("release", "create", version, f"--{NATIVE}", tmp_path / "hang", check=False)
    assert done.returncode == 2 and "has not ended" in done.stderr


def test_versions_only_go_up_within_a_channel(shared):
    first, second, third = shared.next_version(), shared.next_version(), shared.next_version()
    shared.create(first)
    shared.release(second)
    for version in (first, second):
        done = shared.create(version, check=False)
        assert done.returncode == 1 and second in done.stderr
    done = shared.run("release", "publish", first, check=False)
    assert done.returncode == 1 and "newer" in done.stderr
    shared.create("0.9.0", "--channel", f"c{secrets.token_hex(3)}")
    shared.release(third)


def test_a_key_that_others_can_read_signs_nothing(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.create("0.1.0")
    key = next(publisher.keys.glob("targets-*.pem"))
    key.chmod(0o644)
    done = publisher.run("release", "publish", "0.1.0", check=False)
    assert done.returncode == 1 and "chmod 600" in done.stderr and key.name in done.stderr
    key.write_text("not a key")
    key.chmod(0o600)
    done = publisher.run("release", "publish", "0.1.0", check=False)
    assert done.returncode != 0 and key.name in done.stderr


def test_without_a_repository_every_command_says_how_to_get_one(factory):
    publisher = factory()
    for command in (["publish", "0.1.0"], ["check"], ["refresh"], ["rotate-key", "root"], ["withdraw", "0.1.0"]):
        done = publisher.run("release", *command, check=False)
        assert done.returncode == 1 and "init-keys" in done.stderr, command


def test_one_publisher_at_a_time(shared):
    version = shared.next_version()
    shared.create(version)
    with open(shared.updates / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = []
        thread = threading.Thread(target=lambda: done.append(shared.run("release", "publish", version, check=False)))
        thread.start()
        thread.join(0.5)
        assert not done and version not in shared.client().versions()
        fcntl.flock(lock, fcntl.LOCK_UN)
        thread.join(30)
    assert done[0].returncode == 0 and version in shared.client().versions()


# --- patches ---


def test_a_patch_gives_the_new_file_with_the_zstd_that_everybody_has(factory, tmp_path):
    publisher = factory()
    publisher.run("release", "init-keys")
    noise = secrets.token_bytes(200_000)
    bodies = {f"0.{i}.0": noise[:100_000] + b"release %d" % i + noise[100_000:] for i in range(1, 6)}
    for version, body in bodies.items():
        publisher.release(version, body=body)
    files = publisher.client().everything()
    bases = {path.split(".from-")[1] for path in files if path.startswith("0.5.0/") and ".from-" in path}
    assert bases == {"0.4.0.zst", "0.3.0.zst", "0.2.0.zst"}  # the last three
    for base in ("0.4.0", "0.2.0"):
        patch = files[f"0.5.0/{TARGET}.from-{base}.zst"]
        assert len(patch) < 2000
        (tmp_path / "base").write_bytes(files[f"{base}/{TARGET}"])
        (tmp_path / "patch").write_bytes(patch)
        subprocess.run(["zstd", "-q", "-f", "-d", f"--patch-from={tmp_path}/base", tmp_path / "patch", "-o",
                        tmp_path / "result"], check=True)
        assert (tmp_path / "result").read_bytes() == files[f"0.5.0/{TARGET}"]
        custom = publisher.client().refresh()["targets"][f"0.5.0/{TARGET}.from-{base}.zst"]["custom"]
        assert custom == {
            "product": "muster-agent-patch", "version": "0.5.0", "os": "linux", "arch": FOREIGN, "base_version": base,
            "base_sha256": hashlib.sha256(files[f"{base}/{TARGET}"]).hexdigest(),
            "result_sha256": hashlib.sha256(files[f"0.5.0/{TARGET}"]).hexdigest(),
            "result_size": len(files[f"0.5.0/{TARGET}"])}
    shown = publisher.json("release", "show", "0.5.0")["patches"]
    assert [p["base_version"] for p in shown] == ["0.2.0", "0.3.0", "0.4.0"]


def test_a_patch_that_saves_nothing_is_not_made(shared):
    first, second, third = shared.next_version(), shared.next_version(), shared.next_version()
    shared.release(first, body=secrets.token_bytes(50_000))
    shared.release(second, body=secrets.token_bytes(50_000))
    assert not [p for p in shared.client().refresh()["targets"] if p.startswith(f"{second}/") and f"from-{first}" in p]
    shared.create(third)
    shared.run("release", "publish", third, "--patches", "0")
    assert not [p for p in shared.client().refresh()["targets"] if p.startswith(f"{third}/") and "from" in p]


# --- signatures made elsewhere ---


def propose(publisher, *args):
    said = publisher.json("release", *args)
    assert said["status"] == "unsigned"
    return said["files"]


def test_two_of_three_sign_elsewhere(offline):
    client = offline.client()
    offline.create("0.1.0")
    [file] = propose(offline, "publish", "0.1.0")
    assert client.refresh()["targets"] == {}
    one, two, _ = offline.away["targets"]
    refused = offline.run("release", "import", file, check=False)
    assert refused.returncode == 1 and "0 of the 2" in refused.stderr
    said = offline.sign(file, one).stdout
    assert TARGET in said and "0.1.0" in said  # who signs sees what
    offline.sign(file, one)  # twice is once
    refused = offline.run("release", "import", file, check=False)
    assert refused.returncode == 1 and "1 of the 2" in refused.stderr
    offline.sign(file, offline.away["root"][0])  # a key, but not one of targets
    assert offline.run("release", "import", file, check=False).returncode == 1
    assert client.refresh()["targets"] == {}
    offline.sign(file, two)
    offline.run("release", "import", file)
    client.everything()
    assert client.versions() == {"0.1.0"}
    assert offline.json("release", "show", "0.1.0")["status"] == "published"
    assert not os.path.exists(file) and not (offline.updates / "staging/0.1.0").exists()


def test_keys_on_a_medium_are_used_where_it_is_mounted(offline):
    offline.release_keys = offline.dir / "offline"
    offline.create("0.1.0")
    offline.run("release", "publish", "0.1.0", "--keys", offline.release_keys)
    assert offline.client().versions() == {"0.1.0"}


def test_what_was_changed_after_it_was_signed_is_not_taken(offline):
    offline.create("0.1.0")
    [file] = propose(offline, "publish", "0.1.0")
    for key in offline.away["targets"]:
        offline.sign(file, key)
    document = json.load(open(file))
    document["signed"]["targets"][f"0.1.0/{TARGET}"]["custom"]["downgrade"] = True
    json.dump(document, open(file, "w"))
    refused = offline.run("release", "import", file, check=False)
    assert refused.returncode == 1 and "0 of the 2" in refused.stderr


def test_what_something_else_has_overtaken_is_not_taken(offline):
    offline.create("0.1.0")
    [file] = propose(offline, "publish", "0.1.0")
    offline.sign(file, offline.away["targets"][0])
    offline.sign(file, offline.away["targets"][1])
    kept = open(file).read()
    offline.run("release", "refresh", "targets", "--keys", offline.dir / "offline")
    open(file, "w").write(kept)
    refused = offline.run("release", "import", file, check=False)
    assert refused.returncode == 1 and "make it again" in refused.stderr
    assert offline.client().refresh()["targets"] == {}


def test_a_file_that_was_swapped_before_the_import_is_not_published(offline):
    offline.create("0.1.0")
    [file] = propose(offline, "publish", "0.1.0")
    offline.sign(file, offline.away["targets"][0])
    offline.sign(file, offline.away["targets"][1])
    staged = offline.updates / "staging/0.1.0" / TARGET
    staged.write_bytes(staged.read_bytes()[:-1] + b"x")
    refused = offline.run("release", "import", file, check=False)
    assert refused.returncode == 1 and "length and hash" in refused.stderr
    assert offline.client().refresh()["targets"] == {}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"signatures":[],"signed":{}}', "\0", "{" * 5000,
                                  '{"signatures":[{"keyid":1}],"signed":{"_type":"root"}}',
                                  '{"signatures":[],"signed":{"_type":"snapshot","spec_version":"1.0","version":9,'
                                  '"expires":"2030-01-01T00:00:00Z","meta":{}}}'])
def test_rubbish_is_not_imported(shared, tmp_path, text):
    file = tmp_path / "file.json"
    file.write_text(text)
    done = shared.run("release", "import", file, check=False)
    assert done.returncode in (1, 2) and len(done.stderr.splitlines()) == 1
    shared.client().refresh()


def test_who_signs_cannot_be_deceived_by_control_characters(offline):
    offline.create("0.1.0")
    [file] = propose(offline, "publish", "0.1.0")
    document = json.load(open(file))
    document["signed"]["targets"][f"0.1.0/{TARGET}"]["custom"]["min_version"] = "1\r\x1b[2K"
    json.dump(document, open(file, "w"))
    assert "\x1b" not in offline.sign(file, offline.away["targets"][0]).stdout


# --- new keys ---


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_every_role_gets_new_keys_without_losing_a_client(factory, role):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    client = publisher.client()
    client.refresh()
    old = client.root["signed"]["roles"][role]["keyids"]
    publisher.run("release", "rotate-key", role)
    client.everything()
    new = client.root["signed"]["roles"][role]["keyids"]
    assert client.root["signed"]["version"] == 2 and not set(old) & set(new) and len(new) == 1
    assert not set(old) & set(client.root["signed"]["keys"])
    if role in ("snapshot", "timestamp"):
        assert [p.name for p in publisher.secrets.glob(f"update-{role}-*.pem")] == [f"update-{role}-{new[0][:8]}.pem"]
    publisher.release("0.2.0")
    client.everything()
    assert client.versions() == {"0.1.0", "0.2.0"}


@pytest.mark.parametrize("role", ["root", "targets"])
def test_replaced_keys_sign_nothing_any_more(factory, role):
    publisher = factory()
    publisher.run("release", "init-keys")
    old = next(publisher.keys.glob(f"{role}-*.pem"))
    publisher.run("release", "rotate-key", role)
    new = next(p for p in publisher.keys.glob(f"{role}-*.pem") if p != old)
    new.rename(publisher.dir / new.name)
    [file] = propose(publisher, "refresh", role)
    publisher.sign(file, old)
    assert publisher.run("release", "import", file, check=False).returncode == 1
    publisher.sign(file, publisher.dir / new.name)
    publisher.run("release", "import", file)
    publisher.client().refresh()


def test_one_key_of_three_is_replaced_by_one_that_never_was_here(offline, tmp_path):
    client = offline.client()
    client.refresh()
    lost = offline.away["targets"][2].stem.split("-")[1]
    made = offline.run("release", "new-key", "targets", "--keys", tmp_path, config=False).stdout.strip()
    public = made.replace(".pem", ".pub")
    root, targets = propose(offline, "rotate-key", "targets", "--replace", lost, "--public", public)
    for key in offline.away["root"][:2]:
        offline.sign(root, key)
    offline.run("release", "import", root)  # the two keys that stay have signed what is in force
    client.refresh()
    for key in (offline.away["targets"][0], made):
        offline.sign(targets, key)
    offline.run("release", "import", targets)
    client.refresh()
    ids = {i[:8] for i in client.root["signed"]["roles"]["targets"]["keyids"]}
    assert len(ids) == 3 and lost not in ids and os.path.basename(made)[8:16] in ids


def test_targets_keys_that_are_lost_are_replaced_by_the_root(offline):
    """With what they signed: for a moment clients have to wait, but the next state is right."""
    client = offline.client()
    client.refresh()
    offline.away["targets"] = []
    root, targets = propose(offline, "rotate-key", "targets", "--quorum", "1/1")
    for key in offline.away["root"][:2]:
        offline.sign(root, key)
    offline.run("release", "import", root, targets)  # the new targets key was made here and has signed
    client.refresh()
    assert client.root["signed"]["roles"]["targets"]["threshold"] == 1


def test_a_root_that_would_leave_the_repository_unsigned_is_refused(factory, tmp_path):
    publisher = factory()
    publisher.run("release", "init-keys")
    [key] = publisher.keys.glob("root-*.pem")
    document = json.load(open(publisher.updates / "public/tuf/1.root.json"))
    document["signed"]["version"] = 2
    made = publisher.run("release", "new-key", "targets", "--keys", tmp_path, config=False).stdout.strip()
    pem = open(made.replace(".pem", ".pub")).read()
    fresh = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}
    for role in ("targets", "timestamp"):
        changed = json.loads(json.dumps(document))
        key_id = hashlib.sha256(canonical(fresh)).hexdigest()
        changed["signed"]["keys"][key_id] = fresh
        changed["signed"]["roles"][role]["keyids"] = [key_id]
        file = tmp_path / f"{role}.json"
        file.write_text(json.dumps(changed))
        publisher.sign(file, key)
        refused = publisher.run("release", "import", file, check=False)
        assert refused.returncode == 1 and role in refused.stderr
        publisher.client().refresh()


# --- taking back ---


def test_a_withdrawn_release_is_listed_and_the_one_before_is_the_newest_again(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    publisher.release("0.2.0")
    client = publisher.client()
    client.everything()
    info = client.targets["targets"][f"0.2.0/{TARGET}"]
    assert publisher.run("release", "withdraw", "0.2.0", check=False).returncode == 2
    publisher.run("release", "withdraw", "0.2.0", "--reason", "it eats \"socks\"")
    client.everything()
    assert client.versions() == {"0.1.0"} and not [p for p in client.targets["targets"] if p.startswith("0.2.0/")]
    assert client.targets["x_muster"]["withdrawn"] == [{"version": "0.2.0", "reason": "it eats \"socks\""}]
    assert json.loads((publisher.updates / "public/manifest.json").read_text())["version"] == "0.1.0"
    assert (publisher.updates / f"public/tuf/targets/0.2.0/{info['hashes']['sha256']}.{TARGET}").exists()
    shown = publisher.json("release", "show", "0.2.0")
    assert shown["status"] == "withdrawn" and shown["withdrawn_reason"] == "it eats \"socks\""
    assert publisher.create("0.2.0", check=False).returncode == 1
    assert publisher.run("release", "publish", "0.2.0", check=False).returncode == 1
    publisher.run("release", "withdraw", "0.1.0", "--reason", "all of them")
    client.refresh()
    assert not (publisher.updates / "public/manifest.json").exists()
    assert not (publisher.updates / "public" / TARGET).exists()


def test_a_way_back_is_allowed_by_signature_alone(shared):
    version = shared.next_version()
    shared.release(version)
    client = shared.client()
    for options, allowed in (([], True), (["--off"], False)):
        shared.run("release", "allow-downgrade", version, *options)
        assert client.refresh()["targets"][f"{version}/{TARGET}"]["custom"]["downgrade"] is allowed
        assert shared.json("release", "show", version)["downgrade"] is allowed
    assert shared.run("release", "allow-downgrade", "99.0.0", check=False).returncode == 1


# --- checking, and what is remembered ---


def test_check_finds_what_a_client_would(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    said = publisher.json("release", "check")
    assert said["root"]["version"] == 1 and said["targets"]["version"] == 2 and len(said["targets"]["keys"]) == 1
    public = publisher.updates / "public"
    binary = next((public / "tuf/targets/0.1.0").iterdir())
    for path in (binary, public / "tuf/timestamp.json", public / "tuf/2.targets.json", public / "tuf/1.root.json"):
        good = path.read_bytes()
        for bad in (good[:-2], good.replace(b"1", b"2", 1), None):
            path.unlink() if bad is None else path.write_bytes(bad)
            done = publisher.run("release", "check", check=False)
            assert done.returncode == 1 and done.stderr, f"{path} {bad}"
            path.write_bytes(good)
    publisher.run("release", "check")
    done = publisher.run("release", "check", check=False, before=["faketime", "-f", "+2d"], env=PRELOADED)
    assert done.returncode == 1 and "timestamp has expired" in done.stderr


def test_every_act_is_in_the_audit_trail(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    publisher.run("release", "allow-downgrade", "0.1.0")
    publisher.run("release", "refresh")
    publisher.run("release", "rotate-key", "snapshot")
    publisher.run("release", "withdraw", "0.1.0", "--reason", "r")
    assert publisher.run("release", "withdraw", "0.7.0", "--reason", "r", check=False).returncode == 1
    rows = subprocess.run(["sqlite3", publisher.dir / "muster.db",
                           "SELECT action, target, result FROM audit WHERE action LIKE 'release.%' ORDER BY seq"],
                          capture_output=True, text=True, check=True).stdout.split()
    assert rows == [
        "release.init_keys|update:repository|ok", "release.create|release:0.1.0|ok", "release.publish|release:0.1.0|ok",
        "release.allow_downgrade|release:0.1.0|ok", "release.refresh|update:snapshot|ok",
        "release.rotate_key|update:snapshot|ok", "release.withdraw|release:0.1.0|ok",
        "release.withdraw|release:0.7.0|ok", "release.withdraw|release:0.7.0|failed"]
    publisher.run("audit", "verify")


# --- cut short ---


@pytest.fixture(scope="session")
def cut(tmp_path_factory):
    """Cuts a program off in front of the n-th change of what is on disk."""
    shim = tmp_path_factory.mktemp("cut") / "cut.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, CUT], check=True)
    return lambda n: {"LD_PRELOAD": str(shim), "MUSTER_CUT_AT": str(n), **PRELOADED}


def cut_everywhere(publisher, cut, prepare, act, done):
    """Has act killed at every step in turn. After each, clients find the state before or the one after, and act itself,
    repeated, gets there."""
    client = publisher.client()
    for n in range(1, 500):
        what = prepare(n)
        killed = publisher.run("release", *act(what), check=False, env=cut(n)).returncode == -9
        client.everything()
        if not done(client, what):
            publisher.run("release", *act(what))
            client.everything()
        assert done(client, what), f"step {n}"
        if not killed:
            return n - 1
    raise AssertionError("it never ended")


def test_publishing_can_be_cut_short_anywhere(factory, cut):
    publisher = factory()
    publisher.run("release", "init-keys")
    body = secrets.token_bytes(3000)

    def prepare(n):
        publisher.create(f"0.{n}.0", body=body)
        return f"0.{n}.0"

    steps = cut_everywhere(publisher, cut, prepare, lambda version: ["publish", version, "--patches", "1"],
                           lambda client, version: version in client.versions())
    assert steps > 20
    # What follows repairs what a cut behind the last step of clients has left.
    publisher.release("1.0.0")
    releases = publisher.json("release", "list")
    assert {r["status"] for r in releases} == {"published"} and len(releases) == steps + 2
    assert json.loads((publisher.updates / "public/manifest.json").read_text())["version"] == "1.0.0"
    assert list((publisher.updates / "staging").iterdir()) == []


@pytest.mark.parametrize("role", ["targets", "timestamp"])
def test_a_change_of_keys_can_be_cut_short_anywhere(factory, cut, role):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    client = publisher.client()
    client.refresh()

    def keys(client):
        return client.root["signed"]["roles"][role]["keyids"]

    def prepare(n):
        client.refresh()
        return keys(client)

    steps = cut_everywhere(publisher, cut, prepare, lambda _: ["rotate-key", role],
                           lambda client, before: keys(client) != before)
    assert steps > 10
    publisher.run("release", "check")


def test_the_first_keys_can_be_cut_short_anywhere(factory, cut):
    publisher = factory()
    for n in range(1, 200):
        # At last there is a repository, whether or not the run that made it came to its own end.
        if publisher.run("release", "init-keys", check=False, env=cut(n)).returncode != -9:
            break
    assert 10 < n < 199
    publisher.client().refresh()
    publisher.run("release", "check")


# --- the clients themselves ---


def test_the_client_of_these_tests_refuses_what_it_should(factory):
    publisher = factory()
    publisher.run("release", "init-keys")
    publisher.release("0.1.0")
    tuf = publisher.updates / "public/tuf"
    old = {name: (tuf / name).read_bytes() for name in ("timestamp.json", "2.targets.json")}
    client = publisher.client()
    client.refresh()
    publisher.run("release", "refresh")
    client.refresh()
    (tuf / "timestamp.json").write_bytes(old["timestamp.json"])
    with pytest.raises(Refused, match="rolled back"):
        client.refresh()
    document = json.loads(old["timestamp.json"])
    document["signed"]["version"] = 99
    (tuf / "timestamp.json").write_text(json.dumps(document))
    with pytest.raises(Refused, match="signatures"):
        TufClient.of_directory(publisher.updates / "public").refresh()
