"""The table of routes, read from fcgi-app/routes.c: the one place that says what there is."""

import pathlib
import re
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]

ROW = re.compile(
    r"\{HTTP_(?P<method>\w+),\s*\"(?P<path>[^\"]+)\",\s*HTTP_(?P<listener>\w+),\s*PERMISSION_(?P<permission>\w+),"
    r"\s*CSRF_(?P<csrf>\w+),\s*(?P<body>[^,]+),\s*(?P<schema>NULL|\"\w+\"),"
    r"\s*SCOPE_(?P<scope>\w+),\s*STEP_(?P<step>\w+),\s*(?P<handler>\w+)\}"
)


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # as in OpenAPI: /objects/{path}
    listener: str  # admin, agent, both
    permission: str  # public, agent, signed, viewer, operator, admin
    csrf: str  # none, token, origin
    body_max: int
    schema: str  # "" when there is no body
    scope: str  # of an access token: none, read, fleet, enrol, backup, restore, rollout
    step: str  # step-up: none, fresh, once

    def __str__(self):
        return f"{self.method} {self.path}"

    def on(self, listener):
        return self.listener in (listener, "both")

    def url(self, **ids):
        """The path with its {…} filled in; what is not named becomes an id nobody has."""
        return re.sub(r"\{(\w+)\}", lambda m: ids.get(m[1], "01900000-dead-7000-8000-000000000000"), self.path)


def size(text):
    kib = re.fullmatch(r"KIB\((\d+)\)", text.strip())
    return int(kib[1]) * 1024 if kib else int(text)


def load():
    text = (ROOT / "fcgi-app/routes.c").read_text()
    routes = [
        Route(m["method"], m["path"].replace("...}", "}"), m["listener"].lower(), m["permission"].lower(),
              m["csrf"].lower(), size(m["body"]), m["schema"].strip('"') if m["schema"] != "NULL" else "",
              m["scope"].lower(), m["step"].lower())
        for m in ROW.finditer(text)
    ]
    assert len(routes) == text.count("{HTTP_"), "a row of routes.c was not understood"
    return routes
