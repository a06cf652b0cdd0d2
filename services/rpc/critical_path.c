/* Walks each trace from its end back to its start. */
#include "rpc/critical_path.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

typedef struct span_set {
  Rpc__V1__Span *const *spans;
  size_t count;
} span_set;

static const double unvisited = -1;

static double earlier(double a, double b) {
  return a < b ? a : b;
}

static double later(double a, double b) {
  return a > b ? a : b;
}

static double end_of(const Rpc__V1__Span *span) {
  return span->start_unix_ms + span->duration_ms;
}

/* Of the children that began before `before`, the one that was still under way latest; NULL where there is none. */
static Rpc__V1__Span *last_child(const span_set *set, const Rpc__V1__Span *parent, double before) {
  Rpc__V1__Span *last = NULL;
  for (size_t i = 0; i < set->count; i++) {
    Rpc__V1__Span *span = set->spans[i];
    if (span->critical_ms >= 0 || span->start_unix_ms >= before) continue;
    if (strcmp(span->parent_span_id, parent->span_id) != 0) continue;
    if (!last || earlier(end_of(span), before) > earlier(end_of(last), before)) last = span;
  }
  return last;
}

/* The time from `from` to `until` is this span's and its children's. */
static void walk(const span_set *set, Rpc__V1__Span *span, double from, double until, int depth) {
  double at = until;
  Rpc__V1__Span *child;
  span->critical_ms = 0;
  while (depth < DEPTH_MAX && at > from && (child = last_child(set, span, at))) {
    double child_end = earlier(end_of(child), at), child_start = later(child->start_unix_ms, from);
    if (child_end <= from) break;
    span->critical_ms += at - child_end;
    walk(set, child, child_start, child_end, depth + 1);
    at = child_start;
  }
  span->critical_ms += at - from;
}

static bool has_parent(const span_set *set, const Rpc__V1__Span *span) {
  for (size_t i = 0; i < set->count; i++) {
    if (strcmp(set->spans[i]->span_id, span->parent_span_id) == 0) return true;
  }
  return false;
}

void critical_path_fill(Rpc__V1__Span *const *spans, size_t count) {
  const span_set set = {spans, count};
  for (size_t i = 0; i < count; i++) spans[i]->critical_ms = unvisited;
  for (size_t i = 0; i < count; i++) {
    Rpc__V1__Span *span = spans[i];
    if (!has_parent(&set, span)) walk(&set, span, span->start_unix_ms, end_of(span), 0);
  }
  for (size_t i = 0; i < count; i++) { /* to the microseconds that the spans' times have */
    spans[i]->critical_ms = spans[i]->critical_ms < 0 ? 0 : round(spans[i]->critical_ms * 1000) / 1000;
  }
}
