"""A valid body for each request schema, and wrong values for each type of field."""

import functools

from identity import Identity

NOBODY = "01900000-dead-7000-8000-000000000000"


@functools.cache
def csr():
    return Identity().csr()


# In the shape of a passkey's answer, and nobody's.
PASSKEY_ANSWER = {"id": "AAAAAAAAAAAAAAAAAAAAAA", "type": "public-key", "response": {
    "clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "AAAA"}}
PASSKEY_NEW = {"id": "AAAAAAAAAAAAAAAAAAAAAA", "type": "public-key", "response": {
    "clientDataJSON": "e30", "attestationObject": "oA", "transports": ["usb"]}}


def valid(schema):
    return {
        "Login": {"email": "nobody@example.org", "password": "wrong", "tokens": False},
        "Refresh": {"refreshToken": "mrt_unknown"},
        "AccessTokenNew": {"name": "n", "scopes": ["read"], "expiresInDays": 1},
        "StepUp": {"action": "POST /api/otps", "target": "", "password": "wrong"},
        "MfaVerify": {"code": "000000", "trustDevice": False, "deviceName": "d"},
        "PasswordChange": {"current": "wrong", "password": "a passphrase of some length"},
        "MfaDisable": {"password": "wrong", "code": "123456"},
        "AccountChange": {"name": "n"},
        "UserChange": {"name": "n", "role": "viewer", "disabled": False},
        "GrantsChange": {"grants": []},
        "InvitationCreate": {"email": "nobody@example.org", "role": "viewer"},
        "InvitationLook": {"token": "none"},
        "InvitationAccept": {"token": "none", "name": "n", "password": "correct horse battery staple"},
        "PasskeyAsk": {"purpose": "signin"},
        "PasskeyLogin": {"passkey": PASSKEY_ANSWER, "tokens": False},
        "PasskeyNew": {"name": "n", "credential": PASSKEY_NEW},
        "PasskeyChange": {"name": "n"},
        "PolicyChange": {"auth.mfa.issuer": "Muster"},
        "AgentRegister": {"name": "n", "platform": "linux"},
        "AgentChange": {"name": "n"},
        "AgentBulk": {"ids": [NOBODY], "action": "label", "args": {"labels": {"a": "b"}}},
        "AgentBulkUpdate": {"ids": [NOBODY], "version": "9.9.9"},
        "OtpMint": {"name": "n", "expectedHost": "h", "network": "10.0.0.0/8", "ttlS": 60, "uses": 1, "labels": {}},
        "Enroll": {"otp": "mot_unknown", "csr": csr(), "hostname": "h", "platform": "linux", "arch": "amd64",
                   "version": "0.1.0", "proto": 1, "capabilities": [], "deploymentMode": "vm"},
        "Renew": {"csr": csr()},
        "Heartbeat": {"version": "0.1.0", "platform": "linux"},
        "Events": {"epoch": "00000000000000aa", "events": []},
        "AgentLog": {"level": "info", "message": "m"},
        "ConfigChange": {"name": "n", "agentId": NOBODY, "sources": [{"path": "/etc"}], "options": {"type": "full"}},
        "BackupStart": {"configId": NOBODY, "filename": "a.tar.gz", "multipart": True},
        "BackupPart": {"logId": NOBODY, "number": 1, "size": 1, "md5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        "BackupProgress": {"logId": NOBODY, "filesProcessed": 0, "bytesRead": 0, "bytesTransferred": 0},
        "BackupComplete": {"logId": NOBODY, "status": "failed", "errors": []},
        "Restore": {},
        "RunRestore": {"target": "/restore"},
        "RunVerify": {},
        "BackupVerified": {"logId": NOBODY, "result": "intact"},
        "BackupJob": {"jobId": NOBODY, "status": "running"},
        "RolloutCreate": {"version": "9.9.9", "target": {"all": True}},
        "RolloutChange": {"silenceS": 60},
        "AgentUpdate": {"version": "9.9.9"},
    }[schema]


def act(client, route):
    """A request to the route with a body that it takes. Of a stream of events only the beginning is waited for."""
    body = valid(route.schema) if route.schema else None
    content = client.spec.operations[route.method, route.path][1]["responses"].get("200", {}).get("content", {})
    streams = "text/event-stream" in content
    reply = client.request(route.method, route.url(), json=body, stream=streams, judge=not streams)
    if reply.headers.get("Content-Type", "").startswith("text/event-stream"):
        reply.close()
    elif streams:
        assert reply.text  # a refusal is read like any other
    return reply


def without(schema, name):
    return {key: value for key, value in valid(schema).items() if key != name}


def wrong(schema):
    """Values that no field of this schema takes."""
    if "oneOf" in schema or isinstance(schema.get("type"), list):
        return [{}, True]
    if "enum" in schema:
        return ["none of these", 5]
    values = {"string": [5, {}, []], "integer": ["1", 1.5, True, []], "boolean": ["true", 1], "array": [{}, "x"],
              "object": [[], "x"]}[schema["type"]]
    if "minimum" in schema:
        values.append(schema["minimum"] - 1)
    if "maximum" in schema:
        values.append(schema["maximum"] + 1)
    if schema["type"] == "string" and schema.get("minLength"):
        values.append("")
    if "maxLength" in schema:
        values.append("x" * (schema["maxLength"] + 1))
    return values
