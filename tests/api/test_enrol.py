"""One-time passwords, case by case, and what an enrolled host may do with its key."""

import datetime
import hashlib
import re
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import tokens
from client import Agent, Client, problem
from identity import Identity


def redeem(wire, minted, identity, **fields):
    return wire.post("/api/agent/enroll", Agent.enrolment(minted["otp"], identity, **fields))


def otp_state(person, minted):
    return next(o for o in person.ok("GET", "/api/otps")["items"] if o["id"] == minted["id"])["state"]


def expire(stack, minted):
    """Lets the lifetime of the password pass."""
    assert stack.change("UPDATE otps SET expires_ms = created_ms - 1 WHERE id = ?", minted["id"]) == 1


# --- minting ---


def test_a_password_is_shown_once_and_stored_hashed(stack, operator):
    minted = operator.mint(name="web")
    dump = str(stack.query("SELECT * FROM otps")) + str(stack.query("SELECT * FROM audit"))
    assert minted["otp"] not in dump
    assert hashlib.sha256(minted["otp"].encode()).hexdigest() in dump
    assert minted["otp"] not in operator.get("/api/otps").text


def test_it_lives_for_fifteen_minutes_unless_told_otherwise(operator):
    listed = {o["id"]: o for o in operator.ok("GET", "/api/otps")["items"]}
    for ttl, fields in ((900, {}), (60, {"ttlS": 60}), (86400, {"ttlS": 86400})):
        minted = operator.mint(**fields)
        listed = {o["id"]: o for o in operator.ok("GET", "/api/otps")["items"]}
        otp = listed[minted["id"]]
        assert otp["expires_ms"] - otp["created_ms"] == ttl * 1000
        assert (otp["uses"], otp["used"], otp["state"]) == (1, 0, "open")


def test_the_command_pins_the_root_that_is_served(stack, operator):
    minted = operator.mint()
    root = x509.load_pem_x509_certificate(open(stack.ca, "rb").read())
    der = root.public_bytes(serialization.Encoding.DER)
    assert minted["caFingerprint"] == "sha256:" + hashlib.sha256(der).hexdigest()
    assert minted["command"] == (f"muster-agent enroll --server {stack.agent_url} --ca-fingerprint "
                                 f"{minted['caFingerprint']} --otp {minted['otp']}")


@pytest.mark.parametrize("network", ["10.0.0.0.0", "10.0.0.0/33", "nonsense", "10.0.0/8", "::/129", "10.0.0.1/8x"])
def test_a_network_that_is_none_is_refused(operator, network):
    told = problem(operator.post("/api/otps", {"network": network}), 422, "invalid-field")
    assert told["pointer"] == "/network"


# --- the first redemption ---


