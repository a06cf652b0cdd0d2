// What the console reads out of Prometheus text: how many requests, how many of them failed, and how long they took.
// What this page asks every second itself (health, metrics, the two lists) is left out: it would be all there is to see.
const LINE = /^(\w+)\{([^}]*)\} ([\d.e+-]+|\+Inf)/;
const ERROR_CODES = new Set(['INTERNAL', 'UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'DATA_LOSS', 'RESOURCE_EXHAUSTED']);

const isOwn = (labels) => /\/List(Orders|Products)$/.test(labels.method) || (labels.method === 'GET' && /^\/(orders|inventory)$/.test(labels.route));
const isStore = (labels) => /^\/store\./.test(labels.method) || /^\/(orders|payments|inventory|reservations)/.test(labels.route);
const isError = (code) => ERROR_CODES.has(code) || /^5/.test(code);

function labelsOf(text) {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

export const noTotals = () => ({ requests: 0, refused: 0, errors: 0, buckets: new Map() });

// Totals since the process started: {requests, refused (the caller's fault, or a declined order), errors, buckets: Map of upper bound in seconds to count}.
export function readTotals(text, totals = noTotals()) {
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (!match || !/^(rpc|http)_server_request/.test(match[1])) continue;
    const labels = labelsOf(match[2]);
    if (!isStore(labels) || isOwn(labels)) continue;
    const value = Number(match[3]);
    if (match[1].endsWith('_requests_total')) {
      totals.requests += value;
      if (isError(labels.code)) totals.errors += value;
      else if (!/^(OK|[123]\d\d)$/.test(labels.code)) totals.refused += value;
    } else if (match[1].endsWith('_bucket')) {
      const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
      totals.buckets.set(bound, (totals.buckets.get(bound) ?? 0) + value);
    }
  }
  return totals;
}

// The quantile in milliseconds between two totals, interpolated inside its bucket; NaN without requests.
function quantile(from, to, q) {
  const bounds = [...to.buckets.keys()].sort((a, b) => a - b);
  const counts = bounds.map((bound) => to.buckets.get(bound) - (from.buckets.get(bound) ?? 0));
  const rank = q * (counts.at(-1) ?? 0);
  if (!(rank > 0)) return NaN;
  const at = counts.findIndex((count) => count >= rank);
  const [low, below] = at > 0 ? [bounds[at - 1], counts[at - 1]] : [0, 0];
  if (bounds[at] === Infinity) return low * 1000;
  return (low + ((bounds[at] - low) * (rank - below)) / (counts[at] - below)) * 1000;
}

// Totals at two moments (at_ms) as rates; a process that restarted in between counts from zero.
export function ratesBetween(from, to) {
  const start = to.requests < from.requests ? { ...from, ...noTotals() } : from;
  const seconds = Math.max((to.at_ms - from.at_ms) / 1000, 0.001);
  return {
    requests: (to.requests - start.requests) / seconds,
    refused: (to.refused - start.refused) / seconds,
    errors: (to.errors - start.errors) / seconds,
    p50: quantile(start, to, 0.5),
    p99: quantile(start, to, 0.99),
  };
}
