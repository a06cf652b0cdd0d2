"""What is measured, against what, and the ratio to reach: the rows of tests/bench/run, in the order of its table."""
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import threading
import time

from harness import BENCH, DEBIAN_PYTHON, ORDER, ROOT, SERVICES, Stack, wait_until

# Processor time of an order when it was first measured (2 cores shared with other work): what is to be halved.
FIRST_CPU_US_PER_ORDER = 620.0
OWN_WRITES = 4  # of the order service: reserving, charging, confirming, confirmed
PAYMENT_WAIT_US = 1500e3  # the median of 1 to 2 s


@dataclasses.dataclass
class Result:
    name: str
    what: str
    unit: str
    ours: list
    against: str = ""
    baseline: list = dataclasses.field(default_factory=list)
    target: str = ""  # ">= 0.85" of the ratio, or of ours where there is no baseline; "" where it is only stated
    note: str = ""

    def ratios(self):
        return [a / b for a, b in zip(self.ours, self.baseline)]

    def met(self):
        if not self.target:
            return None
        sign, limit = self.target.split()[:2]
        value = statistics.median(self.ratios() or self.ours)
        return value >= float(limit) if sign == ">=" else value <= float(limit)


def alternate(bench, *measures):
    """Samples of each measure, taken in turn: A B A B ..."""
    for measure in measures:  # what is started, compiled or allocated when first used
        measure()
    samples = [[measure() for measure in measures] for _ in range(bench.rounds)]
    return [list(column) for column in zip(*samples)]


def pick(samples, field):
    return [sample[field] for sample in samples]


def compare(bench, name, what, ours, against, baseline, target, field="per_second", note=""):
    a, b = alternate(bench, ours, baseline)
    unit = "µs p50" if field == "p50_us" else "/s"
    return [Result(name, what, unit, pick(a, field), against, pick(b, field), target, note)]


# --- RPC ---


def get_product(bench, transport, in_flight):
    urls = bench.stack.urls if transport == "ipc" else bench.stack.tcp_urls
    return lambda: bench.rpc("get-product", urls["inventory"], in_flight)


def rpc_rate(transport, bench):
    return compare(bench, f"rpc_{transport}_64", f"GetProduct, {transport}, 64 in flight",
                   get_product(bench, transport, 64), "bare NNG echo",
                   lambda: bench.nng(bench.echo_urls[transport], 64), ">= 0.85")


def rpc_limited(transport, bench):
    return compare(bench, f"rpc_{transport}_64_limited", f"the same, {transport}",
                   get_product(bench, transport, 64), "bare NNG echo with as few threads",
                   lambda: bench.nng(bench.limited_echo_urls[transport], 64, "load-limited"), "")


def rpc_latency(transport, bench):
    return compare(bench, f"rpc_{transport}_1", f"GetProduct, {transport}, 1 in flight",
                   get_product(bench, transport, 1), "bare NNG echo",
                   lambda: bench.nng(bench.echo_urls[transport], 1), "<= 1.15", "p50_us")


def grpc_rate(in_flight, bench):
    return compare(bench, f"grpc_{in_flight}", f"GetProduct, tcp, {in_flight} in flight",
                   get_product(bench, "tcp", in_flight), "gRPC C++", lambda: bench.grpc(in_flight), ">= 1.7")


def grpc_latency(bench):
    ipc, tcp, grpc = alternate(bench, get_product(bench, "ipc", 1), get_product(bench, "tcp", 1),
                               lambda: bench.grpc(1))
    medians = {name: statistics.median(pick(s, "p50_us")) for name, s in (("ipc", ipc), ("tcp", tcp))}
    best = min(medians, key=medians.get)
    return [Result("grpc_1", f"GetProduct, {best} (the better), 1 in flight", "µs p50",
                   pick(ipc if best == "ipc" else tcp, "p50_us"), "gRPC C++", pick(grpc, "p50_us"), "<= 1.0")]


# --- the gateway ---


def gateway_get(bench):
    return compare(bench, "gateway_get", "GET /inventory/{id}, wrk -c64",
                   lambda: bench.wrk(bench.stack.port, "/inventory/LAPTOP-001"), "bare h2o → NNG hop",
                   lambda: bench.wrk(bench.hop_port, "/"), ">= 0.85")


def gateway_get_normal(bench):
    stack = bench.keep(Stack(bench, STORE_SCHEDULING="normal")).start()
    results = compare(bench, "gateway_get_normal", "the same with STORE_SCHEDULING=normal",
                      lambda: bench.wrk(stack.port, "/inventory/LAPTOP-001"), "bare h2o → NNG hop",
                      lambda: bench.wrk(bench.hop_port, "/"), "")
    bench.release(stack)
    return results


