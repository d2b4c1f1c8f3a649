"""What agents call: heartbeats, events, commands, limits."""

import csv
import io
import threading
import time

import pytest

from client import event, problem
from wait import wait_until


def shown(operator, agent):
    return operator.ok("GET", f"/api/agents/{agent.id}")["agent"]


def shown_as(operator, agent, status):
    """What heartbeats say reaches the pages within a second or two."""
    return wait_until(lambda: shown(operator, agent)["status"] == status and shown(operator, agent), 3,
                      f"the agent is shown as {status}")


def events(operator, agent, query=""):
    return operator.ok("GET", f"/api/agents/{agent.id}/events{query}")


# --- heartbeats ---


def test_a_heartbeat_makes_an_agent_online_and_known(operator, agent):
    assert shown(operator, agent)["status"] == "offline"
    reply = agent.beat(version="0.1.7", arch="arm64", deploymentMode="container", uptimeS=77)
    assert reply["status"] == "online"
    assert 1 <= reply["nextPollS"] <= 60
    now = shown_as(operator, agent, "online")
    assert (now["status"], now["version"], now["arch"], now["deploymentMode"], now["uptimeS"]) == (
        "online", "0.1.7", "arm64", "container", 77)
    assert abs(now["last_seen_ms"] - time.time() * 1000) < 10_000
    assert now["address"] in ("127.0.0.1", "::1")


def test_last_seen_reaches_the_database_within_a_second_or_two(stack, agent):
    agent.beat()
    seen = "SELECT last_seen_ms FROM agents WHERE id = ?"
    wait_until(lambda: stack.query(seen, agent.id)[0][0], 3, "last_seen was flushed")


def test_a_goodbye_makes_an_agent_offline_at_once(operator, agent):
    agent.beat()
    shown_as(operator, agent, "online")
    assert agent.beat(final=True)["status"] == "offline"
    shown_as(operator, agent, "offline")
    agent.beat()
    shown_as(operator, agent, "online")


def test_an_agent_that_reports_an_error_is_shown_so(operator, agent):
    assert agent.beat(error=True)["status"] == "error"
    shown_as(operator, agent, "error")
    assert agent.beat(error=False)["status"] == "online"


def test_three_missed_intervals_make_an_agent_offline(stack, operator):
    """With the server's interval the wait would be minutes, so the moment it is due is moved."""
    agent = operator.register()
    told_s = agent.beat()["nextPollS"]
    shown_as(operator, agent, "online")
    due, seen = stack.query("SELECT offline_after_ms, last_seen_ms FROM agents WHERE id = ?", agent.id)[0]
    assert 3 * told_s * 1000 <= due - seen <= 4 * told_s * 1000
    long = 3600 * 1000
    stack.change("UPDATE agents SET offline_after_ms = ? WHERE id = ?", seen - long, agent.id)
    shown_as(operator, agent, "offline")


def test_a_heartbeat_brings_the_audit_head_both_ways(operator, agent):
    head = agent.beat()["auditHead"]
    operator.ok("PATCH", f"/api/agents/{agent.id}", {"name": "renamed"})
    wait_until(lambda: agent.beat()["auditHead"] != head, 3, "the head moved on")
    later = agent.beat(auditHead=head)["auditHead"]
    assert int(later.split(":")[0]) > int(head.split(":")[0])


def test_what_a_host_lets_be_read_and_written_is_shown_as_it_says(operator, agent):
    roots = lambda: operator.ok("GET", f"/api/agents/{agent.id}")["agent"]["roots"]
    assert roots() is None
    first = {"backup": ["/home", "/etc"], "restore": ["/var/lib/muster-agent/restore"]}
    agent.beat(roots=first)
    assert roots() == first
    agent.beat()
    assert roots() == first, "an agent that does not say has not changed it"
    agent.beat(roots={"backup": [], "restore": ["/srv"], "more": 1})
    assert roots() == {"backup": [], "restore": ["/srv"]}


