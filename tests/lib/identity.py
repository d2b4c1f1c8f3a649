"""What a host has of its own: a P-256 key and a CSR of it."""

import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Identity:
    def __init__(self, curve=None):
        self.key = ec.generate_private_key(curve or ec.SECP256R1())

    def csr(self, name="host"):
        """A fresh CSR each time: two of one key differ, their key does not."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())

    def owns(self, certificate):
        spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return certificate.public_key().public_bytes(*spki) == self.key.public_key().public_bytes(*spki)

    def certificate_files(self, certificate_pem):
        """(certificate, key) as requests wants them."""
        files = []
        for content in (certificate_pem.encode(), self.key_pem()):
            with tempfile.NamedTemporaryFile(prefix="muster-test-", suffix=".pem", delete=False) as f:
                f.write(content)
            files.append(f.name)
        return tuple(files)
