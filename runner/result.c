/* See result.h. */
#include "runner/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/v1/order.pb-c.h"

/* What an order does in a state: whom it calls, for what. */
static const runner_step known_steps[] = {
    {"reserving", "inventory", "reserve the stock", 0}, {"charging", "payment", "fraud check and charge", 0},
    {"confirming", "inventory", "confirm the sale", 0}, {"releasing", "inventory", "give the stock back", 0},
    {"refunding", "payment", "give the money back", 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool make_histograms(runner_result *result) {
  runner_histogram **const histograms[] = {
      &result->all,
      &result->confirmed,
      &result->lag,
      &result->kinds[RUNNER_PLACE_ORDER].latency,
      &result->kinds[RUNNER_READ_ORDER].latency,
      &result->kinds[RUNNER_READ_STOCK].latency,
      &result->kinds[RUNNER_RESERVE_RELEASE].latency,
  };
  for (size_t i = 0; i < COUNT(histograms); i++) {
    *histograms[i] = runner_histogram_create();
    if (*histograms[i] == NULL) return false;
  }
  return true;
}

runner_result *runner_result_create(uint64_t planned, int64_t warm_up_us) {
  runner_result *result = calloc(1, sizeof *result);
  if (result == NULL) return NULL;
  pthread_mutex_init(&result->lock, NULL);
  result->stride = planned / RUNNER_READ_BACK_MAX + 1;
  result->warm_up_us = warm_up_us;
  result->series = runner_series_create();
  if (make_histograms(result) && result->series != NULL) return result;
  runner_result_destroy(result);
  return NULL;
}

void runner_result_destroy(runner_result *result) {
  if (result == NULL) return;
  runner_histogram_destroy(result->all);
  runner_histogram_destroy(result->confirmed);
  runner_histogram_destroy(result->lag);
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) runner_histogram_destroy(result->kinds[i].latency);
  for (size_t i = 0; i < result->failure_count; i++) runner_histogram_destroy(result->failures[i].latency);
  runner_series_destroy(result->series);
  pthread_mutex_destroy(&result->lock);
  free(result);
}

/* The failure of this reason and code, added where it is new. */
static runner_failure *failure_of(runner_result *result, const char *reason, rpc_code code) {
  size_t at = 0;
  while (at < result->failure_count &&
         (strcmp(result->failures[at].reason, reason) != 0 || result->failures[at].code != code)) {
    at++;
  }
  if (at == RUNNER_REASONS_MAX) {
    at--; /* the last place stands for all that found none */
    snprintf(result->failures[at].reason, sizeof result->failures[at].reason, "OTHER");
    result->failures[at].code = RPC_UNKNOWN;
  } else if (at == result->failure_count) {
    runner_failure *added = &result->failures[result->failure_count++];
    snprintf(added->reason, sizeof added->reason, "%s", reason);
    added->code = code;
    added->latency = runner_histogram_create();
  }
  return &result->failures[at];
}

static void count_failure(runner_result *result, const runner_engine_sample *sample) {
  runner_failure *failure = failure_of(result, sample->outcome->reason, sample->outcome->code);
  failure->count++;
  if (failure->latency != NULL) runner_histogram_record(failure->latency, sample->latency_us);
}

static void remember(runner_read_back *orders, const char *order_id) {
  if (orders->count == RUNNER_READ_BACK_MAX) return;
  snprintf(orders->order_ids[orders->count++], sizeof orders->order_ids[0], "%s", order_id);
}

/* Every second one stays, so that those that are read back come from the whole run. */
static void thin_out(runner_read_back *orders) {
  for (size_t i = 0; i < orders->count; i += 2) {
    if (i > 0) memcpy(orders->order_ids[i / 2], orders->order_ids[i], sizeof orders->order_ids[0]);
  }
  orders->count = (orders->count + 1) / 2;
}

static void remember_confirmed(runner_result *result, const runner_engine_sample *sample) {
  if (sample->index % result->stride != 0) return;
  if (result->confirmed_orders.count == RUNNER_READ_BACK_MAX) {
    thin_out(&result->confirmed_orders);
    result->stride *= 2;
  }
  remember(&result->confirmed_orders, sample->outcome->order_id);
}

static void count_order(runner_result *result, const runner_engine_sample *sample) {
  const runner_outcome *outcome = sample->outcome;
  result->stages[outcome->stage]++;
  if (outcome->stage == RUNNER_OUTCOME_CONFIRMED) {
    runner_histogram_record(result->confirmed, sample->latency_us);
    remember_confirmed(result, sample);
  } else if (!outcome->certain) {
    result->unclear++;
    remember(&result->unclear_orders, outcome->order_id);
  }
}

static void count_sample(runner_result *result, const runner_engine_sample *sample) {
  bool success = sample->outcome->code == RPC_OK;
  runner_kind_result *kind = &result->kinds[sample->outcome->kind];
  result->finished++;
  kind->finished++;
  result->succeeded += success;
  kind->succeeded += success;
  runner_histogram_record(result->all, sample->latency_us);
  runner_histogram_record(kind->latency, sample->latency_us);
  runner_histogram_record(result->lag, sample->lag_us);
  int64_t ended_us = sample->start_us + sample->latency_us - result->warm_up_us;
  runner_series_add(result->series, ended_us, sample->latency_us, !success);
  if (!success) count_failure(result, sample);
  if (sample->outcome->kind == RUNNER_PLACE_ORDER) count_order(result, sample);
}

void runner_result_add(void *self, const runner_engine_sample *sample) {
  runner_result *result = self;
  pthread_mutex_lock(&result->lock);
  if (sample->warm_up)
    result->warm_up++;
  else
    count_sample(result, sample);
  pthread_mutex_unlock(&result->lock);
}

static void merge_read_back(runner_read_back *into, runner_read_back *from) {
  while (into->count + from->count > RUNNER_READ_BACK_MAX) {
    thin_out(into);
    thin_out(from);
  }
  for (size_t i = 0; i < from->count; i++) remember(into, from->order_ids[i]);
}

void runner_result_merge(runner_result *into, runner_result *from) {
  into->warm_up += from->warm_up;
  into->finished += from->finished;
  into->succeeded += from->succeeded;
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) {
    into->kinds[i].finished += from->kinds[i].finished;
    into->kinds[i].succeeded += from->kinds[i].succeeded;
    runner_histogram_merge(into->kinds[i].latency, from->kinds[i].latency);
  }
  for (size_t i = 0; i < RUNNER_OUTCOME_STAGE_COUNT; i++) into->stages[i] += from->stages[i];
  runner_histogram_merge(into->all, from->all);
  runner_histogram_merge(into->confirmed, from->confirmed);
  runner_histogram_merge(into->lag, from->lag);
  runner_series_merge(into->series, from->series);
  for (size_t i = 0; i < from->failure_count; i++) {
    runner_failure *failure = failure_of(into, from->failures[i].reason, from->failures[i].code);
    failure->count += from->failures[i].count;
    if (failure->latency != NULL && from->failures[i].latency != NULL) {
      runner_histogram_merge(failure->latency, from->failures[i].latency);
    }
  }
  into->unclear += from->unclear;
  merge_read_back(&into->confirmed_orders, &from->confirmed_orders);
  merge_read_back(&into->unclear_orders, &from->unclear_orders);
}

