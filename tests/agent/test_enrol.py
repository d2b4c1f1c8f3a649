"""Becoming one of the fleet, and everything that can be wrong with it."""

import datetime
import json
import os
import socket
import ssl
import stat
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tokens
from host import Host
from proxy import Proxy


def enrol(host, minted, *more, **kwargs):
    return host.run("enroll", "--server", host.stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                    minted["otp"], *more, **kwargs)


def one_line(text):
    """A complaint a human can act on: one line, no stack of guesses."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    return lines[0]


def identity_is_absent(host):
    return not (host.state / "identity.json").exists() and not (host.state / "cert.pem").exists()


def test_an_enrolled_host_keeps_its_secrets_to_itself(host):
    assert stat.S_IMODE(os.stat(host.state).st_mode) == 0o700
    for name in ("identity.json", "key.pem"):
        assert stat.S_IMODE(os.stat(host.state / name).st_mode) == 0o600, name
    status = host.json("status")
    assert status["id"] == host.id
    key = next(v for v in json.loads((host.state / "identity.json").read_text()).values() if str(v).startswith("msk_"))
    assert key not in json.dumps(status)
    assert host.shown()["name"]


def test_an_enrolled_host_beats_once_and_is_known(host):
    host.ok("once")
    host.wait_online()
    shown = host.stack.boss.ok("GET", f"/api/agents/{host.id}")["agent"]
    assert (shown["platform"], shown["arch"]) == ("linux", host.arch)
    assert shown["deploymentMode"] in ("vm", "container")
    assert shown["certificateNotAfter_ms"] > shown["created_ms"]


def test_the_deployment_mode_can_be_set_and_is_told(stack):
    with Host(stack) as host:
        host.enrol(DEPLOYMENT_MODE="container")
        host.ok("once")
        host.wait_online()
        assert stack.boss.ok("GET", f"/api/agents/{host.id}")["agent"]["deploymentMode"] == "container"


def test_kubernetes_is_noticed(host):
    host.ok("once", env={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    host.wait_online()
    assert host.stack.boss.ok("GET", f"/api/agents/{host.id}")["agent"]["deploymentMode"] == "container"


def test_the_password_may_come_from_a_file_or_a_pipe(stack, fresh, tmp_path):
    minted = fresh.mint()
    path = tmp_path / "otp"
    path.write_text(minted["otp"] + "\n")
    fresh.ok("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp-file", path)
    minted = fresh.mint()
    fresh.ok("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp-file", "-",
             "--force", input=minted["otp"] + "\n")


def test_a_configuration_is_written_where_there_is_none(stack):
    with Host(stack) as host:
        minted = host.mint()
        done = enrol(host, minted, "--backup-root", str(host.source), env={"STATE_DIR": str(host.state)})
        assert done.returncode == 0, done.stderr
        text = host.conf.read_text()
        assert f'SERVER_URL="{stack.agent_url}"' in text and str(host.source) in text
        assert minted["otp"] not in text


def test_the_wrong_ca_is_found_out_before_the_password_is_sent(stack, fresh):
    minted = fresh.mint()
    done = enrol(fresh, {**minted, "caFingerprint": "sha256:" + "0" * 64})
    assert done.returncode == 1
    assert "fingerprint" in one_line(done.stderr)
    assert identity_is_absent(fresh)
    state = {o["id"]: o["state"] for o in stack.boss.ok("GET", "/api/otps")["items"]}
    assert state[minted["id"]] == "open"
    assert enrol(fresh, minted).returncode == 0


@pytest.mark.parametrize("otp, why", [("mot_x", "mistyped"), (None, "unknown")])
def test_a_wrong_password_is_one_clear_line(fresh, otp, why):
    done = enrol(fresh, {**fresh.mint(), "otp": otp or tokens.otp()})
    assert done.returncode in (1, 2), why
    assert "password" in one_line(done.stderr)
    assert (otp or "mot_") not in done.stderr
    assert identity_is_absent(fresh)


def test_a_server_that_is_not_there_is_one_clear_line(fresh):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"https://localhost:{s.getsockname()[1]}"
    done = fresh.run("enroll", "--server", url, "--ca-fingerprint", "sha256:" + "0" * 64, "--otp", tokens.otp(),
                     "--timeout", "1")
    assert done.returncode == 1
    assert "localhost" in done.stderr.splitlines()[-1]
    assert identity_is_absent(fresh)


def test_a_lost_answer_costs_nothing(stack, fresh):
    minted = fresh.mint()
    count = "SELECT COUNT(*) FROM otp_uses WHERE otp_id = ?"
    with Proxy(stack.agent_port) as proxy:
        fresh.write_conf(SERVER_URL=proxy.url)
        arguments = ("enroll", "--server", proxy.url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                     minted["otp"], "--timeout", "2")
        proxy.swallow = True
        done = fresh.run(*arguments)
        assert done.returncode == 1, done.stdout
        assert proxy.swallowed >= 1, done.stderr
        assert stack.query(count, minted["id"]) == [(1,)], "the server has enrolled it"
        assert identity_is_absent(fresh)
        proxy.swallow = False
        fresh.ok(*arguments)
    assert stack.query("SELECT agent_id FROM otp_uses WHERE otp_id = ?", minted["id"]) == [(fresh.id,)]


def test_an_enrolled_host_is_not_enrolled_again_by_mistake(stack, host):
    """Doing it twice is no error, for whoever rolls it out; it just does nothing."""
    before, minted = host.id, host.mint()
    done = enrol(host, minted)
    assert done.returncode == 0 and "lready enrolled" in done.stdout
    assert host.id == before
    state = {o["id"]: o["state"] for o in stack.boss.ok("GET", "/api/otps")["items"]}
    assert state[minted["id"]] == "open"
    assert enrol(host, minted, "--force").returncode == 0
    assert host.id != before


def test_two_hosts_with_one_password_are_both_stopped(stack):
    with Host(stack) as first, Host(stack) as second:
        minted = first.mint()
        first.write_conf()
        second.write_conf()
        assert enrol(first, minted).returncode == 0
        done = enrol(second, minted)
        assert done.returncode == 1
        assert "password" in one_line(done.stderr)
        assert identity_is_absent(second)
        done = first.run("once")
        assert done.returncode == 1 and "admin" in done.stderr


# --- a server whose certificate is not right yet ---


@pytest.fixture
def early_server(tmp_path):
    """A TLS server whose certificates are valid from tomorrow on: what a host with a wrong clock sees."""
    now = datetime.datetime.utcnow()

    def certificate(name, key, issuer, issuer_key, ca):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
                .sign(issuer_key, hashes.SHA256()))

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("root", root_key, None, root_key, True)
    leaf = certificate("localhost", key, root.subject, root_key, False)
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(root.public_bytes(pem))
    (tmp_path / "chain.pem").write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
                context.wrap_socket(connection, server_side=True).close()
            except (OSError, ssl.SSLError):
                if listener.fileno() < 0:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}", tmp_path / "ca.pem", root
    listener.close()


def test_a_certificate_of_tomorrow_points_to_the_clock(fresh, early_server):
    url, ca, root = early_server
    key = {"AGENT_ID": "01900000-dead-7000-8000-000000000000", "API_KEY": tokens.api_key()}
    fresh.write_conf(SERVER_URL=url, CA_FILE=ca, **key)
    fresh.conf.chmod(0o600)
    done = fresh.run("once")
    assert done.returncode == 1
    assert "set the clock" in done.stderr.splitlines()[-1]
    fresh.write_conf(SERVER_URL=url)
    fingerprint = root.fingerprint(hashes.SHA256()).hex()
    done = fresh.run("enroll", "--server", url, "--ca-fingerprint", f"sha256:{fingerprint}", "--otp", tokens.otp(),
                     "--timeout", "2")
    assert done.returncode == 1 and "clock" in done.stderr
    assert identity_is_absent(fresh)
