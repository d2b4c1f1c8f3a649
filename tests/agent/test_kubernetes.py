"""Rolling out the agent's own workload, against a stand-in for the Kubernetes API that takes nothing for granted."""

import json
import os
import re
import signal
import time

import pytest
import yaml

from host import NATIVE, Host
from kubernetes import PATCH_TYPE, Cluster, certificate, PEM
from routes import ROOT
from tufrepo import Repository
from wait import wait_until

OLD = "registry.example/muster-agent:0.1.0"
NEW = "registry.example/muster-agent:0.2.0"


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path) as cluster:
        yield cluster


def configure(host, cluster, **settings):
    host.write_conf(UPDATE_K8S_WORKLOAD=cluster.workload, **settings)


def roll_out(host, cluster, image=NEW, stall=30, env=None, **settings):
    configure(host, cluster, **settings)
    return host.run("update", "k8s-rollout", "--image", image, "--stall", stall, env={**cluster.env, **(env or {})})


def complaint(done):
    """Why it failed: one line, without the token."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "eyJ" not in done.stdout + done.stderr
    return done.stderr.splitlines()[-1]


def patch_of(version, image=NEW):
    """The change, byte for byte."""
    return ('{"metadata":{"resourceVersion":"%s"},"spec":{"template":{"spec":{"containers":'
            '[{"name":"agent","image":"%s"}]}}}}' % (version, image)).encode()


# --- the requests ---


@pytest.mark.parametrize("kind", ["daemonset", "deployment", "statefulset"])
def test_the_image_is_changed_and_watched_until_every_pod_runs_it(fresh, tmp_path, kind):
    with Cluster(tmp_path, kind=kind) as cluster:
        done = roll_out(fresh, cluster)
        assert done.returncode == 0, done.stderr
        assert cluster.images == {"agent": NEW, "proxy": "registry.example/proxy:7"}
        assert cluster.updated == 3
        [(_, path, headers, body)] = cluster.of("PATCH")
        assert path == f"/apis/apps/v1/namespaces/muster/{kind}s/muster-agent?fieldManager=muster-agent"
        assert body == patch_of("1000")
        assert headers["Content-Type"] == PATCH_TYPE
        assert {r[1] for r in cluster.of("GET")} == {f"/apis/apps/v1/namespaces/muster/{kind}s/muster-agent"}
        assert {r[0] for r in cluster.requests} == {"GET", "PATCH"}
        for _, _, headers, _ in cluster.requests:
            assert headers["Authorization"] == f"Bearer {cluster.token}"
            assert headers["Accept"] == "application/json"
            assert headers["Host"] == f"127.0.0.1:{cluster.port}"
            assert headers["User-Agent"].startswith("muster-agent/")
        assert all(not r[3] and "Content-Type" not in r[2] for r in cluster.of("GET"))
        assert "1 of 3 pods are updated" in done.stdout and "3 of 3 pods are updated" in done.stdout


def test_the_kind_may_be_written_as_kubernetes_does(fresh, cluster):
    fresh.write_conf(UPDATE_K8S_WORKLOAD="muster/DaemonSet/muster-agent")
    fresh.ok("update", "k8s-rollout", "--image", NEW, env=cluster.env)
    assert cluster.images["agent"] == NEW


def test_a_digest_is_as_good_as_a_tag(fresh, cluster):
    image = "registry.example/muster-agent@sha256:" + "ab" * 32
    assert roll_out(fresh, cluster, image).returncode == 0
    assert cluster.images["agent"] == image


def test_what_is_there_already_is_not_set_again(fresh, tmp_path):
    with Cluster(tmp_path, image=NEW) as cluster:
        done = roll_out(fresh, cluster)
        assert done.returncode == 0, done.stderr
        assert not cluster.of("PATCH")


def test_one_that_is_under_way_is_watched_to_its_end(fresh, tmp_path):
    with Cluster(tmp_path, image=NEW) as cluster:
        cluster.updated = 0
        cluster.set_status(1)
        assert roll_out(fresh, cluster).returncode == 0
        assert not cluster.of("PATCH") and cluster.updated == 3


# --- what must not be ---


@pytest.mark.parametrize("image", ["evil.example/muster-agent:0.2.0", "registry.example/muster-agent2:0.2.0",
                                   "muster-agent:0.2.0", "registry.example:443/muster-agent:0.2.0"])
def test_an_image_from_another_repository_is_refused(fresh, cluster, image):
    assert "refused" in complaint(roll_out(fresh, cluster, image))
    assert not cluster.of("PATCH") and cluster.images["agent"] == OLD


@pytest.mark.parametrize("image", ["registry.example/muster-agent", "registry.example/muster-agent:", "Registry/A:1",
                                   'registry.example/muster-agent:0.2.0","command":["x"]', ""])
def test_an_image_that_is_none_is_refused_before_anybody_is_asked(fresh, cluster, image):
    complaint(roll_out(fresh, cluster, image))
    assert not cluster.requests


def test_the_container_may_be_named_and_still_must_run_ours(fresh, cluster):
    assert "proxy" in complaint(roll_out(fresh, cluster, env={"MUSTER_CONTAINER_NAME": "proxy"}))
    assert "no container named other" in complaint(roll_out(fresh, cluster, env={"MUSTER_CONTAINER_NAME": "other"}))
    assert not cluster.of("PATCH")
    assert roll_out(fresh, cluster, env={"MUSTER_CONTAINER_NAME": "agent"}).returncode == 0


def test_the_name_decides_between_two_of_one_repository(fresh, cluster):
    cluster.set_image("proxy", OLD)
    assert "MUSTER_CONTAINER_NAME" in complaint(roll_out(fresh, cluster))
    assert not cluster.of("PATCH")
    assert roll_out(fresh, cluster, env={"MUSTER_CONTAINER_NAME": "agent"}).returncode == 0
    assert cluster.images == {"agent": NEW, "proxy": OLD}


def test_the_token_goes_to_nobody_but_the_clusters_own_api(fresh, cluster):
    """Somebody else listens where the environment says: its certificate is of another CA."""
    other, _ = certificate("kubernetes")
    (cluster.credentials / "ca.crt").write_bytes(other.public_bytes(PEM))
    assert "certificate" in complaint(roll_out(fresh, cluster))
    assert not cluster.requests


def test_nothing_is_changed_that_would_not_be_rolled_out(fresh, cluster, tmp_path):
    cluster.object["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert "updateStrategy" in complaint(roll_out(fresh, cluster))
    assert not cluster.of("PATCH")
    (tmp_path / "2").mkdir()
    with Cluster(tmp_path / "2", kind="deployment") as paused:
        paused.object["spec"]["paused"] = True
        assert "paused" in complaint(roll_out(fresh, paused))
        assert not paused.of("PATCH")


# --- what may happen ---


def test_a_token_that_is_replaced_meanwhile_is_read_again(fresh, cluster):
    """The API knows the next one a moment before the pod does."""
    def on_get():
        if len(cluster.of("GET")) == 1:
            cluster.set_token("second", on_disk=False)
        if len(cluster.of("GET")) == 3:
            cluster.set_token("second")

    cluster.before["GET"] = on_get
    first = cluster.token
    done = roll_out(fresh, cluster)
    assert done.returncode == 0, done.stderr
    used = [r[2]["Authorization"].removeprefix("Bearer ") for r in cluster.requests]
    assert used[0] == first and used[-1] == cluster.token != first


def test_a_token_that_is_never_taken_is_told(fresh, cluster):
    cluster.set_token("of another cluster", on_disk=False)
    assert "does not accept this pod's token (401)" in complaint(roll_out(fresh, cluster))
    assert 2 <= len(cluster.requests) <= 12


@pytest.mark.parametrize("method, verb", [("GET", "get"), ("PATCH", "patch")])
def test_a_right_that_is_missing_is_named(fresh, cluster, method, verb):
    cluster.refuse(method, 403)
    why = complaint(roll_out(fresh, cluster))
    assert f"lacks the verb {verb} on daemonsets.apps muster-agent in namespace muster (403)" in why
    assert len(cluster.of(method)) == 1, "asking again would not help"
    assert cluster.images["agent"] == OLD


def test_a_workload_that_is_not_there_is_named(fresh, cluster):
    fresh.write_conf(UPDATE_K8S_WORKLOAD="muster/daemonset/agent")
    done = fresh.run("update", "k8s-rollout", "--image", NEW, env=cluster.env)
    assert "there is no daemonset agent in namespace muster (404)" in complaint(done)


def test_a_change_by_somebody_else_in_between_starts_over(fresh, cluster):
    """A container that was renamed would be added anew by a patch that was made before."""
    def on_patch():
        if len(cluster.of("PATCH")) == 0:
            cluster.changed(template=False)

    cluster.before["PATCH"] = on_patch
    assert roll_out(fresh, cluster).returncode == 0
    assert [r[3] for r in cluster.of("PATCH")] == [patch_of("1000"), patch_of("1007")]
    assert cluster.images == {"agent": NEW, "proxy": "registry.example/proxy:7"}


def test_changes_without_end_are_told(fresh, cluster):
    cluster.before["PATCH"] = lambda: cluster.changed(template=False)
    why = complaint(roll_out(fresh, cluster, stall=2))
    assert "no way through for 2 s" in why and "changed meanwhile (409)" in why
    assert cluster.images["agent"] == OLD


def test_a_change_that_the_cluster_refuses_is_told_in_its_words(fresh, cluster):
    cluster.refuse("PATCH", 422)
    assert "the cluster says 422" in complaint(roll_out(fresh, cluster))
    assert len(cluster.of("PATCH")) == 1


def test_an_api_that_is_away_or_busy_is_asked_again(fresh, cluster):
    cluster.refuse("GET", 503)
    cluster.refuse("PATCH", 500)
    cluster.refuse("GET", 504)
    assert roll_out(fresh, cluster).returncode == 0
    assert cluster.images["agent"] == NEW


def test_an_api_that_asks_for_a_pause_gets_it(fresh, cluster):
    asked = []
    cluster.before["GET"] = lambda: asked.append(time.monotonic())
    cluster.refuse("GET", 429, Retry_After="3")
    assert roll_out(fresh, cluster).returncode == 0
    assert asked[1] - asked[0] >= 3 > asked[2] - asked[1]


def test_an_api_that_stays_away_is_told(fresh, cluster):
    cluster.refuse("GET", 503, times=100)
    why = complaint(roll_out(fresh, cluster, stall=2))
    assert "no way through for 2 s" in why and "503" in why


def test_a_roll_out_that_gets_stuck_is_told_with_how_far_it_came(fresh, cluster):
    cluster.stuck_at = 1
    why = complaint(roll_out(fresh, cluster, stall=3))
    assert "stuck: no way forward for 3 s: 1 of 3 pods are updated" in why
    assert cluster.images["agent"] == NEW, "undoing is for people"


def test_pods_that_come_and_go_are_no_way_forward(fresh, cluster):
    """As those do that crash: it says something new each time, and gets nowhere."""
    cluster.stuck_at = 1
    beats = iter(range(1000))

    def on_get():
        if cluster.updated == 1:
            cluster.object["status"]["numberAvailable"] = 3 - next(beats) % 2

    cluster.before["GET"] = on_get
    assert "stuck" in complaint(roll_out(fresh, cluster, stall=4))


def test_a_controller_that_has_given_up_ends_it_at_once(fresh, tmp_path):
    with Cluster(tmp_path, kind="deployment") as cluster:
        cluster.stuck_at = 1

        def on_get():
            if cluster.updated == 1:
                cluster.object["status"]["conditions"] = [{"type": "Progressing", "status": "False",
                                                           "reason": "ProgressDeadlineExceeded"}]

        cluster.before["GET"] = on_get
        assert "given up (ProgressDeadlineExceeded)" in complaint(roll_out(fresh, cluster, stall=600))


def test_an_image_that_somebody_else_sets_meanwhile_stands(fresh, cluster):
    cluster.stuck_at = 1

    def on_get():
        if cluster.updated == 1:
            cluster.set_image("agent", "registry.example/muster-agent:0.3.0")

    cluster.before["GET"] = on_get
    assert "somebody else has set the image" in complaint(roll_out(fresh, cluster))
    assert cluster.images["agent"] == "registry.example/muster-agent:0.3.0"
    assert len(cluster.of("PATCH")) == 1


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 100000, b"x" * (5 << 20),
                                    b'{"metadata":{"name":"muster-agent","resourceVersion":"1","generation":1}}'],
                         ids=["nothing", "a list", "empty", "no text", "deep", "endless", "half"])
def test_an_answer_that_is_none_changes_nothing(fresh, cluster, answer):
    cluster.files[cluster.path] = answer
    complaint(roll_out(fresh, cluster))
    assert not cluster.of("PATCH")


# --- without a cluster ---


def test_without_credentials_it_says_what_is_missing(fresh, cluster):
    configure(fresh, cluster)
    arguments = ("update", "k8s-rollout", "--image", NEW)
    assert "KUBERNETES_SERVICE_HOST" in complaint(fresh.run(*arguments))
    (cluster.credentials / "token").write_text("not a token\n")
    assert "holds no token" in complaint(fresh.run(*arguments, env=cluster.env))
    (cluster.credentials / "token").unlink()
    assert "the service account's token" in complaint(fresh.run(*arguments, env=cluster.env))
    cluster.set_token("first")
    (cluster.credentials / "ca.crt").unlink()
    assert "the cluster's CA" in complaint(fresh.run(*arguments, env=cluster.env))
    env = {**cluster.env, "MUSTER_K8S_CREDENTIALS": "serviceaccount"}
    assert "absolute path" in complaint(fresh.run(*arguments, env=env))
    env = {**cluster.env, "KUBERNETES_SERVICE_PORT": "1/x"}
    assert "no host and port" in complaint(fresh.run(*arguments, env=env))
    assert not cluster.requests


def test_without_a_workload_it_does_nothing(fresh, cluster):
    assert "UPDATE_K8S_WORKLOAD is not set" in complaint(fresh.run("update", "k8s-rollout", "--image", NEW,
                                                                   env=cluster.env))
    assert not cluster.requests


@pytest.mark.parametrize("workload", ["muster/pod/x", "muster/daemonset", "muster/daemonset/../x", "a/daemonset/X"])
def test_a_workload_that_is_none_is_a_mistake_in_the_configuration(fresh, workload):
    fresh.write_conf(UPDATE_K8S_WORKLOAD=workload)
    done = fresh.run("status")
    assert done.returncode == 2 and "UPDATE_K8S_WORKLOAD: must be namespace/kind/name" in done.stderr


# --- ordered by the server ---


def release(repository, version, image, **custom):
    repository.add(f"{version}/agent-linux-{NATIVE}", b"an agent", product="muster-agent", version=version, os="linux",
                   arch=NATIVE, channel="stable", min_version="0.1.0", eventlog_min=1, container_image=image, **custom)


@pytest.fixture
def pod(stack, host, cluster, monkeypatch):
    """An enrolled agent in the cluster, with a release 0.2.0 that has an image."""
    for name, value in cluster.env.items():
        monkeypatch.setenv(name, value)
    repository = Repository()
    release(repository, "0.0.9", "registry.example/muster-agent:0.0.9", downgrade=True)
    release(repository, "0.1.5", "registry.example/muster-agent:0.1.5")
    release(repository, "0.1.6", "registry.example/muster-agent:0.1.6", downgrade=True)
    release(repository, "0.2.0", NEW)
    release(repository, "0.3.0", None)
    release(repository, "0.4.0", "evil.example/muster-agent:0.4.0")
    repository.publish("targets", "snapshot", "timestamp")
    cluster.files.update({f"/updates/tuf/{name}": data for name, data in repository.files.items()})
    (host.dir / "root.json").write_bytes(repository.files["1.root.json"])
    configure(host, cluster, UPDATE_SERVER=f"https://127.0.0.1:{cluster.port}",
              STORE_CA_FILE=cluster.credentials / "ca.crt")
    host.ok("update", "pin", "--tuf-root", host.dir / "root.json")
    return host


def order(host, args, kind="k8s-rollout"):
    """The command's id, as the server hands it out."""
    now = int(time.time() * 1000)
    command = "01900000-cccc-7000-8000-%012x" % (time.monotonic_ns() & 0xffffffffffff)
    host.stack.change("INSERT INTO commands (id, agent_id, kind, args, status, created_by, created_ms, expires_ms)"
                      " VALUES (?, ?, ?, ?, 'pending', 'test', ?, ?)", command, host.id, kind, json.dumps(args), now,
                      now + 600_000, topic="commands")
    return command


