"""A server that has fallen into the wrong hands, with its CA's key and its store, does not own the host for good."""

import contextlib
import datetime
import hashlib
import http.server
import io
import json
import ssl
import tarfile
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wait import wait_until

FAR = datetime.datetime(2098, 1, 1, tzinfo=datetime.timezone.utc)


def leaf_until(stack, end):
    """(certificate, key) for localhost by the stack's own CA, in PEM."""
    secrets = stack.var / "secrets"
    ca = x509.load_pem_x509_certificate((secrets / "ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((secrets / "ca.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    certificate = (x509.CertificateBuilder()
                   .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
                   .issuer_name(ca.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(start).not_valid_after(end)
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                   .sign(ca_key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    return certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                            serialization.NoEncryption())


@contextlib.contextmanager
def server_that_says(answer, certificate, key, directory, status=200):
    """Answers everything with this JSON; gives its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    (directory / "leaf.pem").write_bytes(certificate)
    (directory / "leaf.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()


def test_a_time_beyond_the_cas_own_end_is_not_believed(stack, host, tmp_path):
    """A leaf for centuries costs the CA's key nothing. A host that believed in the year it vouches for would take every
    certificate for expired, and come back to no server ever again."""
    answer = {"success": True, "status": "online", "nextPollS": 30, "configsRev": 0, "commands": 0,
              "serverTime_ms": int(FAR.timestamp() * 1000)}
    with server_that_says(answer, *leaf_until(stack, FAR.replace(year=2099)), tmp_path) as url:
        host.write_conf(SERVER_URL=url)
        host.ok("once")
    host.write_conf()
    host.ok("once")
    host.wait_online()


ESCAPES = [  # (name, type, link target or content); "victim" stands for a path outside of the target
    [("l", tarfile.SYMTYPE, "victim"), ("l/new", tarfile.REGTYPE, b"x")],
    [("l", tarfile.SYMTYPE, "victim"), ("l", tarfile.DIRTYPE, b""), ("l/new", tarfile.REGTYPE, b"x")],
    [("l", tarfile.SYMTYPE, "victim/file"), ("l", tarfile.REGTYPE, b"x")],
    [("l", tarfile.SYMTYPE, "victim/new"), ("l", tarfile.REGTYPE, b"x")],
    [("h", tarfile.LNKTYPE, "victim/file"), ("h", tarfile.REGTYPE, b"x")],
    [("l", tarfile.SYMTYPE, "victim"), ("h", tarfile.LNKTYPE, "l/file"), ("h", tarfile.REGTYPE, b"x")],
    [("l", tarfile.SYMTYPE, "victim/file"), ("h", tarfile.LNKTYPE, "l"), ("h", tarfile.REGTYPE, b"x")],
    [("victim/new", tarfile.REGTYPE, b"x")],
    [("a/../../../../../../../../../victim/new", tarfile.REGTYPE, b"x")],
]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=["anew", "overwriting"])
@pytest.mark.parametrize("entries", ESCAPES, ids=lambda entries: " then ".join(f"{n}={t.decode()}" for n, t, _ in entries))
def test_an_archive_reaches_nothing_beyond_its_target(stack, host, tmp_path, entries, overwrite):
    """Put together by whoever has the store and the database: its digest is right."""
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (victim / "file").write_text("precious")
    host.add_config("all")
    host.ok("backup", "--config-name", "all")
    run = host.runs()[0]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, what in entries:
            info = tarfile.TarInfo(name.replace("victim", str(victim)))
            info.type, info.mode = kind, 0o777
            if isinstance(what, str):
                info.linkname, what = what.replace("victim", str(victim)), b""
            info.size = len(what)
            tar.addfile(info, io.BytesIO(what))
    (stack.var / "store/objects" / run["s3_path"]).write_bytes(archive.getvalue())
    stack.change("UPDATE backup_runs SET size_bytes = ?, sha256 = ? WHERE id = ?", len(archive.getvalue()),
                 hashlib.sha256(archive.getvalue()).hexdigest(), run["id"])
    host.target.mkdir()
    host.run("restore", "--log-id", run["id"], "--target", host.target, *overwrite)
    assert [(p.name, p.read_text(), p.stat().st_nlink) for p in victim.iterdir()] == [("file", "precious", 1)]
    assert victim.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("status, reached", [(503, True), (429, True), (500, False)])
def test_a_server_that_says_not_now_was_reached(stack, host, tmp_path, status, reached):
    """So the launcher hears; a new version's trial does not fail for want of an answer."""
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    with server_that_says({"status": status}, *leaf_until(stack, soon), tmp_path, status) as url:
        host.write_conf(SERVER_URL=url)
        host.start()
        wait_until(lambda: "heartbeat: " in host.log_text(), 20, "the agent was answered")
        assert host.stop() == 0
    assert ("the server has acknowledged the agent" in host.log_text()) == reached
