"""The agent's encryption beside Debian's age: each reads what the other writes, and both refuse the same."""

import os
import subprocess

import pytest

import agefile
from agefile import CHUNK, File
from host import NATIVE
from routes import ROOT

DRIVER = ROOT / "build" / NATIVE / "tests" / "age_driver"


class Key:
    def __init__(self, path):
        subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
        self.path = path
        self.public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True,
                                     text=True).stdout.strip()


@pytest.fixture
def keys(tmp_path):
    return [Key(tmp_path / f"{n}.key") for n in range(3)]


def pipe(*command, input):
    return subprocess.run(list(map(str, command)), input=input, capture_output=True, timeout=60)


def ours(key, data):
    return pipe(DRIVER, "decrypt", key.path, input=data)


def theirs(key, data):
    return pipe("age", "-d", "-i", key.path, input=data)


LENGTHS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK, 5 * CHUNK + 4711]


@pytest.mark.parametrize("length", LENGTHS)
def test_each_reads_what_the_other_writes(keys, length):
    plain = os.urandom(length)
    recipients = [key.public for key in keys]
    by_us = pipe(DRIVER, "encrypt", *recipients, input=plain).stdout
    by_them = pipe("age", *[word for r in recipients for word in ("-r", r)], input=plain).stdout
    assert len(by_us) == len(by_them), "the same form has the same size"
    for key in keys:
        assert theirs(key, by_us).stdout == plain
        done = ours(key, by_them)
        assert (done.returncode, done.stdout) == (0, plain), done.stderr


def test_another_key_gives_nothing_away(keys):
    for cipher in (pipe("age", "-r", keys[0].public, input=b"secret").stdout,
                   pipe(DRIVER, "encrypt", keys[0].public, input=b"secret").stdout):
        done = ours(keys[1], cipher)
        assert (done.returncode, done.stdout) == (1, b"") and b"denied" in done.stderr
        assert theirs(keys[1], cipher).returncode != 0


def header(change):
    """A way to spoil a file's header lines."""
    def spoil(file):
        file.lines = change(file.lines)
    return spoil


def insert(*lines):
    return header(lambda old: [old[0], *lines, *old[1:]])


def mac(form):
    def spoil(file):
        file.mac = form
    return spoil


def share(change):
    return header(lambda old: [old[0], b"-> X25519 " + change(old[1].split()[-1]), old[2]])


def noncanonical(text):
    """The same bytes, with a bit set that no byte has."""
    table = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + bytes([table[table.index(text[-1]) | 1]])


def stream(make):
    def spoil(file):
        file.chunks = make(file.key)
    return spoil


GOOD = {
    "a stanza of another type": insert(b"-> grease", b""),
    "arguments of any visible characters": insert(b"-> !\"#$%&'()*+,-./ :;<=>?@[\\]^_`{|}~ x", b"QUJD"),
    "a body of exactly one line": insert(b"-> other a", b"A" * 64, b""),
    "a body of two lines": insert(b"-> other a", b"A" * 64, b"QUJD"),
    "a stanza of the type in lower case": insert(b"-> x25519 AAAA", b""),
    "a full last chunk": stream(lambda key: agefile.sealed(key, [bytes(CHUNK), bytes(CHUNK)])),
    "nothing at all": stream(lambda key: agefile.sealed(key, [b""])),
}

