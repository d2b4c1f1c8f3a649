"""A store that takes its time, or answers before it has heard everything: bodies arrive whole and once."""

import fcntl
import hashlib
import os
import socket
import sys
import termios
import threading
import time

import pytest


def back_up(host, server):
    """How long it took; what arrived is right."""
    started = time.monotonic()
    host.ok("backup", "--config-name", "slow", timeout=120)
    assert server.completed["status"] == "completed"
    assert server.completed["sha256"] == hashlib.sha256(server.archive()).hexdigest()
    return time.monotonic() - started


@pytest.fixture
def store(backups, fresh):
    (fresh.source / "file").write_bytes(os.urandom(40 << 20))
    return lambda hesitate: backups(hesitate=hesitate)


def test_a_body_that_has_to_wait_arrives_whole_and_once(fresh, store):
    """The store reads nothing for a while, so that every buffer in between is full when its tickets come in."""

    def hesitate(request, number):
        time.sleep(0.3)

    server = store(hesitate)
    assert back_up(fresh, server) < 30, "an upload hung"
    assert server.damaged == 0


def test_a_store_that_is_busy_is_asked_again(fresh, store):
    """503 before the body is read, as S3 does under load."""
    refused = set()

    def hesitate(request, number):
        if number in refused:
            return False
        refused.add(number)
        request.close_connection = True
        request.answer(503, {}, **{"Retry-After": 1, "Connection": "close"})
        return True

    server = store(hesitate)
    assert back_up(fresh, server) < 60
    assert len(refused) == len(server.parts) >= 5


def test_a_connection_that_breaks_in_the_middle_is_made_again(fresh, store):
    broken = set()

    def hesitate(request, number):
        if number in broken:
            return False
        broken.add(number)
        request.rfile.read(int(request.headers["Content-Length"]) // 2)
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)
        return True

    server = store(hesitate)
    assert back_up(fresh, server) < 60
    assert server.damaged == 0 and len(broken) == len(server.parts)


def unread(connection):
    return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_store_that_hangs_up_and_takes_nothing_more_is_not_waited_for(fresh, store):
    """Its end of the connection is closed, but what we send is neither read nor refused."""
    hung_up, over = set(), threading.Event()

    def hesitate(request, number):
        if number in hung_up:
            return False
        hung_up.add(number)
        waiting = -1
        while waiting < (now := unread(request.connection)):  # until there is no room left for the other side
            waiting = now
            time.sleep(0.3)
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_WR)
        over.wait(100)
        return True

    server = store(hesitate)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # so that a part does not fit
    try:
        assert back_up(fresh, server) < 30
    finally:
        over.set()
    assert len(hung_up) == len(server.parts)