def test_enrolment_gives_id_key_and_a_certificate_of_the_hosts_own_key(stack, operator, wire):
    identity = Identity()
    body = redeem(wire, operator.mint(), identity, hostname="web-1", arch="arm64").json()
    certificate = x509.load_pem_x509_certificate(body["certificate"].encode())
    assert identity.owns(certificate)
    life = certificate.not_valid_after - certificate.not_valid_before
    assert 29 <= life.days <= 31
    not_after = certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(not_after * 1000 - body["certificateNotAfter_ms"]) < 2000
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca
    agent = operator.ok("GET", f"/api/agents/{body['agent']['id']}")["agent"]
    assert (agent["name"], agent["hostname"], agent["arch"], agent["status"]) == ("web-1", "web-1", "arm64", "offline")
    assert agent["certificateNotAfter_ms"] == body["certificateNotAfter_ms"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", agent["id"])
    assert body["agent"]["apiKey"] not in str(stack.query("SELECT * FROM agents"))


def test_the_issued_certificate_and_key_work(enrolled):
    assert enrolled.beat()["status"] == "online"


def test_what_the_csr_says_about_itself_is_not_believed(operator, wire):
    identity = Identity()
    minted = operator.mint()
    body = redeem(wire, minted, identity, csr=identity.csr("admin")).json()
    certificate = x509.load_pem_x509_certificate(body["certificate"].encode())
    assert "admin" not in certificate.subject.rfc4514_string()


def test_the_enroled_agent_belongs_to_who_minted(operator, neighbour, enrolled):
    assert operator.ok("GET", f"/api/agents/{enrolled.id}")["agent"]["owner_id"] == operator.user["id"]
    problem(neighbour.get(f"/api/agents/{enrolled.id}"), 404, "not-found")


# --- the same key again ---


def answer(reply):
    """An enrolment's answer, byte for byte but for the server's clock, which is never an old one."""
    assert reply.status_code == 200, reply.text
    text, count = re.subn(r'"serverTime_ms":\d+', '"serverTime_ms":0', reply.text)
    assert count == 1
    return text


def test_the_same_key_gets_the_same_answer_byte_for_byte(operator, wire):
    identity, minted = Identity(), operator.mint()
    first = redeem(wire, minted, identity)
    for hostname in ("host", "renamed meanwhile"):
        again = redeem(wire, minted, identity, hostname=hostname)  # with another CSR of the same key
        assert answer(again) == answer(first)
    assert otp_state(operator, minted) == "used"


def test_the_same_key_again_makes_no_second_agent(stack, operator, wire):
    identity, minted = Identity(), operator.mint()
    count = "SELECT COUNT(*) FROM agents"
    redeem(wire, minted, identity)
    before = stack.query(count)
    redeem(wire, minted, identity)
    assert stack.query(count) == before


def test_the_same_key_is_refused_once_the_password_has_expired(stack, operator, wire):
    identity, minted = Identity(), operator.mint()
    assert redeem(wire, minted, identity).status_code == 200
    expire(stack, minted)
    problem(redeem(wire, minted, identity), 401, "unauthenticated")


# --- another key ---


def test_another_key_is_409_blocks_quarantines_and_alerts(stack, admin, operator, wire):
    identity, minted = Identity(), operator.mint()
    first = redeem(wire, minted, identity).json()["agent"]
    victim = Agent(stack, wire.spec, first)
    assert victim.beat()["status"] == "online"

    told = problem(redeem(wire, minted, Identity()), 409, "otp-taken")
    assert minted["otp"] not in str(told) and first["id"] not in str(told)

    assert otp_state(operator, minted) == "blocked"
    assert operator.ok("GET", f"/api/agents/{first['id']}")["agent"]["status"] == "quarantined"
    problem(victim.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}), 403, "quarantined")
    alerts = [a for a in admin.ok("GET", "/api/alerts")["items"] if a["agentId"] == first["id"]]
    assert len(alerts) == 1 and alerts[0]["acknowledged_ms"] is None
    assert admin.ok("GET", "/api/overview")["alerts_open"] >= 1

    # Blocked is blocked: for the first key too.
    assert redeem(wire, minted, identity).status_code in (401, 409)
    problem(redeem(wire, minted, Identity()), 409, "otp-taken")

    # Until an admin has looked.
    problem(operator.post(f"/api/agents/{first['id']}/approve"), 403, "forbidden")
    admin.ok("POST", f"/api/agents/{first['id']}/approve")
    assert victim.beat()["status"] == "online"
    admin.ok("POST", f"/api/alerts/{alerts[0]['id']}/acknowledge")
    after = next(a for a in admin.ok("GET", "/api/alerts")["items"] if a["id"] == alerts[0]["id"])
    assert after["acknowledged_ms"]


# --- not this password ---


def test_passwords_that_do_not_count_are_all_alike(wire):
    replies = []
    for otp in (tokens.otp(), "mot_x", "x" * 200, tokens.api_key(), tokens.otp()[:-1] + "!"):
        told = problem(redeem(wire, {"otp": otp}, Identity()), 401, "unauthenticated")
        replies.append({k: v for k, v in told.items() if k != "requestId"})
    assert all(r == replies[0] for r in replies)


def test_an_expired_password_is_refused(stack, operator, wire):
    minted = operator.mint()
    expire(stack, minted)
    problem(redeem(wire, minted, Identity()), 401, "unauthenticated")
    assert otp_state(operator, minted) == "expired"


def test_a_revoked_password_is_refused(operator, wire):
    minted = operator.mint()
    operator.ok("DELETE", f"/api/otps/{minted['id']}")
    problem(redeem(wire, minted, Identity()), 401, "unauthenticated")
    assert otp_state(operator, minted) == "revoked"


