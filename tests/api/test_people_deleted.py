"""What becomes of a person who is deleted: at once, within the grace, and after it."""

import json
import secrets
import shutil
import time

import pytest

from client import Agent, Client, Person, problem
from identity import Identity
from stack import Stack
from swiftstore import Swift
from upload import Upload
from wait import wait_until

DAY_MS = 86_400_000
ROUND_S = 45  # housekeeping looks every ten seconds


@pytest.fixture(scope="module", params=["local", "s3"])
def own(request):
    """A server of their own, with either store."""
    if request.param == "local":
        with Stack("deleted") as stack:
            yield stack
    else:
        with Swift() as swift, Stack("deleted", store=swift) as stack:
            yield stack


@pytest.fixture(scope="module")
def boss(own, spec):
    env = own.admin_env()
    return Person(own, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])


def a_round_goes_by(stack):
    """What housekeeping forgets is put there, and is gone."""
    old = secrets.token_hex(8)
    stack.change("INSERT INTO invitations (id, token_hash, email, email_lower, role, invited_by, created_ms, expires_ms)"
                 " VALUES (?, ?, 'old', 'old', 'viewer', 'x', 1, 5)", old, old)
    wait_until(lambda: not stack.query("SELECT 1 FROM invitations WHERE id = ?", old), ROUND_S, "a round went by")


class Tenant:
    """Somebody with an agent, a config, a backup that is there and one that is under way."""

    def __init__(self, stack, spec, boss):
        self.stack, self.spec, self.boss = stack, spec, boss
        self.person = Person.add(stack, spec, "operator")
        self.id = self.person.user["id"]
        boss.request("PATCH", f"/api/users/{self.id}", json={"name": f"Ada {secrets.token_hex(6)}"})
        self.name = boss.ok("GET", f"/api/users/{self.id}")["user"]["name"]
        self.agent = self.person.register("web-1")
        self.config = self.person.add_config(self.agent)
        self.run = Upload(self.agent, self.config)
        self.run.add(secrets.token_bytes(3000))
        assert self.run.complete().status_code == 200
        self.open = Upload(self.agent, self.config)
        self.open.add(secrets.token_bytes(8 << 20))
        self.otp = self.person.mint()

    def delete(self):
        return self.boss.ok("DELETE", f"/api/users/{self.id}")["user"]

    def restore(self):
        return self.boss.request("POST", f"/api/users/{self.id}/restore")

    def age(self, ms):
        """So long ago they were deleted."""
        assert self.stack.change("UPDATE users SET deleted_ms = deleted_ms - ?, purge_after_ms = purge_after_ms - ? WHERE id = ?",
                                 ms, ms, self.id)
        self.stack.change("UPDATE agents SET deactivated_ms = deactivated_ms - ? WHERE user_id = ?", ms, self.id)

    def beat(self):
        return self.agent.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"})

    def objects(self):
        """What the store has of theirs."""
        prefix = f"users/{self.id}/"
        if self.stack.store:
            return [k for k in self.stack.store.keys() if k.startswith(prefix)] + \
                [u for u in self.stack.store.uploads() if prefix in str(u)]
        base = self.stack.var / "store/objects"
        runs = [r[0] for r in self.stack.query("SELECT id FROM backup_runs WHERE user_id = ?", self.id)] + [self.open.log_id]
        return [str(p) for p in (base / prefix).rglob("*") if p.is_file()] + \
            [p.name for p in (self.stack.var / "store/uploads").iterdir() if any(p.name.startswith(r) for r in runs)]

    def gone(self):
        return not self.stack.query("SELECT id FROM users WHERE id = ?", self.id)


@pytest.fixture
def tenant(own, spec, boss):
    return Tenant(own, spec, boss)


def test_at_once_nothing_of_theirs_works(own, spec, tenant, boss):
    person, agent = tenant.person, tenant.agent
    assert tenant.beat().status_code == 200
    shown = tenant.delete()
    started = time.monotonic()
    wait_until(lambda: tenant.beat().status_code == 403, 5, "the agent's key is refused")
    assert time.monotonic() - started < 1
    problem(tenant.beat(), 403, "agent-deactivated")
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    problem(Client(own, spec, "admin").post("/api/auth/login", {"email": person.email, "password": person.password}), 401,
            "unauthenticated")
    reply = Client(own, spec, "agent").post("/api/agent/enroll", Agent.enrolment(tenant.otp["otp"], Identity()))
    assert reply.status_code in (401, 403)
    assert (shown["state"], shown["purgeAfter_ms"] - shown["deleted_ms"]) == ("deleted", 7 * DAY_MS)
    assert own.query("SELECT status FROM backup_runs WHERE id = ?", tenant.open.log_id) == [("cancelled",)]
    assert own.query("SELECT revoked_ms IS NOT NULL FROM otps WHERE user_id = ?", tenant.id) == [(1,)]
    problem(boss.request("POST", f"/api/agents/{agent.id}/activate"), 409, "conflict")
    problem(boss.request("PATCH", f"/api/users/{tenant.id}", json={"role": "viewer"}), 409, "conflict")
    problem(boss.request("DELETE", f"/api/users/{tenant.id}"), 409, "conflict")
    assert tenant.objects(), "until the grace is over it is all there"


