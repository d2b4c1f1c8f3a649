"""An authenticator, as people have one on their phone (RFC 6238: SHA-1, six digits, thirty seconds)."""

import base64
import hashlib
import hmac
import struct
import time


class Authenticator:
    def __init__(self, secret):
        self.key = base64.b32decode(secret.replace(" ", ""))

    def code(self, at=None):
        step = int(time.time() if at is None else at) // 30
        digest = hmac.new(self.key, struct.pack(">Q", step), hashlib.sha1).digest()
        start = digest[19] & 15
        return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7fffffff) % 1_000_000:06d}"

    def wrong(self, at=None):
        """A code of no step near that time."""
        now = time.time() if at is None else at
        near = {self.code(now + 30 * i) for i in range(-4, 5)}
        return next(code for code in (f"{n:06d}" for n in range(20)) if code not in near)


class Factor:
    """The second factor of a person of the tests. Its codes are there to be used right away: what was used before is
    forgotten first, which else takes half a minute, and so are tries."""

    def __init__(self, stack, user_id, secret, codes=()):
        self.stack, self.user_id, self.app, self.codes = stack, user_id, Authenticator(secret), list(codes)

    def forget(self):
        self.stack.change("UPDATE user_totp SET last_step = 0, pending_step = 0 WHERE user_id = ?", self.user_id)
        self.stack.change("DELETE FROM user_lockouts WHERE user_id = ?", self.user_id)

    def code(self):
        self.forget()
        return self.app.code()


def set_up(person):
    """The person sets one-time codes up, as the pages do. Sets person.factor."""
    made = person.ok("POST", "/api/auth/mfa/setup")
    app = Authenticator(made["secret"])
    person.ok("POST", "/api/auth/mfa/verify", {"code": app.code()})
    codes = person.ok("POST", "/api/auth/mfa/enable")["backupCodes"]
    person.factor = Factor(person.stack, person.user["id"], made["secret"], codes)
    return person.factor
