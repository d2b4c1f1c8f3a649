"""A client of GET /api/live that reads on a thread of its own."""

import contextlib
import http.client
import json
import queue
import socket
import ssl
import threading
import time


class Ended(Exception):
    pass


class LiveStream:
    """with LiveStream(person, agent=…) as stream: stream.event() …; comments are events of the kind "comment"."""

    def __init__(self, person, query="", last_id=None, cookie=None):
        cookie = cookie or f"__Host-muster={person.session.cookies['__Host-muster']}"
        headers = {"Cookie": cookie, "Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        context = ssl.create_default_context(cafile=person.stack.ca)
        self.connection = http.client.HTTPSConnection("localhost", person.stack.port, context=context, timeout=60)
        self.connection.request("GET", "/api/live" + query, headers=headers)
        self.sock = self.connection.sock
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.queue = queue.Queue()
        self.thread = threading.Thread(target=self.read, daemon=True)
        if self.status == 200:
            person.spec.judge_stream("GET", "/api/live")
            self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.status == 200:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)  # wakes the reader, which holds what close() would wait for
            self.thread.join(10)
        self.connection.close()

    def read(self):
        fields = {}
        try:
            while line := self.reply.readline():
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.queue.put({"event": "comment"})
                elif text:
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif fields:
                    self.queue.put(fields)
                    fields = {}
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.queue.put(None)

    def next(self, timeout_s):
        found = self.queue.get(timeout=timeout_s)
        if found is None:
            self.queue.put(None)
            raise Ended
        return found

    def event(self, kind, timeout_s=10):
        """The data of the next event of this kind."""
        until = time.monotonic() + timeout_s
        while True:
            found = self.next(max(0.01, until - time.monotonic()))
            if found.get("event") == kind:
                return {**json.loads(found["data"]), "_id": found.get("id")}

    def topics(self, wanted, timeout_s=10):
        """Waits until this topic is told; gives all that were told until then."""
        told = set()
        until = time.monotonic() + timeout_s
        while wanted not in told:
            told |= set(self.event("changed", max(0.01, until - time.monotonic()))["topics"])
        return told

    def ends(self, timeout_s=10):
        """How long it took until the server ended it."""
        begun = time.monotonic()
        try:
            while True:
                self.next(max(0.01, begun + timeout_s - time.monotonic()))
        except Ended:
            return time.monotonic() - begun
