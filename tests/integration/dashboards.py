#!/usr/bin/env python3
"""Checks Grafana's dashboards for what Grafana itself would not complain about until someone looks, and lists the
expressions of their panels, one line of JSON each: {"where", "expr"}. Exit status 1 where something is wrong.

usage: dashboards.py GRAFANA_DIR
Grafana's variables are replaced by what they come to over the last few minutes.
"""
import glob
import itertools
import json
import re
import sys

VARIABLES = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "5m", "$service": ".*"}
wrong = []


def complain(where, text):
    wrong.append(f"{where}: {text}")


def read(pattern):
    return {path: open(path, encoding="utf-8").read() for path in sorted(glob.glob(pattern, recursive=True))}


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def check_layout(name, panels):
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        complain(name, f"panels share an id: {ids}")
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] < 0 or at["w"] < 1 or at["x"] + at["w"] > 24 or at["h"] < 1:
            complain(name, f"'{panel['title']}' is off the grid: {at}")
    for a, b in itertools.combinations(panels, 2):
        if overlap(a["gridPos"], b["gridPos"]):
            complain(name, f"'{a['title']}' lies over '{b['title']}'")


def check_targets(name, panel, sources):
    targets = panel.get("targets", [])
    if not targets or any(not target.get("expr") for target in targets):
        complain(name, f"'{panel['title']}' shows nothing")
    letters = [target["refId"] for target in targets]
    if len(letters) != len(set(letters)):
        complain(name, f"'{panel['title']}' has two targets of one refId")
    for holder in [panel] + targets:
        if holder["datasource"]["uid"] not in sources:
            complain(name, f"'{panel['title']}' asks a data source that is not provisioned: {holder['datasource']}")


def replaced(name, expr):
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    if "$" in expr:
        complain(name, f"an unknown variable in {expr}")
    return expr


def check_board(path, board, sources):
    name = path.rsplit("/", 1)[-1]
    for key in ("uid", "title", "schemaVersion", "panels", "time", "templating"):
        if not board.get(key):
            complain(name, f"no {key}")
    check_layout(name, board["panels"])
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    if not any("datasource%22:%22jaeger" in json.dumps(panel) for panel in shown):
        complain(name, "no panel leads to traces")
    for panel in shown:
        check_targets(name, panel, sources)
        for target in panel.get("targets", []):
            yield f"{name}: {panel['title']}", replaced(name, target["expr"])
    for variable in board["templating"]["list"]:
        if f"${variable['name']}" not in VARIABLES:
            complain(name, f"the test has no value for ${variable['name']}")


def main(folder):
    sources = set(re.findall(r"^    uid: (\S+)", "\n".join(read(f"{folder}/provisioning/datasources/*.yml").values()), re.M))
    boards = {path: json.loads(text) for path, text in read(f"{folder}/dashboards/*.json").items()}
    if len(boards) != 4 or len({board["uid"] for board in boards.values()}) != 4:
        complain(folder, "there must be four dashboards of different uid")
    for path, board in boards.items():
        for where, expr in check_board(path, board, sources):
            print(json.dumps({"where": where, "expr": expr}))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