void runner_result_live(runner_result *result, runner_live *live) {
  pthread_mutex_lock(&result->lock);
  live->finished += result->finished;
  live->succeeded += result->succeeded;
  live->warm_up += result->warm_up;
  if (live->latency != NULL) runner_histogram_merge(live->latency, result->all);
  pthread_mutex_unlock(&result->lock);
}

static int64_t time_us(const Google__Protobuf__Timestamp *time) {
  return time == NULL ? 0 : time->seconds * 1000000 + time->nanos / 1000;
}

static void add_step(runner_result *result, const char *state, int64_t duration_us) {
  size_t at = 0;
  while (at < result->step_count && strcmp(result->steps[at].state, state) != 0) at++;
  if (at == RUNNER_STEPS_MAX) return;
  runner_step *step = &result->steps[at];
  if (at == result->step_count) {
    *step = (runner_step){.service = "", .work = ""};
    for (size_t i = 0; i < COUNT(known_steps); i++) {
      if (strcmp(known_steps[i].state, state) == 0) *step = known_steps[i];
    }
    snprintf(step->state, sizeof step->state, "%s", state);
    result->step_count++;
  }
  step->total_us += duration_us;
}

/* Each state lasts until the next one begins; the last is final and takes no time. */
static void take_confirmed(void *arg, const ProtobufCMessage *response) {
  runner_result *result = arg;
  const Store__V1__Order *order = (const void *)response;
  if (order->n_history < 2) return;
  result->steps_read++;
  runner_critical_want(&result->critical, order->correlation_id);
  for (size_t i = 0; i + 1 < order->n_history; i++) {
    add_step(result, order->history[i]->status, time_us(order->history[i + 1]->at) - time_us(order->history[i]->at));
  }
}