BAD = {
    "another version": header(lambda old: [b"age-encryption.org/v2", *old[1:]]),
    "CR LF": header(lambda old: [old[0] + b"\r", *old[1:]]),
    "a CR after a stanza": header(lambda old: [old[0], old[1] + b"\r", old[2]]),
    "an empty argument": insert(b"-> other  b", b""),
    "a blank at the end": insert(b"-> other ", b""),
    "no arguments": insert(b"->", b""),
    "no type": insert(b"-> ", b""),
    "a byte that is not ASCII": insert(b"-> oth\xc3\xa9r", b""),
    "a body without its short line": insert(b"-> other", b"A" * 64),
    "a stanza without a body": insert(b"-> other"),
    "a line that is too long": insert(b"-> other", b"A" * 68),
    "two short lines": insert(b"-> other", b"AAAA", b"AAAA"),
    "padding": insert(b"-> other", b"AA=="),
    "bits that no byte has": insert(b"-> other", b"AB"),
    "a digit too few": insert(b"-> other", b"AAAAA"),
    "a NUL in a body": insert(b"-> other", b"AAAA\0AAA"),
    "something between": insert(b"other"),
    "no stanza": header(lambda old: old[:1]),
    "one argument more": header(lambda old: [old[0], old[1] + b" x", old[2]]),
    "one argument less": header(lambda old: [old[0], b"-> X25519", old[2]]),
    "a share with spare bits": share(noncanonical),
    "a share of 31 bytes": share(lambda old: agefile.b64(bytes(31))),
    "a share of 33 bytes": share(lambda old: agefile.b64(bytes(33))),
    "a share of low order": share(lambda old: agefile.b64(bytes(32))),
    "a file key of 17 bytes": header(lambda old: [old[0], old[1], agefile.b64(bytes(33))]),
    "a wrapped key with spare bits": header(lambda old: [old[0], old[1], noncanonical(old[2])]),
    "a MAC with spare bits": mac(lambda text: b" " + noncanonical(text)),
    "a MAC of something else": mac(lambda text: b" " + agefile.b64(bytes(32))),
    "a MAC without a blank": mac(lambda text: text),
    "a MAC with two blanks": mac(lambda text: b"  " + text),
    "a MAC with a blank behind": mac(lambda text: b" " + text + b" "),
    "a MAC that is cut": mac(lambda text: b" " + text[:-1]),
    "no MAC": mac(lambda text: b""),
    "no chunk": stream(lambda key: []),
    "an empty last chunk": stream(lambda key: agefile.sealed(key, [bytes(CHUNK), b""])),
    "no last chunk": stream(lambda key: agefile.sealed(key, [b"text"], last=5)),
    "two last chunks": stream(lambda key: agefile.sealed(key, [bytes(CHUNK)]) + agefile.sealed(key, [b"x", b"y"])[1:]),
    "a short chunk before the last": stream(lambda key: agefile.sealed(key, [bytes(100), bytes(CHUNK)])),
    "a chunk twice": stream(lambda key: agefile.sealed(key, [bytes(CHUNK), b"x"])[:1] * 2),
    "something behind": stream(lambda key: [*agefile.sealed(key, [b"text"]), b"x"]),
    "half a nonce": stream(lambda key: []),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_the_form_allows_is_read(keys, what):
    file = File(keys[0].public, b"hello")
    GOOD[what](file)
    done = ours(keys[0], bytes(file))
    assert done.returncode == 0, done.stderr
    assert theirs(keys[0], bytes(file)).stdout == done.stdout


@pytest.mark.parametrize("what", BAD)
def test_what_the_form_forbids_is_refused(keys, what):
    file = File(keys[0].public, b"hello")
    BAD[what](file)
    data = bytes(file)[:-8] if what == "half a nonce" else bytes(file)
    done = ours(keys[0], data)
    assert done.returncode == 1 and b"hello" not in done.stdout
    assert theirs(keys[0], data).returncode != 0, "age itself takes it"


@pytest.mark.parametrize("region", ["magic", "share", "key", "mac", "nonce", "first chunk", "last chunk", "tag"])
def test_a_flipped_bit_is_found_wherever_it_is(keys, region):
    plain = os.urandom(2 * CHUNK + 100)
    cipher = bytearray(pipe("age", "-r", keys[0].public, input=plain).stdout)
    lines = bytes(cipher).split(b"\n", 4)
    head = sum(map(len, lines[:4])) + 4
    at = {"magic": 3, "share": len(lines[0]) + 20, "key": len(lines[0]) + len(lines[1]) + 12, "mac": head - 10,
          "nonce": head + 3, "first chunk": head + 16 + 40000, "last chunk": len(cipher) - 60, "tag": len(cipher) - 1}
    cipher[at[region]] ^= 4
    done = ours(keys[0], bytes(cipher))
    assert done.returncode == 1
    given = {"last chunk": 2 * CHUNK, "tag": 2 * CHUNK}.get(region, 0)
    assert done.stdout == plain[:given], "only what is authentic is given away"


def test_a_file_that_ends_early_is_found(keys):
    plain = os.urandom(2 * CHUNK + 100)
    cipher = pipe("age", "-r", keys[0].public, input=plain).stdout
    for length in [0, 1, 22, 100, 180, 200, len(cipher) - 116, len(cipher) - 117, len(cipher) - 1]:
        done = ours(keys[0], cipher[:length])
        assert done.returncode == 1 and b"corrupt" in done.stderr, done.stderr


def test_an_endless_header_is_given_up(keys):
    data = b"age-encryption.org/v1\n" + b"-> other\nAAAA\n" * 100000
    done = ours(keys[0], data)
    assert done.returncode == 1 and b"header" in done.stderr
