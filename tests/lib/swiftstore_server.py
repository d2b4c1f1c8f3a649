"""OpenStack Swift with its S3 interface as one tree of processes, for the tests. Started by swiftstore.py.

swiftstore_server.py DIR PORT: serves DIR on 127.0.0.1:PORT until it is told to end, with everything it needs in DIR: no
system service, no memcached, no root. Its file system must know user xattrs. MUSTER_SWIFT (JSON) says the rest."""

import ctypes
import getpass
import http.client
import json
import logging
import os
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.modules["swiftstore_server"] = sys.modules["__main__"]  # the configuration names our filters by it

import sigv4  # noqa: E402

KINDS = ("object", "container", "account", "proxy")
WITH = json.loads(os.environ["MUSTER_SWIFT"])  # access_key, secret_key, bucket, region, reserve


# --- filters ---


class Cache:
    """Stands in for memcached, which tempauth insists on."""

    def __init__(self):
        self.values = {}

    def get(self, key, raise_on_error=False):
        value, until = self.values.get(key, (None, 0))
        return value if not until or until > time.time() else None

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.values[key] = (value, _now() + time if time else 0)

    def delete(self, key, server_key=None):
        self.values.pop(key, None)

    def set_multi(self, values, server_key, serialize=True, time=0, min_compress_len=0):
        for key, value in values.items():
            self.set(key, value, time=time)

    def get_multi(self, keys, server_key):
        return [self.get(key) for key in keys]

    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value


def _now():
    return time.time()


def cache_factory(conf, **local):
    cache = Cache()

    def wrap(app):
        def call(env, start_response):
            env["swift.cache"] = cache
            return app(env, start_response)
        return call
    return wrap


def auth_factory(conf, **local):
    """tempauth with one user, whose access key has no colon in it."""
    from swift.common.middleware.tempauth import TempAuth

    def wrap(app):
        auth = TempAuth(app, {**conf, **local})
        auth.users = {WITH["access_key"]: {"key": WITH["secret_key"], "url": "$HOST/v1/AUTH_test",
                                           "groups": [".admin"]}}
        return auth
    return wrap


def strict_factory(conf, **local):
    """Two of Amazon's answers that Swift does not give: to strangers, and to a body of unknown length. And bodies are
    heard to their end: a refusal in the middle of one, with the line cut, gets lost in the nginx in front."""
    def deny(start_response, status, code):
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'.encode()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def judge(app, env, start_response):
        query, header = env.get("QUERY_STRING", ""), env.get("HTTP_AUTHORIZATION", "")
        if "X-Amz-Credential=" not in query and not header.startswith("AWS"):
            return deny(start_response, "403 Forbidden", "AccessDenied")
        if env["REQUEST_METHOD"] == "PUT" and env.get("HTTP_TRANSFER_ENCODING"):
            return deny(start_response, "411 Length Required", "MissingContentLength")
        return app(env, start_response)

    def wrap(app):
        def call(env, start_response):
            body = env["wsgi.input"]
            reply = judge(app, env, start_response)
            while (env.get("CONTENT_LENGTH") or env.get("HTTP_TRANSFER_ENCODING")) and body.read(65536):
                pass
            return reply
        return call
    return wrap


# --- configuration ---

