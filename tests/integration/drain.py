"""A gateway that is told to stop with clients on it, by the bytes that each of them sees: what is under way is answered, what
comes on connections from before too, each the last there, and then there is an end. Run by test_drain.sh, on a store whose
orders take three seconds.

usage: drain.py GATEWAY_PORT PID
"""

import os
import signal
import socket
import sys
import time

from checks import check, finish
from http2_frames import CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, Closed, Connection, frame, request

PORT, PID = int(sys.argv[1]), int(sys.argv[2])
ORDER = b'{"customer_id":"C","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"here"}'
GET = b"GET /inventory/LAPTOP-001 HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ORDER), ORDER)
NO_STREAM_YET = 2**31 - 1


class Client:
    """HTTP/1.1 by hand."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=60)

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """(status, value of Connection) of the next one."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:])}
        while len(body) < int(fields.get(b"content-length", 0)):
            body += self.socket.recv(65536)
        return head[9:12], fields.get(b"connection")

    def is_over(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


def order(client):
    client.ask(1, b"POST", b"/orders", ORDER, [(b"content-type", b"application/json")])


busy, kept = Client(), Client()
busy.send(POST)
kept.send(GET)
check("a connection that is kept", kept.answer(), (b"200", b"keep-alive"))
busy_2, idle_2, incomplete = Connection(PORT), Connection(PORT), Connection(PORT)
order(busy_2)
idle_2.ask(1)
check("a connection that is idle", idle_2.answer(1), 200)
order(incomplete)
incomplete.send(frame(HEADERS, END_STREAM, 3, request()))
time.sleep(0.5)  # all of that has arrived, and no order is answered

os.kill(PID, signal.SIGTERM)
next(busy_2.frames(GOAWAY))
check("HTTP/2 is told that there is an end", (busy_2.goaway, busy_2.last_stream), (0, NO_STREAM_YET))
try:
    Client()
    check("a new connection", "taken", "refused")
except ConnectionRefusedError:
    check("a new connection", "refused", "refused")
kept.send(GET)
check("one more request on a connection that was kept", kept.answer(), (b"200", b"close"))
check("which ends then", kept.is_over(), True)
busy_2.ask(3)
idle_2.end()
check("an idle connection is told the last stream that was answered", (idle_2.goaway, idle_2.last_stream), (0, 1))

check("an order that was under way", busy.answer(), (b"200", b"close"))
check("its connection ends then", busy.is_over(), True)
answers = {}
try:
    for kind, _, stream, payload in iter(busy_2.read, None):
        if kind == HEADERS:
            answers[stream] = payload[0] == 0x88
except Closed:
    pass
check("an order that was under way over HTTP/2", answers.pop(1, None), True)
check("what came after is answered, or said not to be", answers, {3: True} if busy_2.last_stream >= 3 else {})
check("the last stream that was", (busy_2.goaway, busy_2.last_stream in (1, 3)), (0, True))
try:
    incomplete.send(frame(CONTINUATION, END_HEADERS, 3))
except Closed:
    pass
check("headers that were incomplete hold nothing up", incomplete.end(), 0)
finish()
