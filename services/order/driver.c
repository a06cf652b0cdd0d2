/* The sagas under way. Each has one owner at a time, the thread that brings the outcome of its step or its write; only
 * the table of them, with the calls that wait for each, is shared, under one lock. */
#include "order/driver.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/messages.h"
#include "order/steps.h"
#include "order/upkeep.h"
#include "order/watch.h"
#include "storage/idempotency.h"
#include "telemetry/text_hash.h"

enum {
  BUCKETS = 4096,
  STEP_TIMEOUT_MS = 10000,
  AGAIN_FIRST_MS = 50, /* wait before a step or write is tried again: doubles */
  AGAIN_MAX_MS = 5000,
};

/* A call that waits for an order; in the call's arena. */
typedef struct order_waiter {
  struct order_waiter *next;
  rpc_call *call;
} order_waiter;

typedef struct order_saga {
  storage_job job;         /* first: the job under way is found by it */
  struct order_saga *next; /* in its bucket */
  order_driver *driver;
  order_waiter *waiters; /* under the driver's lock */
  rpc_arena arena;       /* what was taken over; unused where a call holds the order's texts */
  order_record order;
  order_record existing; /* insert: the order that has the key already */
  bool is_duplicate;
  bool is_doubtful; /* insert: nobody knows whether an earlier try was made */
  bool is_expired;  /* insert: its caller's time ran out while it was queued, and nothing was done */
  saga_state from;  /* update: the state that is stored */
  bool is_written;  /* order.state is what is stored */
  uint32_t tries;   /* of the step or write at hand */
  rpc_timer timer;
  order_step step;
  int64_t accepted_us, deadline_us;
} order_saga;

struct order_driver {
  order_driver_config config;
  char owner[ORDER_OWNER_SIZE]; /* this process's name in leases */
  order_upkeep *upkeep;
  metrics_family *orders;
  metrics_series *active[SAGA_STATE_COUNT], *again[SAGA_STATE_COUNT];
  metrics_series *revenue_cents;
  metrics_series *duration;
  pthread_mutex_t lock; /* guards what follows */
  bool stopping;
  order_saga *buckets[BUCKETS];
};

static void act(order_saga *saga);
static void write_state(order_saga *saga);
static void write_order(order_saga *saga);

/* --- the table --- */

static order_saga **bucket_of(order_driver *driver, const char *order_id) {
  return &driver->buckets[text_hash(order_id) % BUCKETS];
}

static void enter(order_saga *saga) {
  order_driver *driver = saga->driver;
  pthread_mutex_lock(&driver->lock);
  order_saga **bucket = bucket_of(driver, saga->order.order_id);
  saga->next = *bucket;
  *bucket = saga;
  pthread_mutex_unlock(&driver->lock);
  metrics_add(driver->active[saga->order.state], 1);
}

/* Takes the saga out of the table; gives those who waited for it. */
static order_waiter *leave(order_saga *saga) {
  order_driver *driver = saga->driver;
  pthread_mutex_lock(&driver->lock);
  order_saga **at = bucket_of(driver, saga->order.order_id);
  while (*at != saga) at = &(*at)->next;
  *at = saga->next;
  order_waiter *waiters = saga->waiters;
  pthread_mutex_unlock(&driver->lock);
  metrics_add(driver->active[saga->is_written ? saga->order.state : saga->from], -1);
  return waiters;
}

/* Lets the call wait for an order that is driven here. */
static bool attach(void *arg, const char *order_id, rpc_call *call) {
  order_driver *driver = arg;
  order_waiter *waiter = rpc_arena_alloc(rpc_call_arena(call), sizeof *waiter);
  if (!waiter) return false;
  waiter->call = call;
  pthread_mutex_lock(&driver->lock);
  order_saga *saga = *bucket_of(driver, order_id);
  while (saga && strcmp(saga->order.order_id, order_id) != 0) saga = saga->next;
  if (saga) {
    waiter->next = saga->waiters;
    saga->waiters = waiter;
  }
  pthread_mutex_unlock(&driver->lock);
  return saga != NULL;
}

static bool is_stopping(order_driver *driver) {
  pthread_mutex_lock(&driver->lock);
  bool stopping = driver->stopping;
  pthread_mutex_unlock(&driver->lock);
  return stopping;
}

static void saga_free(order_saga *saga) {
  rpc_arena_free(&saga->arena);
  free(saga);
}

