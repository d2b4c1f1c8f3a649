"""After everything else that this stack has seen: what it must have left, and what it must not."""

import re


def test_no_secret_is_in_any_log(stack, admin, operator, enrolled):
    minted = operator.mint()
    secrets = {
        "a password": admin.password,
        "another password": operator.password,
        "a session": operator.session.cookies["__Host-muster"],
        "a CSRF token": operator.headers["X-CSRF-Token"],
        "a one-time password": minted["otp"],
        "an API key": enrolled.key,
    }
    for path in (stack.var / "secrets").rglob("*"):
        if path.is_file():
            text = path.read_bytes().strip()
            if b"BEGIN" in text and b"PRIVATE KEY" in text:
                secrets[path.name] = text.decode().splitlines()[1]
            elif 16 <= len(text) <= 128 and b"BEGIN" not in text and text.isascii():
                secrets[path.name] = text.decode()
    log = stack.log_text()
    for what, secret in secrets.items():
        assert secret not in log, f"{what} is in a log"


def test_no_log_holds_a_token_or_a_signature(stack):
    log = stack.log_text()
    assert len(log) > 10_000
    assert not re.search(r"ms[k]_[0-9A-Za-z]{36}", log)
    assert not re.search(r"mo[t]_[0-9A-Za-z]{28}", log)
    assert not re.search(r"X-Amz-Signature=[0-9a-f]{64}", log)


def test_the_audit_trail_names_nobody(stack):
    """Ids alone, whatever was done: when a person is purged, nothing says whose an id was."""
    rows = stack.query("SELECT seq, actor, action, target, result, address, request_id, detail FROM audit")
    people = stack.query("SELECT email, name FROM users") + stack.query("SELECT email, '' FROM invitations")
    words = {word.lower() for pair in people for word in pair if len(word) > 3}
    assert len(rows) > 10 and len(words) > 3
    for row in rows:
        text = " ".join(str(part) for part in row[1:]).lower()
        assert "@" not in text and not any(word in text for word in words), row


def test_no_alert_names_anybody(stack):
    """They are read by others than the one they are about."""
    words = [email.lower() for email, in stack.query("SELECT email FROM users")]
    messages = [message for message, in stack.query("SELECT message FROM alerts")]
    assert not [message for message in messages if any(word in message.lower() for word in words)]


def test_the_server_had_no_accident(stack):
    app_log = (stack.var / "log/app.log").read_text(errors="replace")
    accident = re.compile(r" error |\"level\":\"error\"|ERROR: |runtime error")
    bad = [line for line in app_log.splitlines() if accident.search(line)]
    assert not bad, bad[:5]
