"""Runs that are in the store already, chains of them, and lists of what is inside, made without an agent."""

import hashlib
import itertools
import subprocess
import time
import uuid

NUMBERS = itertools.count(1)


def escaped(path):
    """A path of bytes as the list writes it."""
    text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
    return "".join(f"\\{ord(c) & 0xff:03o}" if ord(c) < 0x21 or c in "\\\x7f" or 0xdc80 <= ord(c) <= 0xdcff else c
                   for c in text)


def order(path):
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
    return raw.replace(b"/", b"\0")


def listing(entries):
    """The text of a list; entries are (path, type, outcome, size, mtime_ms, seq) with defaults from the right."""
    lines = []
    for path, *rest in sorted(entries, key=lambda e: order(e[0])):
        kind, outcome, size, mtime_ms, seq = (*rest, *("f", "-", 1, 1771185600000, 0)[len(rest):])
        lines.append(f"{kind} {outcome} {size} {mtime_ms} {'-' if seq is None else seq} {escaped(path)}\n")
    return "muster-index 1\n" + "".join(lines) + f"end {len(lines)}\n"


def packed(text):
    data = text if isinstance(text, bytes) else text.encode()
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


class StoredRun:
    """A run of an agent's config as it is after its end."""

    def __init__(self, stack, agent, config, base=None, volumes=(b"volume",), index=None, encrypted=False,
                 status="completed", finished_ms=None, user=None):
        self.stack, self.id, self.number = stack, str(uuid.uuid4()), next(NUMBERS)
        self.chain_id, self.seq = (base.chain_id, base.seq + 1) if base else (self.id, 0)
        self.volumes, self.index = list(volumes), index
        self.finished_ms = finished_ms or int(time.time() * 1000)
        owner = user or stack.query("SELECT user_id FROM backup_configs WHERE id = ?", config["id"])[0][0]
        self.prefix = f"users/{owner}/agents/{agent.id}/configs/{config['id']}"
        self.filename = f"run-{self.number}.tar.zst" + (".age" if encrypted else "")
        whole = b"".join(self.volumes)
        with stack.database() as db:
            db.execute("INSERT INTO backup_runs (id, config_id, agent_id, user_id, config_name, agent_name, status, type,"
                       " chain_id, chain_seq, base_id, encrypted, filename, size_bytes, sha256, files,"
                       " part_size, started_ms, active_ms, finished_ms)"
                       " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       (self.id, config["id"], agent.id, owner, config["name"], agent.name, status,
                        "incremental" if base else "full", self.chain_id, self.seq, base and base.id, int(encrypted),
                        self.filename, len(whole), hashlib.sha256(whole).hexdigest(), 3,
                        8 << 20, self.finished_ms - 10, self.finished_ms, self.finished_ms))
            for number, data in [(0, index)] * (index is not None) + list(enumerate(self.volumes, 1)):
                db.execute("INSERT INTO backup_objects (run_id, number, s3_path, upload_id, size_bytes, completed_ms)"
                           " VALUES (?,?,?,?,?,?)", (self.id, number, self.path(number), f"{self.id}-{number}",
                                                     len(data), self.finished_ms))
                file = self.file(number)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def path(self, number):
        return f"{self.prefix}/{self.filename}.{number}"

    def file(self, number):
        return self.stack.var / "store/objects" / self.path(number)

    def set(self, **columns):
        """Changes the run's row behind the server's back."""
        for name, value in columns.items():
            self.stack.change(f"UPDATE backup_runs SET {name} = ? WHERE id = ?", value, self.id)

    def remove(self):
        self.stack.change("DELETE FROM backup_objects WHERE run_id = ?", self.id)
        self.stack.change("DELETE FROM backup_runs WHERE id = ?", self.id)


def chain(stack, agent, config, length, **fields):
    """A full run and incrementals after it, a second apart."""
    runs = []
    start_ms = fields.pop("start_ms", int(time.time() * 1000) - 1000 * length)
    for i in range(length):
        runs.append(StoredRun(stack, agent, config, base=runs[-1] if runs else None, finished_ms=start_ms + 1000 * i,
                              volumes=[f"{i}-{v}".encode() * 100 for v in range(2)], **fields))
    return runs
