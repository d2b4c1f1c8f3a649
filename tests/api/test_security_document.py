"""docs/security.md names the test for each of its claims: are they there?"""

import re

import pytest

from routes import ROOT

DOCUMENT = (ROOT / "docs/security.md").read_text()


def named():
    """(file below tests/, what the name of a test in it contains), from the last column of the tables."""
    for row in DOCUMENT[DOCUMENT.index("## OWASP"):].splitlines():
        file = None
        for m in re.finditer(r"(?:unit|api|web|fuzz)/[\w-]+|`([^`]+)`", row.rsplit("|", 2)[1] if row.startswith("|") else ""):
            if not m[1]:
                file = m[0]
                yield file, ""
            elif file:
                yield file, m[1]


@pytest.mark.parametrize("file, part", sorted(set(named())))
def test_what_shows_it_is_there(file, part):
    found = [path for path in (ROOT / "tests").glob(f"{file}*") if path.is_file()]
    assert found, "no such file"
    assert any(part in path.read_text() for path in found)


def test_every_requirement_says_what_shows_it():
    rows = [row for row in DOCUMENT[DOCUMENT.index("## OWASP"):].splitlines() if re.match(r"\| \d", row)]
    assert len(rows) > 50
    assert all(len(row.split("|")) == 5 for row in rows)
