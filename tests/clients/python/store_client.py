#!/usr/bin/python3
"""A client of the order service in Python: NNG through ctypes, messages by protoc. Nothing to build.

usage: store_client.py ADDRESS [TIMEOUT_MS]     ADDRESS: any NNG URL, such as tcp://127.0.0.1:9001 or ipc:///path
Needs libnng1, python3-protobuf, and on PYTHONPATH what protoc --python_out made of proto/."""
import ctypes
import secrets
import sys
import time

from rpc.v1.envelope_pb2 import Request, Response
from rpc.v1.status_pb2 import Code
from store.v1.order_pb2 import CreateOrderRequest, CreateOrderResponse, GetOrderRequest, Order, OrderItem

nng = ctypes.CDLL("libnng.so.1")
nng.nng_strerror.restype = ctypes.c_char_p
NNG_ETIMEDOUT, NNG_FLAG_ALLOC, NNG_FLAG_NONBLOCK, NNG_INFINITE = 5, 1, 2, -1


class Socket(ctypes.Structure):  # passed by value
    _fields_ = [("id", ctypes.c_uint32)]


class RpcError(Exception):
    """A call's status other than OK: its code by name, and the reason that a program may act on."""

    def __init__(self, code, message, reason="", facts=None):
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.facts = code, reason, facts or {}


def check(error):
    if error == NNG_ETIMEDOUT:
        raise RpcError("DEADLINE_EXCEEDED", "no answer in time", "OWN_TIMER")
    if error:
        raise RpcError("UNAVAILABLE", nng.nng_strerror(error).decode())


class Client:
    def __init__(self, address):
        self.socket = Socket()
        check(nng.nng_req0_open(ctypes.byref(self.socket)))
        # NNG would repeat a request on its own; when to do so is the caller's decision.
        nng.nng_socket_set_ms(self.socket, b"req:resend-time", NNG_INFINITE)
        check(nng.nng_dial(self.socket, address.encode(), None, NNG_FLAG_NONBLOCK))  # connects in the background

    def call(self, method, request, response_type, metadata, timeout_ms):
        deadline = time.monotonic() + timeout_ms / 1000
        envelope = Request(method=method, timeout_ms=timeout_ms, metadata=metadata,
                           payload=request.SerializeToString()).SerializeToString()
        nng.nng_socket_set_ms(self.socket, b"send-timeout", timeout_ms)
        check(nng.nng_send(self.socket, envelope, ctypes.c_size_t(len(envelope)), 0))
        left = max(1, int((deadline - time.monotonic()) * 1000))
        nng.nng_socket_set_ms(self.socket, b"recv-timeout", left)
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        check(nng.nng_recv(self.socket, ctypes.byref(data), ctypes.byref(size), NNG_FLAG_ALLOC))
        response = Response.FromString(ctypes.string_at(data, size.value))
        nng.nng_free(data, size)
        if response.code:
            detail = response.details[0] if response.details else None
            raise RpcError(Code.Name(response.code), response.message, detail.reason if detail else "",
                           dict(detail.metadata) if detail else {})
        return response_type.FromString(response.payload)


def main(address, timeout_ms=10000):
    client = Client(address)
    correlation_id = "python-" + secrets.token_hex(8)
    trace_id = secrets.token_hex(16)
    metadata = {"x-correlation-id": correlation_id,
                "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
                "idempotency-key": correlation_id}  # with a key, a call may be made again: it is carried out once
    laptop = CreateOrderRequest(customer_id="CUST-PYTHON", shipping_address="1 Main St",
                                items=[OrderItem(product_id="LAPTOP-001", quantity=1, price=999.99)])

    # Place an order.
    placed = client.call("/store.v1.OrderService/CreateOrder", laptop, CreateOrderResponse, metadata, timeout_ms)
    print(f"placed {placed.order_id} {placed.status} {placed.total_amount}")

    # Read it back: it belongs to our trace.
    order = client.call("/store.v1.OrderService/GetOrder", GetOrderRequest(order_id=placed.order_id), Order,
                        {"x-correlation-id": correlation_id}, timeout_ms)
    assert order.correlation_id == correlation_id, order.correlation_id
    print(f"read {order.order_id} {order.status} correlation_id {order.correlation_id} trace_id {trace_id}")

    # An error has a code, and a reason to act on.
    try:
        client.call("/store.v1.OrderService/CreateOrder",
                    CreateOrderRequest(customer_id="CUST-PYTHON", shipping_address="1 Main St",
                                       items=[OrderItem(product_id="MONITOR-005", quantity=10000)]),
                    CreateOrderResponse, {}, timeout_ms)
        sys.exit("10000 monitors were not refused")
    except RpcError as error:
        print(f"refused {error.code} {error.reason} {error.facts['order_id']}")

    # A deadline: whatever the service does, the caller is told when its time is up ...
    metadata["idempotency-key"] = metadata["x-correlation-id"] = correlation_id + "-2"
    try:
        client.call("/store.v1.OrderService/CreateOrder", laptop, CreateOrderResponse, metadata, 200)
        sys.exit("the service was not slow")
    except RpcError as error:
        print(f"late {error.code}")
    # ... and what became of the order is found out by asking again with the same key: here, that it was undone.
    try:
        client.call("/store.v1.OrderService/CreateOrder", laptop, CreateOrderResponse, metadata, timeout_ms)
        sys.exit("an order whose caller had gone was confirmed")
    except RpcError as error:
        print(f"outcome {error.code} {error.reason} {error.facts['order_id']}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], *map(int, sys.argv[2:]))
    except RpcError as failure:
        sys.exit(str(failure))
