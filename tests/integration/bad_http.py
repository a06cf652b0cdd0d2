"""Clients that break HTTP's rules, or keep them and mean ill: frames that RFC 9113 forbids, clients that are slow with their
requests or with the answers, floods. Each gets the error that the rule names or loses its connection; others are served
meanwhile, and the gateway's memory stays within bounds. Run by test_bad_http.sh, on a gateway whose request time-out is 2 s
and whose buffers may hold 32 MiB.

usage: bad_http.py GATEWAY_PORT PID MEMORY_MIB   (how much it may grow by; 0: not looked at)
"""

import re
import select
import socket
import struct
import sys
import threading
import time
import urllib.request

from checks import check, finish
from http2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INDEXED_STATUS, PING, PREFACE,
                          PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Closed, Connection, frame, header, request,
                          settings)

PORT, PID, MEMORY_MIB = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
PATIENCE = 60  # seconds for what takes two to five
ORDER = b'{"customer_id":"C","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"here"}'
PROTOCOL, FLOW_CONTROL, STREAM_CLOSED, FRAME_SIZE, REFUSED, COMPRESSION = 1, 3, 5, 6, 7, 9


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=PATIENCE) as answer:
        return answer.read().decode()


def ended(reason):
    return int(re.search(rf'ended_total{{reason="{reason}"}} (\d+)', get("/metrics"))[1])


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not (reached := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return reached


def memory(kind):
    with open(f"/proc/{PID}/status") as status:
        return int(re.search(rf"{kind}:\s+(\d+)", status.read())[1]) // 1024


# -- rules ------------------------------------------------------------------------------------------------------------

GET = request()
POST = request(b"POST", b"/orders", (b"content-type", b"application/json"))
OPEN = frame(HEADERS, END_HEADERS, 1, POST)  # its body is to come

# What is sent, and the error of the connection that RFC 9113 names for it.
CONNECTION_ERRORS = {
    "a frame that is too large (4.2)": (OPEN + frame(DATA, 0, 1, bytes(16385)), FRAME_SIZE),
    "DATA on an idle stream (6.1)": (frame(DATA, 0, 1, b"x"), PROTOCOL),
    "DATA with more padding than payload (6.1)": (OPEN + frame(DATA, 8, 1, b"\xff"), PROTOCOL),
    "HEADERS on stream 0 (6.2)": (frame(HEADERS, END_HEADERS | END_STREAM, 0, GET), PROTOCOL),
    "HEADERS on an even stream (5.1.1)": (frame(HEADERS, END_HEADERS | END_STREAM, 2, GET), PROTOCOL),
    "a stream that depends on itself (RFC 7540, 5.3.1)": (frame(HEADERS, END_HEADERS | 32, 1, struct.pack(">IB", 1, 0) + GET), PROTOCOL),
    "a second HEADERS that does not end the stream (8.1)": (OPEN + frame(DATA, 0, 1, b"{") + frame(HEADERS, END_HEADERS, 1, GET), PROTOCOL),
    "RST_STREAM on an idle stream (6.4)": (frame(RST_STREAM, 0, 1, bytes(4)), PROTOCOL),
    "RST_STREAM of three bytes (6.4)": (OPEN + frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE),
    "SETTINGS on a stream (6.5)": (frame(SETTINGS, 0, 1), PROTOCOL),
    "SETTINGS of five bytes (6.5)": (frame(SETTINGS, 0, 0, bytes(5)), FRAME_SIZE),
    "an ACK of SETTINGS with settings (6.5)": (frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE),
    "a window of more than 2^31-1 (6.5.2)": (frame(SETTINGS, 0, 0, settings(window=2**31)), FLOW_CONTROL),
    "PUSH_PROMISE of a client (8.4)": (frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4)), PROTOCOL),
    "PING on a stream (6.7)": (frame(PING, 0, 1, bytes(8)), PROTOCOL),
    "PING of seven bytes (6.7)": (frame(PING, 0, 0, bytes(7)), FRAME_SIZE),
    "GOAWAY on a stream (6.8)": (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    "WINDOW_UPDATE by nothing (6.9)": (frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL),
    "WINDOW_UPDATE past 2^31-1 (6.9.1)": (frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), FLOW_CONTROL),
    "WINDOW_UPDATE on an idle stream (5.1)": (frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), PROTOCOL),
    "CONTINUATION of nothing (6.10)": (frame(CONTINUATION, END_HEADERS, 1), PROTOCOL),
    "another frame between HEADERS and CONTINUATION (6.10)": (frame(HEADERS, END_STREAM, 1, GET) + frame(PING, 0, 0, bytes(8)), PROTOCOL),
    "CONTINUATION of another stream (6.10)": (frame(HEADERS, END_STREAM, 1, GET) + frame(CONTINUATION, END_HEADERS, 3), PROTOCOL),
    "headers that cannot be decompressed (4.3)": (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff"), COMPRESSION),
}
STREAM_ERRORS = {
    "a request without a path (8.3.1)": (frame(HEADERS, END_HEADERS | END_STREAM, 1, header(b":method", b"GET")), PROTOCOL),
    "a body that is not of its content-length (8.1.1)": (
        frame(HEADERS, END_HEADERS, 1, POST + header(b"content-length", b"5")) + frame(DATA, END_STREAM, 1, b"{}"), PROTOCOL),
    "WINDOW_UPDATE of a stream by nothing (6.9)": (OPEN + frame(WINDOW_UPDATE, 0, 1, bytes(4)), PROTOCOL),
    "WINDOW_UPDATE of a stream past 2^31-1 (6.9.1)": (OPEN + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), FLOW_CONTROL),
}
# Malformed requests (8.1.1): h2o 2.2.5 ends the connection where the RFC lets it end the stream alone.
MALFORMED = {
    "a header's name in capitals (8.2.1)": GET + header(b"Upper", b"x"),
    "a header that is of a connection (8.2.2)": GET + header(b"connection", b"close"),
    "a pseudo-header after others (8.3)": header(b"a", b"b") + GET,
    "a pseudo-header of answers (8.3)": header(b":status", b"200") + GET,
}


