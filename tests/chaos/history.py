"""What the client was told, beside what the store says afterwards: find() gives every contradiction. wrong_histories()
makes such contradictions of a history that has none, each of which find() must see. Called by run."""
import collections
import copy

FINAL = ("confirmed", "failed")


def find(history, orders, payments, reservations, products, stock_before):
    """history: the client's lines. The next four: the store's listings, at rest. stock_before: received, by product,
    before the first order. Returns lines of text; none where all agree."""
    wrong = []
    wrong += check_answers(history, {order["order_id"]: order for order in orders})
    wrong += check_orders(history, orders)
    wrong += check_belongings(orders, payments, reservations)
    wrong += check_stock(orders, products, stock_before)
    return wrong


def check_answers(history, stored):
    """Each acknowledgement is what is stored; a key's acknowledgements are all the same; what was read is what was
    acknowledged before."""
    wrong, first = [], {}
    for line in history:
        key, outcome = line["key"], line["outcome"]
        if line["op"] == "read" and line["status"] in (0, 503, 504, 429):
            continue  # no answer is no contradiction
        if outcome == "unknown":
            if line["status"] in (400, 404, 409, 422):
                wrong.append(f"{key}: {line['op']} was refused: {line['status']} {line.get('detail')}")
            continue
        said = {name: line.get(name) for name in ("outcome", "order_id", "reason", "total_amount", "payment_id")}
        if line["op"] == "read":
            said = {name: said[name] for name in ("outcome", "order_id")}
        before = first.setdefault(key, said)
        if any(before[name] != value for name, value in said.items()):
            wrong.append(f"{key}: told {before}, then {said}")
        order = stored.get(line["order_id"])
        if not order:
            wrong.append(f"{key}: {line['order_id']} was acknowledged as {outcome} and is not there")
        elif order["status"] != outcome:
            wrong.append(f"{key}: {line['order_id']} was acknowledged as {outcome} and is {order['status']}")
    wrong += [f"{key}: never got an answer" for key in {line["key"] for line in history} - first.keys()]
    return wrong


def check_orders(history, orders):
    """One order for each key, of what was asked for, and no others."""
    wrong, asked = [], {line["key"]: (line["product"], line["quantity"]) for line in history}
    by_key = collections.Counter(order["customer_id"] for order in orders)
    wrong += [f"{key} has {by_key[key]} orders" for key in asked if by_key[key] != 1]
    for order in orders:
        name, items = order["order_id"], [(item["product_id"], item["quantity"]) for item in order["items"]]
        if order["customer_id"] not in asked:
            wrong.append(f"{name} was asked for by nobody")
        elif items != [asked[order["customer_id"]]]:
            wrong.append(f"{name} has {items}, {asked[order['customer_id']]} were asked for")
        if order["status"] not in FINAL:
            wrong.append(f"{name} is {order['status']}")
    return wrong


def check_belongings(orders, payments, reservations):
    """A confirmed order has one charge of its amount and one sale of its items, a failed one neither; nobody else has."""
    wrong, charges, sales = [], collections.defaultdict(list), collections.defaultdict(list)
    for payment in payments:
        if payment["status"] == "completed":
            charges[payment["order_id"]].append(payment["amount"])
    for reservation in reservations:
        if reservation["status"] == "held":
            wrong.append(f"{reservation['reservation_id']} is still held")
        if reservation["status"] == "confirmed":
            items = [(item["product_id"], item["quantity"]) for item in reservation["items"]]
            sales[reservation["order_id"]].append(items)
    for order in orders:
        is_confirmed = order["status"] == "confirmed"
        items = [(item["product_id"], item["quantity"]) for item in order["items"]]
        name = order["order_id"]
        charged, sold = charges.pop(name, []), sales.pop(name, [])
        if charged != ([order["total_amount"]] if is_confirmed else []):
            wrong.append(f"{name}, {order['status']}, {order['total_amount']}, was charged {charged}")
        if sold != ([items] if is_confirmed else []):
            wrong.append(f"{name}, {order['status']}, of {items}, was sold {sold}")
    wrong += [f"{name or 'nobody'} was charged {charged}" for name, charged in charges.items()]
    wrong += [f"{name or 'nobody'} was sold {sold}" for name, sold in sales.items()]
    return wrong


def check_stock(orders, products, stock_before):
    wrong, sold = [], collections.Counter()
    for order in orders:
        if order["status"] == "confirmed":
            for item in order["items"]:
                sold[item["product_id"]] += item["quantity"]
    for product in products:
        name, received = product["product_id"], stock_before[product["product_id"]]
        expected = {"received": received, "sold": sold[name], "reserved": 0, "total_stock": received - sold[name]}
        found = {field: product.get(field, 0) for field in expected}
        if found != expected:
            wrong.append(f"{name}: {found} instead of {expected}")
    return wrong


def wrong_histories(history, orders, payments, reservations, products):
    """Yields (what is wrong with it, the five arguments), each a copy with one thing wrong."""

    def altered(what, alter):
        parts = copy.deepcopy([history, orders, payments, reservations, products])
        alter(*parts)
        return what, parts

    told = next(i for i, line in enumerate(history) if line["outcome"] == "confirmed" and line["op"] == "place")
    name = history[told]["order_id"]
    other = next(order["order_id"] for order in orders if order["order_id"] != name)
    paid = next(i for i, payment in enumerate(payments) if payment["order_id"] == name)
    sold = next(i for i, r in enumerate(reservations) if r["order_id"] == name and r["status"] == "confirmed")
    stray = {"order_id": "ORD-nobody", "status": "completed", "amount": 1.0}
    stray_sale = reservations[sold] | {"order_id": "ORD-nobody"}
    twin = next(order for order in orders if order["order_id"] == name) | {"order_id": "ORD-twin"}
    yield altered("an acknowledged order lost", lambda h, o, *_: o.remove(next(x for x in o if x["order_id"] == name)))
    yield altered("an answer that is not so", lambda h, *_: h[told].update(outcome="failed"))
    yield altered("another answer under the same key", lambda h, *_: h.append(h[told] | {"order_id": other}))
    yield altered("a read that forgets", lambda h, *_: h.append(h[told] | {"op": "read", "outcome": "charging"}))
    yield altered("a key without an answer", lambda h, *_: h.append(h[told] | {"key": "k", "outcome": "unknown"}))
    yield altered("two orders under one key", lambda h, o, *_: o.append(twin))
    yield altered("an order that is not final", lambda h, o, *_: o[0].update(status="charging"))
    yield altered("a charge of nobody's", lambda h, o, p, *_: p.append(stray))
    yield altered("a charge twice", lambda h, o, p, *_: p.append(p[paid]))
    yield altered("a confirmed order refunded", lambda h, o, p, *_: p[paid].update(status="refunded"))
    yield altered("a sale of nobody's", lambda h, o, p, r, s: r.append(stray_sale))
    yield altered("stock still held", lambda h, o, p, r, s: r[sold].update(status="held"))
    yield altered("one unit gone from stock", lambda h, o, p, r, s: s[0].update(total_stock=s[0]["total_stock"] - 1))
