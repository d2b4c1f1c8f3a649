"""Backups that run by themselves: due, queued, handed out, caught up, late. The app's clock is moved."""

import datetime

import pytest

from client import Person, problem
from clocked import Clocked
from stack import Stack
from upload import Upload
from wait import wait_until

HOURLY = {"type": "full", "schedule": {"cron": "0 * * * *", "timeZone": "UTC"}}


@pytest.fixture(scope="module")
def own():
    """A stack of this file's own: every test moves its clock, which the others would not like."""
    with Stack("schedule", MUSTER_SESSION_IDLE="30d", MUSTER_SESSION_MAX="30d", MUSTER_RUN_TIMEOUT="7d") as stack:
        yield stack


@pytest.fixture(scope="module")
def boss(own, spec):
    env = own.admin_env()
    return Person(own, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])


@pytest.fixture
def host(boss):
    return boss.register("web-1")


@pytest.fixture
def clock(own):
    clock = Clocked(own)
    yield clock
    clock.close()


def add(boss, host, options, **fields):
    return boss.add_config(host, options=options, **fields)


def runs(boss, config):
    return [r for r in boss.ok("GET", "/api/runs?limit=200")["items"] if r["configId"] == config["id"]]


def wait_run(boss, config, status, what):
    wait_until(lambda: [r["status"] for r in runs(boss, config)] == [status], 15, what)
    return runs(boss, config)[0]


def commands(host):
    return [c for c in host.ok("GET", "/api/agent/commands")["commands"] if c["kind"] == "backup"]


def make(host, config, clock=None):
    """What the host does about a command. In the present: the store's files are of the kernel's time, and to an app
    from the future they would be left over."""
    if clock:
        clock.close()
    upload = Upload(host, config)
    upload.add(b"x" * 1000)
    assert upload.complete().status_code == 200
    return upload


def far_window(hours_from_now):
    """Of an hour, that opens so many hours from now."""
    opens = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours_from_now)
    return {"from": f"{opens:%H:00}", "to": f"{opens + datetime.timedelta(hours=1):%H:00}", "timeZone": "UTC"}


def test_a_due_backup_is_handed_out_and_made_and_the_next_is_known(own, boss, host, clock):
    config = add(boss, host, HOURLY)
    now = datetime.datetime.now().timestamp() * 1000
    assert now < config["nextRun_ms"] <= now + 3700_000
    assert (config["late"], config["lastGood_ms"]) == (False, None)
    clock.go("+1h")
    host.beat()
    run = wait_run(boss, config, "queued", "the run is queued")
    assert run["origin"] == "schedule" and run["agentId"] == host.id
    wait_until(lambda: commands(host), 15, "the host is asked")
    assert [c["args"] for c in commands(host)] == [{"configId": config["id"]}]
    upload = make(host, config, clock)
    assert upload.log_id == run["id"]
    shown = boss.ok("GET", f"/api/configs/{config['id']}")
    assert shown["lastRun"]["status"] == "completed" and shown["lastGood_ms"] == shown["lastRun"]["finished_ms"]
    assert shown["nextRun_ms"] - config["nextRun_ms"] in (3600_000, 7200_000)


def test_what_a_host_missed_is_caught_up_once(own, boss, host, clock):
    config = add(boss, host, HOURLY)
    clock.go("+1h")  # the host is silent
    first = wait_run(boss, config, "queued", "the run is queued")
    clock.go("+5h")
    clock.go("+9h")
    wait_until(lambda: boss.ok("GET", f"/api/configs/{config['id']}")["nextRun_ms"] > first["queued_ms"] + 7 * 3600_000,
               15, "the schedule goes on")
    assert [r["id"] for r in runs(boss, config)] == [first["id"]]
    assert commands(host) == [] and runs(boss, config)[0]["status"] == "queued"
    host.beat()
    wait_until(lambda: commands(host), 15, "the host is asked")
    make(host, config, clock)
    assert [r["status"] for r in runs(boss, config)] == ["completed"]


