#!/usr/bin/env python3
"""Keeps NNG 1.5.2 from ever taking a connection apart again (rpc/nng_watch.h says why), from outside: over plain TCP,
requests whose answers will meet a lost connection, and the length of a message that does not come. Until told to stop
by SIGTERM.

usage: half_messages.py PORT"""
import socket
import struct
import sys

ADDRESS = ("127.0.0.1", int(sys.argv[1]))
HELLO = b"\0SP\0\0\x30\0\0"  # of a REQ socket
REQUEST = struct.pack(">QI", 4 + 20, 0x80000001) + b"\xff" * 20  # an envelope that is none: answered at once
REQUESTS = 40

while True:
    connection = socket.socket()
    connection.settimeout(10)
    try:
        connection.connect(ADDRESS)
        connection.sendall(HELLO + REQUEST * REQUESTS + struct.pack(">Q", 100000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
    except OSError:  # it is beginning anew
        pass
    finally:
        connection.close()
