-- Which agents have something new, what has run out, what is old enough to go: all ask by status first.
CREATE INDEX commands_by_status ON commands (status, created_ms);
CREATE INDEX otps_by_expiry ON otps (expires_ms);