/* Moves the order from the stage it was counted under to the one that its history shows. */
static void take_unclear(void *arg, const ProtobufCMessage *response) {
  runner_result *result = arg;
  const Store__V1__Order *order = (const void *)response;
  runner_outcome_stage stage = RUNNER_OUTCOME_CREATED;
  for (size_t i = 0; i < order->n_history; i++) {
    runner_outcome_stage seen = runner_outcome_stage_of_state(order->history[i]->status);
    if (seen > RUNNER_OUTCOME_CHARGED) seen = RUNNER_OUTCOME_CHARGED; /* confirmed too late for its caller */
    if (seen > stage) stage = seen;
  }
  result->stages[RUNNER_OUTCOME_CREATED]--;
  result->stages[stage]++;
  result->unclear--;
}

/* Gives up at the first order that the store is not there to tell of. */
static void read_orders(runner_result *result, const runner_read_back *orders, runner_door *door,
                        void (*take)(void *arg, const ProtobufCMessage *response)) {
  const api_method *method = runner_door_method("/store.v1.OrderService/GetOrder");
  for (size_t i = 0; i < orders->count; i++) {
    Store__V1__GetOrderRequest request = STORE__V1__GET_ORDER_REQUEST__INIT;
    request.order_id = (char *)(uintptr_t)orders->order_ids[i];
    rpc_status status = runner_door_call_and_wait(door, method, &request.base, NULL, take, result);
    if (status.code == RPC_UNAVAILABLE || status.code == RPC_DEADLINE_EXCEEDED) return;
  }
}

void runner_result_read_back(runner_result *result, runner_door *door) {
  read_orders(result, &result->confirmed_orders, door, take_confirmed);
  read_orders(result, &result->unclear_orders, door, take_unclear);
}

uint64_t runner_result_orders(const runner_result *result) {
  return result->kinds[RUNNER_PLACE_ORDER].finished;
}

uint64_t runner_result_reached(const runner_result *result, runner_outcome_stage stage) {
  uint64_t reached = 0;
  for (size_t i = stage; i < RUNNER_OUTCOME_STAGE_COUNT; i++) reached += result->stages[i];
  return reached;
}

double runner_step_mean_us(const runner_result *result, const runner_step *step) {
  return result->steps_read == 0 ? 0 : (double)step->total_us / (double)result->steps_read;
}

const runner_step *runner_result_bottleneck(const runner_result *result) {
  const runner_step *largest = NULL;
  for (size_t i = 0; i < result->step_count; i++) {
    if (largest == NULL || result->steps[i].total_us > largest->total_us) largest = &result->steps[i];
  }
  return largest;
}

void runner_wilson_interval(uint64_t successes, uint64_t total, double *low, double *high) {
  const double z = 1.959964;
  *low = 0;
  *high = 1;
  if (total == 0) return;
  double n = (double)total, share = (double)successes / n;
  double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  double half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  *low = fmax(0, middle - half);
  *high = fmin(1, middle + half);
}
