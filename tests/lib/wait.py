"""Waiting for a condition with a deadline, never for a time."""

import time


def wait_until(condition, seconds, what):
    """Calls condition until it gives something true, and returns that. Fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s, but not: {what() if callable(what) else what}")
        time.sleep(0.05)