@pytest.mark.parametrize("odd", [None, {}, {"backup": ["/home"]}, {"backup": "/home", "restore": []},
                                 {"backup": [""], "restore": []}, {"backup": ["/a\nb"], "restore": []},
                                 {"backup": ["/" + "x" * 4095], "restore": []}, {"backup": ["/x"] * 257, "restore": []}])
def test_roots_that_cannot_be_shown_cost_the_heartbeat_nothing(operator, agent, odd):
    """The host goes by its own file; what it says of it is for people to look at."""
    good = {"backup": ["/home"], "restore": ["/" + "x" * 4094]}
    agent.beat(roots=good)
    assert agent.beat(roots=odd)["success"] is True
    assert operator.ok("GET", f"/api/agents/{agent.id}")["agent"]["roots"] == good


def test_an_unknown_field_is_ignored(agent):
    assert agent.beat(fromTheFuture={"x": [1]})["success"] is True


def test_a_heartbeat_counts_what_waits(operator, agent):
    assert agent.beat()["commands"] == 0
    rev = agent.beat()["configsRev"]
    config = operator.add_config(agent)
    operator.ok("POST", f"/api/configs/{config['id']}/run")
    wait_until(lambda: agent.beat()["commands"] == 1, 2, "the command is counted")
    assert agent.beat()["configsRev"] > rev


# --- events ---


def test_an_event_is_stored_and_acknowledged_once(operator, agent):
    one = event(1, message="first", path="/x")
    assert agent.say(one, event(2, level="error"))["acked"] == [1, 2]
    assert agent.say(one, event(2, level="error"), event(3))["acked"] == [1, 2, 3]
    items = events(operator, agent)["items"]
    assert sorted(i["seq"] for i in items) == [1, 2, 3]
    first = next(i for i in items if i["seq"] == 1)
    assert (first["message"], first["metadata"]) == ("first", {"path": "/x"})
    assert (first["level"], first["kind"]) == ("info", "log")


def test_what_was_stored_first_stays(operator, agent):
    agent.say(event(1, message="original"))
    agent.say(event(1, message="forged later"))
    assert [i["message"] for i in events(operator, agent)["items"]] == ["original"]


def test_gaps_and_disorder_are_accepted(operator, agent):
    assert sorted(agent.say(event(7), event(3))["acked"]) == [3, 7]
    assert agent.say(event(5))["acked"] == [5]
    assert sorted(i["seq"] for i in events(operator, agent)["items"]) == [3, 5, 7]


def test_a_new_epoch_takes_nothing_for_a_duplicate(operator, agent):
    agent.say(event(1), epoch="00000000000000aa")
    agent.say(event(1), epoch="00000000000000bb")
    assert {i["epoch"] for i in events(operator, agent)["items"]} == {"00000000000000aa", "00000000000000bb"}


def test_two_agents_do_not_share_their_numbers(operator, agent):
    other = operator.register()
    agent.say(event(1, message="mine"))
    other.say(event(1, message="theirs"))
    assert [i["message"] for i in events(operator, agent)["items"]] == ["mine"]