BACKEND = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
replication_server = false
log_requests = false
conn_timeout = 5
node_timeout = 60
"""

FRONT = """
[pipeline:main]
pipeline = catch_errors gatekeeper strict cache listing_formats bulk s3api auth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
conn_timeout = 5
node_timeout = 60
recoverable_node_timeout = 60
error_suppression_interval = 0
[filter:s3api]
use = egg:swift#s3api
location = {region}
max_upload_part_num = 10000
min_segment_size = 5242880
s3_acl = false
auth_pipeline_check = false
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
max_manifest_size = 16777216
[filter:auth]
paste.filter_factory = swiftstore_server:auth_factory
reseller_prefix = AUTH
[filter:cache]
paste.filter_factory = swiftstore_server:cache_factory
[filter:strict]
paste.filter_factory = swiftstore_server:strict_factory
"""


def configure(directory, ports):
    etc = directory / "etc"
    (directory / "devices/d1").mkdir(parents=True, exist_ok=True)
    etc.mkdir(exist_ok=True)
    (etc / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = muster\nswift_hash_path_prefix = test\n"
                                    "[storage-policy:0]\nname = p0\ndefault = yes\n")
    common = (f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = %d\nworkers = 0\nuser = {getpass.getuser()}\n"
              f"swift_dir = {etc}\ndevices = {directory}/devices\nmount_check = false\nclient_timeout = 60\n")
    for kind in KINDS[:3]:
        reserve = f"fallocate_reserve = {WITH['reserve'] if kind == 'object' else 0}\n"
        (etc / f"{kind}.conf").write_text(common % ports[kind] + reserve + BACKEND.format(kind=kind))
    plain = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in
                    ("catch_errors", "gatekeeper", "listing_formats", "bulk", "copy", "dlo"))
    (etc / "proxy.conf").write_text(common % ports["proxy"] + FRONT.format(region=WITH["region"]) + plain)
    from swift.common.ring import RingBuilder
    for kind in KINDS[:3]:
        builder = RingBuilder(4, 1, 0)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "d1",
                         "replication_ip": "127.0.0.1", "replication_port": ports[kind], "weight": 1.0, "meta": ""})
        builder.rebalance()
        builder.get_ring().save(str(etc / f"{kind}.ring.gz"))
    return etc


# --- processes ---


def listener(port=0):
    """Bound before the servers start and inherited by them: nobody finds them not listening yet."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(1024)
    return s


def serve(kind, etc, sockets):
    ctypes.CDLL("libc.so.6", use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: killed with the parent
    if os.getppid() == 1:
        os._exit(1)
    from eventlet.green import socket as green
    from swift.common import utils, wsgi
    log = open(etc.parent / "swift.log", "a", buffering=1)  # not syslog; and standard error leads there, too
    utils.ThreadSafeSysLogHandler = lambda *args, **kwargs: logging.StreamHandler(log)
    for other in KINDS:
        if other != kind:
            sockets[other].close()
    wsgi.get_socket = lambda conf: green.socket(fileno=sockets[kind].detach())
    sys.exit(wsgi.run_wsgi(str(etc / f"{kind}.conf"), f"{kind}-server"))


def make_bucket(port):
    """The status of the answer, or None."""
    url = (f"http://127.0.0.1:{port}/{WITH['bucket']}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=&X-Amz-Expires=60"
           f"&X-Amz-SignedHeaders=host&X-Amz-Signature="
           f"&X-Amz-Credential={WITH['access_key']}/0/{WITH['region']}/s3/aws4_request")
    signed = sigv4.resign(url, "PUT", WITH["secret_key"], {}, when=time.time())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("PUT", signed.split(str(port), 1)[1])
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def wait_for_bucket(port):
    deadline = time.monotonic() + 60
    while make_bucket(port) not in (200, 409):
        gone, status = os.waitpid(-1, os.WNOHANG)
        if gone or time.monotonic() > deadline:
            sys.exit(f"swift does not start: {status}")
        time.sleep(0.05)


def main():
    directory, port = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    sockets = {kind: listener(port if kind == "proxy" else 0) for kind in KINDS}
    etc = configure(directory, {kind: s.getsockname()[1] for kind, s in sockets.items()})
    from swift.common import constraints, storage_policy, utils
    utils.eventlet_monkey_patch()
    utils.set_swift_dir(str(etc))
    storage_policy.reload_storage_policies()
    constraints.reload_constraints()
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(0))
    children = []
    for kind in KINDS:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(kind, etc, sockets)
        children.append(pid)
    try:
        for s in sockets.values():
            s.close()
        wait_for_bucket(port)
        (directory / "ready").touch()
        sys.exit(f"one of swift's servers has ended: {os.wait()}")
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
