/* See event_shares.h. */
#include "gateway/event_shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sum {
  size_t step;
  double milliseconds;
} sum;

static size_t find_step(event_shares *shares, const char *service, const char *name) {
  for (size_t i = 0; i < shares->step_count; i++) {
    if (strcmp(shares->steps[i].service, service) == 0 && strcmp(shares->steps[i].name, name) == 0) return i;
  }
  if (shares->step_count == EVENT_SHARES_STEPS) return EVENT_SHARES_STEPS - 1;
  size_t new = shares->step_count++;
  snprintf(shares->steps[new].service, sizeof shares->steps[new].service, "%s", service);
  snprintf(shares->steps[new].name, sizeof shares->steps[new].name, "%s", name);
  return new;
}

void event_shares_add(event_shares *shares, const Rpc__V1__GetTraceResponse *trace) {
  double *row = shares->milliseconds[shares->next];
  memset(row, 0, sizeof shares->milliseconds[0]);
  for (size_t i = 0; i < trace->n_spans; i++) {
    const Rpc__V1__Span *span = trace->spans[i];
    row[find_step(shares, span->service, span->name)] += span->critical_ms;
  }
  shares->next = (shares->next + 1) % EVENT_SHARES_ORDERS;
  if (shares->order_count < EVENT_SHARES_ORDERS) shares->order_count++;
}

static int largest_first(const void *a, const void *b) {
  double left = ((const sum *)a)->milliseconds, right = ((const sum *)b)->milliseconds;
  return (left < right) - (left > right);
}

static void write_number(json_writer *writer, const char *key, double value) {
  json_write_key(writer, key);
  json_write_double(writer, value);
}

void event_shares_write(const event_shares *shares, json_writer *writer) {
  sum sums[EVENT_SHARES_STEPS];
  double all = 0, orders = shares->order_count > 0 ? (double)shares->order_count : 1;
  for (size_t step = 0; step < shares->step_count; step++) {
    sums[step] = (sum){step, 0};
    for (size_t i = 0; i < shares->order_count; i++) sums[step].milliseconds += shares->milliseconds[i][step];
    all += sums[step].milliseconds;
  }
  if (shares->step_count > 0) qsort(sums, shares->step_count, sizeof sums[0], largest_first);
  json_write_open(writer, '{');
  json_write_key(writer, "orders");
  json_write_integer(writer, (int64_t)shares->order_count);
  write_number(writer, "mean_ms", all / orders);
  json_write_key(writer, "steps");
  json_write_open(writer, '[');
  for (size_t i = 0; i < shares->step_count && i < EVENT_SHARES_SHOWN && sums[i].milliseconds > 0; i++) {
    json_write_open(writer, '{');
    json_write_key(writer, "service");
    json_write_text(writer, shares->steps[sums[i].step].service);
    json_write_key(writer, "name");
    json_write_text(writer, shares->steps[sums[i].step].name);
    write_number(writer, "share", sums[i].milliseconds / all);
    write_number(writer, "mean_ms", sums[i].milliseconds / orders);
    json_write_close(writer, '}');
  }
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}
