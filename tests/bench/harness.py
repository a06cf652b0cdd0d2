"""Processes and measurements for tests/bench/run: starts ours and the baselines on free loopback ports, each once and
when first needed, takes samples, and ends by pid what it started."""
import functools
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests/bench"
SERVICES = ("inventory", "payment", "order")
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that has Debian's packages
ORDER = json.dumps(
    {
        "customer_id": "customer-1",
        "items": [{"product_id": "LAPTOP-001", "quantity": 1}],
        "shipping_address": "1 Long Lane, Springfield",
    }
)


class BenchError(Exception):
    """A program did not start, or failed under load: there is no figure then."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, ready, seconds=20):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise BenchError(f"{what} does not answer")
        time.sleep(0.005)


def request(port, method, path, body=None):
    """Status and body; status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def h2load(folder, port, path, seconds, *options, name="h2load"):
    """Asks the gateway for so long: (when it was sent, HTTP status, seconds that it took) of each request. name: where
    several run at once."""
    log = folder / f"{name}.tsv"
    log.unlink(missing_ok=True)
    argv = ["h2load", *options, "-t1", "-D", seconds, f"--log-file={log}", f"http://127.0.0.1:{port}{path}"]
    subprocess.run([str(a) for a in argv], capture_output=True, check=True)
    for line in log.read_text().splitlines():
        start_us, status, took_us = map(int, line.split("\t")[:3])
        yield start_us / 1e6, status, took_us / 1e6


def h2load_orders(folder, port, seconds, *options, name="h2load"):
    order = folder / f"{name}.json"
    order.write_text(ORDER)
    return h2load(folder, port, "/orders", seconds, "-d", order, "-H", "content-type: application/json", *options, name=name)


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Process:
    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd
            )

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def _proc(self, file):
        return pathlib.Path(f"/proc/{self.popen.pid}/{file}").read_text()

    def cpu_seconds(self):
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, field="VmRSS"):
        line = next(line for line in self._proc("status").splitlines() if line.startswith(field + ":"))
        return int(line.split()[1]) / 1024

    def own_threads(self):
        """How many there are besides NNG's."""
        names = [p.read_text() for p in pathlib.Path(f"/proc/{self.popen.pid}/task").glob("*/comm")]
        return sum(not name.startswith("nng") for name in names)


