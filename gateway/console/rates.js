// Totals since the processes started, as events tell them, into rates and percentiles between two moments.
const NONE = { requests: 0, refused: 0, errors: 0, buckets: [] };

// The quantile in milliseconds, interpolated inside its bucket; NaN without requests.
function quantile(from, to, q) {
  const before = new Map(from.buckets);
  const buckets = to.buckets.map(([bound, count]) => [bound ?? Infinity, count - (before.get(bound) ?? 0)]);
  const rank = q * (buckets.at(-1)?.[1] ?? 0);
  if (!(rank > 0)) return NaN;
  const at = buckets.findIndex(([, count]) => count >= rank);
  const [low, below] = at > 0 ? buckets[at - 1] : [0, 0];
  const [high, count] = buckets[at];
  return 1000 * (high === Infinity ? low : low + ((high - low) * (rank - below)) / (count - below));
}

// A process that restarted in between counts from zero.
export function ratesBetween(from, to) {
  const start = to.requests < from.requests ? NONE : from;
  const seconds = Math.max((to.at_ms - from.at_ms) / 1000, 0.001);
  return {
    requests: (to.requests - start.requests) / seconds,
    refused: (to.refused - start.refused) / seconds,
    errors: (to.errors - start.errors) / seconds,
    p50: quantile(start, to, 0.5),
    p99: quantile(start, to, 0.99),
  };
}
