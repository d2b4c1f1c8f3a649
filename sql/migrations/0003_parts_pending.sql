-- Parts that were announced and are not there yet: asked for before each body is let in.
CREATE INDEX backup_parts_pending ON backup_parts (run_id, size_bytes) WHERE stored_ms IS NULL;
