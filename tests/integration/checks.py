"""What the Python halves of tests count: a check a line, FAILED with what was got, and a total at the end."""
import sys

_counts = {"checks": 0, "failures": 0}


def check(what, actual, expected):
    _counts["checks"] += 1
    if actual != expected:
        _counts["failures"] += 1
        print(f"FAILED: {what}: got {actual!r}, expected {expected!r}")


def finish():
    """Says how many passed, and ends the process: 1 where one failed."""
    print(f"{_counts['checks'] - _counts['failures']} of {_counts['checks']} checks passed")
    sys.exit(1 if _counts["failures"] else 0)
