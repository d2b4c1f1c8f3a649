"""Clients of both listeners. Every reply is judged by docs/openapi.yaml as it comes in."""

import contextlib
import http.client
import os
import secrets
import ssl
import threading

import requests

import tokens
from identity import Identity


class Client:
    """One listener as a stranger sees it."""

    def __init__(self, stack, spec, listener):
        self.stack, self.spec, self.listener = stack, spec, listener
        self.base = stack.url if listener == "admin" else stack.agent_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = stack.ca
        self.headers = {}

    def request(self, method, path, judge=True, headers=None, **kwargs):
        kwargs.setdefault("timeout", 30)
        kwargs.setdefault("allow_redirects", False)
        reply = self.session.request(method, self.base + path, headers={**self.headers, **(headers or {})}, **kwargs)
        if judge:
            self.spec.judge(method, path, reply)
        return reply

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, json=None, **kwargs):
        return self.request("POST", path, json=json, **kwargs)

    def ok(self, method, path, json=None, **kwargs):
        """The body of a reply that has to be a success."""
        reply = self.request(method, path, json=json, **kwargs)
        assert reply.status_code in (200, 201), f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json()


class Person(Client):
    """Somebody with an account, signed in. Asked to show once more who they are they do so, as the pages do; steps_up
    = False: they are refused."""

    def __init__(self, stack, spec, email, password):
        super().__init__(stack, spec, "admin")
        self.email, self.password, self.steps_up = email, password, True
        self.factor = None  # factor.Factor
        self.typing = threading.Lock()  # a person types one thing at a time, whatever threads act for them
        self.sign_in()

    def request(self, method, path, **kwargs):
        reply = super().request(method, path, **kwargs)
        if self.steps_up and reply.status_code == 403 and reply.json()["type"] == "/problems/step-up-required":
            with self.typing:
                shown = self.step_up(reply.json())
            if shown.status_code == 200:
                reply = super().request(method, path, **kwargs)
        return reply

    def step_up(self, refusal, **proof):
        proof = proof or ({"code": self.factor.fresh()} if self.factor else {"password": self.password})
        return self.post("/api/auth/step-up", {"action": refusal["action"], "target": refusal["target"], **proof})

    def sign_in(self):
        body = self.ok("POST", "/api/auth/login", {"email": self.email, "password": self.password})
        if body["mfaRequired"]:
            body = self.ok("POST", "/api/auth/mfa/verify", {"code": self.factor.fresh()})
        self.user = body["user"]
        self.headers = {"X-CSRF-Token": body["csrfToken"]}

    @classmethod
    def add(cls, stack, spec, role):
        email, password = f"{role}-{secrets.token_hex(4)}@example.org", secrets.token_urlsafe(16)
        stack.app("user", "add", email, "--role", role, input=password + "\n")
        return cls(stack, spec, email, password)

    def mint(self, **fields):
        return self.ok("POST", "/api/otps", fields)

    def enrol(self, **fields):
        return Agent.enrol(self.stack, self.spec, self.mint(), **fields)

    def register(self, name="registered"):
        agent = self.ok("POST", "/api/agents", {"name": name, "platform": "linux"})["agent"]
        return Agent(self.stack, self.spec, agent)

    def add_config(self, agent, name="files", **fields):
        body = {"name": name, "agentId": agent.id, "sources": [{"path": "/etc"}],
                "options": {"type": "full", "compression": True, "encryption": False, "retentionDays": 30}, **fields}
        return self.ok("POST", "/api/configs", body)


class Program(Person):
    """Somebody's program: it signs in as they do, but has tokens instead of a cookie."""

    def sign_in(self):
        body = self.ok("POST", "/api/auth/login", {"email": self.email, "password": self.password, "tokens": True})
        self.user = body["user"]
        self.take(body)

    def take(self, pair):
        self.access, self.refresh_token = pair["accessToken"], pair["refreshToken"]
        self.headers = {"Authorization": f"Bearer {self.access}"}
        return pair

    def refresh(self):
        return self.take(self.ok("POST", "/api/auth/refresh", {"refreshToken": self.refresh_token},
                                 headers={"Authorization": None}))


class Script(Client):
    """What has a personal access token of somebody's."""

    def __init__(self, owner, *scopes, **fields):
        super().__init__(owner.stack, owner.spec, "admin")
        made = owner.ok("POST", "/api/auth/tokens", {"name": "script", "scopes": scopes, **fields})
        self.token, self.secret = made["token"], made["secret"]
        self.headers = {"Authorization": f"Bearer {self.secret}"}


class Agent(Client):
    """An agent that these tests play."""

    def __init__(self, stack, spec, agent, identity=None, certificate=None):
        super().__init__(stack, spec, "agent")
        self.id, self.name, self.key = agent["id"], agent["name"], agent["apiKey"]
        self.identity = identity
        self.headers = {"X-Agent-API-Key": self.key}
        if certificate:
            self.session.cert = identity.certificate_files(certificate)

    @staticmethod
    def enrolment(otp, identity, **fields):
        return {"otp": otp, "csr": identity.csr(), "hostname": "host", "platform": "linux", "arch": "amd64",
                "version": "0.1.0", "proto": 1, "capabilities": ["backup"], "deploymentMode": "vm", **fields}

    @classmethod
    def enrol(cls, stack, spec, minted, **fields):
        identity = Identity()
        body = Client(stack, spec, "agent").ok("POST", "/api/agent/enroll",
                                               cls.enrolment(minted["otp"], identity, **fields))
        return cls(stack, spec, body["agent"], identity, body["certificate"])

    def close(self):
        for path in self.session.cert or ():
            os.unlink(path)

    def beat(self, **fields):
        return self.ok("POST", "/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux", "arch": "amd64",
                                                        "deploymentMode": "vm", **fields})

    def say(self, *events, epoch="00000000000000aa"):
        return self.ok("POST", "/api/agent/events", {"epoch": epoch, "events": list(events)})


def raw(client, method, target, body=b"", **headers):
    """A request whose target no library tidies up. (status, headers, body)"""
    port = client.stack.port if client.listener == "admin" else client.stack.agent_port
    context = ssl.create_default_context(cafile=client.stack.ca)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before the body was through
            connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def event(seq, level="info", kind="log", message="said", **metadata):
    return {"seq": seq, "time_ms": 1771185600000 + seq, "level": level, "kind": kind, "message": message,
            "metadata": metadata}


def problem(reply, status, slug):
    """Asserts that the reply is this problem, and gives its body."""
    assert (reply.status_code, reply.json()["type"]) == (status, f"/problems/{slug}"), reply.text
    return reply.json()


WRONG_KEYS = {"none": None, "empty": "", "malformed": "msk_not-a-key", "mistyped": tokens.api_key()[:-1] + "!",
              "unknown": tokens.api_key(), "of another kind": tokens.otp()}
