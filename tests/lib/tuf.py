"""A small TUF repository, signed by one key: what `muster-app release` publishes, without a server."""

import datetime
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROLES = ("root", "timestamp", "snapshot", "targets")


def canonical(value):
    """OLPC's form: as compact as it goes, keys sorted, and in strings only quotes and backslashes escaped."""
    if isinstance(value, dict):
        return b"{" + b",".join(canonical(k) + b":" + canonical(value[k]) for k in sorted(value)) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return json.dumps(value).encode()


class Repository:
    """files() gives what is to be served, by path."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                    serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.public = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": public}}
        self.keyid = hashlib.sha256(canonical(self.public)).hexdigest()
        self.version = 1
        self.targets = {}

    def add(self, version, arch, image, **custom):
        content = f"agent {version} {arch}".encode()
        self.targets[f"{version}/agent-linux-{arch}"] = {
            "length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
            "custom": {"product": "muster-agent", "version": version, "os": "linux", "arch": arch, "channel": "stable",
                       "min_version": "0.1.0", "changelog": "", "released_at": "2026-01-01T00:00:00Z",
                       "eventlog_min": 1, "container_image": image, "downgrade": False, **custom}}
        self.version += 1

    def signed(self, kind, version, **fields):
        expires = datetime.datetime.utcnow() + datetime.timedelta(days=30)
        body = {"_type": kind, "spec_version": "1.0.31", "version": version,
                "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ"), **fields}
        signature = self.key.sign(canonical(body), ec.ECDSA(hashes.SHA256()))
        return json.dumps({"signed": body, "signatures": [{"keyid": self.keyid, "sig": signature.hex()}]}).encode()

    def root(self):
        role = {"keyids": [self.keyid], "threshold": 1}
        return self.signed("root", 1, consistent_snapshot=True, keys={self.keyid: self.public},
                           roles={name: role for name in ROLES})

    def files(self):
        v = self.version
        return {
            "/updates/tuf/timestamp.json": self.signed("timestamp", v, meta={"snapshot.json": {"version": v}}),
            f"/updates/tuf/{v}.snapshot.json": self.signed("snapshot", v, meta={"targets.json": {"version": v}}),
            f"/updates/tuf/{v}.targets.json": self.signed("targets", v, targets=self.targets,
                                                          x_muster={"withdrawn": []}),
        }
