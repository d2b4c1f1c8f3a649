"""GET /api/live: topics, an agent's log, and when a stream ends."""

import hashlib
import json
import pathlib
import queue
import re
import secrets
import select
import socket
import ssl
import time

import pytest

from client import Person, event, problem
from factor import Factor
from livestream import Ended, LiveStream
from wait import wait_until


def begun(person, query="", **options):
    stream = LiveStream(person, query, **options)
    assert stream.status == 200, stream.reply.read()
    stream.event("begun")
    return stream


# --- topics ---


def test_a_stream_has_the_headers_that_keep_it_flowing(operator):
    with begun(operator) as stream:
        headers = stream.reply.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store"
        assert "Content-Length" not in headers and "Content-Encoding" not in headers
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_strangers_get_no_stream(page):
    problem(page.get("/api/live"), 401, "unauthenticated")


def test_a_change_is_told_by_topic(operator, agent):
    with begun(operator) as stream:
        operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
        assert "agents" in stream.topics("agents")


def test_what_agents_say_of_themselves_is_told(operator, agent):
    with begun(operator) as stream:
        agent.beat()
        stream.topics("agents")


def test_many_changes_are_few_events(operator, agent):
    with begun(operator) as stream:
        started = time.monotonic()
        for _ in range(10):
            operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
            operator.ok("POST", f"/api/agents/{agent.id}/activate")
        stream.topics("agents")
        operator.ok("DELETE", f"/api/configs/{operator.add_config(agent)['id']}")
        stream.topics("configs")
        events = 2
        while True:
            try:
                found = stream.next(1.5)
            except queue.Empty:
                break
            events += found.get("event") == "changed"
        elapsed = time.monotonic() - started
        assert events <= elapsed + 2, f"{events} events in {elapsed:.1f} s"


def test_alerts_are_told_where_they_are_raised_and_acknowledged(stack, admin, operator):
    agent = operator.register()
    stack.change("INSERT INTO alerts (id, kind, message, agent_id, user_id, created_ms) VALUES (?, 'k', 'm', ?, ?, 1)",
                 agent.id, agent.id, operator.user["id"])
    with begun(operator) as stream:
        operator.ok("POST", f"/api/alerts/{agent.id}/acknowledge")
        stream.topics("alerts")


@pytest.mark.parametrize("topic", ["policy", "users"])
def test_what_only_admins_manage_only_admins_are_told(stack, admin, operator, topic):
    stack.change("INSERT INTO changes (topic, counter) VALUES (?, 1) ON CONFLICT (topic) DO NOTHING", topic)
    with begun(admin) as theirs, begun(operator) as others:
        stack.change("SELECT 1", topic=topic)
        theirs.topics(topic)
        stack.change("SELECT 1", topic="runs")
        assert topic not in others.topics("runs")



# --- the end ---


def session_hash(person):
    return hashlib.sha256(person.session.cookies["__Host-muster"].encode()).hexdigest()


def test_signing_out_ends_the_stream_within_seconds(stack, spec):
    person = Person.add(stack, spec, "viewer")
    stream = begun(person)
    person.ok("POST", "/api/auth/logout")
    assert stream.ends() < 6


def test_a_session_that_is_deleted_elsewhere_ends_the_stream(stack, spec):
    person = Person.add(stack, spec, "viewer")
    stream = begun(person)
    assert stack.change("DELETE FROM sessions WHERE id_hash = ?", session_hash(person)) == 1
    assert stream.ends() < 6


def test_a_session_that_expires_or_idles_ends_the_stream(stack, spec):
    for change in ("expires_ms = 1", "last_used_ms = 1"):
        person = Person.add(stack, spec, "viewer")
        stream = begun(person)
        stack.change(f"UPDATE sessions SET {change} WHERE id_hash = ?", session_hash(person))
        assert stream.ends() < 6, change


def test_a_quiet_stream_shows_life_and_does_not_keep_a_session_from_being_idle(stack, spec):
    person = Person.add(stack, spec, "viewer")
    used = "SELECT last_used_ms FROM sessions WHERE id_hash = ?"
    with begun(person) as stream:
        # Longer ago than what is worth writing, and not idle yet.
        before = int(time.time() * 1000) - 120_000
        stack.change("UPDATE sessions SET last_used_ms = ? WHERE id_hash = ?", before, session_hash(person))
        while stream.next(20)["event"] != "comment":
            pass
        assert stack.query(used, session_hash(person))[0][0] == before


def test_a_disabled_person_and_one_with_another_role_lose_the_stream(stack, spec):
    for change in ("disabled_ms = 1", "role = 'operator'", "deleted_ms = 1"):
        person = Person.add(stack, spec, "viewer")
        stream = begun(person)
        stack.change(f"UPDATE users SET {change} WHERE id = ?", person.user["id"])
        assert stream.ends() < 6, change