def outcome(host, command):
    """(status, detail) when it is over."""
    row = "SELECT status, detail FROM commands WHERE id = ?"
    wait_until(lambda: host.stack.query(row, command)[0][0] != "pending", 60, "the command is over")
    return host.stack.query(row, command)[0]


def test_the_server_orders_a_version_and_hears_of_its_end(pod, cluster):
    pod.start()
    pod.wait_online()
    assert outcome(pod, order(pod, {"version": "0.2.0", "image": "evil.example/x:1"})) == ("done", NEW)
    [(_, _, _, body)] = cluster.of("PATCH")
    assert body == patch_of("1000")
    assert cluster.updated == 3
    wait_until(lambda: [e for e in pod.stored_events() if e[2] == "update" and "is complete" in e[4]], 20,
               "the end is an event")
    assert "k8s-rollout" in json.dumps(pod.stack.query("SELECT capabilities FROM agents WHERE id = ?", pod.id))


@pytest.fixture
def published(stack):
    """0.2.0, as far as the server's pages know."""
    stack.change("INSERT INTO releases (version, channel, min_version, eventlog_min, status, size_bytes, created_ms,"
                 " published_ms, container_image) VALUES ('0.2.0', 'stable', '', 1, 'published', 1, 1, 1, ?)", NEW,
                 topic="releases")
    yield "0.2.0"
    stack.change("DELETE FROM releases WHERE version = '0.2.0'", topic="releases")


