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

runner_result *runner_result_create(uint64_t planned) {
  runner_result *result = calloc(1, sizeof *result);
  if (result == NULL) return NULL;
  pthread_mutex_init(&result->lock, NULL);
  result->stride = planned / RUNNER_READ_BACK_MAX + 1;
  result->all = runner_histogram_create();
  result->confirmed = runner_histogram_create();
  if (result->all != NULL && result->confirmed != NULL) return result;
  runner_result_destroy(result);
  return NULL;
}

void runner_result_destroy(runner_result *result) {
  if (result == NULL) return;
  runner_histogram_destroy(result->all);
  runner_histogram_destroy(result->confirmed);
  pthread_mutex_destroy(&result->lock);
  free(result);
}

static void count_failure(runner_result *result, const runner_outcome *outcome) {
  size_t at = 0;
  while (at < result->failure_count &&
         (strcmp(result->failures[at].reason, outcome->reason) != 0 || result->failures[at].code != outcome->code)) {
    at++;
  }
  if (at == RUNNER_REASONS_MAX) {
    at--; /* the last place stands for all that found none */
    snprintf(result->failures[at].reason, sizeof result->failures[at].reason, "OTHER");
    result->failures[at].code = RPC_UNKNOWN;
  } else if (at == result->failure_count) {
    runner_failure *added = &result->failures[result->failure_count++];
    snprintf(added->reason, sizeof added->reason, "%s", outcome->reason);
    added->code = outcome->code;
  }
  result->failures[at].count++;
}

static void remember(runner_read_back *orders, const char *order_id) {
  if (orders->count == RUNNER_READ_BACK_MAX) return;
  snprintf(orders->order_ids[orders->count++], sizeof orders->order_ids[0], "%s", order_id);
}

void runner_result_add(void *self, const runner_engine_sample *sample) {
  runner_result *result = self;
  const runner_outcome *outcome = sample->outcome;
  pthread_mutex_lock(&result->lock);
  result->finished++;
  result->stages[outcome->stage]++;
  runner_histogram_record(result->all, sample->latency_us);
  if (outcome->stage == RUNNER_OUTCOME_CONFIRMED) {
    runner_histogram_record(result->confirmed, sample->latency_us);
    if (sample->index % result->stride == 0) remember(&result->confirmed_orders, outcome->order_id);
  } else {
    count_failure(result, outcome);
    if (!outcome->certain) {
      result->unclear++;
      remember(&result->unclear_orders, outcome->order_id);
    }
  }
  pthread_mutex_unlock(&result->lock);
}

runner_live runner_result_live(runner_result *result) {
  pthread_mutex_lock(&result->lock);
  runner_live live = {
      .finished = result->finished,
      .confirmed = result->stages[RUNNER_OUTCOME_CONFIRMED],
      .p50_us = runner_histogram_quantile(result->confirmed, 0.5),
  };
  pthread_mutex_unlock(&result->lock);
  return live;
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
