"""A TCP proxy in front of a server, for what networks do: an answer that never arrives, a line that goes dead."""

import contextlib
import select
import socket
import threading

# A client that has sent this much has shaken hands and asked: what comes back next is the answer.
ASKED_BYTES = 900


class Proxy:
    """with Proxy(port) as proxy: … proxy.url. With swallow, answers to requests are dropped and the line is cut. Counts
    the bytes of either direction."""

    def __init__(self, port):
        self.to, self.swallow, self.swallowed = port, False, 0
        self.up = self.down = 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def forward(self, client):
        sent = 0
        with client, socket.create_connection(("127.0.0.1", self.to)) as server, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    data = client.recv(65536)
                    if not data:
                        return
                    sent += len(data)
                    self.up += len(data)
                    server.sendall(data)
                if server in ready:
                    data = server.recv(65536)
                    if not data:
                        return
                    if self.swallow and sent > ASKED_BYTES:
                        self.swallowed += 1
                        return
                    self.down += len(data)
                    client.sendall(data)