def test_the_same_batch_from_many_at_once_is_stored_once(operator, agent):
    batch = [event(i) for i in range(1, 101)]
    threads = [threading.Thread(target=agent.say, args=batch) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(events(operator, agent, "?limit=500")["items"]) == 100


def test_five_hundred_events_fit_and_one_more_does_not(agent):
    assert len(agent.say(*[event(i) for i in range(1, 501)])["acked"]) == 500
    too_many = [event(i) for i in range(501, 1002)]
    reply = agent.post("/api/agent/events", {"epoch": "00000000000000aa", "events": too_many})
    assert problem(reply, 422, "invalid-field")["pointer"] == "/events"


@pytest.mark.parametrize("field, value", [
    ("seq", 0), ("seq", "1"), ("seq", None), ("time_ms", "now"), ("level", "loud"), ("kind", ""), ("kind", 5),
    ("message", None), ("message", 5), ("metadata", [])])
def test_one_wrong_event_refuses_the_batch_and_names_it(operator, agent, field, value):
    batch = [event(1), {**event(2), field: value}]
    reply = agent.post("/api/agent/events", {"epoch": "00000000000000aa", "events": batch})
    assert problem(reply, 422, "invalid-field")["pointer"] == f"/events/1/{field}"
    assert events(operator, agent)["items"] == []


@pytest.mark.parametrize("epoch", ["", "xyz", "00000000000000AA", "00000000000000aaa", 5])
def test_an_epoch_is_sixteen_hex_digits(agent, epoch):
    reply = agent.post("/api/agent/events", {"epoch": epoch, "events": []})
    assert problem(reply, 422, "invalid-field")["pointer"] == "/epoch"


def test_text_of_any_language_survives(operator, agent):
    text = "Ünïcödé ✓ \U0001f980 \u202e\t\n\"\\"
    agent.say(event(1, message=text, key=text))
    item = events(operator, agent)["items"][0]
    assert (item["message"], item["metadata"]["key"]) == (text, text)


def test_pages_of_events_put_together_are_all_of_them(operator, agent):
    agent.say(*[event(i) for i in range(1, 26)])
    seen, query = [], "?limit=10"
    for _ in range(3):
        page = events(operator, agent, query)
        seen += [i["seq"] for i in page["items"]]
        query = f"?limit=10&before={page['next']}"
    assert page["next"] is None
    assert seen == sorted(seen, reverse=True) and sorted(seen) == list(range(1, 26))


def test_events_are_filtered_by_their_least_level(operator, agent):
    agent.say(*[event(i, level=level) for i, level in enumerate(("debug", "info", "warning", "error"), 1)])
    for count, level in enumerate(("error", "warning", "info", "debug"), 1):
        assert len(events(operator, agent, f"?level={level}")["items"]) == count
    problem(operator.get(f"/api/agents/{agent.id}/events?level=loud"), 422, "invalid-field")


def test_events_are_searched_page_by_page_and_what_is_searched_for_is_no_pattern(operator, agent):
    agent.say(*[event(i, message=f"Disk {i} is full" if i % 3 == 0 else "fine", part="50%_" if i == 4 else "") for i in range(1, 13)])
    seqs = lambda query: [i["seq"] for i in events(operator, agent, query)["items"]]
    assert seqs("?q=DISK") == [12, 9, 6, 3] and seqs("?q=disk+6") == [6] and seqs("?q=nothing") == []
    assert seqs("?q=50%25_") == [4] and seqs("?q=5%25%25_") == [] and seqs("?q=%25") == [4]
    page = events(operator, agent, "?q=disk&limit=3")
    assert [i["seq"] for i in page["items"]] == [12, 9, 6]
    page = events(operator, agent, f"?q=disk&limit=3&before={page['next']}")
    assert [i["seq"] for i in page["items"]] == [3] and page["next"] is None


def test_events_are_a_file_too_with_all_that_the_filters_let_through(operator, neighbour, agent):
    agent.say(*[event(i, message="=1+1" if i == 500 else "said", level="error" if i > 490 else "info") for i in range(1, 501)],
              epoch="00000000000000aa")
    agent.say(*[event(i, message="=1+1") for i in range(501, 521)], epoch="00000000000000aa")
    path = f"/api/agents/{agent.id}/events?format=csv"
    reply = operator.get(path)
    assert reply.headers["Content-Disposition"] == 'attachment; filename="events.csv"'
    rows = list(csv.DictReader(io.StringIO(reply.text, newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(520, 0, -1)), "a file has no pages"
    assert rows[0]["message"] == "'=1+1" and rows[0]["time"].endswith("Z")
    assert operator.get(f"{path}&level=error&q=1%2B1&limit=1").text.count("\r\n") == 2
    problem(neighbour.get(path), 404, "not-found")
    problem(operator.get(path + "x"), 422, "invalid-field")


@pytest.mark.parametrize("before", ["x", "0", "..", "%00", "9" * 400])
def test_a_forged_cursor_is_refused(operator, agent, before):
    assert operator.get(f"/api/agents/{agent.id}/events?before={before}").status_code in (400, 422)


def test_a_log_line_of_the_old_way_is_an_event_too(operator, agent):
    agent.ok("POST", "/api/agent/log", {"level": "warning", "message": "old style", "metadata": {"a": 1}})
    item = events(operator, agent)["items"][0]
    assert (item["level"], item["message"], item["metadata"]) == ("warning", "old style", {"a": 1})


# --- commands ---


def commands(agent, wait=0, **kwargs):
    return agent.ok("GET", f"/api/agent/commands?wait={wait}", **kwargs)["commands"]


def test_a_command_comes_until_its_result_is_in(operator, agent):
    config = operator.add_config(agent)
    command_id = operator.ok("POST", f"/api/configs/{config['id']}/run")["commandId"]
    for _ in range(2):
        got = commands(agent)
        assert [(c["id"], c["kind"], c["args"]) for c in got] == [(command_id, "backup", {"configId": config["id"]})]
    agent.say(event(1, kind="command_result", commandId=command_id, status="done", detail=""))
    wait_until(lambda: commands(agent) == [], 2, "the command is over")
    agent.say(event(1, kind="command_result", commandId=command_id, status="done", detail=""))


def test_a_poll_that_finds_nothing_waits_as_long_as_it_said(agent):
    started = time.monotonic()
    assert commands(agent, wait=1) == []
    assert 0.8 <= time.monotonic() - started < 5


def test_a_parked_poll_is_woken_by_a_command(operator, agent):
    config = operator.add_config(agent)
    result = {}

    def poll():
        result["commands"] = commands(agent, wait=50, timeout=60)
        result["at"] = time.monotonic()

    poller = threading.Thread(target=poll)
    poller.start()
    wait_until(lambda: parked(operator) >= 1, 5, "the poll is parked")
    given = time.monotonic()
    operator.ok("POST", f"/api/configs/{config['id']}/run")
    poller.join(10)
    assert len(result["commands"]) == 1
    assert result["at"] - given < 2


def test_a_parked_poll_is_woken_by_the_command_line(stack, operator, agent):
    config = operator.add_config(agent)
    result = []
    poller = threading.Thread(target=lambda: result.extend(commands(agent, wait=50, timeout=60)))
    poller.start()
    wait_until(lambda: parked(operator) >= 1, 5, "the poll is parked")
    stack.app("backup-config", "run", config["id"])
    poller.join(10)
    assert len(result) == 1


def parked(client):
    text = client.get("/metrics").text
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if "parked" in line and line[0] != "#")


def test_a_poll_whose_agent_went_away_is_dropped(operator, agent):
    before = parked(operator)
    with pytest.raises(Exception):
        commands(agent, wait=50, timeout=1)
    wait_until(lambda: parked(operator) <= before, 5, "the parked poll is gone")


@pytest.mark.parametrize("wait", ["-1", "61", "x", "1.5", "0x1"])
def test_a_wait_out_of_range_is_422(agent, wait):
    problem(agent.get(f"/api/agent/commands?wait={wait}"), 422, "invalid-field")


def test_a_command_is_for_its_agent_alone(operator, agent):
    other = operator.register()
    config = operator.add_config(agent)
    command_id = operator.ok("POST", f"/api/configs/{config['id']}/run")["commandId"]
    assert commands(other) == []
    other.say(event(1, kind="command_result", commandId=command_id, status="done", detail=""))
    assert len(commands(agent)) == 1


def test_a_config_that_lost_its_agent_cannot_be_run(admin, operator, agent):
    config = operator.add_config(agent)
    admin.ok("DELETE", f"/api/agents/{agent.id}")
    problem(operator.post(f"/api/configs/{config['id']}/run"), 409, "conflict")


# --- limits ---


def test_too_many_requests_of_one_key_are_429_and_others_go_on(operator, agent):
    other = operator.register()
    for _ in range(300):
        reply = agent.get("/api/agent/ca-bundle")
        if reply.status_code == 429:
            break
    problem(reply, 429, "rate-limited")
    assert 1 <= int(reply.headers["Retry-After"]) <= 60
    other.beat()
    # It comes back by itself.
    wait_until(lambda: agent.get("/api/agent/ca-bundle").status_code == 200, int(reply.headers["Retry-After"]) + 2,
               "the key works again after Retry-After")
