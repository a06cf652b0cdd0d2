// A client of the order service in Node.js: WebSocket, and messages read from the .proto files. Nothing native, nothing
// to generate; a browser can do the same.
//
// usage: node store_client.js ws://127.0.0.1:9101 PROTO_FOLDER [TIMEOUT_MS]
import crypto from "node:crypto";
import { createRequire } from "node:module";
import path from "node:path";
import protobuf from "protobufjs";
import WebSocket from "ws";

const [address, protoFolder, timeoutMs = 10000] = process.argv.slice(2);

const root = new protobuf.Root();
const bundled = path.dirname(createRequire(import.meta.url).resolve("protobufjs")); // with google/protobuf/*.proto
root.resolvePath = (origin, file) => path.join(file.startsWith("google/") ? bundled : protoFolder, file);
root.loadSync(["rpc/v1/envelope.proto", "store/v1/order.proto"], { keepCase: true });
const [Request, Response] = ["Request", "Response"].map((name) => root.lookupType("rpc.v1." + name));
const Code = root.lookupEnum("rpc.v1.Code");

// A call's status other than OK: its code by name, and the reason that a program may act on.
class RpcError extends Error {
  constructor(code, message, detail = {}) {
    super(`${code} ${detail.reason ?? ""}: ${message}`);
    Object.assign(this, { code, reason: detail.reason, facts: detail.metadata ?? {} });
  }
}

class Client {
  constructor(url) {
    this.pending = new Map(); // request id -> what takes the response
    this.nextId = crypto.randomInt(0x7fffffff);
    this.socket = new WebSocket(url, "rep.sp.nanomsg.org"); // the subprotocol names the other side's role
    this.socket.binaryType = "nodebuffer";
    this.opened = new Promise((resolve, reject) => this.socket.on("open", resolve).on("error", reject));
    this.opened.catch(() => {}); // each call is told by itself
    this.socket.on("message", (frame) => this.pending.get(frame.readUInt32BE())?.resolve(frame.subarray(4)));
    this.socket.on("close", () => {
      for (const call of this.pending.values()) call.reject(new RpcError("UNAVAILABLE", "the connection was lost"));
    });
  }

  async call(method, requestType, responseType, request, metadata, timeout_ms) {
    const id = (0x80000000 | this.nextId++) >>> 0; // the highest bit says that this is the last of the header's words
    const payload = root.lookupType(requestType).encode(request).finish();
    const frame = Buffer.concat([Buffer.alloc(4), Request.encode({ method, timeout_ms, metadata, payload }).finish()]);
    frame.writeUInt32BE(id);
    const answer = new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.opened.then(() => this.socket.send(frame)).catch((error) => reject(new RpcError("UNAVAILABLE", error.message)));
    });
    let timer;
    const deadline = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new RpcError("DEADLINE_EXCEEDED", "no answer in time", { reason: "OWN_TIMER" })), timeout_ms);
    });
    try {
      const response = Response.decode(await Promise.race([answer, deadline]));
      if (response.code) throw new RpcError(Code.valuesById[response.code], response.message, response.details[0]);
      return root.lookupType(responseType).decode(response.payload);
    } finally {
      clearTimeout(timer);
      this.pending.delete(id); // an answer that comes later is for nobody
    }
  }

  createOrder(request, metadata, timeout_ms) {
    const types = ["store.v1.CreateOrderRequest", "store.v1.CreateOrderResponse"];
    return this.call("/store.v1.OrderService/CreateOrder", ...types, request, metadata, timeout_ms);
  }

  getOrder(order_id, metadata, timeout_ms) {
    const types = ["store.v1.GetOrderRequest", "store.v1.Order"];
    return this.call("/store.v1.OrderService/GetOrder", ...types, { order_id }, metadata, timeout_ms);
  }
}

async function failure(call) {
  const value = await call.then(() => undefined, (error) => error);
  if (!(value instanceof RpcError)) throw value ?? new Error("a call that should fail succeeded");
  return value;
}

async function main(client, timeout) {
  const correlationId = "node-" + crypto.randomBytes(8).toString("hex");
  const traceId = crypto.randomBytes(16).toString("hex");
  const metadata = {
    "x-correlation-id": correlationId,
    traceparent: `00-${traceId}-${crypto.randomBytes(8).toString("hex")}-01`,
    "idempotency-key": correlationId, // with a key, a call may be made again: it is carried out once
  };
  const customer = { customer_id: "CUST-NODE", shipping_address: "1 Main St" };
  const laptop = { ...customer, items: [{ product_id: "LAPTOP-001", quantity: 1, price: 999.99 }] };

  // Place an order.
  const placed = await client.createOrder(laptop, metadata, timeout);
  console.log(`placed ${placed.order_id} ${placed.status} ${placed.total_amount}`);

  // Read it back: it belongs to our trace.
  const order = await client.getOrder(placed.order_id, { "x-correlation-id": correlationId }, timeout);
  if (order.correlation_id !== correlationId) throw new Error(`correlation_id ${order.correlation_id}`);
  console.log(`read ${order.order_id} ${order.status} correlation_id ${order.correlation_id} trace_id ${traceId}`);

  // An error has a code, and a reason to act on.
  const monitors = { ...customer, items: [{ product_id: "MONITOR-005", quantity: 10000 }] };
  const refused = await failure(client.createOrder(monitors, {}, timeout));
  console.log(`refused ${refused.code} ${refused.reason} ${refused.facts.order_id}`);

  // A deadline: whatever the service does, the caller is told when its time is up ...
  metadata["idempotency-key"] = metadata["x-correlation-id"] = correlationId + "-2";
  const late = await failure(client.createOrder(laptop, metadata, 200));
  console.log(`late ${late.code}`);
  // ... and what became of the order is found out by asking again with the same key: here, that it was undone.
  const outcome = await failure(client.createOrder(laptop, metadata, timeout));
  console.log(`outcome ${outcome.code} ${outcome.reason} ${outcome.facts.order_id}`);
}

const client = new Client(address);
try {
  await main(client, Number(timeoutMs));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  client.socket.terminate();
}