def gateway_get_python(bench):
    return compare(bench, "gateway_get_python", "GET /inventory/{id}, wrk -c64",
                   lambda: bench.wrk(bench.stack.port, "/inventory/LAPTOP-001"), "FastAPI",
                   lambda: bench.wrk(bench.original[0]["inventory"], "/inventory/LAPTOP-001"), "")


def gateway_self(bench):
    return compare(bench, "gateway_self", "GET / (the gateway alone), wrk -c64",
                   lambda: bench.wrk(bench.stack.port, "/"), "bare h2o, as many bytes",
                   lambda: bench.wrk(bench.hello_port, "/"), ">= 0.9")


def gateway_nginx(bench):
    return compare(bench, "gateway_nginx", "GET / (the gateway alone), wrk -c64",
                   lambda: bench.wrk(bench.stack.port, "/"), "nginx, a static file of as many bytes",
                   lambda: bench.wrk(bench.nginx_port, "/static.json"), "")


def transcode(bench):
    order, program = BENCH / "order.json", bench.program("transcode")
    made = bench.folder / "python"
    made.mkdir()
    protos = [path for package in ("rpc", "store") for path in (ROOT / "proto" / package).glob("v1/*.proto")]
    subprocess.run(["protoc", "-I", ROOT / "proto", f"--python_out={made}", *protos], check=True)
    python = {**os.environ, "PYTHONPATH": str(made)}
    seconds = bench.seconds / 2
    ours, jansson, upb, js = alternate(
        bench,
        lambda: bench.run([program, "store", order, seconds]),
        lambda: bench.run([program, "jansson", order, seconds]),
        lambda: bench.run([DEBIAN_PYTHON, BENCH / "baseline/transcode.py", order, seconds], python),
        lambda: bench.run(["node", BENCH / "baseline/transcode.mjs", bench.node_modules, ROOT / "proto", order,
                           seconds]),
    )
    what, rate = "JSON → message → JSON of an order", pick(ours, "per_second")
    implementation = upb[0]["implementation"]
    megabytes = statistics.median(pick(ours, "bytes_per_second")) / 1e6
    return [
        Result("transcode_python", what, "/s of CPU", rate, f"python3-protobuf ({implementation})",
               pick(upb, "per_second"), ">= 10"),
        Result("transcode_js", what, "/s of CPU", rate, "protobufjs", pick(js, "per_second"), ">= 10"),
        Result("transcode_jansson", what, "/s of CPU", rate, "jansson's parse alone", pick(jansson, "per_second"), "",
               f"{megabytes:.1f} MB/s of JSON"),
    ]


# --- orders ---


def order(bench):
    return compare(bench, "order_64", "POST /orders, durable, wrk -c64", bench.orders,
                   "the Python original, nothing durable",
                   lambda: bench.wrk(bench.original[0]["order"], "/orders", "POST", ORDER), ">= 20")


def order_parts(bench):
    """An order's time at 64 in flight, and the time that its parts take alone: an HTTP exchange, four calls, its commits;
    and its steps: the same methods of the same services, with what they really do and write."""
    database = itertools.count()
    calls = get_product(bench, "ipc", 64)
    step = lambda method, service: lambda: bench.rpc(method, bench.stack.urls[service], 64)
    storage = lambda: bench.run([bench.program("storage_load"), bench.folder / f"rows-{next(database)}.db", 64,
                                 bench.seconds])
    hello = lambda: bench.wrk(bench.hello_port, "/")
    before = sum(bench.stack.metric(s, "storage_batch_jobs_total") for s in SERVICES)
    counted = bench.orders()["calls"]
    writes = (sum(bench.stack.metric(s, "storage_batch_jobs_total") for s in SERVICES) - before) / counted
    orders, rpc, rows, http, stock, charge = alternate(
        bench, bench.orders, calls, storage, hello, step("reserve-confirm", "inventory"),
        step("process-payment", "payment"))
    ours = [1e6 / rate for rate in pick(orders, "per_second")]
    parts = [4e6 / c["per_second"] + writes * 1e6 / r["per_second"] + 1e6 / h["per_second"]
             for c, r, h in zip(rpc, rows, http)]
    steps = [1e6 / s["per_second"] + 1e6 / p["per_second"] + 1e6 / c["per_second"] + OWN_WRITES * 1e6 / r["per_second"]
             + 1e6 / h["per_second"] for s, p, c, r, h in zip(stock, charge, rpc, rows, http)]
    return [Result("order_parts", "an order at 64 in flight", "µs", ours,
                   f"4 calls + {writes:.1f} durable writes + 1 HTTP exchange, each alone", parts, "<= 1.3"),
            Result("order_steps", "the same order", "µs", ours,
                   f"reserve and confirm, charge, 1 call + {OWN_WRITES} durable writes + 1 HTTP exchange, each alone", steps,
                   "")]


