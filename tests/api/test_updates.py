"""What the server does with published releases: nginx serves them whether or not the app is there, the app keeps their
metadata fresh, and people see them. On a stack of its own, since the app is taken down and time passes."""

import concurrent.futures
import datetime
import json
import os
import secrets
import signal
import subprocess
import time

import pytest
import requests

from client import Client, Person, problem
from releases import FOREIGN, PRELOADED, Refused, TufClient, fake_binary
from stack import Stack
from wait import wait_until

TARGET = f"agent-linux-{FOREIGN}"
RATE_KIB = 512
BIG = 1 << 20


@pytest.fixture(scope="module")
def own(spec, tmp_path_factory):
    with Stack("updates", MUSTER_UPDATE_RATE_KBPS=str(RATE_KIB), MUSTER_UPDATE_CONNECTIONS="3") as stack:
        env = stack.admin_env()
        stack.boss = Person(stack, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        stack.files = tmp_path_factory.mktemp("files")
        assert "tufFingerprint" not in stack.boss.mint()
        stack.fingerprint = stack.app_json("release", "init-keys")["root fingerprint"]
        release(stack, "0.2.0")
        release(stack, "0.3.0", size=BIG, body=secrets.token_bytes(1000))
        yield stack


def release(stack, version, *options, **kwargs):
    file = fake_binary(stack.files / version, version, **kwargs)
    stack.app("release", "create", version, f"--{FOREIGN}", file, *options)
    stack.app("release", "publish", version)


@pytest.fixture(params=["admin", "agent"])
def port(request, own, spec):
    return Client(own, spec, request.param)


def get(port, path, **kwargs):
    return port.get(f"/updates/{path}", judge=False, **kwargs)


def now_plus(**kwargs):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**kwargs)


# --- files ---


def test_both_ports_serve_all_of_it(port):
    client = TufClient.of_server(port)
    assert client.versions() == {"0.2.0", "0.3.0"}
    assert len(client.target(f"0.3.0/{TARGET}")) == BIG
    assert get(port, "manifest.json").json()["version"] == "0.3.0"


def test_files_are_what_they_say_and_are_kept_as_long_as_they_hold(port):
    targets = TufClient.of_server(port).refresh()["targets"]
    info = targets[f"0.2.0/{TARGET}"]
    content = f"tuf/targets/0.2.0/{info['hashes']['sha256']}.{TARGET}"
    expected = {
        "tuf/timestamp.json": ("application/json", "no-cache"), "manifest.json": ("application/json", "no-cache"),
        "helm-values.yaml": ("application/yaml", "no-cache"), TARGET: ("application/octet-stream", "no-cache"),
        "tuf/1.root.json": ("application/json", "immutable"), "tuf/2.targets.json": ("application/json", "immutable"),
        content: ("application/octet-stream", "immutable"),
    }
    for path, (kind, kept) in expected.items():
        reply = port.request("HEAD", f"/updates/{path}", judge=False)
        assert reply.status_code == 200 and reply.headers["Content-Type"] == kind, path
        assert kept in reply.headers["Cache-Control"] and reply.headers["X-Content-Type-Options"] == "nosniff", path
        assert "Content-Security-Policy" in reply.headers and reply.headers["ETag"], path
        again = get(port, path, headers={"If-None-Match": reply.headers["ETag"]})
        assert again.status_code == 304 and not again.content, path


def test_a_download_goes_on_where_it_broke_off(port):
    whole = get(port, f"{TARGET}", headers={"Range": "bytes=0-"})
    assert whole.status_code == 206 and len(whole.content) == BIG
    tag = whole.headers["ETag"]
    part = get(port, TARGET, headers={"Range": f"bytes={BIG - 1000}-", "If-Range": tag})
    assert part.status_code == 206 and part.content == whole.content[-1000:]
    assert part.headers["Content-Range"] == f"bytes {BIG - 1000}-{BIG - 1}/{BIG}"
    stale = port.request("HEAD", f"/updates/{TARGET}", judge=False, headers={"Range": "bytes=9-", "If-Range": '"old"'})
    assert stale.status_code == 200
    beyond = get(port, TARGET, headers={"Range": f"bytes={BIG}-"})
    assert beyond.status_code == 416 and beyond.headers["Content-Type"] == "application/problem+json"


