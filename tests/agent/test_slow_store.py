"""A store that takes its time, or answers before it has heard everything: bodies arrive whole and once."""

import base64
import hashlib
import http.server
import json
import os
import socket
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

import tokens
from test_hostile_server import FAR, leaf_until

CONFIG = {"id": "01900000-cccc-7000-8000-000000000001", "name": "slow", "sources": [], "rev": 1,
          "destination": {"bucket": "b", "region": "r", "prefix": "p"},
          "options": {"type": "full", "compression": True, "encryption": False, "retentionDays": 30, "method": "zstd",
                      "level": 1, "excludes": []}}
LOG_ID = "01900000-dddd-7000-8000-000000000001"


class Store(http.server.ThreadingHTTPServer):
    """As much of a server as a backup needs. `hesitate` is called with each PUT before its body is read."""

    daemon_threads = True

    def __init__(self, context, source, hesitate):
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://localhost:{self.server_address[1]}"
        self.config = {**CONFIG, "sources": [{"path": str(source)}]}
        self.hesitate, self.parts, self.damaged, self.completed = hesitate, {}, 0, None

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        self.answer(200, {"success": True, "configs": [self.server.config], "configsRev": 1})

    def do_POST(self):
        sent = json.loads(self.body() or b"{}")
        reply = {"success": True, "cancel": False, "acked": [e["seq"] for e in sent.get("events", [])]}
        expires = {"expiresAt": "2098-01-01T00:00:00Z"}
        if self.path.endswith("/start"):
            reply.update(logId=LOG_ID, filename=sent["filename"],
                         upload={"method": "PUT", "s3Path": "p", "uploadId": "u", "partSize": 8 << 20})
        elif self.path.endswith("/parts"):
            reply.update(url=f"{self.server.url}/put?n={sent['number']}", **expires)
        elif self.path.endswith("/complete"):
            self.server.completed = sent
        self.answer(200, reply)

    def do_PUT(self):
        number = int(parse_qs(urlsplit(self.path).query)["n"][0])
        if self.server.hesitate(self, number):
            return
        data = self.body()
        digest = hashlib.md5(data)
        if self.headers["Content-MD5"] != base64.b64encode(digest.digest()).decode():
            self.server.damaged += 1
            self.answer(400, {})
            return
        self.server.parts[number] = data
        self.answer(200, {}, ETag=f'"{digest.hexdigest()}"')

    def log_message(self, *args):
        pass


@pytest.fixture
def store(stack, fresh, tmp_path):
    """Starts a Store with a way to hesitate, and a host that is set up for it with 40 MB to back up."""
    certificate, key = leaf_until(stack, FAR.replace(year=2030))
    (tmp_path / "leaf.pem").write_bytes(certificate)
    (tmp_path / "leaf.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    context.num_tickets = 8  # each has to be taken in somewhere between the parts of a body
    (fresh.source / "file").write_bytes(os.urandom(40 << 20))
    stores = []

    def start(hesitate):
        server = Store(context, fresh.source, hesitate)
        stores.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fresh.write_conf(SERVER_URL=server.url, STORE_CA_FILE=stack.ca, CA_FILE=stack.ca, API_KEY=tokens.api_key(),
                         AGENT_ID="01900000-eeee-7000-8000-000000000001")
        fresh.conf.chmod(0o600)
        return server

    yield start
    for server in stores:
        server.shutdown()
        server.server_close()


def back_up(host, server):
    """What arrived, put together."""
    started = time.monotonic()
    host.ok("backup", "--config-name", "slow", timeout=120)
    assert server.completed["status"] == "completed"
    whole = b"".join(data for _, data in sorted(server.parts.items()))
    assert server.completed["sha256"] == hashlib.sha256(whole).hexdigest()
    return time.monotonic() - started


def test_a_body_that_has_to_wait_arrives_whole_and_once(fresh, store):
    """The store reads nothing for a while, so that every buffer in between is full when its tickets come in."""

    def hesitate(request, number):
        time.sleep(0.3)

    server = store(hesitate)
    assert back_up(fresh, server) < 30, "an upload hung"
    assert server.damaged == 0


def test_a_store_that_is_busy_is_asked_again(fresh, store):
    """503 before the body is read, as S3 does under load."""
    refused = set()

    def hesitate(request, number):
        if number in refused:
            return False
        refused.add(number)
        request.close_connection = True
        request.answer(503, {}, **{"Retry-After": 1, "Connection": "close"})
        return True

    server = store(hesitate)
    assert back_up(fresh, server) < 60
    assert len(refused) == len(server.parts) >= 5


def test_a_connection_that_breaks_in_the_middle_is_made_again(fresh, store):
    broken = set()

    def hesitate(request, number):
        if number in broken:
            return False
        broken.add(number)
        request.rfile.read(int(request.headers["Content-Length"]) // 2)
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)
        return True

    server = store(hesitate)
    assert back_up(fresh, server) < 60
    assert server.damaged == 0 and len(broken) == len(server.parts)
