// JSON to a message and back with protobufjs, as transcode.c does it.
//
//   node transcode.mjs NODE_MODULES PROTO_DIR FILE SECONDS
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, protos, file, seconds] = process.argv.slice(2);
const protobuf = createRequire(join(resolve(modules), "x"))("protobufjs");

const root = new protobuf.Root();
root.resolvePath = (origin, target) => join(target.startsWith("google/") ? "/usr/include" : protos, target);
const Order = root.loadSync("store/v1/order.proto", { keepCase: true }).lookupType("store.v1.Order");
const text = readFileSync(file, "utf8");

let written;
const once = () => {
  const order = Order.fromObject(JSON.parse(text));
  written = JSON.stringify(Order.toObject(order, { defaults: true, arrays: true, longs: String }));
};
for (let i = 0; i < 20000; i++) once(); // until it is compiled
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
let calls = 0;
const begin = cpuSeconds();
let now = begin;
while (now < begin + Number(seconds)) {
  for (let i = 0; i < 64; i++) once();
  calls += 64;
  now = cpuSeconds();
}
const rate = calls / (now - begin);
const bytes = Buffer.byteLength(text);
console.log(
  JSON.stringify({ calls, per_second: rate, bytes_per_second: rate * bytes, written_bytes: Buffer.byteLength(written) }),
);