def cpu_per_order(bench):
    bench.orders()
    samples = [bench.orders() for _ in range(bench.rounds)]
    shares = ", ".join(f"{name} {statistics.median([s['cpu_us'][name] for s in samples]):.0f}"
                       for name in bench.stack.processes)
    return [Result("cpu_per_order", "user + system time of all processes, an order", "µs",
                   pick(samples, "cpu_us_total"), "when first measured", [FIRST_CPU_US_PER_ORDER] * len(samples),
                   "<= 0.5", shares)]


# --- size and start ---


def payments_in_flight(bench):
    """10,000 payments that each wait 1 to 2 s, in one payment-service."""
    in_flight, seconds = 10000, max(6, bench.seconds * 2)
    stack = bench.keep(Stack(bench, STORE_PROFILE="demo", STORE_SIM_CHARGE_FAILURE_RATE="0",
                             STORE_SIM_TIMEOUT_RATE="0", STORE_SIM_ERROR_RATE="0",
                             STORE_SIM_CHARGE_MIN_DELAY_MS="1000", STORE_SIM_CHARGE_MAX_DELAY_MS="2000"))
    stack.launch("payment-service")
    process, threads = stack.processes["payment-service"], []
    timer = threading.Timer(seconds / 2, lambda: threads.append(process.own_threads()))
    timer.start()
    sample = bench.rpc("process-payment", stack.tcp_urls["payment"], in_flight, seconds)
    timer.join()
    memory = process.memory_mib("VmHWM")
    bench.release(stack)
    rate = f"{sample['per_second']:.0f} payments/s"
    return [
        Result("payments_memory", "10,000 payments in flight: resident memory", "MiB", [memory], target="<= 64"),
        Result("payments_threads", "… threads besides NNG's", "", threads, target="<= 8"),
        Result("payments_p50", "… p50", "µs", [sample["p50_us"]], "the wait itself", [PAYMENT_WAIT_US], "<= 1.02",
               rate),
    ]


def start(bench):
    """From the first fork to the answer to the first order, on an empty data folder; then the idle sizes."""
    times, memory = [], {}
    for _ in range(bench.rounds + 1):
        stack = bench.keep(Stack(bench))
        begin = time.monotonic()
        stack.launch()
        wait_until("the store", stack.order)
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(0.5)
        for name, process in stack.processes.items():
            memory.setdefault(name, []).append(process.memory_mib())
        bench.release(stack)
    return [Result("start", "start to first order", "ms", times[1:], target="<= 300")] + [
        Result(f"idle_{name}", f"idle resident memory, {name}", "MiB", values, target="<= 16")
        for name, values in memory.items()
    ]


# --- observability ---


def telemetry(bench):
    """All on (every trace sampled and exported) against all that can be switched off."""
    endpoint = f"http://127.0.0.1:{bench.nginx_port}"
    on = bench.keep(Stack(bench, STORE_TRACE_SAMPLE_RATIO="1", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint).start())
    off = bench.keep(Stack(bench, STORE_TRACE_SAMPLE_RATIO="0").start())
    get = lambda stack: lambda: bench.wrk(stack.port, "/inventory/LAPTOP-001")
    against = "nothing sampled or exported"
    results = compare(bench, "telemetry_get", "GET /inventory/{id}, every trace exported", get(on), against, get(off),
                      ">= 0.95")
    results += compare(bench, "telemetry_order", "POST /orders, every trace exported", lambda: bench.orders(on),
                       against, lambda: bench.orders(off), ">= 0.95")
    bench.release(on)
    bench.release(off)
    return results


def bound(function, argument):
    return lambda bench: function(argument, bench)


ROWS = {
    "rpc_ipc_64": bound(rpc_rate, "ipc"),
    "rpc_ipc_64_limited": bound(rpc_limited, "ipc"),
    "rpc_tcp_64": bound(rpc_rate, "tcp"),
    "rpc_tcp_64_limited": bound(rpc_limited, "tcp"),
    "rpc_ipc_1": bound(rpc_latency, "ipc"),
    "rpc_tcp_1": bound(rpc_latency, "tcp"),
    "grpc_16": bound(grpc_rate, 16),
    "grpc_64": bound(grpc_rate, 64),
    "grpc_256": bound(grpc_rate, 256),
    "grpc_1": grpc_latency,
    "gateway_get": gateway_get,
    "gateway_get_normal": gateway_get_normal,
    "gateway_get_python": gateway_get_python,
    "gateway_self": gateway_self,
    "gateway_nginx": gateway_nginx,
    "transcode": transcode,
    "order": order,
    "order_parts": order_parts,
    "cpu_per_order": cpu_per_order,
    "payments_in_flight": payments_in_flight,
    "start": start,
    "telemetry": telemetry,
}
