"""Who counts as one client to nginx: an IPv4 address, an IPv6 network of 64 bits. The map is that of the server's own
configuration, asked by an nginx that believes what address it is told."""

import http.client
import re
import socket
import subprocess

import pytest

from wait import wait_until

CONF = """
daemon off;
pid "{dir}/pid";
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path "{dir}"; proxy_temp_path "{dir}"; fastcgi_temp_path "{dir}"; scgi_temp_path "{dir}"; uwsgi_temp_path "{dir}";
    set_real_ip_from unix:;
    real_ip_header X-Address;
    {map}
    server {{
        listen "unix:{dir}/socket";
        location / {{
            return 200 $client_network;
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def configuration(stack):
    texts = [p.read_text() for p in sorted(stack.var.rglob("nginx.conf"))]
    assert len(texts) == 1
    return texts[0]


@pytest.fixture(scope="module")
def network(configuration, tmp_path_factory):
    """The client that an address is of."""
    where = tmp_path_factory.mktemp("nginx")
    path = str(where / "socket")
    block = re.search(r"map \$binary_remote_addr \$client_network \{.*?\}\n", configuration, re.S)[0]
    (where / "nginx.conf").write_text(CONF.format(dir=where, map=block))
    nginx = subprocess.Popen(["nginx", "-p", where, "-c", where / "nginx.conf"], stderr=subprocess.DEVNULL)

    def ask(address):
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("GET", "/", headers={"X-Address": address})
        body = connection.getresponse().read()
        connection.close()
        return body

    def up():
        try:
            return ask("192.0.2.1")
        except OSError:
            return None

    try:
        wait_until(up, 30, "nginx answers")
        yield ask
    finally:
        nginx.terminate()
        nginx.wait(30)


def test_an_ipv4_address_is_a_client_of_its_own(network):
    assert network("192.0.2.1") == network("192.0.2.1") == b"\xc0\x00\x02\x01"
    assert network("192.0.2.1") != network("192.0.2.2")


def test_an_ipv6_network_of_64_bits_is_one_client(network):
    first, last = "2001:db8:0:7::", "2001:db8:0:7:ffff:ffff:ffff:ffff"
    assert network(first) == network(last) == bytes.fromhex("20010db800000007")
    for beside in ("2001:db8:0:6:ffff:ffff:ffff:ffff", "2001:db8:0:8::"):
        assert network(beside) not in (network(first), network(last))
    # Bytes that mean something in texts are bytes like others.
    assert network("2001:a0d:24:3b7d::") == network("2001:a0d:24:3b7d:a00::d") == bytes.fromhex("20010a0d00243b7d")


def test_every_limit_of_strangers_counts_by_it(configuration):
    keys = {name: key for key, name in re.findall(r"limit_(?:req|conn)_zone (\S+) zone=(\w+):", configuration)}
    assert {keys[zone] for zone in ("login", "enrol", "people", "live", "objects", "updates")} == {"$client_network"}
    guarded = re.findall(r"location = (/api/(?:auth|invitations)\S*) \{\s*limit_req zone=login ", configuration)
    assert set(guarded) == {"/api/auth/login", "/api/auth/mfa/verify", "/api/auth/refresh", "/api/auth/passkeys/challenge",
                            "/api/auth/passkeys/login", "/api/invitations/look", "/api/invitations/accept"}
