"""How long the disk takes to say that something is on it: a test that waited in vain may have waited for that."""

import os
import threading
import time

EVERY_S = 2
WORTH_TELLING_S = 2


class Disk:
    def __init__(self, directory):
        self.path, self.longest, self.when = directory / "disk-probe", 0, ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.probe, daemon=True)
        self.thread.start()

    def probe(self):
        fd = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)
        while not self.over.wait(EVERY_S):
            began = time.monotonic()
            os.pwrite(fd, b"x" * 4096, 0)
            os.fsync(fd)
            took = time.monotonic() - began
            if took > self.longest:
                self.longest, self.when = took, time.strftime("%H:%M:%S")
        os.close(fd)

    def tell(self):
        """A line for the summary; None when the disk was as quick as disks are."""
        self.over.set()
        if self.longest < WORTH_TELLING_S:
            return None
        return f"the disk took up to {self.longest:.0f} s to store one block (at {self.when}); waits may have been too short for that"
