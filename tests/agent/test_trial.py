"""A new version on trial: real launcher, agents that do as they are told. What must hold at the end of each: the machine
runs a whole, working agent, and A.trial says what became of the new one."""

import os
import signal
import stat

import pytest

from fakes import EPOCH, HEALTHY, SEQ, Machine, steps_of


@pytest.fixture
def machine():
    """Its server answers."""
    with Machine() as machine:
        machine.touch("server")
        yield machine


def wait_committed(machine):
    machine.wait_run("0.2.0 saw committed")
    machine.wait(lambda: machine.trial == {}, "the agent tidied up")
    assert machine.installed == "0.2.0"
    assert sorted(p.name for p in machine.bin.iterdir()) == ["muster-agent", "muster-launcher"]


def wait_rejected(machine, reason):
    machine.wait_run("0.1.0 saw rejected")
    machine.wait(lambda: machine.trial == {}, "the agent tidied up")
    assert machine.installed == "0.1.0"
    assert sorted(p.name for p in machine.bin.iterdir()) == ["muster-agent", "muster-launcher"]
    assert f"0.2.0 {reason}: putting 0.1.0 back" in machine.log()
    told = (machine.evidence / "0.2.0.log").read_text()
    assert f"\nreason {reason}\n" in told
    return told


# --- good ones ---


def test_one_that_reaches_the_server_is_committed(machine):
    machine.update(HEALTHY)
    wait_committed(machine)
    assert "0.2.0 is on trial for 2 s" in machine.log()
    assert "0.2.0 is committed" in machine.log()
    assert machine.runs.count("0.2.0 started") == 1
    assert machine.stop() == 0


def test_it_is_not_committed_before_half_of_its_time(machine):
    """One that is healthy for a while and then ends is bad."""
    machine.trial_s = 4
    machine.update(f"ack\nreplayed {EPOCH} {SEQ}\nsleep 1000\nexit 4")
    wait_rejected(machine, "exited: code 4")


def test_what_it_writes_to_standard_error_goes_on_to_the_log_after_the_trial(machine):
    machine.update(HEALTHY + "\nsay early\nwait later\nsay late")
    wait_committed(machine)
    machine.touch("later")
    machine.wait(lambda: "\nlate\n" in machine.log(), "its log is still listened to")
    assert "\nearly\n" in machine.log()


def test_a_restart_that_it_asks_for_is_no_failure(machine):
    machine.update(f"{HEALTHY}\nwait again\nforget again\nexit 75")
    machine.wait_run("0.2.0 started")
    machine.touch("again")
    machine.wait(lambda: machine.trial.get("starts") == "2", "it counts as a start")
    wait_committed(machine)
    assert machine.runs.count("0.2.0 started") == 2


def test_the_service_stopped_during_a_trial_is_no_failure(machine):
    machine.update("wait never")
    machine.wait_run("0.2.0 started")
    assert machine.stop() == 0
    assert machine.phase() == "trial"
    machine.lay(machine.beside(".new"), "0.2.0", HEALTHY)
    machine.start()
    wait_committed(machine)


# --- bad ones ---


def test_one_that_crashes_at_once_is_put_back(machine):
    machine.update("say the last words\ncrash")
    told = wait_rejected(machine, "crashed: signal 6")
    assert told.startswith("version 0.2.0\nprevious 0.1.0\ntime 2") and told.endswith("\n\nthe last words\n")
    assert stat.S_IMODE(os.stat(machine.evidence / "0.2.0.log").st_mode) == 0o600
    assert machine.runs.count("0.2.0 started") == 1


def test_only_the_end_of_a_long_log_is_kept_as_evidence(machine):
    machine.update(f"count 300 {'x' * 50}\nexit 3")
    lines = wait_rejected(machine, "exited: code 3").split("\n\n", 1)[1].splitlines()
    assert lines == [f"line {i} {'x' * 50}" for i in range(300 - len(lines), 300)], "whole lines, the last ones"
    assert 8192 - 60 < sum(len(line) + 1 for line in lines) <= 8192


def test_one_that_hangs_is_put_back(machine):
    machine.update("hang")
    wait_rejected(machine, "silent: no sign of life for 1 s")


def test_one_whose_configuration_is_bad_is_put_back(machine):
    """Outside of a trial, exit code 2 ends the launcher."""
    machine.update("exit 2")
    wait_rejected(machine, "exited: code 2")
    assert machine.process.poll() is None


def test_one_that_ends_without_an_error_is_put_back(machine):
    machine.update("exit 0")
    wait_rejected(machine, "exited: code 0")


def test_one_that_is_no_program_is_put_back(machine):
    machine.lay = lambda path, *_: (path.write_bytes(b"\x7fELF, or so it says" * 100), path.chmod(0o755))
    machine.update("")
    told = wait_rejected(machine, "cannot be started")
    assert "Exec format error" in told


def test_one_that_damages_the_event_log_is_put_back_at_once(machine):
    machine.trial_s = 60
    machine.update("ack\nreplayed ffffffffffffffff 1\nwait never")
    wait_rejected(machine, "event log: epoch changed")


