"""The agent's TUF client (build/tuf-client) against repositories that securesystemslib makes and signs: what it takes,
what it refuses and why. The public conformance suite asks more; its own dependencies are not in Debian."""

import copy
import json
import time

import pytest

from tufrepo import ROLES, Client, Key, Repository, in_days


@pytest.fixture
def repo():
    return Repository()


@pytest.fixture
def client(repo, tmp_path):
    client = Client(repo, tmp_path)
    yield client
    client.close()


def publish_all(repo):
    repo.publish("targets", "snapshot", "timestamp")


# --- what it takes ---


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "rsa-sha512"])
@pytest.mark.parametrize("consistent", [True, False])
def test_a_repository_is_followed_with_keys_of_each_kind(tmp_path, kind, consistent):
    repo = Repository(kind, consistent)
    client = Client(repo, tmp_path)
    repo.add("0.2.0/agent-linux-amd64", b"the agent")
    publish_all(repo)
    client.gets("0.2.0/agent-linux-amd64")
    assert client.versions() == [1, 2, 2, 2]
    client.refreshes()
    assert repo.asked == ["2.root.json", "timestamp.json"]
    client.close()


def test_a_key_that_we_cannot_have_does_not_count_and_does_not_harm(repo, client):
    repo.keys["targets"].append(Key("ed25519"))
    repo.publish("root")
    publish_all(repo)
    client.refreshes()
    repo.threshold["targets"] = 2
    repo.publish("root")
    publish_all(repo)
    client.refuses("targets.json: 1 valid signatures of the 2 that are asked for")


def test_both_write_the_same_canonical_form(repo, client):
    """Escapes, controls, the ends of integers, order of keys, what is empty: signed by one, hashed by the other."""
    repo.add("agent", b"x", text="line\nbreak\t\"quote\" \\ back / slash \x01 \u2028 Ünïcödé \U0001f980",
             numbers=[0, -1, 2**63 - 1, -2**63], nothing=None, yes=True, no=False,
             nested={"b": [], "a": {}, "B": [[{}]], "é": 1, "z": 2, "": 3, "a\n\"\\": 4})
    repo.keys["snapshot"] = [Key(note="line\nbreak \"\\ é")]
    repo.publish("root")
    publish_all(repo)
    client.gets("agent")


def test_promised_lengths_and_hashes_are_accepted(repo, client):
    repo.promise = True
    publish_all(repo)
    client.refreshes()
    repo.promise = False
    publish_all(repo)
    client.refreshes()


# --- keys and signatures ---


def test_two_of_three_must_sign(repo, client):
    repo.rotate("targets", 3)
    repo.threshold["targets"] = 2
    repo.publish("root", "targets", "snapshot", "timestamp")
    client.refreshes()
    one, two, three = repo.keys["targets"]
    for signers in ([one, three], [two, one], [three, Key(), two]):
        repo.publish("targets", signers=signers)
        repo.publish("snapshot", "timestamp")
        client.refreshes()
    for signers in ([one], [], [two, Key()], [Key(), Key(), Key()]):
        repo.publish("targets", signers=signers)
        repo.publish("snapshot", "timestamp")
        client.refuses("valid signatures of the 2 that are asked for")


def test_signing_twice_is_not_two_signatures(repo, client):
    repo.rotate("targets", 2)
    repo.threshold["targets"] = 2
    one = repo.keys["targets"][0]
    repo.publish("root")
    repo.publish("targets", signers=[one, one])
    repo.publish("snapshot", "timestamp")
    client.refuses("has signed already")


def test_the_root_moves_on_over_many_versions(repo, client):
    for _ in range(5):
        before = repo.keys["root"]
        repo.rotate("root", 3)
        repo.threshold["root"] = 2
        repo.publish("root", signers=[*before[:2], *repo.keys["root"][1:]])
    client.refreshes()
    assert client.versions() == [6, 1, 1, 1]
    assert (client.metadata / "root.json").read_bytes() == repo.files["6.root.json"]


@pytest.mark.parametrize("signers", ["old", "new", "none"])
def test_a_root_needs_the_signatures_of_the_old_and_of_the_new_keys(repo, client, signers):
    client.refreshes()
    before = repo.keys["root"]
    repo.rotate("root")
    repo.publish("root", signers={"old": before, "new": repo.keys["root"], "none": []}[signers])
    client.refuses("root.json: 0 valid signatures")
    repo.sign("root", [*before, *repo.keys["root"]])
    client.refreshes()
    assert client.versions()[0] == 2


