"""An S3 store that answers as it is told, for the answers that no store at hand gives on demand: an error with a 200,
an empty ETag, a redirect, a reply without an end, an archived object. TLS, with a certificate of its own."""

import http.server
import pathlib
import ssl
import tempfile
import threading
from urllib.parse import parse_qsl, urlsplit

from files import self_signed

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>so it is</Message></Error>'
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def error(status, code):
    return status, ERROR.format(code), {}


def parts_listed(*parts, truncated="", upload="u"):
    """parts: (number, size, ETag)"""
    inside = "".join(f"<Part><PartNumber>{n}</PartNumber><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                     f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size></Part>" for n, size, etag in parts)
    more = f"<NextPartNumberMarker>{truncated}</NextPartNumberMarker>" if truncated else ""
    return 200, (f"<ListPartsResult {NS}><UploadId>{upload}</UploadId>{more}"
                 f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>{inside}</ListPartsResult>"), {}


def made(etag):
    return 200, f"<CompleteMultipartUploadResult {NS}><ETag>{etag}</ETag></CompleteMultipartUploadResult>", {}


def there(size, etag="e-1", **headers):
    return 200, "", {"Content-Length": size, "ETag": f'"{etag}"', **headers}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        what = " ".join([self.command, *sorted(k for k in query if not k.startswith("X-Amz-"))])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((what, query, dict(self.headers), body))
        answers = self.server.answers.get(what, [error(404, "NoSuchKey")])
        status, text, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = answer

    def log_message(self, *args):
        pass


class OddStore(http.server.ThreadingHTTPServer):
    """with OddStore() as store: store.answers["POST uploadId"] = [(status, body, headers), …]: by method and the names
    of the query; each once, the last one for ever. store.asked has what came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dir = tempfile.TemporaryDirectory(prefix="muster-odd-")
        self.ca = pathlib.Path(self.dir.name) / "ca.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(self.dir.name))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answers, self.asked = {}, []
        self.settings = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "odd-secret-odd-secret",
                         "AWS_REGION": "odd-1", "AWS_S3_BUCKET": "odd", "MUSTER_S3_CA_FILE": str(self.ca),
                         "AWS_S3_ENDPOINT": f"https://localhost:{self.server_address[1]}"}

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()
        self.dir.cleanup()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the tests

    def count(self, what):
        return [w for w, *_ in self.asked].count(what)