def test_one_that_sends_what_is_left_of_an_earlier_boot_first_is_committed(machine):
    machine.update(f"replayed ffffffffffffffff 77 {EPOCH}\n{HEALTHY}")
    wait_committed(machine)


def test_one_that_replays_too_little_is_put_back(machine):
    machine.update(f"ack\nreplayed {EPOCH} {SEQ - 1}\nwait never")
    wait_rejected(machine, "event log: not replayed within 2 s")


def test_the_word_of_old_agents_does_not_commit(machine):
    machine.update("ack\nreplayed 4711\nwait never")
    wait_rejected(machine, "event log: not replayed within 2 s")


def test_one_that_cannot_reach_the_server_is_put_back_after_a_second_try(machine):
    """The first time it may have been the server that was away; the old one has shown then that it is there."""
    machine.update("wait never")
    wait_rejected(machine, "not acknowledged within 2 s")
    assert machine.log().count("0.2.0 not acknowledged within 2 s: putting 0.1.0 back") == 2
    assert "0.1.0 reaches the server: 0.2.0 gets another trial" in machine.log()


def test_a_third_start_is_a_failure(machine):
    machine.trial_s = 60
    machine.update("wait never")
    machine.wait_run("0.2.0 started")
    assert machine.stop() == 0
    machine.start()
    machine.wait_run("0.2.0 started", 2)
    assert machine.stop() == 0
    machine.start()
    wait_rejected(machine, "started 3 times")
    assert machine.runs.count("0.2.0 started") == 2


# --- outages ---


def test_an_outage_rejects_nothing_and_the_next_trial_comes_when_the_server_is_back():
    with Machine() as machine:
        machine.update(HEALTHY)
        machine.wait(lambda: machine.phase() == "restored", "the new one cannot reach it")
        assert machine.trial["reason"] == "not acknowledged within 2 s"
        machine.wait(lambda: machine.phase() == "waiting", "nor can the old one")
        assert machine.installed == "0.1.0"
        assert "0.1.0 does not reach the server either: 0.2.0 gets another trial in 4 s" in machine.log()
        machine.touch("server")
        wait_committed(machine)
        assert "trial number 2" in machine.log()


def test_the_next_trial_comes_after_a_back_off_too():
    """The old one may be what cannot reach it."""
    with Machine(old="sleep 0") as machine:
        machine.update("wait never")
        machine.wait(lambda: machine.phase() == "waiting", "an outage")
        machine.wait(lambda: machine.trial.get("round") == "2", "the second trial")
        machine.wait(lambda: machine.phase() == "waiting", "an outage again")
        assert "another trial in 8 s" in machine.log()
        assert machine.trial["starts"] == "1"


def test_the_launcher_remembers_an_outage_when_it_is_started_anew():
    with Machine() as machine:
        machine.update(HEALTHY)
        machine.wait(lambda: machine.phase() == "waiting", "an outage")
        assert machine.stop() == 0
        machine.start()
        machine.touch("server")
        wait_committed(machine)


# --- reboots ---


def after_reboot(machine, script, **changes):
    """The machine was rebooted in mid-trial: the log goes on in another epoch."""
    machine.update("wait never")
    machine.wait_run("0.2.0 started")
    assert machine.stop() == 0
    fields = {**machine.trial, "boot": "01234567-0000-0000-0000-000000000000", **changes}
    machine.beside(".trial").write_text(machine.write_trial(**{k.replace("-", "_"): v for k, v in fields.items()
                                                               if k != "muster-trial"}))
    machine.lay(machine.beside(".new"), "0.2.0", script)
    machine.start()


def test_a_trial_goes_on_in_the_epoch_that_a_reboot_begins(machine):
    after_reboot(machine, "serve 7777777777777777 1")
    wait_committed(machine)


def test_what_was_not_replayed_before_a_reboot_is_waited_for(machine):
    after_reboot(machine, f"replayed {EPOCH} {SEQ} 7777777777777777\nserve 7777777777777777 1", replayed=SEQ - 5)
    wait_committed(machine)


def test_what_was_lost_with_a_reboot_is_found_out(machine):
    after_reboot(machine, "serve 7777777777777777 1", replayed=SEQ - 5)
    wait_rejected(machine, "event log: what was written before the reboot is lost")


# --- files ---


def likeness(path):
    st = os.stat(path)
    return st.st_mode, st.st_uid, st.st_gid, {name: os.getxattr(path, name) for name in os.listxattr(path)}


@pytest.mark.parametrize("script", [HEALTHY, "crash"], ids=["committed", "rejected"])
def test_owner_mode_and_attributes_stay(machine, script):
    lay = machine.lay

    def lay_like(path, *args):
        lay(path, *args)
        path.chmod(0o751)
        os.chown(path, 0 if os.getuid() == 0 else -1, 12 if os.getuid() == 0 else -1)
        os.setxattr(path, "user.muster", b"kept")

    machine.lay = lay_like
    machine.lay(machine.agent, "0.1.0", HEALTHY + "\nswap")
    before = likeness(machine.agent)
    machine.update(script)
    if script == HEALTHY:
        wait_committed(machine)
    else:
        wait_rejected(machine, "crashed: signal 6")
    assert likeness(machine.agent) == before and before[3] == {"user.muster": b"kept"}


