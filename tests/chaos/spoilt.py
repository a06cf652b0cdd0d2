"""A bad line: reads packets from a TUN device and writes them back later, in another order, twice or never. It stands in
for tc's netem, which many kernels are built without. Started by network.py.

usage: spoilt.py DEVICE DELAY_MS SPREAD_MS LOST DOUBLED      the last two are shares, 0 to 1"""
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
HELD_MAX = 10000  # packets: a line holds so much, and no more


def main():
    device = sys.argv[1]
    delay_ms, spread_ms, lost, doubled = map(float, sys.argv[2:6])
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    rng, held, count = random.Random(device), [], 0
    while True:
        wait = max(0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([tun], [], [], wait)
        while readable:
            try:
                packet = os.read(tun, 65536)
            except BlockingIOError:
                break
            copies = 0 if rng.random() < lost else 1 + (rng.random() < doubled)
            for _ in range(copies if len(held) < HELD_MAX else 0):
                count += 1
                due = time.monotonic() + (delay_ms + rng.uniform(-spread_ms, spread_ms)) / 1000
                heapq.heappush(held, (due, count, packet))
        while held and held[0][0] <= time.monotonic():
            try:
                os.write(tun, heapq.heappop(held)[2])
            except OSError:
                pass  # the device is down, or its queue full: lost


main()