/* --- answers --- */

static void answer(rpc_call *call, const order_record *order) {
  if (order->state == SAGA_CONFIRMED) {
    order_reply_confirmed(call, order);
    return;
  }
  rpc_status failure = order->failure;
  memset(failure.facts, 0, sizeof failure.facts); /* the step's own are not stored: a replay must say the same */
  rpc_status_set_fact(&failure, "order_id", order->order_id);
  if (order->payment_id[0]) rpc_status_set_fact(&failure, "payment_id", order->payment_id);
  rpc_call_fail(call, &failure);
}

/* Ends a saga whose order is final. */
static void finish(order_saga *saga) {
  order_driver *driver = saga->driver;
  const order_record *order = &saga->order;
  order_waiter *next;
  for (order_waiter *waiter = leave(saga); waiter; waiter = next) {
    next = waiter->next;
    answer(waiter->call, order);
  }
  const char *outcome = saga_state_name(order->state);
  metrics_add(metrics_series_get(driver->orders, (const char *const[]){outcome, order->failure.reason}), 1);
  metrics_observe_traced_us(driver->duration, order->processing_us, &saga->order.trace);
  if (order->state == SAGA_CONFIRMED) metrics_add(driver->revenue_cents, order->total_cents);
  saga_free(saga);
}

/* Lets the call wait for an order that another replica drives, or drove. */
static void watch(order_driver *driver, rpc_call *call, const char *order_id) {
  order_watch(&(order_watch_config){driver->config.db, attach, answer, driver}, call, order_id);
}

/* Lets go of a saga that another replica has taken over. */
static void hand_over(order_saga *saga) {
  order_waiter *next;
  for (order_waiter *waiter = leave(saga); waiter; waiter = next) {
    next = waiter->next;
    watch(saga->driver, waiter->call, saga->order.order_id);
  }
  saga_free(saga);
}

/* Lets go of a saga that is not final: it was not accepted, or the process stops. */
static void abandon(order_saga *saga, const rpc_status *status) {
  order_waiter *next;
  for (order_waiter *waiter = leave(saga); waiter; waiter = next) {
    next = waiter->next;
    rpc_call_fail(waiter->call, status);
  }
  saga_free(saga);
}

static void park(order_saga *saga) {
  rpc_status status = rpc_status_error(RPC_UNAVAILABLE, "STOPPING", "order %s goes on when the service is up again",
                                       saga->order.order_id);
  rpc_status_set_fact(&status, "order_id", saga->order.order_id);
  abandon(saga, &status);
}

/* --- writes and waits --- */

static void on_wait_over(void *arg) {
  order_saga *saga = arg;
  if (saga->is_written) {
    act(saga);
  } else if (saga->is_doubtful) {
    write_order(saga);
  } else {
    write_state(saga);
  }
}

/* Tries the step or the write at hand once more, after a wait with jitter. */
static void try_again(order_saga *saga) {
  order_driver *driver = saga->driver;
  metrics_add(driver->again[saga->order.state], 1);
  uint32_t doublings = saga->tries < 10 ? saga->tries : 10;
  saga->tries++;
  int64_t wait_ms = (int64_t)AGAIN_FIRST_MS << doublings;
  if (wait_ms > AGAIN_MAX_MS) wait_ms = AGAIN_MAX_MS;
  int64_t wait_us = rpc_random_between(driver->config.random, wait_ms * 500, wait_ms * 1000);
  pthread_mutex_lock(&driver->lock);
  bool stopping = driver->stopping;
  if (!stopping) {
    int64_t due_us = rpc_clock_now_us(driver->config.clock) + wait_us;
    rpc_clock_set(driver->config.clock, &saga->timer, due_us, on_wait_over, saga);
  }
  pthread_mutex_unlock(&driver->lock);
  if (stopping) park(saga);
}

static void audit_change(storage_tx *tx, const order_record *order, const char *from, int64_t now_ms) {
  storage_audit(tx, now_ms, "order", order->order_id, from, saga_state_name(order->state), order->correlation_id,
                order->failure.reason[0] ? order->failure.reason : NULL);
}

static rpc_status run_update(storage_job *job, storage_tx *tx) {
  order_saga *saga = (order_saga *)job;
  int64_t now_ms = rpc_clock_unix_ms(saga->driver->config.clock);
  order_lease lease = order_upkeep_lease(saga->driver->owner, now_ms);
  if (order_store_update(tx, &saga->order, &lease, saga->from, now_ms)) {
    audit_change(tx, &saga->order, saga_state_name(saga->from), now_ms);
  }
  return storage_tx_status(tx);
}