def test_a_person_rolls_out_and_sees_how_far_it_is(pod, cluster, published):
    boss = pod.stack.boss
    cluster.stuck_at = 1
    pod.start("run", program="muster-agent")
    pod.wait_online()

    def shown():
        return next((c for c in boss.ok("GET", "/api/containers")["items"] if c["agentId"] == pod.id), {})

    wait_until(lambda: shown().get("canRollOut"), 20, "the page has a button")
    assert shown()["workload"] == cluster.workload and shown()["availableVersion"] == published
    command = boss.ok("POST", f"/api/agents/{pod.id}/k8s-rollout", {"version": published})["commandId"]
    wait_until(lambda: shown()["percent"] == 33, 30, "a third of the pods")
    assert "1 of 3 pods are updated" in shown()["reason"] and shown()["state"] == "available"
    cluster.stuck_at = None
    assert outcome(pod, command) == ("done", NEW)
    wait_until(lambda: shown()["percent"] is None, 20, "it is over")


def test_a_person_sees_why_it_has_failed(pod, cluster, published):
    cluster.refuse("PATCH", 403)
    pod.start("run", program="muster-agent")
    pod.wait_online()
    order(pod, {"version": published})

    def shown():
        return pod.stack.boss.ok("GET", f"/api/agents/{pod.id}/updates")["update"]

    wait_until(lambda: shown() and shown()["state"] == "failed", 30, "the report says so")
    assert "lacks the verb patch" in shown()["reason"] and shown()["version"] == published