def test_their_backups_rest_and_nothing_of_them_is_given_up(own, spec, tenant, boss):
    own.change("UPDATE backup_configs SET due_ms = 1, retention_due_ms = 1 WHERE id = ?", tenant.config["id"])
    tenant.delete()
    own.change("UPDATE backup_configs SET due_ms = 1, retention_due_ms = 1 WHERE id = ?", tenant.config["id"])
    a_round_goes_by(own)
    assert own.query("SELECT status FROM backup_runs WHERE user_id = ? AND status IN ('queued', 'running')", tenant.id) == []
    assert own.query("SELECT retention_due_ms FROM backup_configs WHERE id = ?", tenant.config["id"]) == [(1,)]
    assert tenant.restore().status_code == 200
    wait_until(lambda: own.query("SELECT retention_due_ms FROM backup_configs WHERE id = ?", tenant.config["id"]) != [(1,)],
               ROUND_S, "retention looks again")


@pytest.mark.parametrize("age, good", [(7 * DAY_MS - 60_000, True), (7 * DAY_MS + 1000, False)], ids=["6d23:59", "7d"])
def test_within_the_grace_it_is_taken_back(own, spec, tenant, boss, age, good):
    off = tenant.person.register("was off before")
    tenant.person.ok("POST", f"/api/agents/{off.id}/deactivate")
    tenant.delete()
    tenant.age(age)
    if not good:
        problem(tenant.restore(), 409, "conflict") if not tenant.gone() else problem(tenant.restore(), 404, "not-found")
        wait_until(tenant.gone, ROUND_S, "they are purged")
        return
    assert tenant.restore().json()["user"]["state"] == "active"
    wait_until(lambda: tenant.beat().status_code == 200, 5, "the agent is heard again")
    problem(off.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}), 403, "agent-deactivated")
    tenant.person.sign_in()
    assert tenant.person.ok("GET", f"/api/runs/{tenant.run.log_id}")["run"]["status"] == "completed"
    problem(tenant.restore(), 409, "conflict")


def test_after_the_grace_the_store_and_the_rows_have_none_of_it(own, spec, tenant, boss):
    """And of the trail an id is left, which stands for nobody."""
    email, name = tenant.person.email, tenant.name
    other = Person.add(own, spec, "viewer")
    boss.ok("PUT", f"/api/users/{other.user['id']}/grants", {"grants": [
        {"kind": "agent", "objectId": tenant.agent.id}, {"kind": "config", "objectId": tenant.config["id"]}]})
    boss.ok("POST", f"/api/users/{tenant.id}/password-link")
    stranger = Tenant(own, spec, boss)
    kept = stranger.objects()
    assert tenant.objects()
    tenant.delete()
    tenant.age(7 * DAY_MS + 1000)
    wait_until(tenant.gone, ROUND_S, "they are purged")
    assert tenant.objects() == []
    if not own.store:
        assert not (own.var / f"store/objects/users/{tenant.id}").exists()
    for table, column in (("agents", "user_id"), ("backup_configs", "user_id"), ("backup_runs", "user_id"),
                          ("otps", "user_id"), ("sessions", "user_id"), ("grants", "user_id"), ("alerts", "user_id")):
        assert own.query(f"SELECT * FROM {table} WHERE {column} = ?", tenant.id) == [], table
    assert own.query("SELECT * FROM grants WHERE object_id IN (?, ?)", tenant.agent.id, tenant.config["id"]) == []
    problem(boss.get(f"/api/users/{tenant.id}"), 404, "not-found")
    assert tenant.agent.post("/api/agent/heartbeat", {"version": "0.1.0", "platform": "linux"}).status_code == 401
    everything = everything_in(own)
    assert email not in everything and name not in everything
    assert own.query("SELECT COUNT(*) FROM audit WHERE target = ?", f"user:{tenant.id}")[0][0] >= 3
    assert own.query("SELECT actor FROM audit WHERE action = 'user.purge' AND target = ?", f"user:{tenant.id}") == [("system",)]
    assert own.app_json("audit", "verify")["ok"] is True
    assert stranger.objects() == kept
    assert own.app_json("user", "invite", email)["email"] == email, "the address is free again"


