/* The analytics plugin: where an order's time goes, what kinds of error there were, and what to do about them. Loaded
 * by store-runner through runner/plugin.h, like any other; the built-in scenarios ask for it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/plugin.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Kinds of error: what belongs to each, and what would help. The last takes what none before it does. */
static const struct {
  const char *name;
  const char *reasons[8];
  const char *advice;
} categories[] = {
    {"payment",
     {"PAYMENT_DECLINED", "FRAUD_SUSPECTED", "INSUFFICIENT_FUNDS"},
     "declined charges are the customer's to solve: offer another means of payment before giving the order up"},
    {"stock",
     {"OUT_OF_STOCK", "RESERVATION_CONFLICT"},
     "restock earlier, or let a conflicting reservation be tried again after a moment"},
    {"request",
     {"INVALID_FIELD", "PRODUCT_NOT_FOUND", "PRICE_MISMATCH", "INVALID_ARGUMENT", "NOT_FOUND"},
     "callers send what cannot be served: check product, price and quantity where the order is entered"},
    {"network",
     {"NETWORK_TIMEOUT", "REQUEST_TIMEOUT", "CONNECT_FAILED", "CONNECTION_LOST", "DEADLINE_EXCEEDED", "UNAVAILABLE"},
     "give retries more room (attempts, budget, deadline), or find why the service is not there"},
    {"overload",
     {"RESOURCE_EXHAUSTED", "TOO_MANY_IN_FLIGHT"},
     "the store refuses work to stay alive: add replicas, or slow callers down"},
    {"service", {"TEMPORARY_ERROR", "INTERNAL", "UNKNOWN"}, "look for these correlation ids in the services' logs"},
    {"other", {NULL}, "see the report's reasons"},
};

typedef struct analytics {
  uint64_t orders, failures[COUNT(categories)];
  double order_us, slowest_us;
  char slowest_id[72];
  uint32_t most_in_flight;
} analytics;

static void *run_start(const runner_plugin_run *run) {
  (void)run;
  return calloc(1, sizeof(analytics));
}

static size_t category_of(const runner_plugin_request *request) {
  for (size_t i = 0; i + 1 < COUNT(categories); i++) {
    for (size_t j = 0; j < COUNT(categories[i].reasons) && categories[i].reasons[j] != NULL; j++) {
      const char *reason = categories[i].reasons[j];
      if (strcmp(reason, request->reason) == 0 || strcmp(reason, request->code) == 0) return i;
    }
  }
  return COUNT(categories) - 1;
}

static void request_done(void *self, const runner_plugin_request *request) {
  analytics *seen = self;
  if (seen == NULL) return;
  if (!request->success) seen->failures[category_of(request)]++;
  if (!request->success || strcmp(request->operation, "place_order") != 0) return;
  seen->orders++;
  seen->order_us += (double)request->latency_us;
  if ((double)request->latency_us <= seen->slowest_us) return;
  seen->slowest_us = (double)request->latency_us;
  snprintf(seen->slowest_id, sizeof seen->slowest_id, "%s", request->order_id);
}

static void tick(void *self, const runner_plugin_tick *now) {
  analytics *seen = self;
  if (seen != NULL && now->in_flight > seen->most_in_flight) seen->most_in_flight = now->in_flight;
}

__attribute__((format(printf, 3, 4))) static void write_line(const runner_plugin_report *report, const char *title,
                                                             const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  report->line(report, title, text);
}

/* Returns the longest step; NULL: none was measured. */
static const runner_plugin_step *write_bottlenecks(const runner_plugin_end *end, const runner_plugin_report *report) {
  const runner_plugin_step *longest = NULL;
  double whole = 0;
  for (size_t i = 0; i < end->step_count; i++) {
    whole += end->steps[i].mean_us;
    if (longest == NULL || end->steps[i].mean_us > longest->mean_us) longest = &end->steps[i];
  }
  if (longest == NULL || whole <= 0) return NULL;
  write_line(report, "Bottlenecks", "the %s service, in %s (%s): %.1f ms of an order's %.1f ms, %.0f %%",
             longest->service, longest->state, longest->work, longest->mean_us / 1e3, whole / 1e3,
             100 * longest->mean_us / whole);
  return longest;
}

static void write_errors(const analytics *seen, const runner_plugin_end *end, const runner_plugin_report *report) {
  uint64_t failed = end->finished - end->succeeded;
  for (size_t i = 0; i < COUNT(categories); i++) {
    if (seen->failures[i] == 0) continue;
    write_line(report, "Error categories", "%-10s %6.1f %% of failures, %5.1f %% of operations", categories[i].name,
               100.0 * (double)seen->failures[i] / (double)failed,
               100.0 * (double)seen->failures[i] / (double)end->finished);
  }
}

static void write_advice(const analytics *seen, const runner_plugin_end *end, const runner_plugin_step *longest,
                         const runner_plugin_report *report) {
  if (longest != NULL) {
    double whole = 0;
    for (size_t i = 0; i < end->step_count; i++) whole += end->steps[i].mean_us;
    write_line(report, "Recommendations", "%s: halving it would make an order %.0f ms faster%s", longest->state,
               longest->mean_us / 2e3, longest->mean_us > 0.75 * whole ? "; nothing else comes near" : "");
  }
  for (size_t i = 0; i < COUNT(categories); i++) {
    if (seen->failures[i] * 20 < end->finished || seen->failures[i] == 0) continue; /* less than 5 %: noise here */
    write_line(report, "Recommendations", "%s: %s", categories[i].name, categories[i].advice);
  }
}

static void run_end(void *self, const runner_plugin_end *end, const runner_plugin_report *report) {
  analytics *seen = self;
  if (seen == NULL) return;
  const runner_plugin_step *longest = write_bottlenecks(end, report);
  if (seen->orders > 0) {
    write_line(report, "Bottlenecks", "slowest confirmed order %s: %.1f ms, mean %.1f ms; %u in flight at most",
               seen->slowest_id, seen->slowest_us / 1e3, seen->order_us / (double)seen->orders / 1e3,
               seen->most_in_flight);
  }
  write_errors(seen, end, report);
  write_advice(seen, end, longest, report);
  free(seen);
}

const runner_plugin *runner_plugin_entry(void) {
  static const runner_plugin plugin = {
      .abi = RUNNER_PLUGIN_ABI,
      .name = "analytics",
      .run_start = run_start,
      .request_done = request_done,
      .tick = tick,
      .run_end = run_end,
  };
  return &plugin;
}
