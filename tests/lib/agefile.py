"""age v1 files written by hand, for what a well-behaved program never writes."""

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHUNK = 64 * 1024


def b64(data):
    return base64.b64encode(data).rstrip(b"=")


def bech32_bytes(text):
    """The 32 bytes of a recipient or identity that is taken to be right."""
    value = 0
    for c in text.lower()[text.rindex("1") + 1:-6]:
        value = value << 5 | ALPHABET.index(c)
    return (value >> 4).to_bytes(32, "big")


def derive(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def public(secret):
    return secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def stanza(recipient, file_key, share=None):
    """A stanza of type X25519 as [argument line, body lines…]."""
    key = bech32_bytes(recipient)
    secret = X25519PrivateKey.generate()
    share = public(secret)
    wrap = derive(secret.exchange(X25519PublicKey.from_public_bytes(key)), share + key, b"age-encryption.org/v1/X25519")
    return [b"-> X25519 " + b64(share), b64(ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None))]


def sealed(key, chunks, last=None):
    """Chunks in order; `last` is the index of the one that is sealed as the last, else the last one."""
    last = len(chunks) - 1 if last is None else last
    return [ChaCha20Poly1305(key).encrypt(i.to_bytes(11, "big") + bytes([i == last]), chunk, None)
            for i, chunk in enumerate(chunks)]


class File:
    """file = File(recipient, b"text"): change `lines` or `chunks`, then bytes(file), whose MAC is right again."""

    def __init__(self, recipient, text):
        self.file_key, self.nonce = os.urandom(16), os.urandom(16)
        self.lines = [b"age-encryption.org/v1", *stanza(recipient, self.file_key)]
        self.key = derive(self.file_key, self.nonce, b"payload")
        self.chunks = sealed(self.key, [text[i:i + CHUNK] for i in range(0, len(text), CHUNK)] or [b""])
        self.mac = lambda mac: b" " + mac

    def __bytes__(self):
        head = b"\n".join([*self.lines, b"---"])
        mac = hmac.new(derive(self.file_key, b"", b"header"), head, hashlib.sha256).digest()
        return head + self.mac(b64(mac)) + b"\n" + self.nonce + b"".join(self.chunks)