def rules():
    for what, (frames, code) in CONNECTION_ERRORS.items():
        client = Connection(PORT)
        client.send(frames)
        check(what, client.end(), code)
    for what, block in MALFORMED.items():
        client = Connection(PORT)
        client.ask(1)
        check(f"before {what}", client.answer(1), 200)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, block))
        check(what, client.end(), PROTOCOL)
    for what, (frames, code) in STREAM_ERRORS.items():
        client = Connection(PORT)
        client.send(frames)
        check(what, client.answer(1), ("reset", code))
        client.ask(3)
        check(f"another stream after {what}", client.answer(3), 200)
        client.close()


def streams():
    client = Connection(PORT)
    client.ask(5)
    check("a stream", client.answer(5), 200)
    client.ask(3)
    check("a stream below it, which is closed thereby (5.1.1)", client.end(), STREAM_CLOSED)

    client = Connection(PORT)
    client.send(OPEN + frame(DATA, END_STREAM, 1, ORDER))
    check("a body", client.answer(1), 200)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
    check("its stream used again (5.1)", client.end(), STREAM_CLOSED)

    client = Connection(PORT)
    client.send(OPEN + frame(DATA, 0, 1, ORDER) + frame(HEADERS, END_HEADERS | END_STREAM, 1, header(b"a", b"b")))
    check("trailers (8.1)", client.answer(1), 200)
    client.send(frame(99, 255, 3, b"what is this") + frame(PRIORITY, 0, 3, struct.pack(">IB", 0, 9)))
    client.ask(3)
    check("a type of frame that is not known is passed over (4.1)", client.answer(3), 200)
    client.send(frame(PING, 0, 0, b"12345678"))
    check("PING is answered (6.7)", next(client.frames(PING))[1:], (ACK, 0, b"12345678"))
    client.send(b"".join(frame(HEADERS, END_HEADERS, stream, POST) for stream in range(5, 207, 2)))
    check("a stream past the bound of 100 (5.1.2)", client.answer(205), ("reset", REFUSED))
    client.close()

    client = Connection(PORT, settings(window=0))
    client.ask(1)
    head = next(client.frames(HEADERS))
    check("the head of an answer needs no window", INDEXED_STATUS[head[3][0]], 200)
    client.send(frame(PING, 0, 0, b"12345678"))
    check("its body does (6.9)", next(client.frames(PING, DATA))[0], PING)
    client.send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
    check("and comes as far as the window goes", len(next(client.frames(DATA))[3]), 1)
    client.send(frame(SETTINGS, 0, 0, settings(window=100000)))
    check("with larger windows to its end", next(client.frames(DATA))[1], END_STREAM)
    client.close()

    client = Connection(PORT, preface=False)
    client.send(PREFACE.replace(b"SM", b"XX"))
    check("a preface that is none (3.4)", client.end(), "closed")