def test_nothing_else_is_to_be_seen(own, port):
    staged = fake_binary(own.files / "staged", "9.0.0")
    own.app("release", "create", "9.0.0", f"--{FOREIGN}", staged)
    temporary = own.var / "updates/public/tuf/timestamp.json.AbCdEf"
    temporary.write_text("{}")
    key = next((own.var / "update-keys").glob("root-*.pem"))
    hidden = ["", "tuf", "tuf/", "tuf/targets/", "tuf/targets/0.2.0/", "lock", "../lock", "staging/", "pending/",
              f"staging/9.0.0/{TARGET}", f"../staging/9.0.0/{TARGET}", f"%2e%2e/staging/9.0.0/{TARGET}",
              f"tuf/..%2f..%2fstaging/9.0.0/{TARGET}", f"../../update-keys/{key.name}", "tuf/timestamp.json.AbCdEf",
              "tuf/timestamp.json/", "tuf/99.root.json", "tuf/root.json", "agent-linux-mips", "index.html"]
    for path in hidden:
        request = requests.Request("GET", port.base).prepare()
        request.url = f"{port.base}/updates/{path}"  # as it is, without being tidied up
        reply = port.session.send(request, verify=port.session.verify, timeout=10, allow_redirects=False)
        shown = reply.headers["Content-Type"].startswith("text/html") and b"<html" in reply.content.lower()
        assert reply.status_code in (400, 404) or shown, path  # a path that leaves /updates/ may be one of the pages
        assert b"\x7fELF" not in reply.content and b"PRIVATE" not in reply.content
        if reply.status_code == 404:
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert "immutable" not in reply.headers.get("Cache-Control", ""), path
    temporary.unlink()
    own.app("release", "withdraw", "9.0.0")
    for method in ("POST", "PUT", "DELETE"):
        assert port.request(method, f"/updates/{TARGET}", judge=False).status_code == 405, method


def test_downloads_are_held_to_the_rate(port):
    started = time.monotonic()
    assert len(get(port, TARGET).content) == BIG
    seconds = time.monotonic() - started
    # nginx lets the first second's worth through at once.
    assert seconds > BIG / 1024 / RATE_KIB - 1.1


def test_downloads_at_once_are_held_to_the_number_and_counted(own, spec):
    def fetch(_):
        client = Client(own, spec, "agent")
        reply = client.get(f"/updates/{TARGET}", judge=False, headers={"User-Agent": mark})
        return reply

    mark = f"counted-{secrets.token_hex(4)}"
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(fetch, range(6)))
    refused = [r for r in replies if r.status_code == 429]
    assert len(refused) == 3 and all(r.status_code == 200 for r in replies if r not in refused)
    for reply in refused:
        problem(reply, 429, "rate-limited")
        assert int(reply.headers["Retry-After"]) >= 1

    def counted():
        lines = [json.loads(line) for line in (own.var / "log/access.log").read_text().splitlines() if mark in line]
        return len(lines) == 6 and lines

    lines = wait_until(counted, 10, "six lines in the access log")
    served = [line for line in lines if line["status"] == 200]
    assert len(served) == 3 and all(line["bytes_out"] >= BIG for line in served)
    assert {line["path"] for line in served} == {f"/updates/{TARGET}"}
    assert {line["address"] for line in lines} <= {"127.0.0.1", "::1"}


def test_a_new_timestamp_has_a_new_etag_however_soon_it_comes(own, port):
    tags = set()
    for _ in range(4):
        own.app("release", "refresh")
        tags.add(get(port, "tuf/timestamp.json").headers["ETag"])
    assert len(tags) == 4


