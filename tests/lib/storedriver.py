"""The server's object stores, one call at a time."""

import hashlib
import os
import subprocess

from routes import ROOT

BIN = (ROOT / os.environ.get("MUSTER_TEST_APP", "build/muster-app")).parent / "store-driver"


class Refused(Exception):
    """kind: what the library calls it, such as "not found"."""

    def __init__(self, text):
        super().__init__(text)
        self.kind = text.split(":", 1)[0]


class StoreDriver:
    def __init__(self, settings):
        """settings: as variables of a server's environment."""
        self.env = {**os.environ, **settings}

    def raw(self, *args):
        done = subprocess.run([BIN, *map(str, args)], env=self.env, capture_output=True, timeout=180)
        if done.returncode != 0:
            raise Refused(done.stderr.decode().strip())
        assert not done.stderr, done.stderr
        return done.stdout

    def call(self, *args):
        return self.raw(*args).decode().strip()

    # --- what tests say often ---

    def complete(self, path, upload_id, *bodies):
        """(size, ETag)"""
        parts = [f"{len(b)}:{hashlib.md5(b).hexdigest()}" for b in bodies]
        size, _, etag = self.call("complete", path, upload_id, *parts).partition(" ")
        return int(size), etag

    def head(self, path):
        """(size, thaw, ETag)"""
        size, thaw, etag = (self.call("head", path) + " ").split(" ")[:3]
        return int(size), thaw, etag

    def exists(self, path):
        try:
            self.head(path)
        except Refused as refused:
            assert refused.kind == "not found", refused
            return False
        return True

    def uploads(self, min_age_s=-60):
        """[(path or "-", id)]"""
        return [tuple(line.split(" ")[:2]) for line in self.call("uploads", min_age_s).splitlines()]

    def part_url(self, path, upload_id, number, body, expires_s=900):
        return self.call("url", "PUT", path, len(body), expires_s, upload_id, number, hashlib.md5(body).hexdigest())
