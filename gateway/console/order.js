// One order opened: why it ended as it did, the steps of its saga, and its trace as a waterfall.
import { byId, cell, drawing, element, number } from './dom.js';

const FAILED = 'failed';

export function explain(order) {
  if (!order.failure?.code) return order.status === FAILED ? 'failed' : '';
  return `${order.failure.reason || order.failure.code}: ${order.failure.message}`;
}

function showSteps(order) {
  const started = Date.parse(order.created_at);
  byId('steps').replaceChildren(...order.history.map(({ status, at }) =>
    element('li', {}, `${status}, ${Date.parse(at) - started} ms after the order was placed`)));
}

function depthOf(span, byId) {
  let depth = 0;
  for (let at = byId.get(span.parent_span_id); at && depth < 20; at = byId.get(at.parent_span_id)) depth++;
  return depth;
}

function spanRow(span, start, length, depth) {
  const bad = span.code !== 'OK';
  const x = (100 * (span.start_unix_ms - start)) / length, width = Math.max((100 * span.duration_ms) / length, 0.4);
  const bar = drawing('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    drawing('rect', { x, y: 1, width, height: 8, class: bad ? 'bad' : '' }));
  const name = '\u2003'.repeat(depth) + span.name.replace('store.v1.', '') + (bad ? ` (${span.reason || span.code})` : '');
  return element('tr', {}, cell(span.service), cell(name, `span ${bad ? 'bad' : ''}`), cell(bar),
    number(span.duration_ms.toFixed(1)), number(span.critical_ms.toFixed(1), 'spare'));
}

function showTrace(trace) {
  const spans = trace.spans;
  const missing = trace.unavailable.length ? ` Missing, since they did not answer: ${trace.unavailable.join(', ')}.` : '';
  if (spans.length === 0) {
    byId('bottleneck').textContent = `No spans of this order are kept any more.${missing}`;
    return;
  }
  const byId_ = new Map(spans.map((span) => [span.span_id, span]));
  const start = Math.min(...spans.map((span) => span.start_unix_ms));
  const length = Math.max(...spans.map((span) => span.start_unix_ms + span.duration_ms)) - start || 1;
  byId('spans').replaceChildren(...spans.map((span) => spanRow(span, start, length, depthOf(span, byId_))));
  const slowest = spans.reduce((a, b) => (b.critical_ms > a.critical_ms ? b : a));
  const whole = spans.reduce((sum, span) => sum + span.critical_ms, 0) || 1;
  byId('bottleneck').textContent =
    `Most of the time: ${slowest.service}, ${slowest.name}, ${Math.round((100 * slowest.critical_ms) / whole)} % of ${whole.toFixed(0)} ms.${missing}`;
}

// get: fetches a path of the gateway as JSON.
export async function openOrder(id, get) {
  const order = await get(`/orders/${encodeURIComponent(id)}`);
  byId('detail-title').textContent = `${order.order_id}: ${order.status}`;
  byId('explained').textContent = [explain(order), `Correlation id ${order.correlation_id}`].filter(Boolean).join('. ');
  showSteps(order);
  byId('spans').replaceChildren();
  byId('bottleneck').textContent = 'Reading the trace.';
  byId('detail').showModal();
  try {
    showTrace(await get(`/traces/${encodeURIComponent(order.correlation_id)}`));
  } catch (error) {
    byId('bottleneck').textContent = error.message;
  }
}
