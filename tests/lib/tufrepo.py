"""A TUF repository that python3-securesystemslib makes and signs, a server for it, and build/tuf-client beside it."""

import contextlib
import datetime
import hashlib
import http.server
import json
import pathlib
import subprocess
import threading
from urllib.parse import unquote

from securesystemslib import formats, keys

from routes import ROOT

CLIENT = ROOT / "build/tuf-client"
ROLES = ["root", "timestamp", "snapshot", "targets"]
GENERATE = {"ecdsa": keys.generate_ecdsa_key, "rsa": lambda: keys.generate_rsa_key(2048),
            "rsa-sha512": lambda: keys.generate_rsa_key(2048, "rsassa-pss-sha512"),
            "ed25519": keys.generate_ed25519_key}


def canonical(value):
    return formats.encode_canonical(value).encode()


def in_days(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Key:
    def __init__(self, kind="ecdsa", **extra):
        self.secret = GENERATE[kind]()
        public = {"public": self.secret["keyval"]["public"]}
        self.public = {"keytype": self.secret["keytype"], "scheme": self.secret["scheme"], "keyval": public, **extra}
        self.id = hashlib.sha256(canonical(self.public)).hexdigest()

    def sign(self, body):
        return {"keyid": self.id, "sig": keys.create_signature(self.secret, canonical(body))["sig"]}


class Repository:
    """bodies: what is or will be signed, by role, free to be changed. files: what the server has, by name; a callable
    gets the request handler and answers itself. asked: the names that were asked for."""

    def __init__(self, kind="ecdsa", consistent=True):
        self.kind, self.files, self.asked, self.targets = kind, {}, [], {}
        self.keys = {role: [Key(kind)] for role in ROLES}
        self.threshold = {}
        self.bodies = {role: {"_type": role, "spec_version": "1.0.31", "version": 0, "expires": in_days(30)}
                       for role in ROLES}
        self.bodies["root"]["consistent_snapshot"] = consistent
        self.bodies["targets"]["targets"] = {}
        self.bodies["snapshot"]["meta"], self.bodies["timestamp"]["meta"] = {}, {}
        self.promise = False  # lengths and hashes of metadata
        self.publish("root", "targets", "snapshot", "timestamp")

    def role(self, role):
        return {"keyids": [key.id for key in self.keys[role]], "threshold": self.threshold.get(role, 1)}

    def rotate(self, role, count=1):
        self.keys[role] = [Key(self.kind) for _ in range(count)]

    def add(self, path, data, role="targets", **custom):
        hashes = {"sha256": hashlib.sha256(data).hexdigest()}
        self.bodies[role]["targets"][path] = {"length": len(data), "hashes": hashes,
                                              **({"custom": custom} if custom else {})}
        self.targets[path] = data

    def delegate(self, name, parent="targets", terminating=False, **paths):
        """paths=[…] or path_hash_prefixes=[…]"""
        self.keys.setdefault(name, [Key(self.kind)])
        self.bodies.setdefault(name, {"_type": "targets", "spec_version": "1.0.31", "version": 0, "targets": {},
                                      "expires": in_days(30)})
        delegations = self.bodies[parent].setdefault("delegations", {"keys": {}, "roles": []})
        delegations["keys"].update({key.id: key.public for key in self.keys[name]})
        delegations["roles"].append({"name": name, "terminating": terminating, **self.role(name), **paths})

    def publish(self, *roles, signers=None):
        for role in roles:
            self.bodies[role]["version"] += 1
            self.sign(role, signers)

    def sign(self, role, signers=None):
        """Signs the body as it is and serves it under the name of its version."""
        body = self.bodies[role]
        if role == "root":
            body["keys"] = {key.id: key.public for name in ROLES for key in self.keys[name]}
            body["roles"] = {name: self.role(name) for name in ROLES}
        signatures = [key.sign(body) for key in (self.keys[role] if signers is None else signers)]
        self.put(role, json.dumps({"signatures": signatures, "signed": body}, indent=1).encode())

    def put(self, role, data):
        version = self.bodies[role]["version"]
        self.files[self.name(role, version)] = data
        meta = {"version": version}
        if self.promise:
            meta |= {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}
        if role == "snapshot":
            self.bodies["timestamp"]["meta"]["snapshot.json"] = meta
        elif role not in ("root", "timestamp"):
            self.bodies["snapshot"]["meta"][f"{role}.json"] = meta

    def name(self, role, version):
        plain = role == "timestamp" or (role != "root" and not self.bodies["root"]["consistent_snapshot"])
        return f"{role}.json" if plain else f"{version}.{role}.json"

    def find(self, path):
        kind, _, name = path.lstrip("/").partition("/")
        if kind == "metadata":
            self.asked.append(unquote(name))
            return self.files.get(unquote(name))
        directory, _, last = unquote(name).rpartition("/")
        if self.bodies["root"]["consistent_snapshot"]:
            digest, _, last = last.partition(".")
        return self.targets.get(f"{directory}/{last}" if directory else last)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = self.server.repository.find(self.path)
        if callable(data):
            data(self)
        elif data is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that has had enough is part of the tests


class Client:
    """build/tuf-client with directories of its own, against a server for the repository."""

    def __init__(self, repository, directory):
        self.repository, self.dir = repository, pathlib.Path(directory)
        self.metadata, self.targets = self.dir / "metadata", self.dir / "targets"
        self.targets.mkdir()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.repository = repository
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.init(repository.files["1.root.json"])

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def init(self, root):
        (self.dir / "initial.json").write_bytes(root)
        done = self.run("init", self.dir / "initial.json")
        assert done.returncode == 0, done.stderr

    def run(self, *args, days=0):
        """days: how far its clock is ahead."""
        fake = ["faketime", "-f", f"{days:+}d"] if days else []
        self.repository.asked.clear()
        return subprocess.run([*fake, CLIENT, "--metadata-dir", self.metadata, "--metadata-url", f"{self.url}/metadata",
                               *args], capture_output=True, text=True, timeout=60, check=False)

    def download(self, *names):
        args = [arg for name in names for arg in ("--target-name", name)]
        return self.run(*args, "--target-base-url", f"{self.url}/targets/", "--target-dir", self.targets, "download")

    def refreshes(self, **kwargs):
        done = self.run("refresh", **kwargs)
        assert done.returncode == 0, done.stderr
        self.check_stored()

    def refuses(self, why, **kwargs):
        done = self.run("refresh", **kwargs)
        assert done.returncode == 1 and why in done.stderr, done.stderr
        self.check_stored()

    def gets(self, name):
        done = self.download(name)
        assert done.returncode == 0, done.stderr
        assert (self.targets / name.replace("/", "%2F")).read_bytes() == self.repository.targets[name]

    def gets_not(self, name, why):
        done = self.download(name)
        assert done.returncode == 1 and why in done.stderr, done.stderr

    def versions(self):
        """Of what is trusted, in the order of ROLES; None: none is."""
        found = []
        for role in ROLES:
            with contextlib.suppress(FileNotFoundError):
                found.append(json.loads((self.metadata / f"{role}.json").read_bytes())["signed"]["version"])
                continue
            found.append(None)
        return found

    def check_stored(self):
        """Nothing half, nothing left over."""
        for path in self.metadata.iterdir():
            assert path.suffix == ".json" and json.loads(path.read_bytes())["signed"], path
