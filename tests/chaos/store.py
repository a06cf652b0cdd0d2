"""A store spread over a network of namespaces: each process is a node with a small disk of its own, ended, stopped and
started here, and started again by itself where it ended unasked. Used by run and rolling_restart."""
import http.client
import json
import os
import pathlib
import subprocess
import threading
import time

from network import command

DISK_MIB = 48
BALLAST = "ballast"  # the file that fills a disk
SERVICES = ("inventory", "payment", "order")
RPC_PORT = {"order": 9001, "payment": 9002, "inventory": 9003}
GATEWAY_PORT = 8000
START_SECONDS, STOP_SECONDS = 60, 30


class Process:
    """One node: order-1, gateway-2, ..."""

    def __init__(self, store, kind, number):
        self.store, self.kind, self.name = store, kind, f"{kind}-{number}"
        self.executable = "store-gateway" if kind == "gateway" else f"{kind}-service"
        self.disk = store.folder / self.name
        self.disk.mkdir()
        command("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(self.disk))
        self.address = store.network.add(self.name)
        self.lock = threading.RLock()  # whoever does something to the process
        self.log, self.log_begin = store.folder / f"{self.name}.log", 0
        self.is_wanted = False
        self.popen = None

    def _environment(self):
        env = self.store.settings | {"STORE_DATA_DIR": str(self.disk), "STORE_GATEWAY_HOST": self.address}
        if self.kind in RPC_PORT:
            env[f"STORE_{self.kind.upper()}_LISTEN"] = self.store.urls(self.kind, [self])
        return env

    def start(self):
        with self.lock, open(self.log, "ab") as log:
            self.is_wanted, self.log_begin = True, log.tell()
            self.popen = subprocess.Popen([*self.store.network.inside(self.name), self.store.bin / self.executable],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment())

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        with self.lock:
            self.is_wanted = False
            self.popen.kill()
            self.popen.wait()

    def stop(self):
        """SIGTERM, and its exit status; None where it had to be killed."""
        with self.lock:
            self.is_wanted = False
            self.popen.terminate()
            try:
                return self.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                return None

    def has_listened(self):
        with open(self.log, "rb") as log:
            log.seek(self.log_begin)
            return b'"listening"' in log.read()

    def watch(self):
        """Starts it again where it ended by itself."""
        if not self.lock.acquire(blocking=False):
            return  # somebody is about it
        try:
            if self.is_wanted and self.popen.poll() is not None:
                # On a full disk, or without its database, it says so and gives up: whoever started it tries again.
                gave_up = self.popen.returncode == 1 and not self.has_listened()
                ends = self.store.given_up if gave_up else self.store.own_ends
                ends.append(f"{self.name} ended by itself with {self.popen.returncode}")
                self.start()
        finally:
            self.lock.release()


class Store:
    def __init__(self, network, folder, bin_dir, replicas=1, settings=None):
        self.network, self.folder, self.bin = network, folder, pathlib.Path(bin_dir)
        self.processes = []
        self.given_up, self.own_ends = [], []  # starts that could not be, and ends that nobody asked for
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("STORE_", "OTEL_"))}
        self.settings = inherited | {"STORE_LOG_LEVEL": "info"} | (settings or {})
        for kind in (*SERVICES, "gateway"):
            self.processes += [Process(self, kind, n + 1) for n in range(replicas)]
        for service in SERVICES:
            self.settings[f"STORE_{service.upper()}_ADDRESS"] = self.urls(service, self.of(service))
        self.is_watched = True
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    @staticmethod
    def urls(service, processes):
        return ",".join(f"tcp://{p.address}:{RPC_PORT[service]}" for p in processes)

    def of(self, *kinds):
        return [p for p in self.processes if p.kind in kinds]

    def _watch(self):
        while self.is_watched:
            for process in self.processes:
                process.watch()
            time.sleep(0.5)

    def start(self):
        for process in self.processes:
            process.start()
        self.wait_healthy()
        self.watcher.start()

    def wait_healthy(self, seconds=START_SECONDS):
        """Every gateway says that all that it knows of is healthy."""
        end = time.monotonic() + seconds
        for gateway in self.of("gateway"):
            while self.get("/health", gateway)[0] != 200:
                if time.monotonic() > end:
                    raise RuntimeError(f"{gateway.name} is not healthy: {self.get('/health', gateway)[1]}")
                time.sleep(0.2)

    def request(self, method, path, body=None, gateway=None, headers=None):
        """Status and JSON; status 0 where there is no answer."""
        gateway = gateway or self.of("gateway")[0]
        connection = http.client.HTTPConnection(gateway.address, GATEWAY_PORT, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, {"detail": str(error)}
        finally:
            connection.close()

    def get(self, path, gateway=None):
        return self.request("GET", path, gateway=gateway)

    def listing(self, path, field):
        """All pages."""
        rows, token = [], ""
        while True:
            status, page = self.get(f"{path}?page_size=1000&page_token={token}")
            if status != 200:
                raise RuntimeError(f"{path}: {status} {page}")
            rows += page.get(field, [])
            token = page.get("next_page_token")
            if not token:
                return rows

    def runner(self, *arguments):
        """store-runner, from the router: its output and exit status."""
        done = subprocess.run([self.bin / "store-runner", *arguments], env=self.settings, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout, done.returncode

    def stop(self):
        """What calls goes before what is called; gives (name, exit status) of those that did not end well."""
        self.is_watched = False
        ends = [(p.name, p.stop()) for p in reversed(self.processes)]
        return [(name, status) for name, status in ends if status != 0]
