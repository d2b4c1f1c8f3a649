"""A stand-in for the API of a Kubernetes cluster: one workload, kept strictly, over HTTPS with a CA of its own.

It answers as the API server does and records every request. Controllers are played by `advance`, which each GET after a
change calls once: one more pod runs the new template."""

import base64
import copy
import datetime
import functools
import http.server
import ipaddress
import json
import pathlib
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
PATCH_TYPE = "application/strategic-merge-patch+json"


def certificate(subject, issuer=None, issuer_key=None):
    """(certificate, key); RSA, as kubeadm makes them. Without an issuer: a CA."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.utcnow()
    names = [x509.DNSName("kubernetes.default.svc"), x509.DNSName("localhost"),
             x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject if issuer else name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=365))
               .add_extension(x509.BasicConstraints(issuer is None, None), True))
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(issuer_key or key, hashes.SHA256()), key


@functools.cache
def identity():
    """(CA, certificate, key) of the API, made once: RSA keys take longer than most tests."""
    ca, ca_key = certificate("kubernetes")
    return ca, *certificate("kube-apiserver", ca, ca_key)


def pem_of(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Cluster:
    """with Cluster(directory) as cluster: … cluster.env is what a pod of it finds in its environment."""

    def __init__(self, directory, kind="daemonset", name="muster-agent", namespace="muster", pods=3,
                 image="registry.example/muster-agent:0.1.0"):
        self.dir = pathlib.Path(directory)
        self.kind, self.name, self.namespace = kind, name, namespace
        self.path = f"/apis/apps/v1/namespaces/{namespace}/{kind}s/{name}"
        self.workload = f"{namespace}/{kind}/{name}"
        self.lock = threading.RLock()
        self.requests = []    # (method, path, headers, body)
        self.refusals = []    # (method, status, headers) for the requests to come
        self.before = {}      # method: called before a request of it is answered
        self.stuck_at = None  # so many pods are updated, and no more
        self.files = {}       # what is served beside, by path
        self.updated = pods
        self.pods = pods
        self.credentials = self.dir / "serviceaccount"
        self.credentials.mkdir()
        self.object = {
            "apiVersion": "apps/v1",
            "kind": {"daemonset": "DaemonSet", "deployment": "Deployment", "statefulset": "StatefulSet"}[kind],
            "metadata": {"name": name, "namespace": namespace, "generation": 1, "resourceVersion": "1000",
                         "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:template": {}}}}]},
            "spec": {"template": {"spec": {"containers": [
                {"name": "proxy", "image": "registry.example/proxy:7"},
                {"name": "agent", "image": image, "env": [{"name": "SECRET", "value": "of the pod"}]}]}}},
        }
        if kind != "daemonset":
            self.object["spec"]["replicas"] = pods
        if kind != "deployment":
            self.object["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
        self.set_status(1)
        self.set_token("first")

    # --- life ---

    def __enter__(self):
        ca, leaf, leaf_key = identity()
        (self.credentials / "ca.crt").write_bytes(ca.public_bytes(PEM))
        (self.dir / "api.pem").write_bytes(leaf.public_bytes(PEM) + pem_of(leaf_key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "api.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def env(self):
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port),
                "MUSTER_K8S_CREDENTIALS": str(self.credentials)}

    # --- what tests turn ---

    def set_token(self, text, on_disk=True):
        """A token like a service account's. on_disk False: the API takes it, the pod has not got it yet."""
        part = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        self.token = f"eyJhbGciOiJSUzI1NiJ9.{part}.c2lnbmF0dXJl-_"
        if on_disk:
            (self.credentials / "token").write_text(self.token)

    def refuse(self, method, status, times=1, **headers):
        self.refusals += [(method, status, headers)] * times

    @property
    def images(self):
        return {c["name"]: c["image"] for c in self.object["spec"]["template"]["spec"]["containers"]}

    def of(self, method):
        return [r for r in self.requests if r[0] == method]

    def set_image(self, name, image):
        """By somebody else."""
        with self.lock:
            for container in self.object["spec"]["template"]["spec"]["containers"]:
                if container["name"] == name:
                    container["image"] = image
            self.changed()

    # --- the controllers ---

    def changed(self, template=True):
        metadata = self.object["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 7)
        if template:
            metadata["generation"] += 1
            self.updated = -1  # not even seen yet

    def set_status(self, observed):
        n = max(self.updated, 0)
        status = {"observedGeneration": observed}
        if self.kind == "daemonset":
            status.update(desiredNumberScheduled=self.pods, currentNumberScheduled=self.pods, numberReady=self.pods,
                          updatedNumberScheduled=n, numberAvailable=self.pods)
        else:
            status.update(replicas=self.pods, updatedReplicas=n, readyReplicas=self.pods, availableReplicas=self.pods)
        if self.kind == "statefulset":
            status.update(currentRevision="new" if n == self.pods else "old", updateRevision="new")
        self.object["status"] = status

    def advance(self):
        limit = self.pods if self.stuck_at is None else self.stuck_at
        if self.updated >= limit:
            return
        self.updated += 1
        self.set_status(self.object["metadata"]["generation"])
        self.changed(template=False)

    # --- the API ---

    def judge(self, method, path, headers, body):
        """(status, object, headers)"""
        for i, (what, status, more) in enumerate(self.refusals):
            if what == method:
                del self.refusals[i]
                return status, self.status(status), more
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 401, self.status(401), {}
        if path.split("?")[0] != self.path:
            return 404, self.status(404), {}
        if method == "GET":
            self.advance()
            return 200, self.object, {}
        if method != "PATCH":
            return 405, self.status(405), {}
        if headers.get("Content-Type") != PATCH_TYPE:
            return 415, self.status(415), {}
        return self.patch(json.loads(body))

    def patch(self, patch):
        wanted = patch.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != self.object["metadata"]["resourceVersion"]:
            return 409, self.status(409), {}
        before = copy.deepcopy(self.object["spec"])
        containers = self.object["spec"]["template"]["spec"]["containers"]
        for one in patch["spec"]["template"]["spec"]["containers"]:
            match = [c for c in containers if c["name"] == one["name"]]
            if match:
                match[0].update(one)
            else:
                containers.append(one)
        self.changed(template=before != self.object["spec"])
        return 200, self.object, {}

    def status(self, code):
        reason = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}.get(code, "")
        return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": f"{self.kind}s.apps \"{self.name}\": the cluster says {code}"}

    def handler(self):
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path in cluster.files or self.path.startswith("/updates/"):
                    self.give(200 if self.path in cluster.files else 404, cluster.files.get(self.path, b""), {})
                    return
                cluster.before.get(self.command, lambda: None)()
                with cluster.lock:
                    cluster.requests.append((self.command, self.path, dict(self.headers), body))
                    status, value, more = cluster.judge(self.command, self.path, self.headers, body)
                    text = json.dumps(value).encode()
                self.give(status, text, more)

            do_GET = do_PATCH = do_PUT = do_POST = do_DELETE = answer

            def give(self, status, text, headers):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        return Handler
