"""What the runner of the tests says of itself, and what it refuses: it must not run everything for a slip of the keys."""

import subprocess

import pytest

from routes import ROOT


def runner(*words):
    return subprocess.run([ROOT / "tests/run", *words], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_names_the_suites_and_runs_none(word):
    done = runner(word)
    assert (done.returncode, done.stderr) == (0, "")
    for suite in ("unit", "api", "agent", "e2e", "web"):
        assert f"\n  {suite} " in done.stdout
        assert f"{suite}: running" not in done.stdout


@pytest.mark.parametrize("words, what", [
    (["nonsense"], "nonsense is no suite"),
    (["unit", "units"], "units is no suite"),
    (["--hel"], "--hel"),
    (["-x"], "-x"),
    (["e2e", "-k", "runner"], "-k"),
    (["--", "-x"], "only api, agent, e2e are run by pytest"),
    (["unit", "--", "-x"], "only api, agent, e2e are run by pytest"),
    (["api", "web", "--", "-x"], "only api, agent, e2e are run by pytest"),
])
def test_what_it_does_not_know_is_refused_before_anything_runs(words, what):
    done = runner(*words)
    assert done.returncode == 2
    assert what in done.stderr and done.stdout == ""
