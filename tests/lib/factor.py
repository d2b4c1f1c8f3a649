"""A person's second factor, as an authenticator app and a printed list of backup codes would hold it."""

import base64
import hashlib
import hmac
import struct
import time


LATE_S = 4


def code_at(secret, step):
    """RFC 6238 with SHA-1, six digits."""
    digest = hmac.new(base64.b32decode(secret.replace(" ", "")), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


class Authenticator:
    """What has read a secret. ahead: steps; at: instead of now."""

    def __init__(self, secret):
        self.secret = secret

    def code(self, ahead=0, at=None):
        """One that is about to be another is not typed: who reads it would be too late with it, too."""
        left = 30 - time.time() % 30
        if at is None and left < LATE_S:
            time.sleep(left)
        return code_at(self.secret, int(time.time() if at is None else at) // 30 + ahead)

    def wrong(self, at=None):
        """Six digits that are no code of now, however long the test takes."""
        right = {self.code(ahead, at) for ahead in range(-3, 20)}
        return next(text for text in ("000000", "111111", "222222", "333333") if text not in right)


class Factor(Authenticator):
    """One-time codes of a person, set up over the API. Codes are good once; forget() lets the server forget that, and
    all wrong tries, as time would."""

    def __init__(self, person):
        self.person, self.stack = person, person.stack
        super().__init__(person.ok("POST", "/api/auth/mfa/setup", {})["secret"])
        person.ok("POST", "/api/auth/mfa/verify", {"code": self.code(-1)})
        self.backup_codes = person.ok("POST", "/api/auth/mfa/enable", {})["backupCodes"]
        person.factor = self

    def forget(self):
        user = self.person.user["id"]
        self.stack.change("UPDATE user_totp SET last_step = 0 WHERE user_id = ?", user)
        self.stack.change("DELETE FROM user_lockouts WHERE user_id = ?", user)

    def fresh(self):
        """A code that is good now."""
        self.forget()
        return self.code()
