"""Publishing releases, and a client of the repository that shares no code with ours: python3-securesystemslib checks
the signatures, the rest follows the specification's workflow (TUF 1.0, 5.3 to 5.7)."""

import datetime
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess

import securesystemslib.formats
import securesystemslib.keys

from host import NATIVE
from routes import ROOT

FOREIGN = {"amd64": "arm64", "arm64": "amd64"}[NATIVE]
MACHINES = {"amd64": 62, "arm64": 183}
CUT = ROOT / "tests/lib/cut.c"

# Libraries that are loaded into the program come before AddressSanitizer's, which otherwise takes that for a mistake.
PRELOADED = {"ASAN_OPTIONS": "verify_asan_link_order=0"}


class Refused(Exception):
    """What a client says of metadata that it does not take."""


def need(condition, what):
    if not condition:
        raise Refused(what)


def canonical(value):
    return securesystemslib.formats.encode_canonical(value).encode()


class TufClient:
    """A client that trusts the first root. read(name) gives the bytes of a file below tuf/, or None."""

    def __init__(self, read):
        self.read = read
        self.first = read("1.root.json")
        self.root = json.loads(self.first)
        self.seen = {"timestamp": 0, "snapshot": 0, "targets": 0}

    @classmethod
    def of_directory(cls, public):
        def read(name):
            path = pathlib.Path(public) / "tuf" / name
            return path.read_bytes() if path.exists() else None

        return cls(read)

    @classmethod
    def of_server(cls, client):
        def read(name):
            reply = client.get(f"/updates/tuf/{name}", judge=False)
            assert reply.status_code in (200, 404), reply.text
            return reply.content if reply.status_code == 200 else None

        return cls(read)

    @staticmethod
    def verify(document, role, root):
        entry, keys, good = root["signed"]["roles"][role], root["signed"]["keys"], set()
        for signature in document["signatures"]:
            key_id = signature["keyid"]
            if key_id not in entry["keyids"]:
                continue
            key = {**keys[key_id], "keyid": key_id}
            if securesystemslib.keys.verify_signature(key, signature, canonical(document["signed"])):
                good.add(key_id)
        need(len(good) >= entry["threshold"], f"{role} has {len(good)} of {entry['threshold']} signatures")

    @staticmethod
    def check_expiry(document, now):
        text = document["signed"]["expires"]
        expires = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        need(expires > now, f"{document['signed']['_type']} has expired at {text}")

    def update_root(self, now):
        while data := self.read(f"{self.root['signed']['version'] + 1}.root.json"):
            new = json.loads(data)
            need(new["signed"]["version"] == self.root["signed"]["version"] + 1, "a root out of turn")
            self.verify(new, "root", self.root)
            self.verify(new, "root", new)
            self.root = new
        self.check_expiry(self.root, now)

    def load(self, role, data, meta, now):
        need(data is not None, f"{role} is missing")
        if meta:
            need(len(data) == meta["length"], f"{role} has another length")
            need(hashlib.sha256(data).hexdigest() == meta["hashes"]["sha256"], f"{role} has another hash")
        document = json.loads(data)
        need(document["signed"]["_type"] == role, f"{role} is something else")
        self.verify(document, role, self.root)
        self.check_expiry(document, now)
        version = document["signed"]["version"]
        need(meta is None or version == meta["version"], f"{role} is another version")
        need(version >= self.seen[role], f"{role} was rolled back")
        self.seen[role] = version
        return document["signed"]

    def refresh(self, now=None):
        """The signed part of targets, after everything on the way to it was found right."""
        now = now or datetime.datetime.now(datetime.timezone.utc)
        self.update_root(now)
        self.timestamp = self.load("timestamp", self.read("timestamp.json"), None, now)
        meta = self.timestamp["meta"]["snapshot.json"]
        self.snapshot = self.load("snapshot", self.read(f"{meta['version']}.snapshot.json"), meta, now)
        meta = self.snapshot["meta"]["targets.json"]
        self.targets = self.load("targets", self.read(f"{meta['version']}.targets.json"), meta, now)
        return self.targets

    def target(self, path):
        """The bytes of a target, checked."""
        info = self.targets["targets"][path]
        directory, name = path.split("/")
        data = self.read(f"targets/{directory}/{info['hashes']['sha256']}.{name}")
        need(data is not None, f"{path} is missing")
        need(len(data) == info["length"], f"{path} has another length")
        need(hashlib.sha256(data).hexdigest() == info["hashes"]["sha256"], f"{path} has another hash")
        return data

    def everything(self):
        """Refreshes and fetches every target."""
        return {path: self.target(path) for path in self.refresh()["targets"]}

    def versions(self):
        return {path.split("/")[0] for path in self.refresh()["targets"] if path.endswith(("-amd64", "-arm64"))}


