"""A store in a network, a client, and the judgement of what the client was told. Used by run and lost_link."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import faults
import history
import network
from database import Database
from store import Store

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCARCE = "MONITOR-005"  # what bursts are for: sold out at some time
SETTLE_SECONDS = 60
SETTINGS = {
    "STORE_PROFILE": "demo",  # its payments fail and its calls time out by themselves, too
    "STORE_SIM_TIME_SCALE": "0.1",
    "STORE_RESERVATION_TTL_MS": "2500",  # shorter than some faults: leases end under orders, which are charged by then
    "STORE_STEP_ATTEMPT_TIMEOUT_MS": "1000",
}


class World:
    """The network, the store on it, and the client."""

    def __init__(self, folder, seed, has_postgres):
        self.begin, self.folder, self.lock = time.monotonic(), folder, threading.Lock()
        self.network = network.Network()
        bin_dir = os.environ.get("STORE_BIN_DIR", ROOT / "build/release/bin")
        settings, replicas, self.database = SETTINGS | {"STORE_SEED": str(seed)}, 1, None
        self.kinds = faults.KINDS
        if has_postgres:
            self.database = Database(self.network, folder)
            settings["STORE_DATABASE_URL"], replicas = self.database.url, 2
            self.kinds = faults.KINDS | faults.DATABASE_KINDS
        self.store = Store(self.network, folder, bin_dir, replicas, settings)
        self.network.add("client")
        self.client = None

    def note(self, text):
        with self.lock:
            print(f"{time.monotonic() - self.begin:7.2f} s  {text}", file=sys.stderr, flush=True)

    def store_process(self, name):
        return next(p for p in self.store.processes if p.name == name)

    def tell_client(self, word):
        with self.lock:
            self.client.stdin.write(word + "\n")
            self.client.stdin.flush()

    def start(self, seed, rate):
        """Returns what each product had received before the first order."""
        if self.database:
            self.database.start()
        self.store.start()
        products = self.store.listing("/inventory", "products")
        received = {p["product_id"]: p["received"] for p in products}
        for name in received:
            more = 200 if name == SCARCE else 100000
            status, _ = self.store.request("POST", f"/inventory/{name}/restock", json.dumps({"quantity": more}))
            if status != 200:
                raise RuntimeError(f"restock: {status}")
            received[name] += more
        names = [*sorted(received.keys() - {SCARCE}), SCARCE]
        gateways = [p.address for p in self.store.of("gateway")]
        arguments = [self.folder / "history", seed, rate, ",".join(names), *gateways]
        self.client = subprocess.Popen(
            [*self.network.inside("client"), sys.executable, network.HERE / "client.py", *map(str, arguments)],
            stdin=subprocess.PIPE, text=True)
        return received

    def settle(self):
        """All runs and is healthy, and the client has its answers."""
        self.store.wait_healthy()
        self.note("all is healed and healthy: the client asks for what it was not told, and for all once more")
        self.tell_client("finish")
        if self.client.wait() != 0:
            raise RuntimeError("the client failed")


AUDITED = ("order_id", "payment_id", "reservation_id")
LISTINGS = {"orders": "/orders", "payments": "/payments", "reservations": "/reservations", "products": "/inventory"}


def judge(world, received):
    """(lines told, listings, violations, wrong histories that were tried)"""
    output, status = world.store.runner("verify", "--settle", str(SETTLE_SECONDS))
    world.note(output.strip().splitlines()[-1])
    violations = [] if status == 0 else [f"verify: {line}" for line in output.splitlines()]
    with open(world.folder / "history", encoding="utf-8") as file:
        told = [json.loads(line) for line in file]
    listings = [world.store.listing(path, name) for name, path in LISTINGS.items()]
    found = history.find(told, *listings, received)
    wrong = list(history.wrong_histories(told, *listings))
    missed = [what for what, parts in wrong if len(history.find(*parts, received)) <= len(found)]
    violations += found + [f"the check of histories does not see {what}" for what in missed]
    violations += world.store.own_ends
    return told, listings, violations, len(wrong)


def check_stopped(world, listings):
    """What can be said once nothing runs: how it ended, and that the audit logs agree with what is stored."""
    violations = [f"{name} stopped with {status}" for name, status in world.store.stop()]
    for service, listing, key in zip(("order", "payment", "inventory"), listings, AUDITED):
        stored = "".join(f"{row[key]}|{row['status']}\n" for row in listing)
        folders = [process.disk for process in world.store.of(service)]
        agrees = [sys.executable, ROOT / "tests/integration/audit_agrees.py", service, *folders]
        done = subprocess.run(agrees, input=stored, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            violations.append(f"audit log: {done.stdout.strip()}")
    return violations


def in_a_folder(act, keep=False):
    """Runs act(folder), which gives an exit code, with a folder that is gone afterwards, but kept where that is wanted or
    the code says that something was wrong; exits."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="store-chaos-"))
    try:
        network.command("mount", "-t", "tmpfs", "none", str(folder))
        code = act(folder)
        if keep or code != 0:
            kept = tempfile.mkdtemp(prefix="store-chaos-kept-")
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            print(f"logs, databases and the history are in {kept}", file=sys.stderr)
    finally:
        network.command("umount", "--lazy", str(folder))
        folder.rmdir()
    sys.exit(code)
