"""What is under way takes room too, before anything counts it."""

import socket
import ssl

from upload import Upload, md5, path_of
from wait import wait_until

BODY = b"x" * 400_000  # more than nginx keeps in memory


def test_a_part_is_not_on_its_way_twice(stack, operator, agent):
    """Nothing counts a body before it is there: the same URL, used by many at once, would fill the disk."""
    upload = Upload(agent, operator.add_config(agent))
    url = path_of(upload.url(1, BODY))
    context = ssl.create_default_context(cafile=stack.ca)
    head = (f"PUT {url} HTTP/1.1\r\nHost: localhost:{stack.agent_port}\r\nContent-Length: {len(BODY)}\r\n"
            f"Content-MD5: {md5(BODY)}\r\nConnection: close\r\n\r\n").encode()
    with context.wrap_socket(socket.create_connection(("localhost", stack.agent_port), timeout=30),
                             server_hostname="localhost") as first:
        first.sendall(head + BODY[:-1])
        wait_until(lambda: list((stack.var / "store/incoming").iterdir()), 10, "the first is under way")
        reply = upload.put(url, BODY, once=True)
        assert reply.status_code == 429 and int(reply.headers["Retry-After"]) > 0
        first.sendall(BODY[-1:])
        assert b" 200 " in first.recv(4096).split(b"\r\n")[0]
    # nginx lets the place go a moment after the answer has gone out.
    wait_until(lambda: upload.put(url, BODY).status_code == 200, 5, "the part can be sent again")