def test_downloads_work_while_the_app_is_down(own, port):
    own.kill_app()
    try:
        client = TufClient.of_server(port)
        assert "0.3.0" in client.versions() and len(client.target(f"0.3.0/{TARGET}")) == BIG
        assert port.get("/health", judge=False).status_code in (502, 503)
    finally:
        own.up()
        own.wait_ready()


# --- people ---


def test_people_see_releases_and_who_runs_them(own, spec):
    version = "0.4.0"
    release(own, version, "--changelog", "What is new.", "--min-version", "0.2.0")
    operator = Person.add(own, spec, "operator")
    viewer = Person.add(own, spec, "viewer")
    agents = [operator.enrol(version=version), own.boss.enrol(version=version), operator.enrol(version="0.2.0")]
    listed = {r["version"]: r for r in own.boss.ok("GET", "/api/releases")["items"]}
    assert listed[version]["agents"] == 2 and listed["0.2.0"]["agents"] == 1
    assert listed[version]["status"] == "published" and listed[version]["changelog"] == "What is new."
    assert listed[version]["min_version"] == "0.2.0" and listed[version]["size"] == 4096
    assert abs(listed[version]["published_ms"] - time.time() * 1000) < 120_000
    assert {r["version"]: r["agents"] for r in viewer.ok("GET", "/api/releases")["items"]}[version] == 0
    detail = operator.ok("GET", f"/api/releases/{version}")
    assert detail["release"]["agents"] == 1
    assert [f["arch"] for f in detail["release"]["files"]] == [FOREIGN]
    assert [p["base_version"] for p in detail["release"]["patches"]]
    assert {v["version"]: v["count"] for v in detail["versions"]} == {version: 1, "0.2.0": 1}
    problem(operator.get("/api/releases/9.9.9"), 404, "not-found")
    for agent in agents:
        agent.close()


def test_a_host_that_enrols_is_told_what_to_pin(own):
    minted = own.boss.mint()
    assert minted["tufFingerprint"] == own.fingerprint
    assert f" --tuf-fingerprint {own.fingerprint} " in minted["command"]


# --- the clock ---


