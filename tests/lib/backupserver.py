"""As much of a server and a store as a backup needs, which a test can have answer as no real one would."""

import base64
import hashlib
import http.server
import json
import ssl
import threading
from urllib.parse import parse_qs, urlsplit

import xxhash

CONFIG = {"id": "01900000-cccc-7000-8000-000000000001", "name": "slow", "sources": [], "rev": 1,
          "destination": {"bucket": "b", "region": "r", "prefix": "p"},
          "options": {"type": "full", "compression": True, "encryption": False, "retentionDays": 30, "method": "zstd",
                      "level": 1, "excludes": []}}
LOG_ID = "01900000-dddd-7000-8000-000000000001"


class BackupServer(http.server.ThreadingHTTPServer):
    """`hesitate`(handler, number) is called with each PUT before its body is read; when it returns something true it
    has answered. `say`(what, request) may return more fields of the reply to "start", "parts", "progress", "complete",
    a status to refuse with, or None for no answer at all. options: of the config. part_size, port: as they say. digest: what parts are to be announced with."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self, context, source, hesitate=None, say=None, part_size=8 << 20, port=0, digest="xxh64", **options):
        self.context = context
        super().__init__(("127.0.0.1", port), Handler)
        self.url = self.store_url = f"https://localhost:{self.server_address[1]}"
        self.config = {**CONFIG, "sources": [{"path": str(source)}], "options": {**CONFIG["options"], **options}}
        self.hesitate, self.say = hesitate or (lambda *args: False), say or (lambda *args: {})
        self.part_size, self.digest = part_size, digest
        self.parts, self.index, self.damaged, self.completed = {}, {}, 0, None
        self.requests = []  # (what, JSON)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def finish_request(self, request, client_address):  # in the connection's own thread, unlike get_request
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests

    def asked(self, what):
        return [request for kind, request in self.requests if kind == what]

    def archive(self):
        return b"".join(data for _, data in sorted(self.parts.items()))

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

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
        server = self.server
        sent = json.loads(self.body() or b"{}")
        what = self.path.rsplit("/", 1)[1]
        server.requests.append((what, sent))
        reply = {"success": True, "cancel": False, "acked": [e["seq"] for e in sent.get("events", [])]}
        if what == "start":
            reply.update(logId=LOG_ID, filename=sent["filename"],
                         upload={"method": "PUT", "s3Path": "p", "uploadId": "u", "partSize": server.part_size,
                                 "digest": server.digest})
        elif what == "parts":
            assert ("xxh64" in sent, "md5" in sent) == (server.digest == "xxh64", server.digest != "xxh64")
            query = f"n={sent['number']}&o={sent.get('object', 'archive')}&xxh64={sent.get('xxh64', '')}"
            reply.update(url=f"{server.store_url}/put?{query}", expiresAt="2098-01-01T00:00:00Z")
        elif what == "complete":
            server.completed = sent
        more = server.say(what, sent)
        if more is None:
            self.close_connection = True
            return
        if isinstance(more, int):
            self.answer(more, {"type": "/problems/refused", "title": "Refused", "status": more})
            return
        self.answer(200, {**reply, **more})

    def do_PUT(self):
        query = parse_qs(urlsplit(self.path).query)
        number = int(query["n"][0])
        if self.server.hesitate(self, number):
            return
        data = self.body()
        if self.server.digest == "xxh64":
            digest = xxhash.xxh64(data).hexdigest()
            good = query["xxh64"] == [digest] and "Content-MD5" not in self.headers
        else:
            digest = hashlib.md5(data).hexdigest()
            good = self.headers["Content-MD5"] == base64.b64encode(bytes.fromhex(digest)).decode()
        if not good:
            self.server.damaged += 1
            self.answer(400, {})
            return
        (self.server.index if query["o"] == ["index"] else self.server.parts)[number] = data
        self.answer(200, {}, ETag=f'"{digest}"')

    def log_message(self, *args):
        pass


def context_of(certificate, key, directory):
    (directory / "leaf.pem").write_bytes(certificate)
    (directory / "leaf.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
    context.num_tickets = 8  # each has to be taken in somewhere between the parts of a body
    return context
