"""A backup as an agent uploads it."""

import base64
import hashlib
import itertools
import time
from urllib.parse import urlsplit

PART = 8 * 1024 * 1024
NUMBERS = itertools.count(1)


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def path_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


class Upload:
    """A run of parts. put() sends what was announced, whatever the test makes of it in between."""

    def __init__(self, agent, config, filename=None, **fields):
        self.agent, self.parts = agent, []
        self.filename = filename or f"backup-{next(NUMBERS)}.tar.zst"
        self.reply = agent.ok("POST", "/api/agent/backup/start",
                              {"configId": config["id"], "filename": self.filename, "multipart": True, **fields})
        self.log_id, self.s3_path = self.reply["logId"], self.reply["upload"]["s3Path"]

    def announce(self, number, data, fields={}):
        return self.agent.post("/api/agent/backup/parts", {"logId": self.log_id, "number": number, "size": len(data),
                                                           "md5": md5(data)} | fields)

    def url(self, number, data, **fields):
        reply = self.announce(number, data, fields)
        assert reply.status_code == 200, reply.text
        return reply.json()["url"]

    def put(self, url, data, once=False, **headers):
        """nginx takes one body for a part at a time, and lets the place go a moment after the answer before has gone out:
        that moment is waited for, as agents do, unless once."""
        put = lambda: store_request(self.agent, "PUT", url, data=data, headers={"Content-MD5": md5(data), **headers})
        until = time.monotonic() + 10
        while (reply := put()).status_code == 429 and not once and time.monotonic() < until:
            time.sleep(0.05)
        return reply

    def add(self, data):
        """One more part, from announcing to stored."""
        number = len(self.parts) + 1
        reply = self.put(self.url(number, data), data)
        assert reply.status_code == 200, reply.text
        assert reply.headers["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        self.parts.append({"number": number, "etag": hashlib.md5(data).hexdigest(), "size": len(data)})

    def store(self, number, data, **fields):
        """A part of any number, of the archive or (object="index") of the index."""
        assert self.put(self.url(number, data, **fields), data).status_code == 200

    def body(self, status="completed", **fields):
        return {"logId": self.log_id, "status": status, "filesProcessed": 1, "bytesTransferred":
                sum(p["size"] for p in self.parts), "duration": 10, "errors": [], "parts": self.parts, **fields}

    def complete(self, status="completed", **fields):
        return self.agent.post("/api/agent/backup/complete", self.body(status, **fields))


def store_request(agent, method, url, headers=None, judge=True, **kwargs):
    """A request to the store, wherever it is, without the agent's key: the URL is all it takes."""
    if agent.stack.store:
        return agent.stack.store.request(method, url, headers=headers, **kwargs)
    bare = {"X-Agent-API-Key": None, **(headers or {})}
    return agent.request(method, path_of(url), headers=bare, judge=judge, **kwargs)