def http_1(request_bytes, whole=False):
    """The first line of the answer, or all that comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE) as client:
        client.sendall(request_bytes)
        if not whole:
            return client.recv(100).partition(b"\r\n")[0]
        return b"".join(iter(lambda: client.recv(65536), b""))


def rules_of_http_1():
    rows = {
        "GET /health HTTP/1.1\r\nHost : x\r\n\r\n": b"400",  # RFC 9112, 5.1
        "GET /health HTTP/1.1\r\n\r\n": b"400",  # 3.2
        "GET /health HTTP/1.1\r\nHost: x\r\nHOST:y\r\n\r\n": b"400",
        "GET /health HTTP/1.0\r\n\r\n": b"200",
        "GET /health\r\n\r\n": b"400",
        "GET /health HTTP/1.1\r\nHost: x\r\nX-Nul: \0\r\n\r\n": b"400",
        "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n": b"400",
        "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n": b"400",
        "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n": b"413",
        "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": b"400",  # 6.1
        "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": b"400",
        "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n": b"400",
    }
    for sent, status in rows.items():
        check(repr(sent), http_1(sent.encode()).split(b" ")[1:2], [status])
    for first, second in (("Content-Length: 3", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 3")):
        head = f"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{first}\r\n{second}\r\n\r\n"
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ORDER), ORDER)
        check(f"{first} and {second}: chunks decide (6.3)", http_1(head.encode() + chunk), b"HTTP/1.1 200 OK")
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for second, status in ((len(ORDER), b"200"), (len(ORDER) + 40, b"400")):
        lengths = b"Content-Length: %d\r\ncontent-length:%d \r\n\r\n" % (len(ORDER), second)
        smuggled = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answers = http_1(head + lengths + ORDER + smuggled, whole=True)
        check(f"two lengths, of {len(ORDER)} and {second} (6.3)", answers[9:12], status)
        check("which end the connection where they differ", answers.count(b"HTTP/1.1 "), 2 if status == b"200" else 1)


# -- slow clients -----------------------------------------------------------------------------------------------------


def drips(head, piece):
    """Sends the head, then the piece again and again; true once the gateway has closed the connection."""
    with socket.create_connection(("127.0.0.1", PORT)) as client:
        client.sendall(head)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                client.sendall(piece)
                while select.select([client], [], [], 0.1)[0]:
                    if not client.recv(65536):
                        return True
            except OSError:
                return True
    return False


HELLO = PREFACE + frame(SETTINGS)
HTTP_1_BODY = b"POST /orders HTTP/1.1\r\nHost: x\r\n"
DRIPS = {
    "headers over HTTP/1.1": (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"),
    "a body over HTTP/1.1": (HTTP_1_BODY + b"Content-Length: 10000\r\n\r\n{", b" "),
    "a body in chunks": (HTTP_1_BODY + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "empty lines before a request": (b"\r\n", b"\r\n"),
    "a preface": (PREFACE[:-2], b""),
    "headers over HTTP/2": (HELLO + frame(HEADERS, 0, 1, POST), frame(CONTINUATION, 0, 1, header(b"a", b"b"))),
    "headers over HTTP/2 in no pieces": (HELLO + frame(HEADERS, 0, 1, POST), frame(CONTINUATION, 0, 1)),
    "a body over HTTP/2": (HELLO + OPEN, frame(DATA, 0, 1, b" ")),
    "a body over HTTP/2 in no pieces": (HELLO + OPEN, frame(DATA, 0, 1)),
    "a frame": (HELLO + b"\0\x3f\0\0\0\0\0\0\1", b"a"),
    "PINGs and nothing else": (HELLO, frame(PING, 0, 0, bytes(8))),
}


def asks_and_does_not_read():
    """Clients that take no answers, on connections that stay open here. Each is to be ended for that."""
    clients = []
    for _ in range(3):
        client = Connection(PORT, settings(window=0))  # the head of each answer comes, its body has no window
        client.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, GET) for stream in range(1, 200, 2)))
        clients.append(client)
        client = Connection(PORT, settings(window=2**31 - 1), receive_buffer=4096)  # a window, and a full socket
        client.send(frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\0\0"))
        client.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, request(path=b"/openapi.json")) for stream in range(1, 60, 2)))
        clients.append(client)
        client = Connection(PORT, preface=False, receive_buffer=4096)
        client.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
        clients.append(client)
    return clients


class Served(threading.Thread):
    """A client that behaves, meanwhile."""

    def __init__(self):
        super().__init__()
        self.answers, self.slowest, self.is_over = 0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.is_over.wait(0.05) or self.answers < 4:
            start = time.monotonic()
            if '"status":"SERVING"' in get("/health"):
                self.answers += 1
            self.slowest = max(self.slowest, time.monotonic() - start)

    def end(self, what):
        self.is_over.set()
        self.join()
        check(f"{what}: others are served soon (the slowest of {self.answers} took {self.slowest:.3f} s)", self.slowest < 10, True)


def slow_clients():
    served, results = Served(), {}

    def run(what, head, piece):
        results[what] = drips(head, piece)

    before = ended("slow_answer")
    held = asks_and_does_not_read()
    threads = [threading.Thread(target=run, args=(what, *row)) for what, row in DRIPS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for what, is_closed in results.items():
        check(f"slow with {what}: the connection is closed", is_closed, True)
    check("who reads no answer is ended", wait_for(lambda: ended("slow_answer") - before == len(held)), True)
    served.end("slow clients")
    for client in held:
        client.close()


# -- floods -----------------------------------------------------------------------------------------------------------


def floods(rows):
    """Those of a dictionary {what: (pieces, connections, hello)} at once: the gateway closes each connection that sends the
    hello and then the pieces, and others are served meanwhile."""
    served, closed = Served(), dict.fromkeys(rows, 0)

    def run(what, pieces, hello):
        try:
            client = Connection(PORT, timeout=PATIENCE)
            client.send(hello)
            for piece in pieces():
                client.send(piece)
            client.end()
        except TimeoutError:
            return
        except Closed:
            pass
        closed[what] += 1

    threads = [threading.Thread(target=run, args=(what, pieces, hello)) for what, (pieces, count, hello) in rows.items() for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for what, (_, connections, _) in rows.items():
        check(f"a flood of {what}: closed", closed[what], connections)
    served.end(f"a flood of {', '.join(rows)}")


def rapid_resets():
    block = request(path=b"/inventory/LAPTOP-001")
    for first in range(1, 100000, 100):
        yield b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
                       for stream in range(first, first + 100, 2))


def priorities():
    for _ in range(300):
        yield b"".join(frame(PRIORITY, 0, stream, struct.pack(">IB", 0, 1)) for stream in range(3, 2003, 2))


def bodies():
    yield b"".join(frame(HEADERS, END_HEADERS, stream, POST) for stream in range(1, 200, 2))
    for _ in range(64):
        yield b"".join(frame(DATA, 0, stream, bytes(16384)) for stream in range(1, 200, 2))


def headers_from_a_table():
    """A header of 4,000 bytes that is in the table of the connection takes one byte each time it is sent again."""
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, GET + b"\x40" + header(b"x", b"y" * 4000)[1:])
    for stream in range(3, 200, 2):
        yield frame(HEADERS, 0, stream, POST) + frame(CONTINUATION, 0, stream, b"\xbe" * 16000) * 25 + frame(CONTINUATION, END_HEADERS, stream)


def bodies_over_http_1():
    held = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
        held.append(client)
        try:
            client.sendall(HTTP_1_BODY + b"Content-Length: 4000000\r\n\r\n" + bytes(3900000))
        except OSError:
            pass  # ended in the middle
    for client in held:
        client.close()


def all_floods():
    resets, buffers = ended("resets"), ended("buffers")
    floods({"resets (CVE-2023-44487)": (rapid_resets, 4, b"")})
    check("resets are counted", ended("resets") - resets, 4)
    floods({
        "PINGs whose answers are not read (CVE-2019-9512)": (lambda: [frame(PING, 0, 0, bytes(8)) * 1000] * 300, 1, b""),
        "SETTINGS (CVE-2019-9515)": (lambda: [frame(SETTINGS) * 1000] * 300, 1, b""),
        "CONTINUATION": (lambda: [frame(CONTINUATION, 0, 1, header(b"x", bytes(10000)))] * 1000, 1, frame(HEADERS, 0, 1, GET)),
        "empty CONTINUATION": (lambda: [frame(CONTINUATION, 0, 1) * 1000] * 300, 1, frame(HEADERS, 0, 1, GET)),
        "empty DATA (CVE-2019-9518)": (lambda: [frame(DATA, 0, 1) * 1000] * 300, 1, OPEN),
        "PRIORITY (CVE-2019-9513)": (priorities, 1, b""),
    })
    floods({"headers that grow when they are decompressed": (headers_from_a_table, 2, b"")})
    floods({"bodies that do not end": (bodies, 3, b"")})
    bodies_over_http_1()
    check("who holds too much is ended", ended("buffers") > buffers, True)


base = memory("VmRSS")
for part in (rules, streams, rules_of_http_1, slow_clients, all_floods):
    started = time.monotonic()
    part()
    print(f"{part.__name__}: {time.monotonic() - started:.1f} s, at most {memory('VmHWM') - base} MiB more memory")
if MEMORY_MIB:
    check(f"memory: {memory('VmHWM') - base} MiB more", memory("VmHWM") - base <= MEMORY_MIB, True)
    check("which is given back", wait_for(lambda: memory("VmRSS") - base <= MEMORY_MIB // 2), True)
finish()
