// Clients that know two gateways and are strict about what failed: a request that was sent is never sent again, unless the
// protocol says that it was not taken. Orders, without Idempotency-Key, and reads; over HTTP/1.1 on kept connections,
// busy ones and ones that are idle for seconds, and over HTTP/2. Started by rolling_restart.
//
// usage: rolling_client.mjs PORT GATEWAY_ADDRESS...     at the end of standard input it stops, and prints what it saw as JSON
import http from 'node:http';
import http2 from 'node:http2';

const [port, ...gateways] = process.argv.slice(2);
const ORDER = JSON.stringify({
  customer_id: 'rolling', shipping_address: '1 Long Lane', items: [{ product_id: 'PHONE-002', quantity: 1 }],
});
const REQUESTS = [['POST', '/orders', ORDER], ['GET', '/inventory'], ['GET', '/inventory/PHONE-002']];
// Of each client: how many do one request after another, with how long a pause between.
const CLIENTS = [
  { name: 'HTTP/1.1', workers: 24, pause_ms: 0, send: overHttp1 },
  { name: 'HTTP/1.1, idle', workers: 12, pause_ms: 3000, send: overHttp1 },
  { name: 'HTTP/2', workers: 24, pause_ms: 0, send: overHttp2 },
];
const NOT_SENT = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'];
const TRIES = 200, TRY_AGAIN_MS = 20;
let finishing = false;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// What is to be said of a request that was not answered: whether it may be sent once more.
function broken(reason, isSafe) {
  return Object.assign(new Error(reason), { reason, isSafe });
}

// --- HTTP/1.1: an agent for each client and gateway, which keeps connections ---

const agents = new Map();

function overHttp1(client, gateway, [method, path, body]) {
  const name = `${client.name} ${gateway}`;
  if (!agents.has(name)) agents.set(name, new http.Agent({ keepAlive: true, maxSockets: 64 }));
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
    const request = http.request({ host: gateway, port, agent: agents.get(name), method, path, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
      answer.on('error', (error) => reject(broken(`answer broken: ${error.code}`, false)));
    });
    request.on('error', (error) => reject(broken(error.code, NOT_SENT.includes(error.code))));
    request.end(body);
  });
}

// --- HTTP/2: one connection to each gateway, until it says GOAWAY ---

const sessions = new Map();

function sessionOf(gateway) {
  let session = sessions.get(gateway);
  if (session && !session.closed && !session.destroyed) return session;
  session = http2.connect(`http://${gateway}:${port}`);
  session.on('error', () => {}); // its streams say so, each
  session.setMaxListeners(0);
  sessions.set(gateway, session);
  return session;
}

// A stream is not taken where there was no connection, or the gateway refused it or said GOAWAY below its number.
function isUntaken(session, stream) {
  return session.connecting || stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
}

function overHttp2(client, gateway, [method, path, body]) {
  return new Promise((resolve, reject) => {
    const session = sessionOf(gateway);
    const wasConnected = !session.connecting;
    let connected = wasConnected;
    session.once('connect', () => { connected = true; });
    const headers = { ':method': method, ':path': path };
    if (body) headers['content-type'] = 'application/json';
    const stream = session.request(headers, { endStream: !body });
    let status;
    stream.on('response', (fields) => { status = fields[':status']; });
    stream.on('error', (error) => {
      const code = error.cause?.code ?? error.code;
      const isRefused = !connected && NOT_SENT.includes(code);
      reject(broken(stream.rstCode === 7 ? 'REFUSED_STREAM' : code, isRefused || isUntaken(session, stream)));
    });
    stream.on('close', () => {
      if (status && stream.rstCode === 0) resolve(status);
      else reject(broken(stream.rstCode === 7 ? 'REFUSED_STREAM' : `closed, ${stream.rstCode}`, isUntaken(session, stream)));
    });
    stream.resume();
    if (body) stream.end(body);
  });
}

// --- load ---

async function one(client, number, seen) {
  const begin = performance.now();
  seen.requests += 1;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const status = await client.send(client, gateways[(number + attempt) % gateways.length], REQUESTS[number % REQUESTS.length]);
      if (status === 200) seen.answered += 1;
      else seen.failures.push(`${REQUESTS[number % REQUESTS.length][1]}: ${status}`);
      break;
    } catch (error) {
      if (!error.isSafe || attempt === TRIES) {
        seen.failures.push(`${REQUESTS[number % REQUESTS.length][1]}: ${error.reason ?? error}`);
        break;
      }
      seen.resent[error.reason] = (seen.resent[error.reason] ?? 0) + 1;
      if (attempt > 0) await sleep(TRY_AGAIN_MS);
    }
  }
  seen.longest_ms = Math.max(seen.longest_ms, Math.round(performance.now() - begin));
}

async function work(client, worker, seen) {
  for (let i = worker; !finishing; i += 1) {
    await one(client, i, seen);
    await sleep(client.pause_ms * (0.5 + Math.random()));
  }
}

process.stdin.resume();
process.stdin.on('end', () => { finishing = true; });
const seen = CLIENTS.map(() => ({ requests: 0, answered: 0, resent: {}, failures: [], longest_ms: 0 }));
const at = () => `${(performance.now() / 1000).toFixed(2)} s`;
for (const one_ of seen) {
  const { failures } = one_;
  const push = failures.push.bind(failures);
  failures.push = (text) => push(`${at()} ${text}`);
}
await Promise.all(CLIENTS.flatMap((client, i) => Array.from({ length: client.workers }, (_, worker) => work(client, worker, seen[i]))));
console.log(JSON.stringify(Object.fromEntries(CLIENTS.map((client, i) => [client.name, seen[i]]))));
process.exit(0);
