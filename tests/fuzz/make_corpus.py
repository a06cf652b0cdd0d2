#!/usr/bin/env python3
"""Writes the seeds in tests/fuzz/corpus: run it (from the project's top, with protoc) when the API has changed. What
fuzzing found later lies beside them, named by hash."""
import pathlib
import re
import struct
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
PROTOS = sorted(str(p.relative_to("proto")) for p in pathlib.Path("proto").glob("*/v1/*.proto"))


def seed(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def pack(message, text):
    """A message in protobuf's text format, as it goes over the wire."""
    command = ["protoc", "-Iproto", "-I/usr/include", f"--encode={message}", *PROTOS]
    return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def quote(data):
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def framed(data):
    return struct.pack(">H", len(data)) + data


# --- envelope: requests to the services ---
SERVICES = {"Order": 0, "Payment": 1, "Inventory": 2}
# What the simulated store of the target gives to the first of each.
ORDER, PAYMENT, RESERVATION = (kind + "01HF7YAT005GWX10WN91" for kind in ("ORD-", "PAY-", "RES-"))
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def call(method, text="", metadata=(), timeout_ms=0, hurry=False, payload=None, service=None):
    """One request to a method such as "Order.GetOrder"."""
    kind, name = method.split(".")
    package = "rpc.v1." if kind in ("Health", "Metrics", "Reflection", "Traces") else "store.v1."
    full = package + kind + ("Service" if kind in SERVICES else "")
    if payload is None:
        payload = pack("store.v1." + name + "Request", text) if kind in SERVICES else b""
    entries = "".join(f'metadata {{key: "{key}" value: "{value}"}}' for key, value in metadata)
    envelope = pack("rpc.v1.Request",
                    f'method: "/{full}/{name}" timeout_ms: {timeout_ms} {entries} payload: {quote(payload)}')
    first = SERVICES[service or kind] | (0x80 if hurry else 0)
    return bytes([first]) + framed(envelope)


ONE_LAPTOP = 'customer_id: "C-1" items {product_id: "LAPTOP-001" quantity: 1} shipping_address: "1 Main St"'
KEY = [("idempotency-key", "key-1")]
envelopes = {
    "order": call("Order.CreateOrder", ONE_LAPTOP),
    "order-priced": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: 2 price: 999.99")),
    "order-wrong-price": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: 2 price: nan")),
    "order-negative-zero-price": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: 1 price: -0.0")),
    "order-unknown-product": call("Order.CreateOrder", ONE_LAPTOP.replace("LAPTOP-001", "CAR-001")),
    "order-too-many": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: 10001")),
    "order-out-of-stock": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: 51")),
    "order-negative": call("Order.CreateOrder", ONE_LAPTOP.replace("quantity: 1", "quantity: -1")),
    "order-same-product-twice": call("Order.CreateOrder", ONE_LAPTOP + ' items {product_id: "LAPTOP-001" quantity: 1}'),
    "order-without-items": call("Order.CreateOrder", 'customer_id: "C-1"'),
    "order-101-items": call("Order.CreateOrder", 'customer_id: "C" ' + 'items {product_id: "P" quantity: 1}' * 101),
    "order-same-key": call("Order.CreateOrder", ONE_LAPTOP, KEY) * 2,
    "order-same-key-hurry": call("Order.CreateOrder", ONE_LAPTOP, KEY, hurry=True) * 2,
    "order-key-reused": call("Order.CreateOrder", ONE_LAPTOP, KEY)
    + call("Order.CreateOrder", ONE_LAPTOP.replace("C-1", "C-2"), KEY),
    "order-deadline-1ms": call("Order.CreateOrder", ONE_LAPTOP, timeout_ms=1),
    "order-deadline-500ms": call("Order.CreateOrder", ONE_LAPTOP, timeout_ms=500) + call("Order.ListOrders"),
    "order-read": call("Order.CreateOrder", ONE_LAPTOP) + call("Order.GetOrder", f'order_id: "{ORDER}"'),
    "orders-crowd": call("Order.CreateOrder", ONE_LAPTOP, hurry=True) * 8 + call("Order.ListOrders", "page_size: 3"),
    "orders-list-status": call("Order.ListOrders", 'page_size: 1000 status: "failed"'),
    "orders-list-bad-token": call("Order.ListOrders", 'page_size: -1 page_token: "%%%"'),
    "orders-list-token": call("Order.ListOrders", f'page_size: 1 page_token: "{ORDER}"'),
    "order-not-found": call("Order.GetOrder", 'order_id: "ORD-NONE"'),
    "payment": call("Payment.ProcessPayment", 'customer_id: "C-1" order_id: "O" amount: 19.99'),
    "payment-three-decimals": call("Payment.ProcessPayment", 'customer_id: "C-1" amount: 1.001'),
    "payment-huge": call("Payment.ProcessPayment", 'customer_id: "C-1" amount: 1e308'),
    "payment-infinite": call("Payment.ProcessPayment", 'customer_id: "C-1" amount: inf'),
    "payment-key-twice": call("Payment.ProcessPayment", 'customer_id: "C-1" amount: 1', KEY, hurry=True) * 2,
    "payment-refund": call("Payment.ProcessPayment", 'customer_id: "C-1" amount: 5', KEY)
    + call("Payment.RefundPayment", f'payment_id: "{PAYMENT}"') * 2,
    "payments-list": call("Payment.ListPayments", 'page_size: 2 order_id: "O"'),
    "payment-not-found": call("Payment.GetPayment", 'payment_id: "PAY-NONE"'),
    "reserve": call("Inventory.ReserveInventory", 'items {product_id: "PHONE-002" quantity: 3} order_id: "O"'),
    "reserve-confirm-release": call("Inventory.ReserveInventory", 'items {product_id: "PHONE-002" quantity: 3}')
    + call("Inventory.ConfirmReservation", f'reservation_id: "{RESERVATION}"') * 2
    + call("Inventory.ReleaseReservation", f'reservation_id: "{RESERVATION}"'),
    "reserve-release": call("Inventory.ReserveInventory", 'items {product_id: "PHONE-002" quantity: 3}')
    + call("Inventory.ReleaseReservation", f'reservation_id: "{RESERVATION}"') * 2,
    "reservations-list": call("Inventory.ListReservations", 'status: "held" page_size: 5'),
    "restock-overflow": call("Inventory.RestockProduct", 'product_id: "LAPTOP-001" quantity: 1000000') * 2,
    "restock-negative": call("Inventory.RestockProduct", 'product_id: "LAPTOP-001" quantity: -2147483648'),
    "products": call("Inventory.ListProducts", "page_size: 2") + call("Inventory.GetProduct", 'product_id: "TABLET-003"'),
    "health": b"".join(call("Health.Check", service=service) for service in SERVICES),
    "metrics": call("Metrics.Scrape", service="Payment"),
    "reflection": call("Reflection.GetFileDescriptorSet", service="Order"),
    "trace": call("Traces.GetTrace", payload=b"\x0a\x03c-1", service="Order"),
    "wrong-service": call("Order.CreateOrder", ONE_LAPTOP, service="Payment"),
    "metadata-all": call("Order.CreateOrder", ONE_LAPTOP, KEY + [("traceparent", TRACE), ("x-correlation-id", "c-1"),
                                                                ("authorization", "Bearer x")]),
    "metadata-bad": call("Order.CreateOrder", ONE_LAPTOP, [("traceparent", "00-zz"), ("idempotency-key", "a b")]),
    "metadata-correlation-spaces": call("Order.ListOrders", "", [("x-correlation-id", "a b")]),
    "metadata-17": call("Order.ListOrders", "", [(f"k{i}", "v") for i in range(17)]),
    "metadata-long": call("Order.ListOrders", "", [("k", "v" * 1025)]),
    "timeout-largest": call("Order.ListOrders", timeout_ms=4294967295),
    "text-not-utf8": call("Order.GetOrder", payload=b"\x0a\x02\xc3\x28"),
    "text-with-nul": call("Order.GetOrder", payload=b"\x0a\x03a\0b"),
    "payload-truncated": call("Order.CreateOrder", payload=b"\x0a\x7fC-1"),
    "payload-unknown-fields": call("Order.GetOrder", payload=b"\x0a\x01x\xf8\x07\x01\xfa\x07\x02ab"),
    "payload-wrong-wire-type": call("Order.GetOrder", payload=b"\x08\x96\x01"),
    "empty-envelope": b"\x00\x00\x00",
    "not-an-envelope": b"\x00\x00\x05\xff\xff\xff\xff\xff",
    "varint-too-long": b"\x00\x00\x0c\x10" + b"\xff" * 10 + b"\x01",
}

# --- json: the first line is the message ---
VALUES = ["0", "-0", "-0.0", "1", "-1", "1.0", "1e0", "1.5", "2147483647", "-2147483648", "2147483648", "4294967295",
          "9223372036854775807", '"18446744073709551615"', '"-9223372036854775808"', "1e22", "3.4028235e38",
          "3.4028236e38", "1e-46", "5e-324", "1.7976931348623157e308", '"NaN"', '"Infinity"', '"-Infinity"', '"1"',
          '"01"', '" 1"', "null", "true", '""', "[]", "{}"]
order_json = ('{"customer_id":"C-1","items":[{"product_id":"LAPTOP-001","quantity":1,"price":999.99},'
              '{"productId":"PHONE-002","quantity":"2"}],"shipping_address":"1 Main St"}')
jsons = {
    "order": "store.v1.CreateOrderRequest\n" + order_json,
    "order-price-negative-zero": 'store.v1.CreateOrderRequest\n{"items":[{"price":-0.0},{"price":0},{"price":null}]}',
    "order-escapes": 'store.v1.CreateOrderRequest\n{"customer_id":"\\u00e9\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001é"}',
    "order-nul": 'store.v1.CreateOrderRequest\n{"customer_id":"a\\u0000b"}',
    "order-lone-surrogate": 'store.v1.CreateOrderRequest\n{"customer_id":"\\ud800"}',
    "order-not-utf8": b'store.v1.CreateOrderRequest\n{"customer_id":"\xc3\x28"}',
    "order-two-names": 'store.v1.CreateOrderRequest\n{"customer_id":"a","customerId":"b"}',
    "order-duplicate": 'store.v1.CreateOrderRequest\n{"customer_id":"a","customer_id":"b"}',
    "order-unknown": 'store.v1.CreateOrderRequest\n{"coupon":1}',
    "order-unfinished": 'store.v1.CreateOrderRequest\n{"items":[{"product_id":"LAP',
    "order-empty": "store.v1.CreateOrderRequest\n",
    "order-array": "store.v1.CreateOrderRequest\n[]",
    "order-deep": "store.v1.CreateOrderRequest\n" + '{"items":[' * 70,
    "order-answer": 'store.v1.CreateOrderResponse\n{"order_id":"O","total_amount":0.1,"processing_time_ms":1e3,'
                    '"trace_info":{"payment_id":"P","steps_completed":["inventory_reserved","payment_processed"]}}',
    "order-read": 'store.v1.Order\n{"order_id":"O","status":"failed","failure":{"code":"ABORTED","reason":"R"},'
                  '"history":[{"status":"reserving","at":"2026-01-31T12:00:00Z"},{"at":null}],'
                  '"created_at":"1969-12-31T23:59:59.999999999+23:59"}',
    "order-first-and-last-time": 'store.v1.ListOrdersResponse\n{"orders":[{"created_at":"0001-01-01T00:00:00Z"},'
                                 '{"created_at":"9999-12-31T23:59:59.999999999Z"},{"created_at":"2024-02-29T00:00:00.5Z"}]}',
    "payment": 'store.v1.ProcessPaymentRequest\n{"customer_id":"C","amount":19.99}',
    "payment-amount-text": 'store.v1.ProcessPaymentRequest\n{"amount":"19.990"}',
    "payment-read": 'store.v1.Payment\n{"payment_id":"P","refunded_at":"2026-06-30T23:59:59-00:01"}',
    "reserve": 'store.v1.ReserveInventoryRequest\n{"items":[{"product_id":"P","quantity":3}],"order_id":"O"}',
    "product": 'store.v1.Product\n{"product_id":"P","total_stock":50,"reserved":1,"available":49,"price":0.30000000000000004}',
    "products": 'store.v1.ListProductsResponse\n{"products":[{},{"price":1e-7}],"nextPageToken":"x"}',
    "health": 'rpc.v1.HealthCheckResponse\n{"status":"SERVING","dependencies":[{"name":"db","status":"SERVING"}]}',
    "metrics": 'rpc.v1.ScrapeResponse\n{"body":"aGVsbG8=","content_type":"text/plain"}',
    "bytes-url-alphabet": 'rpc.v1.ScrapeResponse\n{"body":"-_-_AA"}',
    "bytes-bad-padding": 'rpc.v1.ScrapeResponse\n{"body":"A==="}',
    "response": 'rpc.v1.Response\n{"code":"NOT_FOUND","message":"m","details":[{"reason":"R","metadata":{"a":"b","":"c"}}]}',
    "response-unknown-code": 'rpc.v1.Response\n{"code":99,"metadata":{"k":"v"}}',
    "request": 'rpc.v1.Request\n{"method":"/a/b","timeout_ms":4294967295,"metadata":{"traceparent":"x"},"payload":"AA=="}',
    "types-lists": 'types\n{"many_an_int32":[1,-1],"many_a_string":["","a"],"many_some_bytes":["","AQ=="],'
                   '"many_a_bool":[true,false],"many_an_enum":["OK",5,-1],"many_a_float":[1,0.1,"NaN"],"many_a_double":[-0.0]}',
    "types-maps": 'types\n{"by_number":{"1":"a","-2147483648":"b"},"by_flag":{"true":{"child":{}},"false":{}}}',
    "types-map-same-key": 'types\n{"by_number":{"1":"a","1.0":"b"}}',
    "types-oneof": 'types\n{"choice_number":0}',
    "types-oneof-text": 'types\n{"choice_text":"","maybe":0}',
    "types-oneof-both": 'types\n{"choice_text":"","choice_number":1}',
    "types-oneof-wrong": 'types\n{"choice_text":"x","choice_number":"x","many_a_bool":[1],"at":"2026-01-31T12:00:00.1234567891"}',
    "types-child": 'types\n{"child":{"child":{"children":[{},{"a_string":"x"}]}}}',
    "types-durations": 'types\n{"lasted":"-0.000000001s","children":[{"lasted":"1.5s"},{"lasted":"315576000000s"},{"lasted":"-0s"}]}',
}
for i in range(0, len(VALUES), 4):
    for scalar in ("an_int32", "a_uint64", "a_float", "a_double"):
        jsons[f"types-{scalar}-{i // 4}"] = "types\n{" + f'"many_{scalar}":[{",".join(VALUES[i:i + 4])}]' + "}"

# --- path: the request line, and the body from the next line on ---
paths = ["GET /orders/ORD-1", "GET /orders/ORD-1?orderId=ORD-2", "GET /orders/ORD-1?order_id=ORD-2", "GET /orders/",
         "GET /orders/a%2Fb", "GET /orders/%", "GET /orders/%zz", "GET /orders/%00", "GET /orders/%C3%28", "GET /orders/%c3%a9",
         "HEAD /orders/ORD-1", "DELETE /orders/ORD-1", "PUT /orders", "GET //orders", "GET /", "GET ", "get /orders",
         "GET /orders?page_size=5&status=failed", "GET /orders?pageSize=5&page_size=6", "GET /orders?page_size=5&page_size=6",
         "GET /orders?page_size=x", "GET /orders?=", "GET /orders?&&", "GET /orders?status", "GET /orders?status=a+b%20c",
         "GET /orders?page_token=" + "x" * 300, "GET /orders?" + "&".join(f"a{i}=1" for i in range(20)),
         "GET /orders?items.price=1", "GET /inventory", "GET /inventory/LAPTOP-001", "GET /inventory/reserve",
         "POST /inventory/LAPTOP-001/restock\n{\"quantity\":5}",
         "POST /inventory/LAPTOP-001/restock\n{\"product_id\":\"LAPTOP-001\",\"quantity\":5}",
         "POST /inventory/LAPTOP-001/restock\n{\"productId\":\"PHONE-002\"}", "POST /inventory/A/restock?quantity=5\n{}",
         "POST /inventory/reserve\n{\"items\":[{\"product_id\":\"P\",\"quantity\":1}]}",
         "POST /inventory/confirm\n{\"reservation_id\":\"R\"}", "POST /inventory/release", "GET /reservations?status=held",
         "POST /orders\n" + order_json, "POST /payments\n{\"customer_id\":\"C\",\"amount\":1}", "GET /payments/PAY-1",
         "GET /payments?order_id=O", "POST /payments/PAY-1/refund", "POST /payments/PAY-1/refund\n{\"payment_id\":\"PAY-2\"}",
         "GET /orders/ORD-1\n{}", "GET " + "/a" * 17, "GET /health", "GET /traces/c-1"]

# --- headers: lines of "name: value" ---
parents = [TRACE, TRACE[:-2] + "00", TRACE.upper(), "ff" + TRACE[2:], "01" + TRACE[2:] + "-more", "01" + TRACE[2:] + "more",
           TRACE + "-more", TRACE[:-1], "00-" + "0" * 32 + TRACE[35:], TRACE[:36] + "0" * 16 + "-01", "", "-"]
timeouts = ["1500", "500ms", "2s", "0", "600000", "600s", "600001", "601s", "999999999", "9999999999", "1m", "-1", "1 s", "ms", "+1"]
types = ["application/json", "application/json; charset=utf-8", 'application/json;charset="utf-8"', "application/problem+json",
         "application/json; charset=latin1", "text/json", "application/", "application/xjson", ";", "application/json;;;x=y"]
headers = [f"traceparent: {value}\n" for value in parents] + [f"request-timeout: {value}\n" for value in timeouts]
headers += [f"content-type: {value}\n" for value in types]
headers += [f"x-correlation-id: {value}\n" for value in ("c-1", "", "a b", "x" * 64, "x" * 65, "\x7f", "é")]
headers += [f"idempotency-key: {value}\n" for value in ("key-1", "k" * 255, "k" * 256, "a\tb", " ")]
headers += ["authorization: Bearer " + "t" * 1017 + "\n", "authorization: Bearer " + "t" * 1018 + "\n", "cookie: a=b\n",
            "request-timeout: 1s\nrequest-timeout: 2s\nx-correlation-id: c\nidempotency-key: k\n" + f"traceparent: {TRACE}\n", ":", "\n\n"]

# --- response: the method, and the answers to its attempts ---
OUTPUTS = {"Order.CreateOrder": ("CreateOrderResponse", 'order_id: "O" total_amount: 1.5 trace_info {payment_id: "P"}'),
           "Order.GetOrder": ("Order", 'order_id: "O" items {price: 1} history {status: "s" at {seconds: 1 nanos: 5}}'),
           "Payment.GetPayment": ("Payment", 'payment_id: "P" refunded_at {seconds: 253402300800}'),
           "Payment.ProcessPayment": ("ProcessPaymentResponse", 'success: true amount: nan'),
           "Inventory.ReserveInventory": ("ReserveInventoryResponse", 'items {} expires_at {nanos: -1}'),
           "Inventory.ListProducts": ("ListProductsResponse", 'products {price: -0.0} products {name: "\\001\\"\\\\"}')}
ERROR = 'code: {} message: "m" details {{reason: "R" field: "f" metadata {{key: "order_id" value: "O"}}}}'


def answer(method, *envelopes):
    kind, name = method.split(".")
    return f"/store.v1.{kind}Service/{name}\n".encode() + b"".join(framed(envelope) for envelope in envelopes)


responses = {}
for method, (output, text) in OUTPUTS.items():
    payload = pack("store.v1." + output, text)
    ok = pack("rpc.v1.Response", f"payload: {quote(payload)}")
    lost = pack("rpc.v1.Response", ERROR.format("UNAVAILABLE"))
    responses |= {f"{method}-ok": answer(method, ok), f"{method}-retried": answer(method, lost, lost, ok),
                  f"{method}-cut": answer(method, ok[:-1]), f"{method}-payload-cut":
                  answer(method, pack("rpc.v1.Response", f"payload: {quote(payload[:-1])}"))}
for code in range(1, 17):
    name = re.findall(r"(\w+) = \d+;", pathlib.Path("proto/rpc/v1/status.proto").read_text())[code]
    responses["error-" + name] = answer("Order.CreateOrder", pack("rpc.v1.Response", ERROR.format(name)))
responses |= {
    "empty": answer("Order.GetOrder", b""),
    "none": answer("Order.GetOrder"),
    "error-number-99": answer("Order.GetOrder", b"\x08\x63"),
    "error-number-negative": answer("Order.GetOrder", b"\x08" + b"\xff" * 9 + b"\x01"),
    "error-text-not-utf8": answer("Order.GetOrder", b"\x08\x05\x12\x02\xc3\x28"),
    "payload-not-utf8": answer("Order.GetOrder", b"\x2a\x04\x0a\x02\xc3\x28"),
    "error-many-facts": answer("Order.GetOrder", pack("rpc.v1.Response", 'code: ABORTED details {reason: "' + "R" * 80 +
                               '"' + "".join(f' metadata {{key: "k{i}{"x" * 30}" value: "{"v" * 99}"}}' for i in range(4)) + "}")),
    "error-fact-reserved": answer("Order.GetOrder", pack("rpc.v1.Response", 'code: ABORTED details {metadata {key: "status"}}')),
    "error-facts-same-after-cut": answer("Order.GetOrder", pack("rpc.v1.Response", 'code: ABORTED details {metadata {key: "'
                                         + "k" * 30 + '"} metadata {key: "' + "k" * 31 + '"}}')),
}

# --- reflection: the description of some messages, and bytes for each of them ---
def describe(source, imports=False):
    """The FileDescriptorSet of a file that says `source`."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "seed.proto").write_text(source)
        command = ["protoc", f"-I{folder}", "-Iproto", "-I/usr/include", "--descriptor_set_out=/dev/stdout", "seed.proto"]
        return subprocess.run(command + ["--include_imports"] * imports, stdout=subprocess.PIPE, check=True).stdout


def nest(tag, depth):
    """A message within a message within ..., each its only field."""
    parts, size = [], 0
    for _ in range(depth):
        parts.append(tag + varint(size))
        size += len(parts[-1])
    return b"".join(reversed(parts))


def nest_set(depth):
    message = nest(b"\x1a", depth)
    file = b"\x22" + varint(len(message)) + message
    return b"\x0a" + varint(len(file)) + file


def varint(value):
    return bytes([value & 0x7f | 0x80]) + varint(value >> 7) if value > 0x7f else bytes([value])


P3, P2 = 'syntax = "proto3"; package p; ', 'syntax = "proto2"; package p; '
KINDS = ("double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes").split()
TIME = 'syntax = "proto3"; package p; import "google/protobuf/timestamp.proto"; '
reflections = {
    "map-key-sint64": (P3 + "message A { map<sint64, int32> m = 1; }", b"\x0a\x02\x08\x01"),
    "kinds": (P3 + "message A {" + "".join(f"{k} a_{k} = {i + 1};" for i, k in enumerate(KINDS)) + "}", b"\x20\x05\x72\x01x"),
    "kinds-repeated": (P3 + "message A {" + "".join(f"repeated {k} a_{k} = {i + 1};" for i, k in enumerate(KINDS)) + "}",
                       b"\x1a\x02\x01\x02\x72\x01x"),
    "kinds-proto2": (P2 + "message A {" + "".join(f"optional {k} a_{k} = {i + 1};" for i, k in enumerate(KINDS)) + "}",
                     b"\x18\x05"),
    "required": (P2 + "message A { required int32 a = 1; required string b = 2 [default = \"x\"]; }", b""),
    "unpacked": (P3 + "message A { repeated int32 a = 1 [packed = false]; }", b"\x08\x01\x08\x02"),
    "group": (P2 + "message A { optional group G = 1 { optional int32 a = 1; } }", b"\x0b\x0c"),
    "no-fields": (P3 + "message A {}", b"\x80\x00\x00"),
    "oneof": (P3 + "message A { oneof o { int32 a = 1; string b = 2; A c = 3; bytes d = 4; } }", b"\x12\x01x\x1a\x02\x08\x01"),
    "optional": (P3 + "message A { optional int32 a = 1; optional string b = 2; }", b"\x08\x00"),
    "recursive": (P3 + "message A { A a = 1; repeated A b = 2; B c = 3; } message B { A a = 1; }", b"\x0a\x02\x12\x00\x1a\x02\x0a\x00"),
    "map-text": (P3 + "message A { map<string, A> m = 1; }", b"\x0a\x05\x0a\x01k\x12\x00\x0a\x00"),
    "map-bool": (P3 + "message A { map<bool, int64> m = 1; }", b"\x0a\x04\x08\x01\x10\x05"),
    "map-number": (P3 + "message A { map<fixed64, bytes> m = 1; map<sint32, E> n = 2; } enum E { Z = 0; }", b"\x12\x02\x08\x03"),
    "enum-alias": (P3 + "enum E { option allow_alias = true; A = 0; B = 0; C = -5; D = 7; } message M { E e = 1; repeated E f = 2; }",
                   b"\x08\x07\x12\x02\x00\x09"),
    "recursive-deep": (P3 + "message A { A a = 1; }", nest(b"\x0a", 100)),
    "recursive-too-deep": (P3 + "message A { A a = 1; }", nest(b"\x0a", 20000)),
    "nested": (P3 + "message A { message B { enum E { Z = 0; } message C { E e = 1; } C c = 1; } B b = 5; }", b"\x2a\x02\x0a\x00"),
    "numbers-apart": (P3 + "message A { int32 a = 1; int32 b = 536870911; int32 c = 100; }", b"\xa0\x06\x01"),
    "service": (P3 + "message A {} service S { rpc M(A) returns (A) { option idempotency_level = IDEMPOTENT; } }", b""),
    "no-package": ('syntax = "proto3"; message A { string a = 1; }', b"\x0a\x02\xc3\x28"),
    "times": (TIME + "message A { google.protobuf.Timestamp t = 1; }", b"\x0a\x02\x08\x05"),
}
damaged = {
    "empty": b"",
    "not-a-set": b"\xff\xff",
    "nested-too-deep": nest_set(10000),
    "no-names": b"\x0a\x02\x22\x00",
    "times-without-imports": describe(TIME + "message A { google.protobuf.Timestamp t = 1; }"),
    "two-files-the-same": describe(P3 + "message A {}") * 2,
    "wrong-timestamp": describe('syntax = "proto3"; package google.protobuf; message Timestamp { string a = 1; }'),
    "type-out-of-range": describe(P3 + "message A { int32 a = 1; }").replace(b"\x28\x05", b"\x28\x7f"),
    "number-zero": describe(P3 + "message A { int32 a = 1; }").replace(b"\x18\x01", b"\x18\x00"),
    "map-without-value": describe(P3 + "message A { map<bool, int32> m = 1; }").replace(b"value\x18\x02", b"value\x18\x03"),
    "map-key-double": describe(P3 + "message A { map<bool, int32> m = 1; }").replace(b"\x28\x08", b"\x28\x01"),
    "map-key-bytes": describe(P3 + "message A { map<bool, int32> m = 1; }").replace(b"\x28\x08", b"\x28\x0c"),
}

if __name__ == "__main__":
    for name, (source, message) in reflections.items():
        seed("reflection", name, framed(describe(source, imports=True)) + message)
    for name, data in damaged.items():
        seed("reflection", name, framed(data) + b"\x0a\x02\x08\x01")
    for name, data in envelopes.items():
        seed("envelope", name, data)
    for name, data in jsons.items():
        seed("json", name, data)
    for name, data in responses.items():
        seed("response", name, data)
    for number, line in enumerate(paths):
        seed("path", f"{number:02}-" + re.sub(r"\W+", "-", line)[:40].strip("-"), line)
    for number, lines in enumerate(headers):
        seed("headers", f"{number:02}-" + re.sub(r"\W+", "-", lines)[:40].strip("-"), lines)
