"""Many requests at the same moment."""

import concurrent.futures


def at_once(count, act, workers=20):
    """What act(i) gives for each of count, as many of them as there are workers at a time."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(act, range(count)))