def test_a_root_of_another_version_than_its_name_is_refused(repo, client):
    client.refreshes()
    repo.publish("root")
    repo.publish("root")
    repo.files["2.root.json"] = repo.files.pop("3.root.json")
    client.refuses("version 3 where 2 was asked for")


@pytest.mark.parametrize("role", ROLES)
def test_metadata_changed_by_one_character_is_refused(repo, client, role):
    client.refreshes()
    repo.publish("root")
    publish_all(repo)
    name = repo.name(role, repo.bodies[role]["version"])
    text = repo.files[name]
    repo.files[name] = text.replace(b"1.0.31", b"1.0.32")
    client.refuses(f"{role}.json: 0 valid signatures")
    repo.files[name] = text
    client.refreshes()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 10_000, b"[" + b"{}," * 5_000, b"null"],
                         ids=["nothing", "cut off", "list", "empty", "bytes", "deep", "many", "null"])
def test_what_is_no_metadata_is_refused(repo, client, role, data):
    repo.publish("root")
    publish_all(repo)
    repo.files[repo.name(role, repo.bodies[role]["version"])] = data
    client.refuses(f"invalid input: {role}.json")


# --- time ---


@pytest.mark.parametrize("role", ROLES)
def test_expired_metadata_is_refused(repo, client, role):
    client.refreshes()
    repo.bodies[role]["expires"] = in_days(-1)
    repo.publish("root")
    publish_all(repo)
    client.refuses(f"{role}.json: expired")
    repo.bodies[role]["expires"] = in_days(1)
    repo.publish("root")
    publish_all(repo)
    client.refreshes()


def test_a_repository_that_stands_still_is_not_believed_for_ever(repo, client):
    client.refreshes(days=29)
    client.refuses("root.json: expired", days=31)
    repo.bodies["root"]["expires"] = in_days(100)
    repo.publish("root")
    client.refuses("timestamp.json: expired", days=31)
    repo.bodies["timestamp"]["expires"] = in_days(100)
    repo.publish("timestamp")
    client.refuses("snapshot.json: expired", days=31)
    for role in ("snapshot", "targets"):
        repo.bodies[role]["expires"] = in_days(100)
    publish_all(repo)
    client.refreshes(days=31)


# --- rollback, mix and match, fast forward ---


@pytest.mark.parametrize("role, trusted", [("timestamp", [1, 3, 3, 3]), ("snapshot", [1, 3, 3, 3]),
                                           ("targets", [1, 4, 3, 3])])
def test_nothing_goes_back(repo, client, role, trusted):
    old = copy.deepcopy(repo.bodies)
    publish_all(repo)
    publish_all(repo)
    client.refreshes()
    repo.bodies[role] = old[role]
    repo.publish(role)
    if role != "timestamp":
        repo.publish(*[r for r in ("snapshot", "timestamp") if r != role])
    client.refuses("(rollback)")
    assert client.versions() == trusted


def test_old_targets_under_a_new_name_are_refused(repo, client):
    repo.add("agent", b"vulnerable")
    publish_all(repo)
    old = repo.files["2.targets.json"]
    repo.add("agent", b"mended")
    publish_all(repo)
    repo.files["3.targets.json"] = old
    client.refuses("targets.json: version 2, not the 3 promised (mix and match)")


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_another_file_than_was_promised_is_refused_even_when_signed(repo, client, role):
    repo.promise = True
    publish_all(repo)
    name = repo.name(role, 2)
    promised = repo.files[name]
    repo.files[name] = promised.replace(b"\n", b" ", 1)
    client.refuses(f"{role}.json: its sha256 is not the one promised")
    repo.files[name] = promised + b"\n"
    client.refuses("too big")
    repo.files[name] = promised[:-1]
    client.refuses(f"{role}.json: ")
    repo.files[name] = promised
    client.refreshes()


def test_new_keys_recover_from_versions_that_an_attacker_ran_up(repo, client):
    for role in ("targets", "snapshot", "timestamp"):
        repo.bodies[role]["version"] = 10**9
        repo.publish(role)
    client.refreshes()
    for role in ("snapshot", "timestamp"):
        repo.rotate(role)
    for role in ("targets", "snapshot", "timestamp"):
        repo.bodies[role]["version"] = 1
    repo.publish("root")
    publish_all(repo)
    client.refreshes()
    assert client.versions() == [2, 2, 2, 2]


# --- a hostile or broken server ---


def endless(sent):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)
            sent.append(65536)
    return answer


@pytest.mark.parametrize("role", ROLES)
def test_data_without_end_is_left_soon(repo, client, role):
    sent = []
    repo.publish("root")
    name = repo.name(role, repo.bodies[role]["version"])
    repo.files[name] = endless(sent)
    started = time.monotonic()
    client.refuses("too big")
    assert time.monotonic() - started < 20 and sum(sent) < 32 << 20  # what sockets hold, in all