def test_what_was_ordered_is_done_once_however_often_it_is_delivered(pod, cluster):
    pod.start()
    pod.wait_online()
    command = order(pod, {"version": "0.2.0"})
    assert outcome(pod, command)[0] == "done"
    asked = len(cluster.requests)
    pod.stack.change("UPDATE commands SET status = 'pending' WHERE id = ?", command, topic="commands")
    assert outcome(pod, command)[0] == "done"
    assert len(cluster.requests) == asked


@pytest.mark.parametrize("args, detail", [({}, "args.version"), ({"version": "latest"}, "args.version"),
                                          ({"version": "../0.2.0"}, "args.version"), ({"version": 2}, "args.version")])
def test_an_order_without_a_version_is_refused(pod, cluster, args, detail):
    command = order(pod, args)
    pod.ok("once")
    status, told = outcome(pod, command)
    assert status == "refused" and detail in told
    assert not cluster.requests


def test_an_order_to_a_host_that_names_no_workload_is_refused(host):
    command = order(host, {"version": "0.2.0"})
    host.ok("once")
    assert outcome(host, command) == ("refused", "UPDATE_K8S_WORKLOAD is not set on this host")


@pytest.mark.parametrize("setting, why", [({"UPDATE_MODE": "disabled"}, "UPDATE_MODE is disabled"),
                                          ({"UPDATE_PIN": "0.1.0"}, "UPDATE_PIN holds this host at 0.1.0")])
