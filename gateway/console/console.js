// The console: asks the gateway once a second, as any client could, and shows the answers. Nothing is asked while the
// tab is hidden. Where the gateway asks for a token the page asks its reader; the token lives as long as the tab.
import { byId, cell, element, milliseconds, number, spark } from './dom.js';
import { noTotals, ratesBetween, readTotals } from './metrics.js';
import { explain, openOrder } from './order.js';

const EVERY_MS = 1000, WINDOW = 10, KEPT = 120, TOKEN = 'store-token';
const SERVICES = ['gateway', 'order', 'payment', 'inventory'];
const histories = new Map(SERVICES.map((name) => [name, { totals: [], requests: [], refused: [], errors: [] }]));

async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(path, { ...options, headers, cache: 'no-store' });
  if (response.status === 401) byId('access').hidden = false;
  return response;
}

async function get(path) {
  const response = await ask(path);
  const body = await response.json();
  if (!response.ok && path !== '/health') throw new Error(body.detail ?? `HTTP ${response.status}`);
  return body;
}

// A service's processes are summed up; /targets has them all.
async function askTotals() {
  const all = new Map(SERVICES.map((name) => [name, { ...noTotals(), at_ms: performance.now() }]));
  await Promise.all((await get('/targets')).map(async ({ labels: { service, replica } }) => {
    const response = await ask(replica ? `/metrics?service=${service}&replica=${replica}` : '/metrics');
    if (response.ok && all.has(service)) readTotals(await response.text(), all.get(service));
  }));
  return all;
}

function serviceRow(name, health) {
  const { totals, requests, refused, errors } = histories.get(name);
  const rates = ratesBetween(totals[0], totals.at(-1));
  const good = health === 'SERVING';
  return element('tr', {}, element('th', { scope: 'row' }, name), cell(health, good ? 'good' : 'bad'), number(rates.requests.toFixed(1)),
    number(milliseconds(rates.p50)), number(milliseconds(rates.p99)), number(rates.refused.toFixed(1), rates.refused > 0 ? 'warn' : ''),
    number(rates.errors.toFixed(1), rates.errors > 0 ? 'bad' : ''),
    cell(spark(`requests, refused ones and errors a second of ${name}`, { requests, refused, errors })));
}

function showServices(health, all) {
  const healths = new Map([['gateway', health.status], ...health.services.map(({ service, status }) => [service, status])]);
  for (const [name, totals] of all) {
    const kept = histories.get(name);
    const rates = ratesBetween(kept.totals.at(-1) ?? totals, totals);
    kept.totals = [...kept.totals, totals].slice(-WINDOW - 1);
    kept.requests = [...kept.requests, rates.requests].slice(-KEPT);
    kept.refused = [...kept.refused, rates.refused].slice(-KEPT);
    kept.errors = [...kept.errors, rates.errors].slice(-KEPT);
  }
  byId('services').replaceChildren(...SERVICES.map((name) => serviceRow(name, healths.get(name) ?? 'unknown')));
}

function showStock({ products }) {
  byId('stock').replaceChildren(...products.map((product) => element('tr', {}, element('th', { scope: 'row', title: product.product_id }, product.name),
    cell(element('meter', { max: product.received || 1, value: product.available, 'aria-label': `${product.name} available` })),
    number(product.available, product.available === 0 ? 'bad' : ''), number(product.reserved), number(product.sold), number(product.price.toFixed(2)))));
  if (byId('product').options.length === products.length) return;
  byId('product').replaceChildren(...products.map(({ product_id, name }) => element('option', { value: product_id }, name)));
}

function orderRow(order) {
  const kind = { confirmed: 'good', failed: 'bad' }[order.status] ?? '';
  const open = element('button', { type: 'button', 'data-order': order.order_id, 'aria-label': `Open ${order.order_id}`, title: order.order_id }, order.order_id.slice(-8));
  return element('tr', { 'data-order': order.order_id }, cell(open), cell(order.status, kind), cell(explain(order), 'reason'),
    cell(new Date(order.created_at).toLocaleTimeString(), 'spare'), cell(order.customer_id, 'spare'), number(order.total_amount.toFixed(2), 'spare'), number(milliseconds(order.processing_time_ms), 'spare'));
}

// The rows are made anew only when something changed, and the keyboard's place is kept.
let shownOrders = '';
function showOrders({ orders }) {
  const now = JSON.stringify(orders);
  if (now === shownOrders) return;
  shownOrders = now;
  const focused = document.activeElement?.dataset?.order;
  byId('orders').replaceChildren(...orders.map(orderRow));
  if (focused) byId('orders').querySelector(`button[data-order="${CSS.escape(focused)}"]`)?.focus();
}

async function refresh() {
  const [health, totals, stock, orders] = await Promise.all([get('/health'), askTotals(), get('/inventory?page_size=100'), get('/orders?page_size=20')]);
  byId('access').hidden = true;
  showServices(health, totals);
  showStock(stock);
  showOrders(orders);
  byId('state').textContent = `live, ${new Date().toLocaleTimeString()}`;
}

async function keepRefreshing() {
  for (;;) {
    if (!document.hidden) await refresh().catch((error) => { byId('state').textContent = `not up to date: ${error.message}`; });
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

async function place(event) {
  event.preventDefault();
  byId('placed').textContent = 'The order is under way.';
  const order = {
    customer_id: byId('customer').value,
    items: [{ product_id: byId('product').value, quantity: Number(byId('quantity').value) }],
    shipping_address: byId('address').value,
  };
  try {
    const response = await ask('/orders', {
      method: 'POST', body: JSON.stringify(order),
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': Array.from(crypto.getRandomValues(new Uint32Array(4))).join('-') },
    });
    const body = await response.json();
    byId('placed').textContent = response.ok ? `${body.order_id} is ${body.status}.` : `Declined, ${body.reason}: ${body.detail}`;
  } catch (error) {
    byId('placed').textContent = `No answer: ${error.message}`;
  }
}

byId('place').addEventListener('submit', place);
byId('access').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId('token').value);
  byId('token').value = '';
});
byId('orders').addEventListener('click', ({ target }) => {
  const id = target.closest('button')?.dataset.order;
  if (id) openOrder(id, get).catch((error) => { byId('state').textContent = error.message; });
});
keepRefreshing();
