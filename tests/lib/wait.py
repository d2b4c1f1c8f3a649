"""Waiting for a condition with a deadline, never for a time."""

import time

# A deadline is there to end a test that waits in vain; how fast things are is the bench's. A busy machine, whose disk may
# stand still for many seconds, gets so many times of what a test thinks enough.
PATIENCE = 3


def wait_until(condition, seconds, what):
    """Calls condition until it gives something true, and returns that. Fails after so many seconds, times PATIENCE."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s, but not: {what() if callable(what) else what}")
        time.sleep(0.05)