static void log_write_failure(const order_saga *saga, const rpc_status *status) {
  log_at(saga->driver->config.log, LOG_WARN, "an order's state could not be written",
         LOG_TEXT("order_id", saga->order.order_id), LOG_TEXT("state", saga_state_name(saga->order.state)),
         LOG_TEXT("error", status->message));
}

static void update_done(storage_job *job, const rpc_status *status) {
  order_saga *saga = (order_saga *)job;
  if (status->code == RPC_ABORTED) { /* another replica has gone on with it */
    log_write_failure(saga, status);
    hand_over(saga);
    return;
  }
  if (status->code != RPC_OK) {
    log_write_failure(saga, status);
    try_again(saga);
    return;
  }
  saga->is_written = true;
  saga->tries = 0;
  saga->order.step_count++;
  metrics_add(saga->driver->active[saga->from], -1);
  metrics_add(saga->driver->active[saga->order.state], 1);
  if (saga_is_final(saga->order.state)) {
    finish(saga);
  } else {
    act(saga);
  }
}

static storage_job traced_job(const order_saga *saga, rpc_status (*run)(storage_job *job, storage_tx *tx),
                              void (*done)(storage_job *job, const rpc_status *status)) {
  return (storage_job){
      .run = run, .done = done, .parent = &saga->order.trace, .correlation_id = saga->order.correlation_id};
}

static void write_state(order_saga *saga) {
  saga->job = traced_job(saga, run_update, update_done);
  storage_write(saga->driver->config.db, &saga->job);
}

/* --- steps --- */

/* Feeds the outcome of the step to the saga. */
static void step_ended(void *arg, const rpc_status *status) {
  order_saga *saga = arg;
  order_record *order = &saga->order;
  int64_t now_us = rpc_clock_now_us(saga->driver->config.clock);
  saga_transition transition = saga_step(order->state, saga_outcome_of(status->code), now_us >= saga->deadline_us);
  if (transition.again) {
    try_again(saga);
    return;
  }
  if (transition.failure == SAGA_STEP_FAILURE) order->failure = *status;
  if (transition.failure == SAGA_DEADLINE_FAILURE) {
    order->failure = rpc_status_error(RPC_DEADLINE_EXCEEDED, "ORDER_DEADLINE_EXCEEDED",
                                      "the order was not confirmed in the time its caller gave");
  }
  saga->from = order->state;
  order->state = transition.next;
  if (saga_is_final(order->state)) order->processing_us = now_us - saga->accepted_us;
  saga->is_written = false;
  saga->tries = 0;
  write_state(saga);
}

/* Takes the step of the state that is stored. Its key is the order's and the state's: whoever takes it again, after a
 * lost answer or a crash, gets the same outcome. */
static void act(order_saga *saga) {
  order_driver *driver = saga->driver;
  if (is_stopping(driver)) {
    park(saga);
    return;
  }
  char key[VALIDATION_ID_SIZE + 16];
  snprintf(key, sizeof key, "%s:%s", saga->order.order_id, saga_state_name(saga->order.state));
  int64_t now_us = rpc_clock_now_us(driver->config.clock);
  bool caller_waits = saga->deadline_us > now_us && saga->order.failure.code == RPC_OK;
  rpc_call_options options = {
      .deadline_us = caller_waits ? saga->deadline_us : now_us + (int64_t)driver->config.step_timeout_ms * 1000,
      .idempotency_key = key,
      .correlation_id = saga->order.correlation_id,
      .parent = &saga->order.trace,
      .is_admitted = true}; /* what has been accepted is brought to its end */
  order_clients clients = {driver->config.inventory, driver->config.payment};
  saga->step = (order_step){&saga->order, step_ended, saga};
  if (!order_step_take(&clients, &options, &saga->step)) try_again(saga);
}

/* --- a new order --- */

