"""Clients at other addresses. All of 127/8 is this machine: 127.0.0.x is one network of 24 bits, 127.0.1.x another."""

from requests.adapters import HTTPAdapter

from client import Client


class From(HTTPAdapter):
    def __init__(self, address):
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self.address, 0), **kwargs)


def client_at(stack, spec, address):
    client = Client(stack, spec, "admin")
    client.session.mount("https://", From(address))
    return client
