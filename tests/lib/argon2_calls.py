"""Argon2id hashes of passwords that no command of ours would take. As cheap as our own limits allow."""

import ctypes
import secrets


def argon2id(password):
    library = ctypes.CDLL("libargon2.so.1")
    text, salt = password.encode(), secrets.token_bytes(16)
    encoded = ctypes.create_string_buffer(160)
    rc = library.argon2id_hash_encoded(1, 64, 1, text, ctypes.c_size_t(len(text)), salt, ctypes.c_size_t(len(salt)),
                                       ctypes.c_size_t(32), encoded, ctypes.c_size_t(len(encoded)))
    assert rc == 0, rc
    return encoded.value.decode()
