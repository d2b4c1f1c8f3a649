"""An authenticator in a few lines: what a browser and a key would answer, right or wrong in any way a test wants."""

import base64
import hashlib
import json
import secrets
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from wait import wait_until

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, CREDENTIAL, EXTENSIONS = 0x01, 0x04, 0x40, 0x80


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(encoded):
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def cbor(value):
    """CTAP2's canonical form of what is needed here; a dict keeps its order."""
    def head(major, n):
        for size, code, form in ((24, n, ""), (1 << 8, 24, ">B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I")):
            if n < size:
                return bytes([major << 5 | code]) + (struct.pack(form, n) if form else b"")
        raise ValueError(n)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


class Authenticator:
    """One passkey, not yet registered. What it says may be overridden for one answer: answer(options, origin=…)."""

    def __init__(self, stack, algorithm=ES256):
        self.origin, self.rp_id, self.algorithm = stack.url, "localhost", algorithm
        self.id, self.count, self.flags, self.handle = secrets.token_bytes(32), 0, PRESENT | VERIFIED, None
        self.key = {ES256: lambda: ec.generate_private_key(ec.SECP256R1()), EDDSA: ed25519.Ed25519PrivateKey.generate,
                    RS256: lambda: rsa.generate_private_key(65537, 2048)}[algorithm]()

    def cose_key(self):
        public = self.key.public_key()
        if self.algorithm == EDDSA:
            return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
        n = public.public_numbers()
        if self.algorithm == RS256:
            return {1: 3, 3: RS256, -1: n.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}
        return {1: 2, 3: ES256, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}

    def sign(self, message):
        if self.algorithm == EDDSA:
            return self.key.sign(message)
        if self.algorithm == RS256:
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def client_data(self, kind, options, **said):
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin,
                           "crossOrigin": False, **said}).encode()

    def head(self, flags, rp_id=None, count=None):
        return hashlib.sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) \
            + struct.pack(">I", self.count if count is None else count)

    def create(self, options, flags=None, rp_id=None, attestation=None, **said):
        """A new credential for the options of navigator.credentials.create."""
        self.handle = data(options["user"]["id"])
        auth_data = self.head((self.flags if flags is None else flags) | CREDENTIAL, rp_id) + bytes(16) \
            + struct.pack(">H", len(self.id)) + self.id + cbor(self.cose_key())
        made = cbor({"fmt": "none", "attStmt": {}, "authData": auth_data})
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "clientExtensionResults": {},
                "authenticatorAttachment": "cross-platform",
                "response": {"clientDataJSON": text(self.client_data("webauthn.create", options, **said)),
                             "attestationObject": text(attestation(made) if attestation else made),
                             "transports": ["internal", "usb"]}}

    def answer(self, options, flags=None, rp_id=None, count=None, handle=True, **said):
        """An assertion for the options of navigator.credentials.get."""
        self.count += 1
        client_data = self.client_data("webauthn.get", options, **said)
        auth_data = self.head(self.flags if flags is None else flags, rp_id, count)
        response = {"clientDataJSON": text(client_data), "authenticatorData": text(auth_data),
                    "signature": text(self.sign(auth_data + hashlib.sha256(client_data).digest()))}
        if handle:
            response["userHandle"] = text(self.handle if handle is True else handle)
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "clientExtensionResults": {},
                "authenticatorAttachment": "cross-platform", "response": response}


def add(person, name="blue key", algorithm=ES256):
    """Registers a passkey of its own for the person; from then on they step up with it. The reply has backupCodes when
    it was the first factor."""
    made = Authenticator(person.stack, algorithm)
    options = person.ok("POST", "/api/auth/passkeys/options")
    body = person.ok("POST", "/api/auth/passkeys", {"name": name, "credential": made.create(options)})
    made.passkey = body["passkey"]
    step_up_with(person, made)
    return made, body


def step_up_with(person, made):
    def step_up(refusal):
        return person.post("/api/auth/step-up", {"action": refusal["action"], "target": refusal["target"],
                                                 "passkey": made.answer(ask(person, "stepup"))})
    person.step_up = step_up


def ask(client, purpose, **fields):
    return client.ok("POST", "/api/auth/passkeys/challenge", {"purpose": purpose, **fields})


def until_refused(call, status):
    """A rule that was changed behind the server's back is in force after at most a moment."""
    wait_until(lambda: call().status_code == status, 10, f"the answer is {status}")