def test_a_run_waits_for_its_window(own, boss, host, clock):
    window = far_window(12)
    config = add(boss, host, {**HOURLY, "window": window})
    opens = datetime.datetime.fromtimestamp(config["nextRun_ms"] / 1000, datetime.timezone.utc)
    assert f"{opens:%H}" == window["from"][:2]
    bystander = add(boss, host, HOURLY, name="bystander")
    clock.go("+6h")
    host.beat()
    wait_run(boss, bystander, "queued", "the scheduler was there")
    assert runs(boss, config) == []
    ahead = config["nextRun_ms"] / 1000 - datetime.datetime.now().timestamp() + 30
    clock.go(f"+{int(ahead)}s")
    host.beat()
    wait_run(boss, config, "queued", "the window is open")


def test_only_one_run_of_a_config_at_a_time(own, boss, host, clock):
    config = add(boss, host, HOURLY)
    boss.ok("POST", f"/api/configs/{config['id']}/run")
    upload = Upload(host, config)  # under way
    bystander = add(boss, host, HOURLY, name="bystander")
    clock.go("+1h")
    wait_run(boss, bystander, "queued", "the scheduler was there")
    assert [r["id"] for r in runs(boss, config)] == [upload.log_id]
    problem(boss.post(f"/api/configs/{config['id']}/run"), 409, "conflict")


def test_a_late_backup_is_told_of_once_until_one_succeeds(own, boss, host, clock):
    config = add(boss, host, {"alertAfterHours": 2})

    def alerts():
        return [a for a in boss.ok("GET", "/api/alerts")["items"]
                if a["kind"] == "backup.late" and a["agentId"] == host.id and a["acknowledged_ms"] is None]

    clock.go("+3h")
    wait_until(alerts, 20, "the alert is raised")
    assert boss.ok("GET", f"/api/configs/{config['id']}")["late"] is True
    assert config["name"] in alerts()[0]["message"]
    make(host, config, clock)
    assert boss.ok("GET", f"/api/configs/{config['id']}")["late"] is False
    wait_until(lambda: not alerts(), 20, "the alert is over")


# --- what people may say ---


@pytest.mark.parametrize("options, pointer", [
    ({"schedule": {"cron": "0 2 31 2 *"}}, "/options/schedule/cron"),
    ({"schedule": {"cron": "0 2 * * *", "timeZone": "Europe/Berln"}}, "/options/schedule/timeZone"),
    ({"schedule": {"cron": "0 2 * * *", "timeZone": "../../etc/passwd"}}, "/options/schedule/timeZone"),
    ({"schedule": {"everyHours": 0}}, "/options/schedule/everyHours"),
    ({"schedule": {"everyHours": 6, "cron": "@daily"}}, "/options/schedule/everyHours"),
    ({"window": {"from": "22:00", "to": "22:00"}}, "/options/window/to"),
    ({"preHook": "rm -rf /"}, "/options/preHook"),
    ({"recipients": ["nobody"]}, "/options/recipients/0"),
    ({"retention": {"keepDaily": -1}}, "/options/retention/keepDaily"),
    ({"verifyAgentId": "01900000-dead-7000-8000-000000000000"}, "/options/verifyAgentId"),
])
def test_an_option_that_cannot_be_is_refused_by_name(operator, agent, options, pointer):
    reply = operator.post("/api/configs", {"name": "n", "agentId": agent.id, "sources": [{"path": "/a"}],
                                           "options": options})
    assert problem(reply, 422, "invalid-field")["pointer"] == pointer


def test_the_reason_says_what_to_write_instead(operator, agent):
    for options, says in (({"schedule": {"cron": "0 2 * * *", "timeZone": "CEST"}}, "Europe/Berlin"),
                          ({"schedule": {"cron": "25 * * *"}}, "five fields"),
                          ({"schedule": {"cron": "0 25 * * *"}}, "hour")):
        reply = operator.post("/api/configs", {"name": "n", "agentId": agent.id, "sources": [{"path": "/a"}],
                                               "options": options})
        assert says in reply.text