def test_a_password_of_another_tenant_is_not_there_to_be_revoked(operator, neighbour, wire):
    minted = operator.mint()
    problem(neighbour.request("DELETE", f"/api/otps/{minted['id']}"), 404, "not-found")
    assert minted["id"] not in neighbour.get("/api/otps").text
    assert redeem(wire, minted, Identity()).status_code == 200


# --- bound ones ---


def test_a_password_bound_to_a_host_is_for_that_host(operator, wire):
    minted = operator.mint(expectedHost="web-1")
    problem(redeem(wire, minted, Identity(), hostname="web-2"), 403, "forbidden")
    assert otp_state(operator, minted) == "open"
    assert redeem(wire, minted, Identity(), hostname="WEB-1").status_code == 200


def test_a_password_bound_to_a_network_is_for_that_network(operator, wire):
    for network, status in (("10.0.0.0/8", 403), ("2001:db8::/32", 403), ("127.0.0.0/8", 200), ("127.0.0.1/32", 200),
                            ("0.0.0.0/0", 200)):
        minted = operator.mint(network=network)
        reply = redeem(wire, minted, Identity(), headers=None)
        assert reply.status_code == status, f"{network}: {reply.text}"
        assert otp_state(operator, minted) == ("used" if status == 200 else "open")


def test_no_header_makes_a_request_come_from_elsewhere(operator, wire):
    minted = operator.mint(network="10.0.0.0/8")
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        reply = wire.post("/api/agent/enroll", Agent.enrolment(minted["otp"], Identity()),
                          headers={name: "for=10.1.2.3" if name == "Forwarded" else "10.1.2.3"})
        problem(reply, 403, "forbidden")


# --- many at once ---


def test_of_fifty_hosts_at_once_exactly_one_gets_in(stack, operator, spec):
    minted = operator.mint()
    replies, barrier = [], threading.Barrier(50)
    bodies = [Agent.enrolment(minted["otp"], Identity()) for _ in range(50)]

    def host(body):
        client = Client(stack, spec, "agent")
        client.get("/health/live")  # connected before the start
        barrier.wait()
        replies.append(client.post("/api/agent/enroll", body))

    threads = [threading.Thread(target=host, args=(body,)) for body in bodies]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    statuses = sorted(r.status_code for r in replies)
    assert statuses.count(200) == 1, statuses
    assert len(statuses) == 50 and set(statuses) <= {200, 401, 409}, statuses
    uses = stack.query("SELECT COUNT(*) FROM otp_uses WHERE otp_id = ? AND agent_id IS NOT NULL", minted["id"])
    assert uses == [(1,)]


def test_one_host_that_asks_fifty_times_at_once_gets_one_answer(stack, operator, spec):
    minted, identity = operator.mint(), Identity()
    replies = []

    def ask():
        client = Client(stack, spec, "agent")
        replies.append(client.post("/api/agent/enroll", Agent.enrolment(minted["otp"], identity)))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({answer(r) for r in replies}) == 1


# --- tokens with more uses ---


def test_a_token_enrols_as_many_hosts_as_it_says(operator, wire):
    minted = operator.mint(uses=3, labels={"role": "web"})
    identities = [Identity() for _ in range(3)]
    ids = {redeem(wire, minted, i).json()["agent"]["id"] for i in identities}
    assert len(ids) == 3
    assert otp_state(operator, minted) == "used"
    used = next(o for o in operator.ok("GET", "/api/otps")["items"] if o["id"] == minted["id"])
    assert (used["uses"], used["used"]) == (3, 3)
    reply = redeem(wire, minted, Identity())
    assert reply.status_code in (401, 409)
    for agent_id in ids:  # one host too many is no theft
        assert operator.ok("GET", f"/api/agents/{agent_id}")["agent"]["status"] == "offline"
    # Those who are in may still repeat.
    assert redeem(wire, minted, identities[0]).status_code == 200


def test_each_use_of_a_token_is_audited(stack, operator, wire):
    minted = operator.mint(uses=2)
    for _ in range(2):
        redeem(wire, minted, Identity())
    rows = stack.query("SELECT action, target, detail FROM audit WHERE detail LIKE ? OR target LIKE ?",
                       f"%{minted['id']}%", f"%{minted['id']}%")
    assert len([r for r in rows if "enrol" in r[0]]) == 2, rows