def test_a_target_without_end_is_left_soon(repo, client):
    sent = []
    repo.add("agent", b"x" * 1000)
    publish_all(repo)
    repo.targets["agent"] = endless(sent)
    client.gets_not("agent", "more than 1000 bytes")
    assert list(client.targets.iterdir()) == [] and sum(sent) < 32 << 20


@pytest.mark.parametrize("other", [b"another agent", b"the agenT", b"the agen", b"the agent "])
def test_another_target_than_was_promised_is_not_kept(repo, client, other):
    repo.add("agent", b"the agent")
    publish_all(repo)
    repo.targets["agent"] = other
    client.gets_not("agent", "agent: ")
    assert list(client.targets.iterdir()) == []


@pytest.mark.parametrize("name, trusted", [("timestamp.json", [2, None, None, None]),
                                           ("1.snapshot.json", [2, 1, None, None]),
                                           ("1.targets.json", [2, 1, 1, None])])
def test_a_file_that_is_missing_is_named_and_what_came_before_is_kept(repo, client, name, trusted):
    repo.publish("root")
    data = repo.files.pop(name)
    client.refuses(f"not found: {name}")
    assert client.versions() == trusted
    repo.files[name] = data
    client.refreshes()


def test_an_error_of_the_server_is_not_the_end_of_the_roots(repo, client):
    """Or whoever answers 503 could keep a revoked key in use."""
    client.refreshes()
    repo.files["2.root.json"] = lambda handler: handler.send_error(503)
    client.refuses("unavailable: 2.root.json")


# --- delegations ---


def test_delegated_roles_are_followed_in_order(repo, client):
    repo.delegate("first", paths=["a/*"])
    repo.delegate("second", paths=["*/*", "?"])
    repo.delegate("deep", parent="second", paths=["b/*"])
    repo.add("a/x", b"of first", role="first")
    repo.add("b/x", b"of deep", role="deep")
    repo.add("c", b"of second", role="second")
    repo.publish("first", "deep", "second")
    publish_all(repo)
    for name in ("a/x", "b/x", "c"):
        client.gets(name)
    client.gets_not("d/x", "no target d/x")
    client.gets_not("cc", "no target cc")


def test_a_role_has_only_the_paths_it_was_given(repo, client):
    repo.delegate("first", paths=["a/*"])
    repo.add("b/x", b"of first", role="first")
    repo.publish("first")
    publish_all(repo)
    client.gets_not("b/x", "no target b/x")
    assert "1.first.json" not in repo.asked


def test_after_a_terminating_role_nobody_else_is_asked(repo, client):
    repo.delegate("first", terminating=True, paths=["a/*"])
    repo.delegate("second", paths=["*/*"])
    repo.add("a/x", b"of second", role="second")
    repo.publish("first", "second")
    publish_all(repo)
    client.gets_not("a/x", "no target a/x")
    assert "1.first.json" in repo.asked and "1.second.json" not in repo.asked


def test_hash_prefixes_share_paths_out(repo, client):
    digits = "0123456789abcdef"
    repo.delegate("low", path_hash_prefixes=list(digits[:8]))
    repo.delegate("high", path_hash_prefixes=list(digits[8:]))
    for i in range(8):
        repo.add(f"file{i}", str(i).encode(), role="low")
        repo.add(f"file{i}", str(i).encode(), role="high")
    repo.publish("low", "high")
    publish_all(repo)
    asked = set()
    for i in range(8):
        client.gets(f"file{i}")
        asked |= set(repo.asked)
    assert {"1.low.json", "1.high.json"} <= asked


def test_a_delegated_role_is_signed_by_whom_the_delegation_names(repo, client):
    repo.delegate("first", paths=["*"])
    repo.add("x", b"x", role="first")
    repo.publish("first", signers=repo.keys["targets"])
    publish_all(repo)
    client.gets_not("x", "first.json: 0 valid signatures")
    assert not (client.metadata / "first.json").exists()
    repo.publish("first")
    repo.publish("snapshot", "timestamp")
    client.gets("x")
    assert json.loads((client.metadata / "first.json").read_bytes())["signed"]["version"] == 2


def test_a_cycle_of_delegations_ends(repo, client):
    repo.delegate("first", paths=["*"])
    repo.delegate("second", parent="first", paths=["*"])
    repo.delegate("first", parent="second", paths=["*"])
    repo.publish("first", "second")
    publish_all(repo)
    client.gets_not("x", "no target x")
    assert repo.asked[4:] == ["1.first.json", "1.second.json"]
