"""An HTTPS server of one file, as well behaved as a test wants it to be."""

import datetime
import hashlib
import http.server
import ipaddress
import pathlib
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def self_signed(directory):
    """A certificate for localhost that is its own CA; the path of certificate and key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                   .not_valid_after(now + datetime.timedelta(days=30))
                   .add_extension(x509.SubjectAlternativeName(names), False)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
                   .sign(key, hashes.SHA256()))
    path = pathlib.Path(directory) / "server.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) +
                     certificate.public_bytes(serialization.Encoding.PEM))
    (path.parent / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        server.paths.append(self.path)
        server.answers[min(len(server.requests), len(server.answers)) - 1](self, server)

    def reply(self, status, body=b"", **headers):
        """The head with these headers (Content_Length overrides the true one, None leaves it out), then the body."""
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Files(http.server.ThreadingHTTPServer):
    """with Files(directory, content) as files: … files.url. answers: a function of (handler, files) for each request in
    turn, the last one for all that follow. What was asked is in files.requests (headers) and files.paths."""

    daemon_threads = True

    def __init__(self, directory, content, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(directory))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.ca = pathlib.Path(directory) / "ca.pem"
        self.origin = f"https://localhost:{self.server_address[1]}"
        self.url = self.origin + "/file"
        self.content, self.etag, self.answers = content, '"v1"', answers or (obedient,)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.requests, self.paths, self.sent = [], [], 0

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests

    def ranges(self):
        """What each request asked for: a Range header or None."""
        return [r.get("Range") for r in self.requests]


def obedient(handler, files):
    """As nginx does: Range, If-Range, 416."""
    wanted, held = handler.headers["Range"], handler.headers["If-Range"]
    if wanted is None or held not in (None, files.etag):
        return whole(handler, files)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    if start >= len(files.content):
        return handler.reply(416, Content_Range=f"bytes */{len(files.content)}")
    return rest(handler, files, start)


def whole(handler, files):
    handler.reply(200, files.content, ETag=files.etag)


def rest(handler, files, start, **headers):
    size = len(files.content)
    handler.reply(206, files.content[start:], **{"ETag": files.etag, "Content_Range": f"bytes {start}-{size - 1}/{size}",
                                                 **headers})


def cut_after(count, then=None):
    """An answer that promises the whole, or the range asked for, and breaks off after count bytes of it; or, with then,
    waits for that event first."""
    def answer(handler, files):
        start = int((handler.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        size = len(files.content)
        length = {"Content_Length": size - start, "ETag": files.etag}
        if start > 0:
            handler.reply(206, files.content[start:start + count], Content_Range=f"bytes {start}-{size - 1}/{size}",
                          **length)
        else:
            handler.reply(200, files.content[:count], **length)
        handler.wfile.flush()
        if then is not None:
            then.wait(60)
        handler.close_connection = True
    return answer