def test_anothers_agent_cannot_be_made_to_read_backups(operator, neighbour, agent):
    theirs = neighbour.register()
    reply = operator.post("/api/configs", {"name": "n", "agentId": agent.id, "sources": [{"path": "/a"}],
                                           "options": {"verifyAgentId": theirs.id}})
    assert problem(reply, 422, "invalid-field")["pointer"] == "/options/verifyAgentId"


def test_an_admin_cannot_mix_owners_either(admin, operator, agent):
    other = admin.register()
    reply = admin.post("/api/configs", {"name": "n", "agentId": agent.id, "sources": [{"path": "/a"}],
                                        "options": {"verifyAgentId": other.id}})
    problem(reply, 409, "conflict")


def test_without_the_setting_the_server_makes_no_backups(operator):
    reply = operator.post("/api/configs", {"name": "n", "executionMode": "server", "sources": [{"path": "/a"}]})
    assert problem(reply, 422, "invalid-field")["pointer"] == "/executionMode"


def test_the_agent_gets_all_options_of_what_was_stored_before_they_were_known(stack, operator, agent):
    config = operator.add_config(agent)
    old = '{"type":"full","compression":true,"encryption":false,"retentionDays":7,"method":"gzip","level":9,"excludes":[]}'
    stack.change("UPDATE backup_configs SET options = ? WHERE id = ?", old, config["id"])
    options = agent.ok("GET", "/api/agent/configs")["configs"][0]["options"]
    assert (options["retentionDays"], options["level"], options["fullEvery"]) == (7, 9, 30)
    assert options["schedule"] is None and options["retention"]["keepLast"] == 0
    assert operator.ok("GET", f"/api/configs/{config['id']}")["options"].items() >= options.items()


# --- the server's own ---


def test_the_servers_own_backups_are_made_by_its_agent(spec):
    with Stack("server-mode", MUSTER_SERVER_AGENT="the-server") as own:
        env = own.admin_env()
        boss = Person(own, spec, env["MUSTER_ADMIN_EMAIL"], env["MUSTER_ADMIN_PASSWORD"])
        stranger = Person.add(own, spec, "operator")
        host, other = boss.register("the-server"), boss.register("another")
        body = {"name": "n", "executionMode": "server", "sources": [{"path": "/etc"}]}
        wait_until(lambda: boss.post("/api/configs", {**body, "name": ""}).json()["pointer"] == "/name", 5, "it is up")
        wait_until(lambda: own.query("SELECT 1 FROM facts WHERE name = 'server_agent'"), 10, "the agent is known")
        config = boss.ok("POST", "/api/configs", body)
        assert (config["agentId"], config["executionMode"]) == (None, "server")
        assert problem(stranger.post("/api/configs", body), 422, "invalid-field")["pointer"] == "/executionMode"
        assert [c["id"] for c in host.ok("GET", "/api/agent/configs")["configs"]] == [config["id"]]
        assert other.ok("GET", "/api/agent/configs")["configs"] == []
        problem(other.post("/api/agent/backup/start",
                           {"configId": config["id"], "filename": "a.tar", "multipart": True}), 404, "not-found")
        boss.ok("POST", f"/api/configs/{config['id']}/run")
        assert [c["args"] for c in commands(host)] == [{"configId": config["id"]}]
        make(host, config)
        assert boss.ok("GET", f"/api/configs/{config['id']}")["lastRun"]["agentId"] == host.id


# --- the command line ---


