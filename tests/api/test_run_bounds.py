"""What one agent may leave in the database: runs of its own accord, and parts that it announces and does not send."""

import secrets

import pytest

from client import problem
from upload import Upload

SMALL = secrets.token_bytes(1000)
A_DAY = 24 * 3600 * 1000
OWN_RUNS_A_DAY, PENDING_MAX = 1000, 1000

SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
RUNS = SERIES + """
    INSERT INTO backup_runs (id, chain_id, config_id, agent_id, user_id, config_name, agent_name, status, origin,
                             filename, started_ms, active_ms, finished_ms)
    SELECT substr(id, 1, 24) || printf('%012x', i + 100000 * ?), id, config_id, agent_id, user_id, config_name,
           agent_name, 'failed', ?, '', ?, ?, ?
    FROM n, backup_runs WHERE id = ?"""
PARTS = SERIES + """
    INSERT INTO backup_parts (run_id, object, number, size_bytes, md5, digest)
    SELECT ?, 1, i + 10, 1, '', ? FROM n"""


@pytest.fixture
def config(operator, agent):
    return operator.add_config(agent)


def start(agent, config, **fields):
    return agent.post("/api/agent/backup/start",
                      {"configId": config["id"], "filename": "a.tar.zst", "multipart": True, **fields})


def failed(stack, like, count, origin, age_ms, batch):
    """So many more runs that began so long before this one. Their ids are real ones: other tests see them in lists."""
    began = stack.query("SELECT started_ms FROM backup_runs WHERE id = ?", like)[0][0] - age_ms
    stack.change(RUNS, count, batch, origin, began, began, began, like)


def test_an_agent_begins_so_many_runs_a_day_of_its_own_accord(stack, operator, agent, config):
    first = Upload(agent, config)
    assert first.complete("failed").status_code == 200
    failed(stack, first.log_id, OWN_RUNS_A_DAY, "agent", A_DAY + 60_000, 1)
    failed(stack, first.log_id, OWN_RUNS_A_DAY, "schedule", 60_000, 2)
    failed(stack, first.log_id, OWN_RUNS_A_DAY - 2, "agent", 60_000, 3)
    last = Upload(agent, config)
    assert last.complete("failed").status_code == 200
    refused = start(agent, config)
    problem(refused, 429, "rate-limited")
    assert int(refused.headers["Retry-After"]) > 0
    other = operator.add_config(agent)
    assert start(agent, other).status_code == 200  # one config's trouble is no other's
    asked = operator.ok("POST", f"/api/configs/{config['id']}/run")
    assert start(agent, config, commandId=asked["commandId"]).json()["logId"] == asked["runId"]


def test_parts_that_do_not_come_are_not_announced_without_end(stack, agent, config):
    upload = Upload(agent, config)
    stack.change(PARTS, PENDING_MAX - 1, upload.log_id, "0" * 32)
    one = upload.url(1, SMALL)
    refused = upload.announce(2, SMALL)
    problem(refused, 503, "unavailable")
    announced = stack.query("SELECT announced_bytes FROM backup_runs WHERE id = ?", upload.log_id)[0][0]
    assert announced == len(SMALL)
    assert upload.announce(1, SMALL).status_code == 200  # as after a lost reply
    assert upload.put(one, SMALL).status_code == 200
    assert upload.announce(2, SMALL).status_code == 200


def test_a_run_cannot_be_tied_to_the_command_of_another_agent(stack, operator, agent, config):
    other = operator.register()
    asked = operator.ok("POST", f"/api/configs/{operator.add_config(other)['id']}/run")
    upload = Upload(agent, config, commandId=asked["commandId"])
    assert operator.post(f"/api/runs/{upload.log_id}/cancel", {}).status_code == 200
    assert [c["id"] for c in other.ok("GET", "/api/agent/commands")["commands"]] == [asked["commandId"]]
