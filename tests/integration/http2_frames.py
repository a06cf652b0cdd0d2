"""HTTP/2 frame by frame, for tests that break its rules (RFC 9113): a connection that sends any frame it is told to, and reads
what comes. Headers go out without compression (RFC 7541 §6.2.2), so nothing is shared between requests."""

import socket
import struct

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 4  # SETTINGS_INITIAL_WINDOW_SIZE
INDEXED_STATUS = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _text(value):
    length = len(value)
    return (bytes([length]) if length < 127 else bytes([127]) + _integer(length - 127)) + value


def _integer(rest):
    out = b""
    while rest > 127:
        out, rest = out + bytes([rest & 127 | 128]), rest >> 7
    return out + bytes([rest])


def header(name, value):
    return b"\x00" + _text(name) + _text(value)


def request(method=b"GET", path=b"/health", *more):
    fields = [(b":method", method), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path), *more]
    return b"".join(header(name, value) for name, value in fields)


def settings(**values):
    return b"".join(struct.pack(">HI", {"window": WINDOW}[name], value) for name, value in values.items())


class Closed(Exception):
    """The gateway closed the connection."""


class Connection:
    def __init__(self, port, payload=b"", timeout=30, preface=True, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.goaway = self.last_stream = None  # the error code of the last one, and its stream
        if preface:
            self.send(PREFACE + frame(SETTINGS, payload=payload))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError as error:
            raise Closed from error

    def ask(self, stream, method=b"GET", path=b"/health", body=None, more=()):
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), stream, request(method, path, *more)))
        if body is not None:
            self.send(frame(DATA, END_STREAM, stream, body))

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionError as error:
                raise Closed from error
            if not more:
                raise Closed
            data += more
        return data

    def read(self):
        """The next frame: (kind, flags, stream, payload)."""
        head = self._exactly(9)
        payload = self._exactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == GOAWAY:
            self.last_stream, self.goaway = struct.unpack(">II", payload[:8])
        return kind, flags, stream, payload

    def frames(self, *kinds):
        """Those of the kinds, as they come."""
        while True:
            of = self.read()
            if of[0] in kinds:
                yield of

    def answer(self, stream):
        """The status of a stream's answer once it is whole, or ("reset", code)."""
        status = None
        while True:
            kind, flags, of, payload = self.read()
            if of != stream:
                continue
            if kind == RST_STREAM:
                return ("reset", int.from_bytes(payload, "big"))
            if kind == HEADERS:
                status = INDEXED_STATUS.get(payload[0], "other")
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return status

    def end(self):
        """Reads to the end of the connection: the error code of its GOAWAY, or "closed" where there was none."""
        try:
            while True:
                self.read()
        except Closed:
            return "closed" if self.goaway is None else self.goaway

    def close(self):
        self.socket.close()
