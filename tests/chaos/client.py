"""The client that run puts into a namespace of its own: places orders at a rate through the gateways, each with a key
under which it asks again until it knows the outcome, and writes down every request with what it was told.

usage: client.py HISTORY SEED RATE PRODUCT,... GATEWAY_ADDRESS...
On standard input: "burst" (six times the rate, all for the last product), "calm", "finish" (no new orders; once each has
its answer, each is asked once more under its key; then the client ends).

A line of HISTORY is one request: op (place, again, read), key, what it was for, when, HTTP status (0: no answer), and the
outcome it was told: "confirmed", "failed" or, where it knows no better than before, "unknown"."""
import http.client
import json
import queue
import random
import select
import sys
import threading
import time

PORT, WORKERS, BURST = 8000, 200, 6
ATTEMPT_SECONDS, BACKOFF_MAX = 6, 1.0
HURRY = "2s"  # what every third order may take: some are charged, and then it is too late
GIVE_UP_SECONDS = 90  # after "finish"
READS = 0.3  # of acknowledged orders, at once
TOLD = ("order_id", "reason", "total_amount", "payment_id", "detail")


class Client:
    def __init__(self, history, seed, rate, products, gateways):
        self.history, self.rng, self.rate = open(history, "w", encoding="utf-8"), random.Random(seed), rate
        self.products, self.gateways = products, gateways
        self.begin, self.lock, self.local = time.monotonic(), threading.Lock(), threading.local()
        self.is_burst = self.is_finishing = False
        self.give_up = float("inf")
        self.orders, self.waiting = [], queue.Queue()

    def connection(self, gateway):
        kept = self.local.__dict__.setdefault("kept", {})
        found = kept.setdefault(gateway, http.client.HTTPConnection(gateway, PORT, timeout=ATTEMPT_SECONDS))
        if found.sock and select.select([found.sock], [], [], 0)[0]:
            found.close()  # the gateway has closed it, idle as it was
        return found

    def ask(self, op, order, attempt, method, path, body=None, headers=None):
        """One request, written down. Returns what it was told."""
        gateway = self.gateways[(order["number"] + attempt) % len(self.gateways)]
        line = {"op": op, "key": order["key"], "product": order["product"], "quantity": order["quantity"],
                "attempt": attempt, "gateway": gateway, "at": round(time.monotonic() - self.begin, 4)}
        try:
            connection = self.connection(gateway)
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            status, told = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.connection(gateway).close()
            status, told = 0, {"detail": repr(error)}
        told["payment_id"] = told.get("payment_id") or told.get("trace_info", {}).get("payment_id")
        line |= {"took": round(time.monotonic() - self.begin - line["at"], 4), "status": status}
        line |= {"outcome": outcome_of(status, told)}
        line |= {name: told[name] for name in TOLD if told.get(name)}
        with self.lock:
            self.history.write(json.dumps(line) + "\n")
        return line

    def place(self, op, order):
        body = {"customer_id": order["key"], "shipping_address": "1 Long Lane",
                "items": [{"product_id": order["product"], "quantity": order["quantity"]}]}
        headers = {"Content-Type": "application/json", "Idempotency-Key": order["key"],
                   "X-Correlation-ID": order["key"]}
        if order["number"] % 3 == 0:
            headers["Request-Timeout"] = HURRY
        attempt = 0
        while time.monotonic() < self.give_up:
            told = self.ask(op, order, attempt, "POST", "/orders", json.dumps(body), headers)
            if told["outcome"] != "unknown":
                return told
            attempt += 1
            time.sleep(min(BACKOFF_MAX, 0.05 * 2**attempt) * random.uniform(0.5, 1))
        return None

    def work(self):
        while True:
            op, order = self.waiting.get()
            told = self.place(op, order)
            if told and op == "place" and order["number"] % 10 < READS * 10:
                self.ask("read", order, 0, "GET", f"/orders/{told['order_id']}")
            self.waiting.task_done()

    def generate(self):
        """Orders become due at the rate, however slowly they are answered."""
        due = time.monotonic()
        while not self.is_finishing:
            product = self.products[-1] if self.is_burst else self.rng.choice(self.products)
            number = len(self.orders)
            order = {"number": number, "key": f"chaos-{number}", "product": product,
                     "quantity": self.rng.randint(1, 2)}
            self.orders.append(order)
            self.waiting.put(("place", order))
            due += self.rng.expovariate(self.rate * (BURST if self.is_burst else 1))
            time.sleep(max(0, due - time.monotonic()))

    def run(self):
        for _ in range(WORKERS):
            threading.Thread(target=self.work, daemon=True).start()
        generator = threading.Thread(target=self.generate)
        generator.start()
        for word in map(str.strip, sys.stdin):
            if word == "finish":
                break
            self.is_burst = word == "burst"
        self.give_up = time.monotonic() + GIVE_UP_SECONDS
        self.is_finishing = True
        generator.join()
        self.waiting.join()
        for order in self.orders:
            self.waiting.put(("again", order))
        self.waiting.join()
        self.history.close()


def outcome_of(status, told):
    """What an answer says of its order. An order that is put off until its service is up again has an id, no outcome."""
    if status == 200:
        return told["status"]
    is_final = told.get("order_id") and told.get("reason") != "STOPPING"
    return "failed" if is_final else "unknown"


if __name__ == "__main__":
    Client(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].split(","), sys.argv[5:]).run()