@pytest.fixture
def at(own):
    """Lets the app run at another time. Nothing is left of it afterwards but what it did."""
    running = []

    def start(offset):
        stop()
        own.kill_app(signal.SIGTERM)
        running.append(subprocess.Popen(
            ["faketime", "-f", offset, own.bin, "serve", "--config", own.var / "app.conf"],
            env={**own.env, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", **PRELOADED},
            stdout=subprocess.DEVNULL, stderr=open(own.var / "log/app.log", "a")))
        own.wait_ready()

    def stop():
        while running:
            child = running.pop()
            with open(own.var / "run/app.pid") as file:
                os.kill(int(file.read()), signal.SIGTERM)
            child.wait(60)
            own.up()
            own.wait_ready()

    yield start
    stop()


def alerts(own, kind):
    return [row[0] for row in own.query("SELECT message FROM alerts WHERE kind = ?", kind)]


def test_the_server_signs_the_timestamp_and_the_snapshot_anew(own, at, spec):
    client = TufClient.of_server(Client(own, spec, "agent"))
    client.refresh()
    before = dict(client.seen)

    def sees(now, role, step):
        """False as well while what is there has expired."""
        try:
            client.refresh(now)
        except Refused:
            return False
        return client.seen[role] == before[role] + step

    at("+11h")
    time_of = (own.var / "updates/public/tuf/timestamp.json").stat().st_mtime_ns
    at("+13h")  # half of a day is gone
    wait_until(lambda: sees(now_plus(hours=13), "timestamp", 1), 20, "the timestamp was signed anew, once")
    assert time_of < (own.var / "updates/public/tuf/timestamp.json").stat().st_mtime_ns
    assert client.seen["snapshot"] == before["snapshot"]
    at("+4d")  # half of a week is gone
    wait_until(lambda: sees(now_plus(days=4), "snapshot", 1), 20, "the snapshot was signed anew")
    assert not own.query("SELECT kind FROM alerts WHERE kind LIKE 'update.%'")


def test_people_are_told_once_before_anything_expires(own, at):
    at("+61d")
    wait_until(lambda: alerts(own, "update.expiry.targets"), 20, "an alert about targets")
    assert "refresh targets" in alerts(own, "update.expiry.targets")[0] and not alerts(own, "update.expiry.root")
    own.change("UPDATE alerts SET acknowledged_ms = 1")
    at("+336d")
    wait_until(lambda: alerts(own, "update.expiry.root"), 20, "an alert about root")
    assert len(alerts(own, "update.expiry.targets")) == 1  # seen to or not, once is enough
    assert not alerts(own, "update.expiry.timestamp") and not alerts(own, "update.expiry.snapshot")


def test_a_server_that_cannot_sign_says_so_in_time(own, at):
    [key] = (own.var / "secrets").glob("update-timestamp-*.pem")
    kept = key.rename(own.var / key.name)
    own.app("release", "check")
    own.change("DELETE FROM facts WHERE name LIKE 'update.alert.%'")
    # What the tests before have left is signed for years to come.
    document = json.loads((own.var / "updates/public/tuf/timestamp.json").read_text())
    expires = datetime.datetime.strptime(document["signed"]["expires"], "%Y-%m-%dT%H:%M:%SZ")
    left = expires.replace(tzinfo=datetime.timezone.utc) - datetime.datetime.now(datetime.timezone.utc)
    at(f"+{int(left.total_seconds()) - 11 * 3600}s")
    wait_until(lambda: alerts(own, "update.expiry.timestamp"), 20, "an alert about the timestamp")
    assert len(alerts(own, "update.expiry.timestamp")) == 1
    kept.rename(key)


# --- after a while ---


def test_files_of_a_withdrawn_release_go_after_a_week(own, spec):
    port = Client(own, spec, "agent")
    release(own, "0.6.0")
    info = TufClient.of_server(port).refresh(now_plus())["targets"][f"0.6.0/{TARGET}"]
    path = f"tuf/targets/0.6.0/{info['hashes']['sha256']}.{TARGET}"
    own.app("release", "withdraw", "0.6.0", "--reason", "r")
    assert get(port, path).status_code == 200
    own.change("UPDATE releases SET withdrawn_ms = withdrawn_ms - 6 * 86400000 WHERE version = '0.6.0'")
    own.kill_app(signal.SIGTERM)
    own.up()
    own.wait_ready()
    assert get(port, path).status_code == 200
    own.change("UPDATE releases SET withdrawn_ms = withdrawn_ms - 2 * 86400000 WHERE version = '0.6.0'")
    own.kill_app(signal.SIGTERM)
    own.up()
    wait_until(lambda: get(port, path).status_code == 404, 20, "the files are gone")
    TufClient.of_server(port).everything()


def test_the_tables_follow_what_is_signed(own):
    own.change("DELETE FROM releases")
    own.change("DELETE FROM facts WHERE name = 'update.targets'")
    own.kill_app(signal.SIGTERM)
    own.up()
    versions = wait_until(lambda: {r["version"] for r in own.app_json("release", "list")}, 20, "releases are back")
    assert {"0.2.0", "0.3.0", "0.4.0"} <= versions


def test_damage_raises_an_alert(own):
    file = own.var / "updates/public/tuf/timestamp.json"
    kept = file.read_bytes()
    file.write_bytes(kept[:-5])
    own.kill_app(signal.SIGTERM)
    own.up()
    wait_until(lambda: alerts(own, "update.repository"), 20, "an alert about the repository")
    file.write_bytes(kept)
