"""A real S3 store for the tests: OpenStack Swift of Debian's package python3-swift, behind an nginx that speaks TLS."""

import getpass
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

import requests

from files import self_signed
from stack import is_free
from wait import wait_until

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's own, which has Swift
WITH_US = ["setpriv", "--pdeathsig", "TERM"]  # what a killed test program has started ends with it
ALL_OF_IT = 1 << 60  # bytes to keep free: no disk has them

FRONT = """
daemon off;
{user}
pid {dir}/nginx.pid;
error_log {dir}/nginx.log warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    scgi_temp_path {dir}/scgi; uwsgi_temp_path {dir}/uwsgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        client_max_body_size 0;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;  # it is signed
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_read_timeout 120s;
        }}
    }}
}}
"""


def free_port():
    """Not the ephemeral ones, which a connection could take while the store is down."""
    return next(port for port in iter(lambda: 20000 + secrets.randbelow(10000), None) if is_free(port))


class Swift:
    """with Swift() as store: … store.settings are the environment of a server that uses it, store.ca whom to trust. It
    keeps its port and its data over kill() and start()."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-swift-"))
        self.access_key, self.secret_key = "MUSTERTEST" + secrets.token_hex(5).upper(), secrets.token_urlsafe(30) + "/+"
        self.bucket, self.region = "muster-test", "eu-test-1"
        self.pem = self_signed(self.dir)
        self.ca = self.dir / "ca.pem"
        self.behind, self.port = free_port(), free_port()
        self.process = self.front = None

    # --- life ---

    def __enter__(self):
        try:
            self.start()
            self.start_front()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc):
        self.kill()
        if self.front is not None:
            self.front.terminate()
            self.front.wait(timeout=30)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, full=False):
        """full: there is no room for another object; what is there can be read and removed."""
        (self.dir / "ready").unlink(missing_ok=True)
        told = {"access_key": self.access_key, "secret_key": self.secret_key, "bucket": self.bucket,
                "region": self.region, "reserve": ALL_OF_IT if full else 0}
        with open(self.dir / "swift.log", "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_US, PYTHON, "-W", "ignore", HERE / "swiftstore_server.py", self.dir, str(self.behind)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "MUSTER_SWIFT": json.dumps(told)})
        wait_until(lambda: (self.dir / "ready").exists() or self.process.poll() is not None, 90, "Swift is ready")
        assert self.process.poll() is None, (self.dir / "swift.log").read_text()[-2000:]

    def kill(self):
        """As kill -9: its servers go with it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None
        wait_until(lambda: is_free(self.behind), 30, "Swift is gone")

    def start_front(self):
        conf = self.dir / "nginx.conf"
        user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""  # else nginx's workers are nobody
        conf.write_text(FRONT.format(dir=self.dir, user=user, port=self.port, pem=self.pem, behind=self.behind))
        env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        self.front = subprocess.Popen([*WITH_US, "nginx", "-p", self.dir, "-c", conf], env=env,
                                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: not is_free(self.port) or self.front.poll() is not None, 30, "nginx listens for Swift")
        assert self.front.poll() is None, (self.dir / "nginx.log").read_text()

    # --- places ---

    @property
    def endpoint(self):
        return f"https://localhost:{self.port}"

    @property
    def settings(self):
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_REGION": self.region, "AWS_S3_BUCKET": self.bucket, "AWS_S3_ENDPOINT": self.endpoint,
                "MUSTER_S3_CA_FILE": str(self.ca)}

    def request(self, method, url, **kwargs):
        session = requests.Session()
        session.trust_env = False
        kwargs.setdefault("timeout", 60)
        return session.request(method, url, verify=str(self.ca), allow_redirects=False, **kwargs)

    # --- Amazon's own client library ---

    def boto(self):
        import boto3
        from botocore.config import Config
        return boto3.client("s3", endpoint_url=self.endpoint, region_name=self.region, verify=str(self.ca),
                            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
                            config=Config(signature_version="s3v4", s3={"addressing_style": "path"},
                                          retries={"max_attempts": 0}, proxies={}))

    def keys(self):
        return [o["Key"] for o in self.boto().list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def uploads(self):
        return [u["UploadId"] for u in self.boto().list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])]


MORE_STORES = ["other"] if os.environ.get("MUSTER_TEST_S3") else []


class Given:
    """A store that somebody runs, with the face of Swift as far as the tests of stores need it. MUSTER_TEST_S3 names it:
    a JSON file with the settings of a server (AWS_S3_ENDPOINT and so on)."""

    def __init__(self):
        self.settings = settings = json.loads(pathlib.Path(os.environ["MUSTER_TEST_S3"]).read_text())
        self.secret_key, self.ca = settings["AWS_SECRET_ACCESS_KEY"], settings.get("MUSTER_S3_CA_FILE") or True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def request(self, method, url, **kwargs):
        return requests.request(method, url, verify=self.ca, allow_redirects=False, timeout=60, **kwargs)
