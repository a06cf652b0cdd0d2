/* The rounds of upkeep.h: each a job, run by a schedule. Called by driver.c. */
#include "order/upkeep.h"

#include <stdio.h>
#include <stdlib.h>

#include "storage/schedule.h"

enum {
  TAKE_OVER_MS = 1000,
  TAKE_OVER_ROUND = 64, /* orders in one transaction */
  RENEW_MS = 1500,
  RENEW_LEFT_MS = ORDER_LEASE_MS - 2500, /* a lease that ends sooner is extended; most orders are final before */
  FORGET_MS = 60000,
  FORGET_ROUND = 500, /* rows in one transaction */
  HOUR_MS = 3600000,
};

struct order_upkeep {
  order_upkeep_config config;
  storage_schedule *take_over, *renew, *forget_keys, *forget_history;
  order_record taken[TAKE_OVER_ROUND]; /* by the round under way, each with its texts */
  rpc_arena arenas[TAKE_OVER_ROUND];
  size_t taken_count;
};

order_lease order_upkeep_lease(const char *owner, int64_t now_ms) {
  order_lease lease = {.until_ms = now_ms + ORDER_LEASE_MS};
  snprintf(lease.owner, sizeof lease.owner, "%s", owner);
  return lease;
}

static int64_t now_ms(const order_upkeep *upkeep) {
  return rpc_clock_unix_ms(upkeep->config.clock);
}

static void free_arenas(order_upkeep *upkeep) {
  for (size_t i = 0; i < TAKE_OVER_ROUND; i++) rpc_arena_free(&upkeep->arenas[i]);
}

static rpc_status run_take_over(void *arg, storage_tx *tx, bool *more) {
  order_upkeep *upkeep = arg;
  free_arenas(upkeep); /* of a run that was undone */
  int64_t now = now_ms(upkeep);
  order_lease lease = order_upkeep_lease(upkeep->config.owner, now);
  upkeep->taken_count =
      order_store_claim(tx, &lease, now, upkeep->config.is_alone, upkeep->taken, upkeep->arenas, TAKE_OVER_ROUND);
  *more = upkeep->taken_count == TAKE_OVER_ROUND;
  return storage_tx_status(tx);
}

static void take_over_done(void *arg) {
  order_upkeep *upkeep = arg;
  for (size_t i = 0; i < upkeep->taken_count; i++) {
    upkeep->config.take_up(upkeep->config.arg, &upkeep->taken[i], upkeep->arenas[i]);
    rpc_arena_init(&upkeep->arenas[i], SIZE_MAX);
  }
  if (upkeep->taken_count > 0) {
    log_at(upkeep->config.log, LOG_INFO, "unfinished orders taken over",
           LOG_NUMBER("orders", (int64_t)upkeep->taken_count));
  }
}

static rpc_status run_renew(void *arg, storage_tx *tx, bool *more) {
  order_upkeep *upkeep = arg;
  *more = false;
  int64_t now = now_ms(upkeep);
  order_lease lease = order_upkeep_lease(upkeep->config.owner, now);
  order_store_renew(tx, &lease, now + RENEW_LEFT_MS);
  return storage_tx_status(tx);
}

/* An identifier that all orders are below that are older than so many hours. */
static void old_order_id(const order_upkeep *upkeep, int64_t kept_hours, char order_id[VALIDATION_ID_SIZE]) {
  validation_make_id(order_id, "ORD-", now_ms(upkeep) - kept_hours * HOUR_MS, upkeep->config.random);
}

static rpc_status run_forget_keys(void *arg, storage_tx *tx, bool *more) {
  order_upkeep *upkeep = arg;
  char order_id[VALIDATION_ID_SIZE];
  old_order_id(upkeep, upkeep->config.keys_kept_hours, order_id);
  *more = order_store_forget_keys(tx, order_id, FORGET_ROUND) == FORGET_ROUND;
  return storage_tx_status(tx);
}

static rpc_status run_forget_history(void *arg, storage_tx *tx, bool *more) {
  order_upkeep *upkeep = arg;
  char order_id[VALIDATION_ID_SIZE];
  old_order_id(upkeep, upkeep->config.history_kept_hours, order_id);
  *more = order_store_forget_history(tx, order_id, FORGET_ROUND) == FORGET_ROUND;
  return storage_tx_status(tx);
}

order_upkeep *order_upkeep_create(const order_upkeep_config *config) {
  order_upkeep *upkeep = calloc(1, sizeof *upkeep);
  if (!upkeep) return NULL;
  upkeep->config = *config;
  if (!config->keys_kept_hours) upkeep->config.keys_kept_hours = ORDER_KEYS_KEPT_HOURS;
  if (!config->history_kept_hours) upkeep->config.history_kept_hours = ORDER_HISTORY_KEPT_HOURS;
  for (size_t i = 0; i < TAKE_OVER_ROUND; i++) rpc_arena_init(&upkeep->arenas[i], SIZE_MAX);
  const struct {
    storage_schedule **schedule;
    int64_t interval_ms;
    storage_chore chore;
  } rounds[] = {
      {&upkeep->take_over, TAKE_OVER_MS, {run_take_over, take_over_done, upkeep}},
      {&upkeep->renew, RENEW_MS, {run_renew, NULL, upkeep}},
      {&upkeep->forget_keys, FORGET_MS, {run_forget_keys, NULL, upkeep}},
      {&upkeep->forget_history, FORGET_MS, {run_forget_history, NULL, upkeep}},
  };
  for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
    *rounds[i].schedule = storage_schedule_create(config->db, config->clock, rounds[i].interval_ms, rounds[i].chore);
    if (*rounds[i].schedule) continue;
    order_upkeep_destroy(upkeep);
    return NULL;
  }
  return upkeep;
}

void order_upkeep_destroy(order_upkeep *upkeep) {
  if (!upkeep) return;
  storage_schedule *schedules[] = {upkeep->take_over, upkeep->renew, upkeep->forget_keys, upkeep->forget_history};
  for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) storage_schedule_destroy(schedules[i]);
  free_arenas(upkeep);
  free(upkeep);
}
