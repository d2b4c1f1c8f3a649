"""The app at another time. nginx and the tests stay where they are."""

import os
import signal
import subprocess

from releases import PRELOADED


class Clocked:
    """Lets the app of a stack run ahead of the clock; close() brings it back."""

    def __init__(self, stack):
        self.stack, self.child = stack, None

    def go(self, offset):
        """offset as faketime takes it: "+3h". Each is counted from now, not from where the app is."""
        self.end()
        if self.child is None and (self.stack.var / "run/app.pid").exists():
            self.stack.kill_app(signal.SIGTERM)
        self.child = subprocess.Popen(
            ["faketime", "-f", offset, self.stack.bin, "serve", "--config", self.stack.var / "app.conf"],
            env={**self.stack.env, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", **PRELOADED},
            stdout=subprocess.DEVNULL, stderr=open(self.stack.var / "log/app.log", "a"))
        self.stack.wait_ready()

    def end(self):
        if self.child is None:
            return
        os.kill(self.stack.pid(), signal.SIGTERM)
        self.child.wait(60)
        self.child = None

    def close(self):
        if self.child is not None:
            self.end()
            self.stack.up()
            self.stack.wait_ready()
