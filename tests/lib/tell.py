"""A pytest plugin: what failed is told at once, with the time, so that a suite that is stopped has said why."""

import time


def pytest_runtest_logreport(report):
    if report.failed:
        text = report.longreprtext.splitlines()[-15:]
        print(f"\nFAILED {report.nodeid} ({report.when}, {report.duration:.1f} s) at {time.strftime('%H:%M:%S')}",
              *("    " + line for line in text), sep="\n", flush=True)
