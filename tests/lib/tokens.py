"""Well-formed tokens that nobody has given out."""

import secrets
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(prefix, length):
    body = prefix + "".join(secrets.choice(BASE62) for _ in range(length))
    crc, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        digits = BASE62[digit] + digits
    return body + digits


def api_key():
    return token("msk_", 30)


def otp():
    return token("mot_", 22)


def access():
    return token("mpt_", 30)


def refresh():
    return token("mrt_", 30)