def test_who_lacks_the_factor_that_everybody_has_to_have_loses_the_stream(stack, spec):
    person, guarded = (Person.add(stack, spec, "viewer") for _ in range(2))
    Factor(guarded)
    guarded.sign_in()
    stream, other = begun(person), begun(guarded)
    stack.change("INSERT INTO policy (name, value, updated_ms) VALUES ('auth.mfa.required', 'true', 1)", topic="policy")
    try:
        assert stream.ends() < 8
        assert LiveStream(person).status == 403
    finally:
        stack.change("DELETE FROM policy WHERE name = 'auth.mfa.required'", topic="policy")
    wait_until(lambda: person.get("/api/agents").status_code == 200, 10, "the rule is not in force any more")
    with other:
        person.stack.change("UPDATE changes SET counter = counter + 1 WHERE topic = 'agents'")
        while other.next(20)["event"] != "changed":
            pass


def test_each_person_has_a_number_of_streams_and_gets_them_back(stack, spec):
    person = Person.add(stack, spec, "viewer")
    streams = [begun(person) for _ in range(32)]
    refused = LiveStream(person)
    assert refused.status == 429 and int(refused.reply.headers["Retry-After"]) >= 1
    told = json.loads(refused.reply.read())
    assert (told["type"], told["detail"]) == ("/problems/rate-limited", "There are too many live views open; close some.")
    refused.close()
    streams.pop().close()

    def again():
        stream = LiveStream(person)
        stream.close()
        return stream.status == 200

    wait_until(again, 10, "a closed stream's place is free")
    for stream in streams:
        stream.close()


# --- an agent's log ---


def test_a_log_is_told_event_by_event_from_now_on(operator, agent):
    agent.say(event(1, message="before"))
    with begun(operator, f"?agent={agent.id}") as stream:
        agent.say(event(2, message="first", level="debug"), event(3, message="second", size=7))
        first, second = stream.event("log"), stream.event("log")
        assert [first["message"], second["message"]] == ["first", "second"]
        assert (first["level"], second["metadata"], second["seq"]) == ("debug", {"size": 7}, 3)
        agent.ok("POST", "/api/agent/log", {"level": "error", "message": "by the old way"})
        assert stream.event("log")["message"] == "by the old way"


def test_a_log_has_a_least_level(operator, agent):
    with begun(operator, f"?agent={agent.id}&level=warning") as stream:
        agent.say(event(1, level="info", message="no"), event(2, level="error", message="yes"))
        assert stream.event("log")["message"] == "yes"
    problem(operator.get(f"/api/live?agent={agent.id}&level=loud"), 422, "invalid-field")


def test_a_log_goes_on_where_it_was_cut_off(operator, agent):
    with begun(operator, f"?agent={agent.id}") as stream:
        agent.say(event(1, message="seen"))
        last = stream.event("log")["_id"]
    agent.say(event(2, message="missed"), event(3, message="too"))
    with begun(operator, f"?agent={agent.id}", last_id=last) as stream:
        assert [stream.event("log")["message"] for _ in range(2)] == ["missed", "too"]
    with begun(operator, f"?agent={agent.id}", last_id="nonsense") as stream:
        agent.say(event(4, message="new"))
        assert stream.event("log")["message"] == "new"


def test_a_long_log_comes_whole_and_in_order(operator, agent):
    with begun(operator, f"?agent={agent.id}") as stream:
        for start in (1, 301):
            agent.say(*(event(n, message=f"{n} " + "x" * 500) for n in range(start, start + 300)))
        numbers = [stream.event("log", 20)["seq"] for _ in range(600)]
        assert numbers == list(range(1, 601))


def test_an_event_larger_than_a_piece_comes_without_its_metadata(operator, agent):
    with begun(operator, f"?agent={agent.id}") as stream:
        agent.say(event(1, message="big", text="x" * 40_000), event(2, message="next"))
        big = stream.event("log")
        assert (big["message"], big["metadata"]) == ("big", {"cut": True})
        assert stream.event("log")["message"] == "next"


def test_what_an_agent_says_cannot_forge_an_event(operator, agent):
    with begun(operator, f"?agent={agent.id}") as stream:
        agent.say(event(1, message="a\n\nevent: log\ndata: {\"message\": \"forged\"}\n\n\r\rdata: x"), event(2, message="real"))
        assert stream.event("log")["message"].startswith("a\n\nevent: log")
        assert stream.event("log")["message"] == "real"


def test_the_log_of_anothers_agent_is_not_there(operator, neighbour, agent):
    problem(neighbour.get(f"/api/live?agent={agent.id}"), 404, "not-found")


