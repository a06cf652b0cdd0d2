// The console: shows what the gateway's stream of events tells (events.js), places orders and moves the simulation's
// switches, as any client could. Where the gateway asks for a token the page asks its reader; the token lives as long as
// the tab.
import { addChart, draw, hasCharts } from './charts.js';
import { byId, cell, element, milliseconds, number } from './dom.js';
import { readEvents, wake } from './events.js';
import { explain, openOrder } from './order.js';
import { ratesBetween } from './rates.js';
import { showSimulation } from './simulation.js';

const WINDOW = 10, TOKEN = 'store-token';
const SERVICES = ['gateway', 'order', 'payment', 'inventory'];
const histories = new Map(SERVICES.map((name) => [name, []])); // the last totals of each, oldest first
const tell = (text) => { byId('state').textContent = text; };

async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(path, { ...options, headers, cache: 'no-store' });
  byId('access').hidden = response.status !== 401;
  return response;
}

async function askJson(path, options) {
  const response = await ask(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? `HTTP ${response.status}`);
  return body;
}

const send = (method, path, body, headers = {}) =>
  ask(path, { method, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });

function serviceRow({ service, status, detail }) {
  const history = histories.get(service) ?? [];
  const rates = history.length > 1 ? ratesBetween(history[0], history.at(-1)) : { requests: 0, refused: 0, errors: 0 };
  return element('tr', { title: detail }, element('th', { scope: 'row' }, service), cell(status, status === 'SERVING' ? 'good' : 'bad'),
    number(rates.requests.toFixed(1), 'spare'), number(milliseconds(rates.p50), 'spare'), number(milliseconds(rates.p99)),
    number(rates.refused.toFixed(1), rates.refused > 0 ? 'warn' : ''), number(rates.errors.toFixed(1), rates.errors > 0 ? 'bad' : ''));
}

function showServices({ at_ms, services, troubles }) {
  const rates = new Map();
  for (const { service, ...totals } of services) {
    const history = histories.get(service);
    if (!history || totals.requests === undefined) continue;
    totals.at_ms = at_ms;
    if (history.length > 0) rates.set(service, ratesBetween(history.at(-1), totals));
    history.push(totals);
    if (history.length > WINDOW + 1) history.shift();
    if (rates.has(service)) rates.get(service).p99 = ratesBetween(history[0], totals).p99; // of one second it would be a gap, mostly
  }
  byId('services').replaceChildren(...services.map(serviceRow));
  draw(Date.now() / 1000, rates);
  tell(troubles.length ? `live, but: ${troubles.join('; ')}` : `live, ${new Date().toLocaleTimeString()}`);
}

function showStock({ products }) {
  byId('stock').replaceChildren(...products.map((product) => element('tr', {}, element('th', { scope: 'row', title: product.product_id }, product.name),
    cell(element('meter', { max: product.received || 1, value: product.available, 'aria-label': `${product.name} available` })),
    number(product.available, product.available === 0 ? 'bad' : ''), number(product.reserved), number(product.sold), number(product.price.toFixed(2), 'spare'))));
  if (byId('product').options.length === products.length) return;
  byId('product').replaceChildren(...products.map(({ product_id, name }) => element('option', { value: product_id }, name)));
}

function orderRow(order) {
  const kind = { confirmed: 'good', failed: 'bad' }[order.status] ?? '';
  const open = element('button', { type: 'button', 'data-order': order.order_id, 'aria-label': `Open ${order.order_id}`, title: order.order_id }, order.order_id.slice(-8));
  return element('tr', { 'data-order': order.order_id }, cell(open), cell(order.status, kind), cell(explain(order), 'reason'),
    cell(new Date(order.created_at).toLocaleTimeString(), 'spare'), cell(order.customer_id, 'spare'), number(order.total_amount.toFixed(2), 'spare'), number(milliseconds(order.processing_time_ms), 'spare'));
}

// The keyboard's place is kept.
function showOrders({ orders }) {
  const focused = document.activeElement?.dataset?.order;
  byId('orders').replaceChildren(...orders.map(orderRow));
  if (focused) byId('orders').querySelector(`button[data-order="${CSS.escape(focused)}"]`)?.focus();
}

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function showBottleneck({ orders, mean_ms, steps }) {
  const [first] = steps;
  byId('slowest').textContent = first ? `${first.service}, ${first.name}: ${percent(first.share)} of the ${milliseconds(mean_ms)} that the last ${orders} ${orders === 1 ? 'order' : 'orders'} took on average.` : 'No order yet.';
  byId('shares').replaceChildren(...steps.map(({ service, name, share, mean_ms: ms }) => element('tr', {}, element('th', { scope: 'row' }, service), cell(name.split('/').at(-1), 'span'),
    cell(element('meter', { max: 1, value: share, 'aria-label': `${service}, ${name}` })), number(percent(share)), number(milliseconds(ms), 'spare'))));
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
    const response = await send('POST', '/orders', order, { 'Idempotency-Key': Array.from(crypto.getRandomValues(new Uint32Array(4))).join('-') });
    const body = await response.json();
    byId('placed').textContent = response.ok ? `${body.order_id} is ${body.status}.` : `Declined, ${body.reason}: ${body.detail}`;
  } catch (error) {
    byId('placed').textContent = `No answer: ${error.message}`;
  }
}

async function change(service, body) {
  byId('switched').textContent = `Changing what ${service} simulates.`;
  try {
    const response = await send('PATCH', `/simulation/${service}`, body);
    const answer = await response.json();
    byId('switched').textContent = response.ok ? `${service} goes by it from now on.` : `Not changed, ${answer.reason}: ${answer.detail}`;
  } catch (error) {
    byId('switched').textContent = `No answer: ${error.message}`;
  }
}

const shows = { services: showServices, stock: showStock, orders: showOrders, bottleneck: showBottleneck, simulation: (all) => showSimulation(all, change) };

byId('place').addEventListener('submit', place);
byId('access').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId('token').value);
  byId('token').value = '';
  wake();
});
byId('orders').addEventListener('click', ({ target }) => {
  const id = target.closest('button')?.dataset.order;
  if (id) openOrder(id, askJson).catch((error) => tell(error.message));
});
addChart('Requests per second', '', SERVICES, ({ requests }) => requests);
addChart('p99 latency of the last 10 seconds, ms', ' ms', SERVICES, ({ p99 }) => p99);
addChart('Refused and failed per second', '', SERVICES, ({ refused, errors }) => refused + errors);
byId('no-charts').hidden = hasCharts();
readEvents(ask, (name, data) => shows[name]?.(data), tell);