def test_the_hosts_own_configuration_goes_before_an_order(pod, cluster, setting, why):
    configure(pod, cluster, **setting)
    command = order(pod, {"version": "0.2.0"})
    pod.ok("once")
    assert outcome(pod, command) == ("refused", why)
    assert not cluster.requests


def test_an_order_to_a_host_outside_of_a_cluster_is_refused(pod, monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    command = order(pod, {"version": "0.2.0"})
    pod.ok("once")
    status, detail = outcome(pod, command)
    assert status == "refused" and "not in a cluster" in detail


@pytest.mark.parametrize("version, why", [("0.5.0", "not among the signed releases"), ("0.3.0", "without a container"),
                                          ("0.4.0", "refused"), ("0.0.1", "not among the signed releases")])
def test_only_an_image_that_is_signed_and_ours_is_set(pod, cluster, version, why):
    command = order(pod, {"version": version})
    pod.ok("once")
    status, detail = outcome(pod, command)
    assert status == "failed" and why in detail
    assert not cluster.of("PATCH") and cluster.images["agent"] == OLD


@pytest.mark.parametrize("version, status", [("0.1.5", "failed"), ("0.1.6", "done"), ("0.0.9", "failed")])
def test_pods_go_back_only_where_that_is_signed(pod, cluster, version, status):
    """Judged by what they run, which may be newer than the agent that is told to do it; never below the least version
    of the newest release."""
    cluster.set_image("agent", NEW)
    command = order(pod, {"version": version})
    pod.ok("once")
    assert outcome(pod, command)[0] == status
    assert cluster.images["agent"] == (NEW if status == "failed" else f"registry.example/muster-agent:{version}")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["asked to end", "killed"])