class Stack:
    """The store: three services and the gateway, called over ipc, in a folder of its own."""

    def __init__(self, bench, **settings):
        self.bench, self.processes = bench, {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stack-", dir=bench.folder))
        self.port, self.urls, self.tcp_urls = free_port(), {}, {}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("STORE_", "OTEL_"))}
        self.env.update(STORE_PROFILE="none", STORE_LOG_LEVEL="warn", STORE_DATA_DIR=str(self.folder / "data"))
        self.env["STORE_SCHEDULING"] = "batch"  # nothing else is to run here
        self.env["STORE_GATEWAY_HTTP_PORT"] = str(self.port)
        for name in SERVICES:
            self.urls[name] = f"ipc://{self.folder}/{name}.ipc"
            self.tcp_urls[name] = f"tcp://127.0.0.1:{free_port()}"
            self.env[f"STORE_{name.upper()}_LISTEN"] = f"{self.tcp_urls[name]},{self.urls[name]}"
            self.env[f"STORE_{name.upper()}_ADDRESS"] = self.urls[name]
            self.env[f"STORE_{name.upper()}_HTTP_PORT"] = "0"
        self.env.update(settings)

    def launch(self, *names):
        for name in names or (*[f"{n}-service" for n in SERVICES], "store-gateway"):
            binary = self.bench.build / "bin" / name
            self.processes[name] = Process(name, [binary], self.folder / f"{name}.log", self.env)

    def order(self):
        return request(self.port, "POST", "/orders", ORDER)[0] == 200

    def start(self):
        self.launch()
        wait_until("the store", self.order)
        self.restock()
        return self

    def restock(self):
        """More than any run sells."""
        status, body = request(self.port, "POST", "/inventory/LAPTOP-001/restock", '{"quantity":1000000}')
        if status != 200:
            raise BenchError(f"restock: {status} {body[:200]}")

    def metric(self, service, name):
        """A counter's sum over its labels."""
        text = request(self.port, "GET", f"/metrics?service={service}")[1].decode()
        values = [line.split()[-1] for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name]
        if not values:
            raise BenchError(f"{service} has no metric {name}")
        return sum(map(float, values))

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    """What the rows measure with."""

    def __init__(self, build, seconds):
        self.build, self.seconds = pathlib.Path(build), seconds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="store-bench-"))
        self.started = []

    def close(self):
        for started in reversed(self.started):
            started.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, started):
        self.started.append(started)
        return started

    def release(self, started):
        self.started.remove(started)
        started.stop()

    def program(self, name):
        path = self.build / "bench" / name
        if not path.exists():
            raise BenchError(f"{path} is missing")
        return path

    def spawn(self, name, argv, port, env=None, cwd=None):
        log = self.folder / f"{name}.log"
        process = self.keep(Process(name, argv, log, env, cwd))
        if port:
            wait_until(f"{name} ({log.read_text()[-300:]})", lambda: accepts(port))
        return process

    # --- servers, each started once ---

    @functools.cached_property
    def stack(self):
        return self.keep(Stack(self)).start()

    @functools.cached_property
    def sizes(self):
        """Bytes of the two envelopes of GetProduct, and of the gateway's answer to it."""
        sample = self.rpc("get-product", self.stack.urls["inventory"], 1, seconds=0.3)
        body = request(self.stack.port, "GET", "/inventory/LAPTOP-001")[1]
        return sample["request_bytes"], sample["response_bytes"], len(body)

    def echo(self, command="serve"):
        port, ipc = free_port(), f"ipc://{self.folder}/{command}.ipc"
        tcp = f"tcp://127.0.0.1:{port}"
        self.spawn(f"nng_echo-{command}", [self.program("nng_echo"), command, f"{tcp},{ipc}", self.sizes[1]], port)
        return {"tcp": tcp, "ipc": ipc}

    @functools.cached_property
    def echo_urls(self):
        return self.echo()

    @functools.cached_property
    def limited_echo_urls(self):
        return self.echo("serve-limited")

    @functools.cached_property
    def grpc_address(self):
        port = free_port()
        self.spawn("grpc_bench", [self.program("grpc_bench"), "serve", f"127.0.0.1:{port}"], port)
        return f"127.0.0.1:{port}"

    @functools.cached_property
    def hello_port(self):
        port = free_port()
        body = request(self.stack.port, "GET", "/")[1]
        self.spawn("h2o_hello", [self.program("h2o_bare"), port, len(body)], port)
        return port

    @functools.cached_property
    def hop_port(self):
        port = free_port()
        request_bytes, _, body_bytes = self.sizes
        argv = [self.program("h2o_bare"), port, body_bytes, self.echo_urls["ipc"], request_bytes]
        self.spawn("h2o_hop", argv, port)
        return port

    @functools.cached_property
    def nginx_port(self):
        port, folder = free_port(), self.folder / "nginx"
        folder.mkdir()
        (folder / "static.json").write_bytes(request(self.stack.port, "GET", "/")[1])
        conf = (BENCH / "baseline/nginx.conf").read_text().replace("@PORT@", str(port)).replace("@DIR@", str(folder))
        (folder / "nginx.conf").write_text(conf)
        if os.geteuid() == 0:  # its worker is then nobody
            self.folder.chmod(0o755)
        self.spawn("nginx", [shutil.which("nginx") or "/usr/sbin/nginx", "-c", folder / "nginx.conf"], port)
        return port

    @functools.cached_property
    def original(self):
        """The Python services: ports by name, and the processes."""
        ports, processes = {name: free_port() for name in SERVICES}, []
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("inventory", "payment"):
            env[f"ORIGINAL_{name.upper()}_URL"] = f"http://127.0.0.1:{ports[name]}"
        for name, port in ports.items():
            argv = [DEBIAN_PYTHON, "-m", "uvicorn", f"original:{name}", "--port", port, "--log-level", "warning"]
            processes.append(self.spawn(f"original-{name}", argv, port, env, BENCH / "baseline"))
        return ports, processes

    # --- samples: a dict with at least per_second and p50_us ---

    def run(self, argv, env=None):
        result = subprocess.run([str(a) for a in argv], capture_output=True, text=True, env=env, check=False)
        if result.returncode != 0:
            raise BenchError(f"{' '.join(map(str, argv))}: {(result.stderr or result.stdout)[-500:]}")
        sample = json.loads(result.stdout.splitlines()[-1])
        if sample.get("failed"):
            raise BenchError(f"{argv[0]}: {sample['failed']} of {sample['calls']} failed {result.stderr[-300:]}")
        return sample

    def rpc(self, method, url, in_flight, seconds=None):
        return self.run([self.program("rpc_load"), method, url, in_flight, seconds or self.seconds])

    def nng(self, url, in_flight, command="load"):
        return self.run([self.program("nng_echo"), command, url, in_flight, self.seconds, self.sizes[0]])

    def grpc(self, in_flight):
        return self.run([self.program("grpc_bench"), "load", self.grpc_address, in_flight, self.seconds])

    def wrk(self, port, path, *post, connections=64):
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(self.seconds))}s", "--timeout", "10s", "-s", BENCH / "wrk.lua"]
        result = subprocess.run(
            [*map(str, argv), f"http://127.0.0.1:{port}{path}", "--", *post], capture_output=True, text=True, check=True
        )
        sample = json.loads(result.stdout.splitlines()[-1])
        if sample["failed"] or not sample["calls"]:
            raise BenchError(f"wrk {path}: {sample['failed']} of {sample['calls']} failed")
        return sample

    def orders(self, stack=None):
        """Whole orders through the gateway, 64 in flight, with the processor time of all four processes."""
        stack = stack or self.stack
        stack.restock()
        before = {name: p.cpu_seconds() for name, p in stack.processes.items()}
        sample = self.wrk(stack.port, "/orders", "POST", ORDER)
        sample["cpu_us"] = {
            name: (p.cpu_seconds() - before[name]) * 1e6 / sample["calls"] for name, p in stack.processes.items()
        }
        sample["cpu_us_total"] = sum(sample["cpu_us"].values())
        return sample


def say(text):
    print(text, file=sys.stderr, flush=True)