static rpc_status run_insert(storage_job *job, storage_tx *tx) {
  order_saga *saga = (order_saga *)job;
  order_record *order = &saga->order;
  saga->is_expired = !saga->is_doubtful && rpc_clock_now_us(saga->driver->config.clock) >= saga->deadline_us;
  if (saga->is_expired) return rpc_status_ok();
  order_lease lease = order_upkeep_lease(saga->driver->owner, order->created_ms);
  if (order_store_insert(tx, order, &lease)) {
    audit_change(tx, order, "", order->created_ms);
    return storage_tx_status(tx);
  }
  rpc_arena *arena = rpc_call_arena(saga->waiters->call);
  if (saga->is_doubtful && order_store_find(tx, order->order_id, arena, &saga->existing)) return rpc_status_ok();
  saga->is_duplicate =
      order->idempotency_key && order_store_find_by_key(tx, order->idempotency_key, arena, &saga->existing);
  if (saga->is_duplicate || storage_tx_status(tx).code != RPC_OK) return storage_tx_status(tx);
  return rpc_status_error(RPC_INTERNAL, "DUPLICATE_ORDER_ID", "order %s exists already", order->order_id);
}

/* Answers a call whose idempotency key is that of an order which exists. */
static void answer_duplicate(order_driver *driver, rpc_call *call, const order_record *asked,
                             const order_record *existing) {
  if (memcmp(asked->fingerprint, existing->fingerprint, sizeof asked->fingerprint) != 0) {
    rpc_status status = idempotency_key_reused(asked->idempotency_key);
    rpc_call_fail(call, &status);
  } else if (saga_is_final(existing->state)) {
    answer(call, existing);
  } else if (!attach(driver, existing->order_id, call)) { /* it has ended between, or another replica drives it */
    watch(driver, call, existing->order_id);
  }
}

static void insert_done(storage_job *job, const rpc_status *status) {
  order_saga *saga = (order_saga *)job;
  bool is_stored = status->code == RPC_OK || strcmp(status->reason, STORAGE_REASON_AUDIT) == 0;
  if (!is_stored && (saga->is_doubtful || strcmp(status->reason, STORAGE_REASON_UNKNOWN) == 0)) {
    saga->is_doubtful = true; /* were it let go of, and there, nobody would drive it: its lease is this process's */
    saga->is_written = false;
    log_write_failure(saga, status);
    try_again(saga);
  } else if (!is_stored) {
    abandon(saga, status);
  } else if (saga->is_expired) {
    rpc_status expired = rpc_status_error(RPC_DEADLINE_EXCEEDED, "EXPIRED_IN_QUEUE",
                                          "the caller's time ran out before the order's turn");
    abandon(saga, &expired);
  } else if (saga->is_duplicate) {
    order_record existing = saga->existing, asked = saga->order;
    order_driver *driver = saga->driver;
    order_waiter *waiter = leave(saga); /* its own call alone: nobody else knows this order's identifier */
    saga_free(saga);
    answer_duplicate(driver, waiter->call, &asked, &existing);
  } else {
    saga->is_doubtful = false;
    saga->is_written = true;
    saga->tries = 0;
    act(saga);
  }
}

static void write_order(order_saga *saga) {
  saga->job = traced_job(saga, run_insert, insert_done);
  storage_write(saga->driver->config.db, &saga->job);
}

static order_saga *new_saga(order_driver *driver) {
  order_saga *saga = calloc(1, sizeof *saga);
  if (!saga) return NULL;
  saga->driver = driver;
  saga->is_written = true;
  rpc_arena_init(&saga->arena, SIZE_MAX);
  return saga;
}

void order_driver_place(order_driver *driver, rpc_call *call, const order_record *order) {
  order_saga *saga = new_saga(driver);
  order_waiter *waiter = rpc_arena_alloc(rpc_call_arena(call), sizeof *waiter);
  if (!saga || !waiter) {
    free(saga);
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this order");
    rpc_call_fail(call, &status);
    return;
  }
  waiter->call = call;
  saga->waiters = waiter;
  saga->order = *order;
  saga->order.trace = *rpc_call_trace(call);
  saga->accepted_us = rpc_call_received_us(call);
  saga->deadline_us = rpc_call_deadline_us(call);
  enter(saga);
  write_order(saga);
}

/* --- orders taken over --- */

static bool is_driven(order_driver *driver, const char *order_id) {
  pthread_mutex_lock(&driver->lock);
  const order_saga *saga = *bucket_of(driver, order_id);
  while (saga && strcmp(saga->order.order_id, order_id) != 0) saga = saga->next;
  pthread_mutex_unlock(&driver->lock);
  return saga != NULL;
}

