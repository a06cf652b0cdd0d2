"""The store as people would write it in Python: three FastAPI services in memory, JSON over HTTP between them, no
sleeps, nothing durable. Started by tests/bench/run, a process each:

    uvicorn original:inventory --port 1    uvicorn original:payment --port 2    uvicorn original:order --port 3

One HTTP client per process, kept open: a client per call, as one often sees, is slower still."""
import os
import uuid

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

INVENTORY_URL = os.environ.get("ORIGINAL_INVENTORY_URL", "http://127.0.0.1:8003")
PAYMENT_URL = os.environ.get("ORIGINAL_PAYMENT_URL", "http://127.0.0.1:8002")

inventory, payment, order = FastAPI(), FastAPI(), FastAPI()
http = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=100, max_keepalive_connections=100))


class Item(BaseModel):
    product_id: str
    quantity: int


class ReserveRequest(BaseModel):
    order_id: str = ""
    items: list[Item]


class ReservationRequest(BaseModel):
    reservation_id: str


class PaymentRequest(BaseModel):
    customer_id: str
    order_id: str = ""
    amount: float


class OrderRequest(BaseModel):
    customer_id: str
    items: list[Item]
    shipping_address: str


# --- inventory ---

products = {
    "LAPTOP-001": {"name": "Laptop", "total_stock": 50_000_000, "reserved": 0, "price": 999.99},
    "PHONE-002": {"name": "Phone", "total_stock": 100_000_000, "reserved": 0, "price": 599.99},
}
reservations: dict[str, list[Item]] = {}


def product_or_404(product_id: str) -> dict:
    if product_id not in products:
        raise HTTPException(404, f"no product {product_id}")
    return products[product_id]


@inventory.get("/inventory/{product_id}")
async def get_product(product_id: str):
    product = product_or_404(product_id)
    return {"product_id": product_id, **product, "available": product["total_stock"] - product["reserved"]}


@inventory.post("/inventory/reserve")
async def reserve(request: ReserveRequest):
    for item in request.items:
        product = product_or_404(item.product_id)
        if product["total_stock"] - product["reserved"] < item.quantity:
            raise HTTPException(409, f"out of stock: {item.product_id}")
    for item in request.items:
        products[item.product_id]["reserved"] += item.quantity
    reservation_id = f"RES-{uuid.uuid4()}"
    reservations[reservation_id] = request.items
    return {
        "success": True,
        "reservation_id": reservation_id,
        "items": [{**item.dict(), "price": products[item.product_id]["price"]} for item in request.items],
    }


@inventory.post("/inventory/confirm")
async def confirm(request: ReservationRequest):
    for item in reservations.pop(request.reservation_id, []):
        products[item.product_id]["reserved"] -= item.quantity
        products[item.product_id]["total_stock"] -= item.quantity
    return {"reservation_id": request.reservation_id, "status": "confirmed"}


# --- payment ---

payments: dict[str, dict] = {}


@payment.post("/payments")
async def pay(request: PaymentRequest):
    payment_id = f"PAY-{uuid.uuid4()}"
    payments[payment_id] = {"payment_id": payment_id, "success": True, "status": "completed", **request.dict()}
    return payments[payment_id]


# --- order ---

orders: dict[str, dict] = {}


async def call(url: str, body: dict) -> dict:
    response = await http.post(url, json=body)
    if response.status_code != 200:
        raise HTTPException(response.status_code, response.text)
    return response.json()


@order.post("/orders")
async def create_order(request: OrderRequest):
    order_id, items = f"ORD-{uuid.uuid4()}", [item.dict() for item in request.items]
    held = await call(f"{INVENTORY_URL}/inventory/reserve", {"order_id": order_id, "items": items})
    total = round(sum(item["price"] * item["quantity"] for item in held["items"]), 2)
    charge = {"customer_id": request.customer_id, "order_id": order_id, "amount": total}
    paid = await call(f"{PAYMENT_URL}/payments", charge)
    await call(f"{INVENTORY_URL}/inventory/confirm", {"reservation_id": held["reservation_id"]})
    orders[order_id] = {
        "order_id": order_id,
        "correlation_id": str(uuid.uuid4()),
        "status": "confirmed",
        "total_amount": total,
        "trace_info": {"payment_id": paid["payment_id"], "reservation_id": held["reservation_id"]},
    }
    return orders[order_id]
