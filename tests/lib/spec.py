"""docs/openapi.yaml as a judge: is this reply documented, and does its body fit the schema?

Replies are judged more strictly than clients judge them: a field that the document does not know is a failure."""

import copy
import re

import jsonschema
import yaml

from routes import ROOT

# What any route may answer, whatever the document says of it in particular.
ANYWHERE = {400, 404, 405, 413, 415, 429, 503}

PROBLEM_STATUS = {
    "bad-request": 400, "bad-json": 400, "unauthenticated": 401, "reauthenticate": 401,
    "forbidden": 403, "step-up-required": 403, "mfa-enrolment-required": 403,
    "proof-wrong": 403, "code-repeated": 403, "backup-code-required": 403, "csrf": 403, "not-found": 404,
    "method-not-allowed": 405, "conflict": 409, "otp-taken": 409, "encrypted": 409, "archived": 409,
    "length-required": 411, "payload-too-large": 413,
    "unsupported-media-type": 415, "invalid-field": 422, "rate-limited": 429, "internal": 500, "unavailable": 503,
    "agent-deactivated": 403, "quarantined": 403, "certificate-mismatch": 403, "insufficient-storage": 507,
}


def close_objects(node):
    """Refuses undocumented fields in every object whose fields are listed."""
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            node.setdefault("additionalProperties", False)
        for value in node.values():
            close_objects(value)
    elif isinstance(node, list):
        for value in node:
            close_objects(value)


class Spec:
    def __init__(self):
        self.document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
        strict = copy.deepcopy(self.document)
        close_objects(strict)
        self.resolver = jsonschema.RefResolver.from_schema(strict)
        self.answered = set()  # (method, template, status) of every reply that was judged
        self.operations = {}
        for template, item in self.document["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", lambda m: ".+" if m[1] == "path" else "[^/]+", template)
            for method, operation in item.items():
                if method != "parameters":
                    self.operations[method.upper(), template] = (re.compile(pattern), operation)

    def find(self, method, path):
        path = path.split("?")[0]
        exact = self.operations.get((method, path))
        if exact:
            return path, exact[1]
        for (known, template), (pattern, operation) in self.operations.items():
            if known == method and pattern.fullmatch(path):
                return template, operation
        return None, None

    def deref(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def request_schema(self, name):
        return self.document["components"]["schemas"][name]

    def takes_bearer(self, operation):
        """Then it refuses tokens without its scope."""
        return any("bearer" in option for option in operation.get("security", self.document["security"]))

    def validate(self, schema, body):
        jsonschema.Draft202012Validator(schema, resolver=self.resolver).validate(body)

    def judge(self, method, path, reply):
        """Raises AssertionError or jsonschema.ValidationError when the reply is not as documented."""
        status = reply.status_code
        template, operation = self.find(method, path)
        where = f"{method} {path} gave {status}: {reply.content[:500]!r}"  # not .text, which would guess for minutes
        assert status != 500, where
        if status >= 400:
            self.judge_problem(method, reply, where)
            anywhere = ANYWHERE | {403} if operation and self.takes_bearer(operation) else ANYWHERE
            assert operation is None or status in anywhere or str(status) in operation["responses"], \
                f"undocumented: {where}"
        else:
            assert operation is not None, f"undocumented: {where}"
            assert str(status) in operation["responses"], f"undocumented: {where}"
            self.judge_success(operation, status, reply, where)
        self.answered.add((method, template, status))

    def judge_stream(self, method, path):
        """A reply 200 that goes on as a stream of events."""
        template, operation = self.find(method, path)
        assert "text/event-stream" in operation["responses"]["200"]["content"], f"undocumented: {method} {path}"
        self.answered.add((method, template, 200))

    def judge_problem(self, method, reply, where):
        assert reply.headers.get("Content-Type") == "application/problem+json", where
        assert reply.headers.get("Cache-Control") == "no-store", where
        if method == "HEAD":
            return
        problem = reply.json()
        self.validate({"$ref": "#/components/schemas/Problem"}, problem)
        slug = problem["type"].removeprefix("/problems/")
        assert PROBLEM_STATUS[slug] == problem["status"] == reply.status_code, where
        if reply.status_code == 405:
            assert reply.headers.get("Allow"), where
        if reply.status_code in (429, 503):
            assert int(reply.headers["Retry-After"]) >= 1, where
        if reply.status_code == 422:
            assert "pointer" in problem, where

    def judge_success(self, operation, status, reply, where):
        content = self.deref(operation["responses"][str(status)]).get("content", {})
        got = reply.headers.get("Content-Type", "").split(";")[0]
        if not content:
            return
        assert got in content, where
        if got == "application/json":
            try:
                self.validate(content[got]["schema"], reply.json())
            except jsonschema.ValidationError as error:
                raise AssertionError(f"{error.message} at {error.json_path} in {where}") from error