/* Goes on with an order whose lease is this process's now. */
static void take_up(void *arg, const order_record *order, rpc_arena arena) {
  order_driver *driver = arg;
  /* It may be driven here all along, where the lease was not extended in time. */
  order_saga *saga = is_driven(driver, order->order_id) ? NULL : new_saga(driver);
  if (!saga) { /* without memory it is taken over again once the lease has ended */
    rpc_arena_free(&arena);
    return;
  }
  int64_t now_us = rpc_clock_now_us(driver->config.clock);
  int64_t now_ms = rpc_clock_unix_ms(driver->config.clock);
  saga->order = *order;
  saga->arena = arena;
  saga->accepted_us = now_us - (now_ms - order->created_ms) * 1000;
  saga->deadline_us = now_us + (order->deadline_ms - now_ms) * 1000;
  enter(saga);
  act(saga);
}

/* --- the driver --- */

static void define_metrics(order_driver *driver) {
  metrics_registry *metrics = driver->config.metrics;
  driver->orders = metrics_define(metrics, METRICS_COUNTER, "order_orders_total", "Orders that became final.",
                                  (const char *const[]){"status", "reason", NULL});
  driver->revenue_cents = metrics_series_get(
      metrics_define(metrics, METRICS_COUNTER, "order_revenue_cents_total", "Confirmed orders' amounts.", NULL), NULL);
  driver->duration = metrics_series_get(metrics_define(metrics, METRICS_HISTOGRAM, "order_processing_duration_seconds",
                                                       "From acceptance to the final state.", NULL),
                                        NULL);
  metrics_family *active =
      metrics_define(metrics, METRICS_GAUGE, "order_sagas_active", "Orders under way, by the state that is stored.",
                     (const char *const[]){"state", NULL});
  metrics_family *again = metrics_define(metrics, METRICS_COUNTER, "order_steps_again_total",
                                         "Steps and writes tried again because their outcome was unknown.",
                                         (const char *const[]){"state", NULL});
  for (int i = 0; i < SAGA_STATE_COUNT; i++) {
    const char *const state[] = {saga_state_name((saga_state)i)};
    driver->active[i] = metrics_series_get(active, state);
    driver->again[i] = metrics_series_get(again, state);
  }
}

order_driver *order_driver_create(const order_driver_config *config) {
  order_driver *driver = calloc(1, sizeof *driver);
  if (!driver) return NULL;
  driver->config = *config;
  if (!driver->config.step_timeout_ms) driver->config.step_timeout_ms = STEP_TIMEOUT_MS;
  pthread_mutex_init(&driver->lock, NULL);
  define_metrics(driver);
  validation_make_id(driver->owner, "REP-", rpc_clock_unix_ms(config->clock), config->random);
  driver->upkeep = order_upkeep_create(&(order_upkeep_config){.db = config->db,
                                                              .clock = config->clock,
                                                              .random = config->random,
                                                              .log = config->log,
                                                              .owner = driver->owner,
                                                              .is_alone = config->is_alone,
                                                              .keys_kept_hours = config->keys_kept_hours,
                                                              .history_kept_hours = config->history_kept_hours,
                                                              .take_up = take_up,
                                                              .arg = driver});
  if (driver->upkeep) return driver;
  order_driver_destroy(driver);
  return NULL;
}

void order_driver_stop(order_driver *driver) {
  pthread_mutex_lock(&driver->lock);
  driver->stopping = true;
  pthread_mutex_unlock(&driver->lock);
  order_upkeep_destroy(driver->upkeep);
  pthread_mutex_lock(&driver->lock);
  order_saga *waiting = NULL;
  for (int i = 0; i < BUCKETS; i++) {
    for (order_saga *saga = driver->buckets[i]; saga; saga = saga->next) {
      if (!rpc_clock_cancel(driver->config.clock, &saga->timer)) continue;
      saga->job.next = waiting ? &waiting->job : NULL; /* no job is queued while a saga waits */
      waiting = saga;
    }
  }
  pthread_mutex_unlock(&driver->lock);
  order_saga *next;
  for (order_saga *saga = waiting; saga; saga = next) {
    next = (order_saga *)saga->job.next;
    park(saga);
  }
}

void order_driver_destroy(order_driver *driver) {
  if (!driver) return;
  for (int i = 0; i < BUCKETS; i++) assert(driver->buckets[i] == NULL);
  pthread_mutex_destroy(&driver->lock);
  free(driver);
}
