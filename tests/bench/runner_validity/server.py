"""An HTTP server whose latencies are known: it answers after LOW to HIGH milliseconds, evenly spread, and stands still for
STALL seconds in every PERIOD, as a store in trouble would (0: never). Speaks as much of the store's API as store-runner
--mix read_stock=1 --no-restock asks for.

usage: server.py PORT LOW HIGH [PERIOD STALL]"""
import asyncio
import json
import random
import sys
import time

PORT, LOW, HIGH = int(sys.argv[1]), float(sys.argv[2]) / 1e3, float(sys.argv[3]) / 1e3
PERIOD, STALL = (float(sys.argv[4]), float(sys.argv[5])) if len(sys.argv) > 4 else (3600, 0)
PRODUCT = {"product_id": "LAPTOP-001", "total_stock": 50, "available": 50, "price": 999.99}


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].split(b"?")[0]
            if HIGH > 0:
                await asyncio.sleep(random.uniform(LOW, HIGH))
            body = json.dumps({"products": [PRODUCT]} if path == b"/inventory" else PRODUCT).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, backlog=1024)
    async with server:
        while True:
            await asyncio.sleep(PERIOD - STALL)
            time.sleep(STALL)  # the whole loop stands still: that is the point


asyncio.run(main())