def fake_binary(path, version, arch=FOREIGN, size=4096, body=b""):
    """What passes for an agent of an architecture that this machine cannot run."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, MACHINES[arch], 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0)
    data = header + b"\0" + version.encode() + b"\0" + body
    path = pathlib.Path(path)
    path.write_bytes(data + bytes(max(0, size - len(data))))
    path.chmod(0o755)
    return path


def native_binary(path, version, says=None):
    """A program that answers `version --json`; says: what it claims to be."""
    source = pathlib.Path(f"{path}.c")
    answer = '{\\"version\\":\\"%s\\"}\\n'
    source.write_text(f'#include <stdio.h>\nconst char version[] = "{version}";\n'
                      f'int main(void) {{ printf("{answer}", "{says or version}"); return version[0] == 0; }}\n')
    subprocess.run(["cc", "-o", path, source], check=True)
    return pathlib.Path(path)


class Publisher:
    """An installation of its own without a server: database, secrets, and a place for updates."""

    def __init__(self, stack, directory, **settings):
        self.bin, self.dir = stack.bin, pathlib.Path(directory)
        self.updates, self.keys, self.secrets = self.dir / "updates", self.dir / "update-keys", self.dir / "secrets"
        self.conf = self.dir / "app.conf"
        places = {"MUSTER_DB": self.dir / "muster.db", "MUSTER_SECRETS_DIR": self.secrets,
                  "MUSTER_STORE_DIR": self.dir / "store", "MUSTER_DB_BACKUP_DIR": self.dir / "db-backups",
                  "MUSTER_UPDATE_DIR": self.updates, **settings}
        self.conf.write_text("".join(f'{key}="{value}"\n' for key, value in places.items()))
        self.run("init")

    def run(self, *args, check=True, env=None, config=True, before=()):
        command = [*before, self.bin, *map(str, args), *(["--config", self.conf] if config else [])]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        done = subprocess.run(command, env={**clean, **(env or {})}, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"muster-app {args}: {done.stdout}{done.stderr}"
        return done

    def json(self, *args):
        return json.loads(self.run(*args, "--json").stdout)

    def create(self, version, *options, body=b"", **kwargs):
        file = fake_binary(self.dir / f"agent-{version}", version, body=body)
        return self.run("release", "create", version, f"--{FOREIGN}", file, *options, **kwargs)

    def release(self, version, *options, **kwargs):
        self.create(version, *options, **kwargs)
        self.run("release", "publish", version)

    def client(self):
        return TufClient.of_directory(self.updates / "public")

    def offline(self, name="offline"):
        """Moves the root and targets keys away; gives them by role."""
        away = self.dir / name
        away.mkdir()
        for key in self.keys.glob("*.pem"):
            shutil.move(key, away / key.name)
        return {role: sorted(away.glob(f"{role}-*.pem")) for role in ("root", "targets")}

    def sign(self, file, key, **kwargs):
        """As on another machine: without configuration."""
        return self.run("release", "sign", file, "--key", key, config=False, **kwargs)
