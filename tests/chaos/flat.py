#!/usr/bin/env python3
"""Judges the samples of tests/chaos/soak: fails where something grows that should be flat, or faster than stated.

Looks at the second half of the run, where caches, the ring of traces and the log of the database have filled. Memory is
a line fitted through all of its samples (least squares), so that one sample at a bad moment does not count: what that
line rises by is compared with what an order may cost, and with what an allocator needs to breathe."""
import collections
import csv
import statistics
import sys

LEAK_BYTES = 100  # an order: less than the smallest thing that is kept of one
BREATH_KIB = 1536  # arenas of the allocator, and pages of SQLite's cache
DESCRIPTORS = {"store-gateway": 64}  # its clients' connections come and go
DESCRIPTORS_ELSE = 2
WAL_KIB = 48 * 1024  # a checkpoint begins it anew at 32 MiB, or as soon after as a quiet moment comes
ORDER_BYTES = {"order-service": 3000, "inventory-service": 2000, "payment-service": 1500}  # in the database,
AUDIT_BYTES = {"order-service": 3500, "inventory-service": 2000, "payment-service": 1500}  # and its audit log


def rise(rows, column):
    """Of the fitted line, from the first to the last of the rows."""
    x = [float(row["second"]) for row in rows]
    slope, _ = statistics.linear_regression(x, [float(row[column]) for row in rows])
    return slope * (x[-1] - x[0])


def spread(rows, column):
    values = [int(row[column]) for row in rows]
    return max(values) - min(values)


def judge(name, rows):
    """(what, figure, bound, unit) for one process."""
    orders = int(rows[-1]["orders"]) - int(rows[0]["orders"])
    yield "resident memory", rise(rows, "rss_kib"), BREATH_KIB + orders * LEAK_BYTES / 1024, "KiB"
    yield "descriptors", spread(rows, "descriptors"), DESCRIPTORS.get(name, DESCRIPTORS_ELSE), "apart"
    yield "threads", spread(rows, "threads"), 1, "apart"
    if name not in ORDER_BYTES:
        return
    yield "write-ahead log", max(int(row["wal_kib"]) for row in rows), WAL_KIB, "KiB"
    for what, column, bound in (("database", "database_kib", ORDER_BYTES), ("audit log", "audit_kib", AUDIT_BYTES)):
        grown = int(rows[-1][column]) - int(rows[0][column])
        yield what, grown * 1024 / orders, bound[name], "bytes an order"


def main(path):
    samples = collections.defaultdict(list)
    with open(path, encoding="ascii") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            samples[row["process"]].append(row)
    failures = 0
    for name, rows in samples.items():
        half = rows[len(rows) // 2 :]
        if len(half) < 10 or int(half[-1]["orders"]) <= int(half[0]["orders"]):
            sys.exit(f"{name}: {len(half)} samples in the second half say nothing")
        for what, figure, bound, unit in judge(name, half):
            good = figure <= bound
            failures += not good
            print(f"{'ok    ' if good else 'FAILED'} {name:18} {what:16} {figure:9.0f} of {bound:.0f} {unit}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