def damage_by_cutting(path, text):
    path.write_text(text[:60])


def damage_by_link(path, text):
    path.with_name("elsewhere").write_text(text)
    path.symlink_to(path.with_name("elsewhere"))


def damage_by_size(path, text):
    path.write_text(text + "x y\n" * 10000)


def damage_by_mode(path, text):
    path.write_text(text)
    path.chmod(0o666)


def damage_by_owner(path, text):
    if os.getuid() != 0:
        pytest.skip("only root gives files away")
    path.write_text(text)
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize("damage", [damage_by_cutting, damage_by_link, damage_by_size, damage_by_mode,
                                    damage_by_owner])
def test_a_state_that_is_damaged_or_not_ours_is_not_followed(machine, damage):
    machine.offer("crash")
    damage(machine.beside(".trial"), machine.write_trial())
    machine.remove("start")
    machine.start()
    machine.wait_run("0.1.0 started")
    assert "A.trial".replace("A", machine.agent.name) + " is not looked at: it is " in machine.log()
    assert "running what is there" in machine.log()
    assert machine.installed == "0.1.0"


def test_an_old_one_that_cannot_be_put_back_yet_is_as_soon_as_it_can(machine):
    """What runs meanwhile is not judged."""
    machine.update("wait go\ncrash")
    machine.wait_run("0.2.0 started")
    machine.beside(".backup").chmod(0o644)
    machine.touch("go")
    machine.wait(lambda: "0.1.0 cannot be put back: muster-agent.backup is not a program" in machine.log(), "it is said")
    machine.wait_run("0.2.0 started", 2)
    assert machine.phase() == "rejected"
    machine.beside(".backup").chmod(0o755)
    machine.wait_run("0.1.0 saw rejected")
    assert machine.installed == "0.1.0"


def test_without_a_backup_there_is_still_an_agent_and_the_next_update():
    with Machine() as machine:
        machine.update(HEALTHY)
        machine.wait_run("0.2.0 started")
        machine.beside(".backup").unlink()
        machine.wait_run("0.2.0 saw rejected")
        assert "0.1.0 cannot be put back: open muster-agent.backup: No such file" in machine.log()
        machine.wait(lambda: machine.trial == {}, "the agent tidied up")
        assert machine.installed == "0.2.0" and machine.agent_pid()


# --- the launcher killed ---


@pytest.mark.parametrize("phase", ["trial", "restored", "waiting"])
def test_a_launcher_that_is_killed_goes_on_where_it_was(phase):
    with Machine() as machine:
        machine.update(HEALTHY)
        machine.wait(lambda: machine.phase() == phase, f"phase {phase}")
        machine.stop(signal.SIGKILL)
        machine.start()
        machine.touch("server")
        wait_committed(machine)


def scenario_commit(machine):
    machine.update(HEALTHY)
    return lambda: "0.2.0 saw committed" in machine.runs and machine.trial == {} and machine.installed == "0.2.0"


def scenario_reject(machine):
    machine.update("sleep 200\ncrash")
    return lambda: "0.1.0 saw rejected" in machine.runs and machine.trial == {} and machine.installed == "0.1.0"


def run_killed(scenario, control, order):
    """Runs the scenario with a kill at this step, and a new start by init if the launcher was it. Whether it came so
    far."""
    with Machine() as machine:
        machine.touch("server")
        machine.touch(control, order)
        done = scenario(machine)

        def over():
            if machine.process.poll() is not None:
                assert machine.process.returncode == -signal.SIGKILL
                machine.installed  # a whole binary, also now
                machine.process = None
                machine.start()
            return done()

        machine.wait(over, f"{scenario.__name__} with {control} {order}", 40)
        version = machine.installed
        machine.wait(lambda: machine.runs[-1] == f"{version} started" or machine.agent_pid(), "an agent runs")
        return not (machine.ground / control).exists()


@pytest.mark.parametrize("scenario", [scenario_commit, scenario_reject])
def test_a_launcher_killed_at_any_step_leaves_a_working_agent(scenario, together):
    """Every step that is passed, one after another, until one is not reached any more."""
    reached = together(lambda n: run_killed(scenario, "kill-launcher", f"* {n}"), range(1, 16))
    count = reached.index(False)
    assert count >= 9 and not any(reached[count:])


@pytest.mark.parametrize("scenario", [scenario_commit])
def test_an_agent_killed_at_any_step_of_the_swap_leaves_a_working_agent(scenario, together):
    steps = steps_of("agent-static/update/swap.h", "SWAP_STEPS")
    assert all(together(lambda step: run_killed(scenario, "kill-swap", step), steps))