def test_a_grant_that_is_taken_back_ends_the_log(stack, operator, neighbour, agent):
    stack.change("INSERT INTO grants (user_id, kind, object_id, created_ms) VALUES (?, 'agent', ?, 1)",
                 neighbour.user["id"], agent.id)
    stream = begun(neighbour, f"?agent={agent.id}")
    stack.change("DELETE FROM grants WHERE object_id = ?", agent.id)
    assert stream.ends() < 6


# --- clients that do not read; many of them; the server's end ---


def raw_stream(stack, cookie, query=""):
    """A connection that has asked and reads nothing."""
    context = ssl.create_default_context(cafile=stack.ca)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", stack.port))
    client = context.wrap_socket(plain, server_hostname="localhost")
    client.sendall(f"GET /api/live{query} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
    return client


def streams_open(page):
    text = page.get("/metrics").text
    return int(re.search(r"^muster_live_streams (\d+)$", text, re.M).group(1))


def is_cut(client):
    """Whether the server has ended the connection of one who still reads nothing."""
    poller = select.poll()
    poller.register(client, 0)  # errors and the end alone, which are always told
    return bool(poller.poll(0))


def test_clients_that_do_not_read_hold_nobody_up_and_are_cut(stack, page, operator, agent):
    cookie = f"__Host-muster={operator.session.cookies['__Host-muster']}"
    before = streams_open(page)
    stuck = [raw_stream(stack, cookie, f"?agent={agent.id}") for _ in range(4)]
    with begun(operator, f"?agent={agent.id}") as log, begun(operator) as topics:
        for start in range(1, 4000, 100):  # more than nginx and the sockets hold
            agent.say(*(event(seq, message="y" * 1000) for seq in range(start, start + 100)))
            assert [log.event("log", 60)["seq"] for _ in range(100)] == list(range(start, start + 100))

        def all_cut():
            """Meanwhile the others are served, and told once a second what they do."""
            operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
            operator.ok("POST", f"/api/agents/{agent.id}/activate")
            topics.topics("agents", 60)
            return all(is_cut(client) for client in stuck)

        wait_until(all_cut, 60, "who does not read is cut")
    for client in stuck:
        client.close()
    wait_until(lambda: streams_open(page) <= before, 10, "their places are free")


SESSIONS = 32


def crowd(stack, count):
    """Cookies of as many people as it takes, straight into the database: signing each in would cost an Argon2 each."""
    now = int(time.time() * 1000)
    people = -(-count // SESSIONS)
    cookies = []
    with stack.database() as db:
        for n in range(people):
            token = secrets.token_urlsafe(32)
            user = f"01900000-0000-7000-8000-{n:012x}"
            db.execute("INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                       " VALUES (?, ?, ?, '', 'viewer', 1, 1)", (user, f"crowd{n}@x.y", f"crowd{n}@x.y"))
            db.execute("INSERT INTO sessions (id_hash, id, user_id, csrf_token, address, user_agent, created_ms,"
                       " last_used_ms, expires_ms, authenticated_ms) VALUES (?, ?, ?, 'c', '', '', ?, ?, ?, ?)",
                       (hashlib.sha256(token.encode()).hexdigest(), f"crowd-{n}", user, now, now, now + 3600_000, now))
            cookies.append(f"__Host-muster={token}")
    return [cookies[n // SESSIONS] for n in range(count)]


def memory_kib(pid):
    return int(next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                    if line.startswith("VmRSS")).split()[1])


def test_a_thousand_streams_beside_heartbeats(stack, operator, agent):
    count = 1000
    cookies = crowd(stack, count)
    stack.down_app()  # memory that nothing has used before
    stack.up()
    agent.beat()
    before = memory_kib(stack.pid())
    clients = []
    try:
        for cookie in cookies:
            clients.append(raw_stream(stack, cookie))
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        each = (memory_kib(stack.pid()) - before) / count
        worst = 0
        for _ in range(50):
            started = time.monotonic()
            agent.beat()
            operator.ok("POST", f"/api/agents/{agent.id}/deactivate")
            operator.ok("POST", f"/api/agents/{agent.id}/activate")
            worst = max(worst, time.monotonic() - started)
        print(f"\n{count} streams: {each:.1f} KiB each in the app; worst of 50 heartbeats with two writes {worst * 1000:.0f} ms")
        assert each < 64
        assert worst < 3
        for client in clients[::100]:
            client.settimeout(10)
            text = client.recv(65536)
            while b"agents" not in text:
                text += client.recv(65536)
    finally:
        for client in clients:
            client.close()
        stack.change("DELETE FROM users WHERE id LIKE '01900000-0000-7000-8000-%'")


def test_the_servers_end_is_the_streams_end(stack, operator):
    with begun(operator) as stream:
        try:
            started = time.monotonic()
            stack.down_app()
            assert time.monotonic() - started < 8
            stream.ends()
        finally:
            stack.up()
    with pytest.raises(Ended):
        stream.next(1)