def test_a_roll_out_that_ends_its_own_pod_goes_on_in_the_next(pod, cluster, how):
    """What a Deployment does that rolls itself out. The state is on a volume, so the next pod is the same agent."""
    cluster.stuck_at = 1
    pod.start("run", program="muster-agent")
    pod.wait_online()
    command = order(pod, {"version": "0.2.0"})
    wait_until(lambda: cluster.updated == 1, 30, "the first pod is updated")
    pod.stop(how)
    assert pod.stack.query("SELECT status FROM commands WHERE id = ?", command) == [("pending",)]
    cluster.stuck_at = None
    pod.start("run", program="muster-agent")
    assert outcome(pod, command) == ("done", NEW)
    assert len(cluster.of("PATCH")) == 1


def test_how_far_it_is_stands_on_the_hosts_disk(pod, cluster):
    cluster.stuck_at = 1
    pod.start()
    pod.wait_online()
    command = order(pod, {"version": "0.2.0"})
    state = pod.state / "update/k8s.json"
    told = wait_until(lambda: state.exists() and (now := json.loads(state.read_text()))["updated"] == 1 and now, 30,
                      "the first pod is updated")
    assert told["phase"] == "rolling" and told["total"] == 3 and told["version"] == "0.2.0"
    assert told["commandId"] == command and told["workload"] == cluster.workload
    cluster.stuck_at = None
    assert outcome(pod, command)[0] == "done"