def test_the_command_line_says_every_option(stack, operator, agent):
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    made = stack.app_json(
        "backup-config", "add", "--name", "all", "--agent", agent.id, "--source", "/etc", "--type", "incremental",
        "--schedule", "0 2 * * *", "--time-zone", "Europe/Berlin", "--window", "22:00-06:00", "--full-every", 7,
        "--exclude", "*.tmp", "--exclude", "cache/", "--retention-days", "none", "--keep-daily", 7, "--keep-yearly", 1,
        "--encrypt", "--recipient", recipient, "--one-file-system", "--max-file-size", 1000, "--skip-tag", "CACHEDIR.TAG",
        "--max-runtime", 60, "--rate-limit", 512, "--pre-hook", "dump", "--post-hook", "thaw", "--alert-after", 36,
        "--verify-every", 14, "--verify-agent", agent.id)
    options = operator.ok("GET", f"/api/configs/{made['id']}")["options"]
    assert {k: v for k, v in options.items() if k != "rev"} == {
        "type": "incremental", "compression": True, "method": "zstd", "level": 3, "encryption": True,
        "recipients": [recipient], "excludes": ["*.tmp", "cache/"], "oneFileSystem": True, "maxFileSize": 1000,
        "skipTags": ["CACHEDIR.TAG"], "schedule": {"cron": "0 2 * * *", "timeZone": "Europe/Berlin"},
        "window": {"from": "22:00", "to": "06:00", "timeZone": "Europe/Berlin"}, "maxRuntimeMinutes": 60,
        "rateLimitKbps": 512, "fullEvery": 7, "preHook": "dump", "postHook": "thaw", "alertAfterHours": 36,
        "verifyEveryDays": 14, "verifyAgentId": agent.id, "retentionDays": None,
        "retention": {"keepLast": 0, "keepDaily": 7, "keepWeekly": 0, "keepMonthly": 0, "keepYearly": 1}}


def test_the_command_line_changes_what_it_names_and_removes(stack, operator, agent):
    made = stack.app_json("backup-config", "add", "--name", "changed", "--agent", agent.id, "--source", "/etc", "--every",
                          "6h", "--exclude", "a", "--method", "gzip", "--level", 9, "--encrypt")["id"]
    before = operator.ok("GET", f"/api/configs/{made}")
    assert before["options"]["schedule"] == {"everyHours": 6} and before["nextRun_ms"] is not None
    stack.app("backup-config", "change", made, "--schedule", "@daily", "--exclude", "", "--method", "zstd", "--keep-last",
              3, "--no-encrypt")
    stack.app("backup-config", "change", made, "--time-zone", "Asia/Kathmandu", "--source", "/srv")
    after = operator.ok("GET", f"/api/configs/{made}")
    assert after["options"]["schedule"] == {"cron": "@daily", "timeZone": "Asia/Kathmandu"}
    assert (after["options"]["excludes"], after["options"]["level"], after["options"]["encryption"]) == ([], 3, False)
    assert after["options"]["retention"]["keepLast"] == 3 and after["sources"] == [{"path": "/srv"}]
    assert (after["name"], after["agentId"]) == ("changed", agent.id)
    stack.app("backup-config", "change", "changed", "--schedule", "none", "--agent", "none")
    gone = operator.ok("GET", f"/api/configs/{made}")
    assert (gone["options"]["schedule"], gone["agentId"], gone["nextRun_ms"]) == (None, None, None)
    stack.app("backup-config", "remove", made)
    problem(operator.get(f"/api/configs/{made}"), 404, "not-found")
    assert stack.app("backup-config", "remove", made, check=False).returncode == 1


@pytest.mark.parametrize("more", [["--every", "6h", "--schedule", "@daily"], ["--every", "often"], ["--window", "22:00"],
                                  ["--schedule", "0 2 31 2 *"], ["--schedule", "@daily", "--time-zone", "Mars/Olympus"],
                                  ["--keep-daily", "all"], ["--encrypt", "--no-encrypt"], ["--server"]])
def test_a_wrong_option_is_misuse(stack, agent, more):
    done = stack.app("backup-config", "add", "--name", "x", "--agent", agent.id, "--source", "/a", *more, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