def test_much_goes_a_little_at_a_time(own, spec, tenant, boss):
    """More of each kind than one transaction takes."""
    with own.database() as db:
        db.executemany("INSERT INTO agent_logs VALUES (?, 'e', ?, 1, 'log', 'm', '{}', 1, 1)",
                       ((tenant.agent.id, n) for n in range(10_000)))
        db.executemany("INSERT INTO backup_runs (id, config_id, user_id, config_name, agent_name, status, chain_id, filename,"
                       " started_ms, active_ms, finished_ms) VALUES (?, ?, ?, 'c', 'a', 'failed', 'x', 'f', 1, 1, 1)",
                       ((f"{tenant.id}-{n}", tenant.config["id"], tenant.id) for n in range(300)))
        db.executemany("INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                       " VALUES (?, 'many', 'many', ?, ?, 1, 1)",
                       ((f"{tenant.id}-{n}", tenant.id, f"key-{tenant.id}-{n}") for n in range(100)))
        db.executemany("INSERT INTO storage_days VALUES (?, ?, '', '', 1, 1)", ((n, tenant.id) for n in range(90)))
    tenant.delete()
    tenant.age(7 * DAY_MS + 1000)
    wait_until(tenant.gone, 2 * ROUND_S, "they are purged")
    assert not own.query("SELECT 1 FROM agent_logs WHERE agent_id = ? LIMIT 1", tenant.agent.id)


@pytest.mark.parametrize("own", ["local"], indirect=True)  # a directory can be made to refuse
def test_what_the_store_refuses_is_tried_again_and_holds_up_nobody_else(own, spec, boss):
    stuck, other = Tenant(own, spec, boss), Tenant(own, spec, boss)
    config = own.var / f"store/objects/users/{stuck.id}/agents/{stuck.agent.id}/configs/{stuck.config['id']}"
    deep = config
    for n in range(10):  # deeper than anything of ours
        deep = deep / f"d{n}"
    deep.mkdir(parents=True)
    for tenant in (stuck, other):
        tenant.delete()
        tenant.age(9 * DAY_MS)
    wait_until(other.gone, ROUND_S, "the other one is purged")
    wait_until(lambda: own.query("SELECT 1 FROM alerts WHERE kind = 'user.purge'"), ROUND_S, "admins are told")
    assert not stuck.gone()
    problem(stuck.restore(), 409, "conflict")
    shutil.rmtree(config / "d0")
    wait_until(stuck.gone, ROUND_S, "it is purged, too")