def test_a_roll_out_whose_process_dies_has_failed(pod, cluster):
    cluster.stuck_at = 1
    pod.start()
    pod.wait_online()
    command = order(pod, {"version": "0.2.0"})
    wait_until(lambda: cluster.updated == 1, 30, "the first pod is updated")
    [child] = [pid for pid in pod.children() if b"k8s-rollout" in open(f"/proc/{pid}/cmdline", "rb").read()]
    os.kill(child, signal.SIGKILL)
    assert outcome(pod, command) == ("failed", "the roll-out was killed by signal 9")


# --- the manifests of docs/kubernetes.md ---


def manifests():
    text = (ROOT / "docs/kubernetes.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    return {(d["kind"], d["metadata"]["name"]): d for block in blocks for d in yaml.safe_load_all(block)}


def test_the_documented_role_is_all_it_takes_and_no_more(fresh, cluster):
    found = manifests()
    [rule] = found["Role", "muster-rollout"]["rules"]
    [container] = found["Deployment", "muster-rollout"]["spec"]["template"]["spec"]["containers"]
    env = {e["name"]: e["value"] for e in container["env"]}
    assert env["UPDATE_K8S_WORKLOAD"] == cluster.workload
    roll_out(fresh, cluster)
    assert {r[0].lower() for r in cluster.requests} == set(rule["verbs"])
    wanted = {tuple(r[1].split("?")[0].split("/")[2:]) for r in cluster.requests}
    assert wanted == {("apps", "v1", "namespaces", found["Role", "muster-rollout"]["metadata"]["namespace"],
                       rule["resources"][0], rule["resourceNames"][0])}
    assert rule["apiGroups"] == ["apps"]
    assert found["DaemonSet", "muster-agent"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("key", [("DaemonSet", "muster-agent"), ("Deployment", "muster-rollout")])
def test_the_documented_commands_are_understood(fresh, key):
    """Every option of the manifests exists; what they name is on a volume that they mount."""
    pod = manifests()[key]["spec"]["template"]["spec"]
    volumes = {v["name"] for v in pod["volumes"]}
    for container in pod["initContainers"] + pod["containers"]:
        assert {m["name"] for m in container["volumeMounts"]} == volumes
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    [enrol], [agent] = pod["initContainers"], pod["containers"]
    arguments = [a if "…" not in a else "sha256:" + "0" * 64 for a in enrol["args"]]
    done = fresh.run(*arguments, timeout=30)
    assert "/run/enrol/otp" in done.stderr and "unknown option" not in done.stderr
    probe = agent["readinessProbe"]["exec"]["command"]
    assert fresh.run(*probe[1:]).stderr.endswith("the agent does not run\n")


# --- pods become agents ---


def test_one_token_enrols_as_many_pods_as_it_says_and_no_more(stack):
    minted = stack.app_json("otp", "mint", "--uses", "3", "--ttl", "3600")
    pods = [Host(stack) for _ in range(4)]
    try:
        for pod in pods[:3]:
            pod.enrol(minted, DEPLOYMENT_MODE="container")
        assert len({pod.id for pod in pods[:3]}) == 3
        pods[3].write_conf()
        done = pods[3].run("enroll", "--server", stack.agent_url, "--ca-fingerprint", minted["caFingerprint"], "--otp",
                           minted["otp"], "--timeout", "2")
        assert done.returncode == 1 and "password" in done.stderr.splitlines()[-1]
        assert not (pods[3].state / "identity.json").exists()
        for pod in pods[:3]:  # a pod too many harms none of the others
            assert "Already enrolled" in pod.ok("enroll", "--server", stack.agent_url, "--ca-fingerprint",
                                                minted["caFingerprint"], "--otp", minted["otp"]).stdout
            pod.ok("once")
            pod.wait_online()
    finally:
        for pod in pods:
            pod.__exit__()
