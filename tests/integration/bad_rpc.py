"""What must be refused at the RPC door, sent over plain TCP: each kind of bad input gets its status and names the field at
fault, or loses its connection where there is nothing to answer; none of it disturbs the service. Run by test_bad_rpc.sh
with what protoc --python_out made of proto/ on PYTHONPATH.

usage: bad_rpc.py ORDER_PORT PAYMENT_PORT INVENTORY_PORT
"""
import math
import random
import socket
import struct
import sys

from checks import check, finish
from rpc.v1.envelope_pb2 import Request, Response
from rpc.v1.status_pb2 import Code
from store.v1 import inventory_pb2, order_pb2, payment_pb2

ORDER, PAYMENT, INVENTORY = ("127.0.0.1", int(sys.argv[1])), ("127.0.0.1", int(sys.argv[2])), ("127.0.0.1", int(sys.argv[3]))
CREATE, PAY = "/store.v1.OrderService/CreateOrder", "/store.v1.PaymentService/ProcessPayment"
HELLO = b"\0SP\0\0\x30\0\0"  # of a REQ socket
MESSAGE_MAX = 1 << 20


class Connection:
    """A REQ socket by hand: a greeting each way, then frames of a 64-bit length, a request id and a message."""

    def __init__(self, address, hello=HELLO):
        self.socket = socket.create_connection(address, timeout=30)
        self.send(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # is_closed will tell

    def send_message(self, message, request_id=0x80000001):
        self.send(struct.pack(">QI", len(message) + 4, request_id) + message)

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def take_message(self, request_id=0x80000001):
        length, answered = struct.unpack(">QI", self.take(12))
        assert answered == request_id, answered
        return Response.FromString(self.take(length - 4))

    def is_closed(self):
        """Once it has said all it had to say."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def ask(address, envelope):
    with Connection(address) as connection:
        connection.take(8)
        connection.send_message(envelope)
        return connection.take_message()


def said(response):
    """Code, reason and field."""
    detail = response.details[0] if response.details else None
    return Code.Name(response.code), detail.reason if detail else "", detail.field if detail else ""


def refused(what, address, envelope, code, reason, field=""):
    response = ask(address, envelope if isinstance(envelope, bytes) else envelope.SerializeToString())
    check(what, said(response), (code, reason, field))
    check(f"{what}: message, and no payload", (len(response.message) > 0, response.payload), (True, b""))


def invalid(what, address, envelope, field):
    refused(what, address, envelope, "INVALID_ARGUMENT", "INVALID_FIELD", field)


def field(number, wire_type, data):
    """A field as bytes, whatever it says."""
    return bytes([number << 3 | wire_type]) + data


def text(number, data):
    length, prefix = len(data), b""
    while length >= 0x80:
        prefix += bytes([length & 0x7f | 0x80])
        length >>= 7
    return field(number, 2, prefix + bytes([length]) + data)


def order(**changes):
    fields = {"customer_id": "C", "shipping_address": "here",
              "items": [order_pb2.OrderItem(product_id="PHONE-002", quantity=1)], **changes}
    return order_pb2.CreateOrderRequest(**fields)


def create(**changes):
    return Request(method=CREATE, payload=order(**changes).SerializeToString())


def create_item(**fields):
    return create(items=[order_pb2.OrderItem(product_id="PHONE-002", quantity=1), order_pb2.OrderItem(**fields)])


def pay(amount, metadata=None, **fields):
    request = payment_pb2.ProcessPaymentRequest(customer_id="C", amount=amount, **fields)
    return Request(method=PAY, payload=request.SerializeToString(), metadata=metadata)


def not_even_a_message():
    """What is no REQ socket, or no frame: the connection ends, and nobody else is disturbed."""
    for what, hello in {"no greeting": b"GET / HTTP/1.1\r\n\r\n", "another protocol": b"\0SP\0\0\x10\0\0",
                        "another version": b"\0SP\1\0\x30\0\0", "noise": random.randbytes(64)}.items():
        with Connection(ORDER, hello) as connection:
            check(f"{what}: closed", connection.is_closed(), True)
    for what, frame in {"a frame past all bounds": struct.pack(">Q", 2**63), "a negative frame": struct.pack(">q", -1),
                        "a frame of 1 TiB": struct.pack(">Q", 2**40),
                        "a frame past twice a message": struct.pack(">Q", 2 * MESSAGE_MAX + 5)}.items():
        with Connection(ORDER) as connection:
            connection.send(frame + bytes(64))
            check(f"{what}: closed", connection.is_closed(), True)
    for what, cut in {"half a greeting": HELLO[:5], "half a length": HELLO + b"\0\0\0",
                      "half a message": HELLO + struct.pack(">QI", 1000, 0x80000001) + b"x" * 10}.items():
        with Connection(ORDER, cut) as connection:
            connection.socket.shutdown(socket.SHUT_WR)
            check(f"{what}, then nothing: closed", connection.is_closed(), True)
    # Frames without a request id, or with one that never ends, have nobody to be answered to: passed over or cut off.
    for what, frame in {"no bytes": b"", "3 bytes": b"\x80\0\0", "no last id": bytes(4) * 20}.items():
        with Connection(ORDER) as connection:
            connection.take(8)
            connection.send(struct.pack(">Q", len(frame)) + frame)
            connection.send_message(health())
            try:
                check(f"{what}: the next is answered", said(connection.take_message())[0], "OK")
            except (ConnectionResetError, BrokenPipeError):
                check(f"{what}: or the connection has ended", True, True)


def health():
    return Request(method="/rpc.v1.Health/Check").SerializeToString()


def envelopes():
    refused("no bytes", ORDER, b"", "UNIMPLEMENTED", "UNKNOWN_METHOD")
    malformed = {
        "noise": b"\xff" * 40, "a text": b"hello, is anybody there?", "JSON": b'{"method":"x"}',
        "a length past the end": field(1, 2, b"\x7fabc"), "a length of 2^63": field(1, 2, b"\xff" * 8 + b"\x7f" + b"abc"),
        "a varint without an end": field(2, 0, b"\xff" * 11), "a group": field(1, 3, b""), "wire type 6": field(1, 6, b"ab"),
        "wire type 7": field(1, 7, b"ab"), "field number 0": b"\x02\x00", "a length of a field cut off": field(4, 2, b"\x80"),
        "a map entry that is none": text(3, b"\x0a\x7f"),
    }
    for what, envelope in malformed.items():
        refused(what, ORDER, envelope, "INVALID_ARGUMENT", "MALFORMED_ENVELOPE")
    # Cut off anywhere, it is an error or a shorter envelope; never no answer, never something done.
    whole = Request(method=CREATE, timeout_ms=5000, metadata={"x-correlation-id": "cut"},
                    payload=order(customer_id="").SerializeToString()).SerializeToString()
    codes = set()
    with Connection(ORDER) as connection:
        connection.take(8)
        for length in range(len(whole)):
            connection.send_message(whole[:length], 0x80000000 + length)
            codes.add(Code.Name(connection.take_message(0x80000000 + length).code))
    check("envelopes cut off", codes - {"INVALID_ARGUMENT", "UNIMPLEMENTED"}, set())
    # A field of another type than ours is not ours: passed over, as protobuf has it.
    response = ask(ORDER, text(15, b"new") + field(2, 0, b"\x80\x27") + text(1, b"/rpc.v1.Health/Check"))
    check("a field that we do not know", said(response)[0], "OK")


def methods():
    for method in ("", "/", "x", CREATE[1:], CREATE + "/", CREATE.lower(), "/store.v1.OrderService/", "/store.v1.Nothing/Get",
                   "/store.v1.PaymentService/ProcessPayment", "//", "/" * 1000, "%n%s%x", "x" * 100000, "/é/ü"):
        refused(f"method {method[:40]!r}", ORDER, Request(method=method), "UNIMPLEMENTED", "UNKNOWN_METHOD")
    invalid("a method that is not UTF-8", ORDER, text(1, b"/rpc\xff\xfe"), "method")
    invalid("a method with a NUL", ORDER, text(1, b"/rpc.v1.Health/Check\0/x"), "method")


def metadata():
    def with_metadata(entries):
        return Request(method="/rpc.v1.Health/Check", metadata=entries)
    invalid("17 entries", ORDER, with_metadata({f"k{i}": "v" for i in range(17)}), "metadata")
    invalid("1,025 bytes", ORDER, with_metadata({"k": "v" * 1025}), "metadata")
    entry = text(1, b"k") + text(2, b"\xff")
    invalid("a value that is not UTF-8", ORDER, text(1, b"/rpc.v1.Health/Check") + text(3, entry), "metadata[0].value")
    invalid("a value with a NUL", ORDER, with_metadata({"k": "a\0b"}), "metadata.value")
    entry = text(1, b"\xc0\x80") + text(2, b"v")
    invalid("a key that is not UTF-8", ORDER, text(1, b"/rpc.v1.Health/Check") + text(3, entry), "metadata[0].key")
    for given in ("a b", "x" * 200, "é", "a\nb"):
        invalid(f"correlation id {given[:5]!r}", ORDER, with_metadata({"x-correlation-id": given}),
                "metadata.x-correlation-id")
    for given in ("", "x" * 300, "a b", "é", "a\x01b"):
        invalid(f"idempotency key {given[:5]!r}", PAYMENT, pay(1, {"idempotency-key": given}), "idempotency-key")
    for given in ("nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "-" * 1000):
        check(f"traceparent {given[:5]!r} is passed over", said(ask(ORDER, with_metadata({"traceparent": given})
                                                                    .SerializeToString()))[0], "OK")
    check("a key for one charge", said(ask(PAYMENT, pay(1, {"idempotency-key": "once"}).SerializeToString()))[0], "OK")
    refused("the same key for another", PAYMENT, pay(2, {"idempotency-key": "once"}), "FAILED_PRECONDITION",
            "IDEMPOTENCY_KEY_REUSED", "")


def payloads():
    for what, payload in {"noise": b"\xff" * 20, "a length past the end": field(1, 2, b"\x7f"),
                          "an item that is none": text(2, b"\x0a\x7f"), "a varint without an end": field(9, 0, b"\xff" * 11),
                          "groups in groups": field(9, 3, b"") * 20000}.items():
        refused(f"payload: {what}", ORDER, Request(method=CREATE, payload=payload), "INVALID_ARGUMENT", "MALFORMED_PAYLOAD")
    whole = order(items=[]).SerializeToString()
    codes = {said(ask(ORDER, Request(method=CREATE, payload=whole[:n]).SerializeToString()))[0] for n in range(len(whole))}
    check("payloads cut off", codes, {"INVALID_ARGUMENT"})
    item = text(2, text(1, b"PHONE-\xff") + field(2, 0, b"\1"))
    invalid("payload: not UTF-8", ORDER, Request(method=CREATE, payload=text(1, b"\xed\xa0\x80") + item), "customer_id")
    invalid("payload: not UTF-8 deep inside", ORDER, Request(method=CREATE, payload=text(1, b"C") + item),
            "items[0].product_id")
    invalid("payload: a NUL in a text", ORDER, create(customer_id="C\0D"), "customer_id")
    invalid("payload: a NUL deep inside", ORDER, create_item(product_id="PHONE-002\0x", quantity=1), "items.product_id")
    invalid("payload: a control character", ORDER, create(customer_id="C\nD"), "customer_id")
    invalid("payload: nothing", ORDER, Request(method=CREATE), "customer_id")
    invalid("payload: a huge text", ORDER, create(shipping_address="x" * 20000), "shipping_address")
    invalid("payload: no items", ORDER, create(items=[]), "items")
    invalid("payload: too many items", ORDER, create(items=[order_pb2.OrderItem(product_id="PHONE-002", quantity=1)] * 101),
            "items")
    for what, name, fields in [("no product", "product_id", {"quantity": 1}),
                               ("an odd product", "product_id", {"product_id": "a b", "quantity": 1}),
                               ("no quantity", "quantity", {"product_id": "PHONE-002"}),
                               ("a negative quantity", "quantity", {"product_id": "PHONE-002", "quantity": -1}),
                               ("the least quantity", "quantity", {"product_id": "PHONE-002", "quantity": -2**31}),
                               ("a huge quantity", "quantity", {"product_id": "PHONE-002", "quantity": 2**31 - 1}),
                               ("a price that is none", "price", {"product_id": "PHONE-002", "quantity": 1, "price": math.nan}),
                               ("an infinite price", "price", {"product_id": "PHONE-002", "quantity": 1, "price": math.inf}),
                               ("a negative price", "price", {"product_id": "PHONE-002", "quantity": 1, "price": -1})]:
        invalid(f"an item with {what}", ORDER, create_item(**fields), f"items[1].{name}")
    for amount in (0, -1, 0.001, 1e300, 5e-324, math.nan, math.inf, -math.inf, 1000000.01):
        invalid(f"an amount of {amount}", PAYMENT, pay(amount), "amount")
    get = Request(method="/store.v1.OrderService/GetOrder", payload=order_pb2.GetOrderRequest(order_id="../x").SerializeToString())
    invalid("an odd order id", ORDER, get, "order_id")
    for size in (-1, 1001, -2**31):
        listed = order_pb2.ListOrdersRequest(page_size=size).SerializeToString()
        invalid(f"a page of {size}", ORDER, Request(method="/store.v1.OrderService/ListOrders", payload=listed), "page_size")
    confirm = inventory_pb2.ConfirmReservationRequest(reservation_id="RES-NOSUCH").SerializeToString()
    refused("an unknown reservation", INVENTORY, Request(method="/store.v1.InventoryService/ConfirmReservation",
                                                         payload=confirm), "NOT_FOUND", "RESERVATION_NOT_FOUND",
            "reservation_id")


def sizes():
    padding = text(15, bytes(MESSAGE_MAX - 100))
    check("a message just within its bound", said(ask(ORDER, padding + health()))[0], "OK")
    refused("a message past its bound", ORDER, text(15, bytes(MESSAGE_MAX)), "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    many = text(2, b"") * 500000  # empty items, each a struct of its own once unpacked
    refused("a million bytes of empty items", ORDER, Request(method=CREATE, payload=many), "INVALID_ARGUMENT",
            "MALFORMED_PAYLOAD")


def deadlines():
    """The service is slow here: a charge takes a second."""
    for what, timeout_ms in {"1 ms": 1, "300 ms": 300}.items():
        call = Request(method=PAY, timeout_ms=timeout_ms, payload=pay(7).payload)
        check(f"a deadline of {what}", said(ask(PAYMENT, call.SerializeToString()))[0], "DEADLINE_EXCEEDED")
        call = Request(method=CREATE, timeout_ms=timeout_ms, payload=order().SerializeToString())
        check(f"an order with {what}", said(ask(ORDER, call.SerializeToString()))[0], "DEADLINE_EXCEEDED")
    call = Request(method="/rpc.v1.Health/Check", timeout_ms=2**32 - 1)
    check("a deadline past all bounds", said(ask(ORDER, call.SerializeToString()))[0], "OK")


def callers_that_go():
    """A caller that has gone is not answered, and nobody minds."""
    for _ in range(50):
        with Connection(ORDER) as connection:
            connection.send_message(create().SerializeToString())
    with Connection(ORDER) as connection:  # many at once on one connection, each answered by its id
        connection.take(8)
        ids = [0x80000000 + i for i in range(200)]
        for request_id in ids:
            connection.send_message(b"\xff" if request_id % 2 else health(), request_id)
        answers = {}
        for _ in ids:
            length, request_id = struct.unpack(">QI", connection.take(12))
            answers[request_id] = Code.Name(Response.FromString(connection.take(length - 4)).code)
    check("each is answered as it asked", answers, {i: "INVALID_ARGUMENT" if i % 2 else "OK" for i in ids})


for part in (not_even_a_message, envelopes, methods, metadata, payloads, sizes, deadlines, callers_that_go):
    part()
finish()