# --- the request itself ---


def pem(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM).decode()


def test_a_csr_that_is_none_of_p256_is_refused_and_the_password_stays_open(operator, wire):
    minted, good = operator.mint(), Identity().csr()
    damaged = good.replace(good.splitlines()[2], good.splitlines()[2][::-1])
    bad_signature = good.splitlines()
    bad_signature[-3] = bad_signature[-3][:10] + ("A" if bad_signature[-3][10] != "A" else "B") + bad_signature[-3][11:]
    for csr in ("", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
                damaged, "\n".join(bad_signature), pem(rsa.generate_private_key(65537, 2048)),
                pem(ec.generate_private_key(ec.SECP384R1()))):
        told = problem(redeem(wire, minted, Identity(), csr=csr), 422, "invalid-field")
        assert told["pointer"] == "/csr"
    assert otp_state(operator, minted) == "open"


# --- renewal ---


def test_renewal_gives_a_new_certificate_for_the_same_key(operator, enrolled):
    body = enrolled.ok("POST", "/api/agent/renew", {"csr": enrolled.identity.csr()})
    assert enrolled.identity.owns(x509.load_pem_x509_certificate(body["certificate"].encode()))
    stored = operator.ok("GET", f"/api/agents/{enrolled.id}")["agent"]["certificateNotAfter_ms"]
    assert stored == body["certificateNotAfter_ms"]


def test_renewal_needs_no_certificate(enrolled):
    enrolled.session.cert, kept = None, enrolled.session.cert
    enrolled.session.close()
    assert enrolled.post("/api/agent/renew", {"csr": enrolled.identity.csr()}).status_code == 200
    enrolled.session.cert = kept


def test_renewal_with_another_key_is_a_conflict(enrolled):
    problem(enrolled.post("/api/agent/renew", {"csr": Identity().csr()}), 409, "conflict")


def test_an_agent_registered_by_key_alone_has_nothing_to_renew(agent):
    problem(agent.post("/api/agent/renew", {"csr": Identity().csr()}), 409, "conflict")


# --- certificates ---


def test_anothers_certificate_is_refused(operator, enrolled):
    other = operator.enrol()
    enrolled.session.close()
    enrolled.session.cert, own = other.session.cert, enrolled.session.cert
    reply = enrolled.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"})
    enrolled.session.cert = own
    other.close()
    problem(reply, 403, "certificate-mismatch")


def test_a_certificate_with_a_key_that_has_none_is_refused(agent, enrolled):
    agent.session.cert = enrolled.session.cert
    problem(agent.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}), 403, "certificate-mismatch")


def test_a_certificate_of_another_ca_is_refused(enrolled):

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "self-made")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                   .public_key(enrolled.identity.key.public_key()).serial_number(1).not_valid_before(now)
                   .not_valid_after(now + datetime.timedelta(days=1)).sign(enrolled.identity.key, hashes.SHA256()))
    own = enrolled.session.cert
    enrolled.session.close()
    enrolled.session.cert = enrolled.identity.certificate_files(
        certificate.public_bytes(serialization.Encoding.PEM).decode())
    reply = enrolled.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}, judge=False)
    enrolled.close()
    enrolled.session.cert = own
    assert 400 <= reply.status_code < 500
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_the_ca_bundle_is_what_enrolment_gave(enrolled, operator, wire):
    bundle = enrolled.ok("GET", "/api/agent/ca-bundle")
    body = redeem(wire, operator.mint(), Identity()).json()
    assert bundle["caBundle"] == body["caBundle"]
    assert bundle["caBundleRev"] == body["caBundleRev"] == enrolled.beat()["caBundleRev"]


def test_the_answer_is_kept_sealed(stack, operator, wire):
    body = redeem(wire, operator.mint(), Identity()).json()
    raw = b"".join(p.read_bytes() for p in stack.var.glob("muster.db*"))
    assert body["agent"]["apiKey"].encode() not in raw
    assert time.time() * 1000 < body["certificateNotAfter_ms"]