def everything_in(stack):
    with stack.database() as db:
        tables = [t[0] for t in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "\n".join(str(row) for t in tables for row in db.execute(f"SELECT * FROM {t}"))


def test_a_rollout_they_began_pauses_and_then_stays_with_another_admin(own, spec, boss):
    gone = Person.add(own, spec, "admin")
    rollout = "01900000-0000-7000-8000-" + secrets.token_hex(6)
    own.change("INSERT INTO rollouts (id, user_id, kind, version, previous_version, channel, target, stages, windows,"
               " max_in_flight, max_per_minute, silence_s, state, created_ms, updated_ms)"
               " VALUES (?, ?, 'staged', '9.9.9', '', 'stable', '{}', '[]', '[]', 1, 0, 60, 'running', 1, 1)", rollout,
               gone.user["id"])
    boss.ok("DELETE", f"/api/users/{gone.user['id']}")
    assert own.query("SELECT state FROM rollouts WHERE id = ?", rollout) == [("paused",)]
    own.change("UPDATE users SET purge_after_ms = 1 WHERE id = ?", gone.user["id"])
    wait_until(lambda: not own.query("SELECT 1 FROM users WHERE id = ?", gone.user["id"]), ROUND_S, "they are purged")
    assert own.query("SELECT user_id <> ?, state FROM rollouts WHERE id = ?", gone.user["id"], rollout) == [(1, "aborted")]


def test_while_the_clock_is_not_believed_nobody_is_purged(own, spec, tenant, boss):
    tenant.delete()
    tenant.age(7 * DAY_MS + 1000)
    far = int(time.time() * 1000) + DAY_MS
    own.change("INSERT INTO retention_clock (name, seen_ms, hold_ms) VALUES ('retention', ?, ?) ON CONFLICT (name) DO UPDATE"
               " SET hold_ms = excluded.hold_ms", int(time.time() * 1000), far)
    a_round_goes_by(own)
    assert not tenant.gone()
    own.change("UPDATE retention_clock SET hold_ms = 0")
    wait_until(tenant.gone, ROUND_S, "they are purged")


def test_the_command_line_deletes_and_restores(own, spec, boss):
    person = Person.add(own, spec, "viewer")
    done = own.app("user", "delete", person.email, check=False)
    assert done.returncode == 2 and "--yes" in done.stderr
    assert own.app_json("user", "delete", person.email, "--yes")["state"] == "deleted"
    problem(person.get("/api/auth/session"), 401, "unauthenticated")
    assert own.app_json("user", "restore", person.email)["state"] == "active"
    person.sign_in()


# --- what is stored about somebody ---


def test_a_person_has_what_is_stored_about_them_without_secrets(own, spec, tenant, boss):
    own.change("INSERT INTO passkeys VALUES ('p' || ?, ?, 'my key', 'cred-' || ?, 'public-key-bytes', -7, 0, '', 1, NULL)",
               tenant.id, tenant.id, tenant.id)
    own.change("INSERT INTO access_tokens VALUES ('a' || ?, ?, 'ansible', 'token-hash-' || ?, 'read', 1, 2, NULL, '')",
               tenant.id, tenant.id, tenant.id)
    own.change("INSERT INTO user_totp (user_id, secret, enabled_ms) VALUES (?, 'sealed-secret', 1)", tenant.id)
    own.change("INSERT INTO backup_codes VALUES (?, 'code-hash', 1, NULL)", tenant.id)
    document = tenant.person.ok("GET", "/api/auth/export")
    own.change("DELETE FROM user_totp WHERE user_id = ?", tenant.id)
    own.change("DELETE FROM passkeys WHERE user_id = ?", tenant.id)
    assert document["account"]["email"] == tenant.person.email and document["account"]["name"] == tenant.name
    assert [a["name"] for a in document["agents"]] == ["web-1"]
    assert [c["id"] for c in document["configs"]] == [tenant.config["id"]]
    assert document["configs"][0]["sources"] == [{"path": "/etc"}]
    assert document["backups"]["count"] == 2 and document["passkeys"][0]["name"] == "my key"
    assert document["accessTokens"][0]["name"] == "ansible" and len(document["sessions"]) == 1
    assert {"auth.login", "agent.register", "user.rename"} <= {a["action"] for a in document["audit"]}
    text = json.dumps(document)
    for secret in ("argon2", "public-key-bytes", "cred-", "token-hash", "sealed-secret", "code-hash", tenant.agent.key,
                   tenant.otp["otp"], tenant.person.headers["X-CSRF-Token"], tenant.person.session.cookies["__Host-muster"]):
        assert secret not in text
    hashes = own.query("SELECT id_hash FROM sessions WHERE user_id = ?", tenant.id) + \
        own.query("SELECT api_key_hash FROM agents WHERE user_id = ?", tenant.id) + \
        own.query("SELECT otp_hash FROM otps WHERE user_id = ?", tenant.id)
    assert not any(h[0] in text for h in hashes)
    same = boss.ok("GET", f"/api/users/{tenant.id}/export")
    assert same["account"]["id"] == tenant.id
    acts = own.query("SELECT actor FROM audit WHERE action = 'user.export' AND target = ? ORDER BY seq", f"user:{tenant.id}")
    assert acts == [(f"user:{tenant.id}",), (f"user:{boss.user['id']}",)]
    problem(boss.get("/api/users/01900000-dead-7000-8000-000000000000/export"), 404, "not-found")
    problem(tenant.person.get(f"/api/users/{tenant.id}/export"), 403, "forbidden")


def test_all_columns_that_name_a_person_are_exported_or_left_out_on_purpose(own):
    """A table that comes with a person's id has to be thought of here: exported, or without anything of interest."""
    known = {"sessions", "grants", "agents", "otps", "backup_configs", "backup_runs", "backup_jobs", "alerts",
             "storage_days", "rollouts", "signins", "devices", "user_totp", "user_lockouts", "backup_codes", "passkeys",
             "challenges", "access_tokens", "invitations", "signin_addresses"}
    with own.database() as db:
        tables = [t[0] for t in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {t for t in tables if any(c[1] == "user_id" for c in db.execute(f"PRAGMA table_info({t})"))}
    assert found == known
