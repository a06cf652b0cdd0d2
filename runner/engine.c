/* See engine.h. One lock guards everything; operations live in as many slots as may be under way at once. A slot of
 * RUNNER_USERS is a user: it goes on by itself, on whichever thread ended its last operation. */
#include "runner/engine.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "rpc/random.h"

/* Whichever comes second, the return of the source's start or the end of the operation, goes on with the slot. */
enum { SLOT_STARTING, SLOT_UNDER_WAY, SLOT_ENDED };

struct runner_engine_operation {
  runner_engine *engine;
  uint64_t index;
  int64_t due_us, start_us;
  atomic_int state;
  rpc_timer timer; /* set while the user thinks */
  runner_engine_operation *next_free;
};

struct runner_engine {
  runner_engine_plan plan;
  rpc_clock *clock;
  runner_engine_source source;
  runner_engine_observer observer;
  rpc_random random;

  pthread_mutex_t lock;
  pthread_cond_t changed;        /* nothing is in flight any more, a slot is free that was waited for, or stopped */
  runner_engine_operation *free; /* slots of operations that are not under way */
  bool slot_wanted;
  runner_engine_progress progress;
  uint64_t counted; /* of those started, not in the warm-up */
  double arrived;   /* RUNNER_RATE, poisson: how far along the schedule, in operations */
  int64_t began_us;
  bool running;

  runner_engine_operation slots[]; /* plan.concurrency */
};

runner_engine *runner_engine_create(const runner_engine_plan *plan, rpc_clock *clock, runner_engine_source source,
                                    runner_engine_observer observer) {
  assert(plan->concurrency >= 1 && plan->concurrency <= RUNNER_ENGINE_CONCURRENCY_MAX);
  runner_engine *engine = calloc(1, sizeof *engine + plan->concurrency * sizeof(runner_engine_operation));
  if (engine == NULL) return NULL;
  engine->plan = *plan;
  if (engine->plan.shards == 0) engine->plan.shards = 1;
  engine->clock = clock;
  engine->source = source;
  engine->observer = observer;
  rpc_random_init(&engine->random, plan->seed * engine->plan.shards + plan->shard);
  for (uint32_t i = 0; i < plan->concurrency; i++) {
    engine->slots[i] = (runner_engine_operation){.engine = engine, .next_free = engine->free};
    engine->free = &engine->slots[i];
  }
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&engine->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&engine->lock, NULL);
  return engine;
}

void runner_engine_destroy(runner_engine *engine) {
  if (engine == NULL) return;
  pthread_cond_destroy(&engine->changed);
  pthread_mutex_destroy(&engine->lock);
  free(engine);
}

static int64_t elapsed_us(const runner_engine *engine) {
  return rpc_clock_now_us(engine->clock) - engine->began_us;
}

/* When operations stop being started; INT64_MAX: no bound. */
static int64_t end_us(const runner_engine *engine) {
  const runner_engine_plan *plan = &engine->plan;
  if (plan->model == RUNNER_RATE) return runner_arrivals_duration_us(&plan->arrivals) + plan->overtime_us;
  return plan->duration_us == 0 ? INT64_MAX : plan->warm_up_us + plan->duration_us;
}

/* This shard's share of the operations. */
static uint64_t operations_of(const runner_engine_plan *plan) {
  if (plan->operations == 0) return UINT64_MAX;
  return (plan->operations + plan->shards - 1 - plan->shard) / plan->shards;
}

static bool is_over(const runner_engine *engine, int64_t now_us) {
  return engine->progress.stopped || engine->counted >= operations_of(&engine->plan) || now_us >= end_us(engine);
}

/* Takes a free slot for the next operation. */
static runner_engine_operation *take_slot(runner_engine *engine) {
  runner_engine_operation *operation = engine->free;
  engine->free = operation->next_free;
  engine->progress.in_flight++;
  return operation;
}

static void give_slot_back(runner_engine *engine, runner_engine_operation *operation) {
  operation->next_free = engine->free;
  engine->free = operation;
  if (--engine->progress.in_flight == 0 || engine->slot_wanted) pthread_cond_broadcast(&engine->changed);
}

/* Numbers the operation of a slot and says when it was due. */
static void count_start(runner_engine *engine, runner_engine_operation *operation, int64_t due_us, int64_t now_us) {
  operation->index = engine->plan.shard + engine->plan.shards * engine->progress.started++;
  operation->due_us = due_us;
  operation->start_us = now_us;
  if (due_us >= engine->plan.warm_up_us) engine->counted++;
}

/* Starts the operation of a slot, without the lock, since that may end it at once. True: it has ended meanwhile. */
static bool start(runner_engine *engine, runner_engine_operation *operation) {
  atomic_store(&operation->state, SLOT_STARTING);
  engine->source.start(engine->source.self, operation->index, operation);
  int starting = SLOT_STARTING;
  return !atomic_compare_exchange_strong(&operation->state, &starting, SLOT_UNDER_WAY);
}

static void wait_us(runner_engine *engine, int64_t duration_us) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + duration_us % 1000000 * 1000;
  until.tv_sec += (time_t)(duration_us / 1000000 + ns / 1000000000);
  until.tv_nsec = ns % 1000000000;
  pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
}

/* Until then, or stopped; false: stopped. */
static bool wait_until(runner_engine *engine, int64_t due_us) {
  for (int64_t now_us; !engine->progress.stopped && (now_us = elapsed_us(engine)) < due_us;) {
    wait_us(engine, due_us - now_us);
  }
  return !engine->progress.stopped;
}

static void wait_for_all(runner_engine *engine) {
  while (engine->progress.in_flight > 0) pthread_cond_wait(&engine->changed, &engine->lock);
}

/* A batch is counted, not read off what is in flight, which changes meanwhile. */
static void start_batch(runner_engine *engine) {
  for (uint32_t i = 0; i < engine->plan.concurrency; i++) {
    int64_t now_us = elapsed_us(engine);
    if (is_over(engine, now_us)) return;
    runner_engine_operation *operation = take_slot(engine);
    count_start(engine, operation, now_us, now_us);
    pthread_mutex_unlock(&engine->lock);
    bool ended = start(engine, operation);
    pthread_mutex_lock(&engine->lock);
    if (ended) give_slot_back(engine, operation);
  }
}

static void run_batches(runner_engine *engine) {
  while (!is_over(engine, elapsed_us(engine))) {
    start_batch(engine);
    wait_for_all(engine);
    if (!is_over(engine, elapsed_us(engine))) wait_until(engine, elapsed_us(engine) + engine->plan.delay_us);
  }
}

static void go_on_after_thinking(void *arg);

/* A user whose operation has ended thinks, retires or is about to start the next one (true). With the lock. */
static bool next_of_user(runner_engine *engine, runner_engine_operation *user, bool think) {
  int64_t now_us = elapsed_us(engine), think_us = engine->plan.think_us;
  if (is_over(engine, now_us)) {
    give_slot_back(engine, user);
    return false;
  }
  if (think && think_us > 0) {
    int64_t until_us = now_us + rpc_random_between(&engine->random, think_us / 2, think_us + think_us / 2);
    rpc_clock_set(engine->clock, &user->timer, engine->began_us + until_us, go_on_after_thinking, user);
    return false;
  }
  count_start(engine, user, now_us, now_us);
  return true;
}

/* Starts a user's operation, and the ones after it as long as they end at once. Without the lock. */
static void go_on(runner_engine *engine, runner_engine_operation *user) {
  for (bool next = true; next && start(engine, user);) {
    pthread_mutex_lock(&engine->lock);
    next = next_of_user(engine, user, true);
    pthread_mutex_unlock(&engine->lock);
  }
}

static void begin_user(runner_engine *engine, runner_engine_operation *user) {
  pthread_mutex_lock(&engine->lock);
  bool next = next_of_user(engine, user, false);
  pthread_mutex_unlock(&engine->lock);
  if (next) go_on(engine, user);
}

static void go_on_after_thinking(void *arg) {
  runner_engine_operation *user = arg;
  begin_user(user->engine, user);
}

/* Who thinks when the run is over need not finish the thought. */
static void dismiss_thinkers(runner_engine *engine) {
  for (uint32_t i = 0; i < engine->plan.concurrency; i++) {
    if (rpc_clock_cancel(engine->clock, &engine->slots[i].timer)) give_slot_back(engine, &engine->slots[i]);
  }
}

static void run_users(runner_engine *engine) {
  for (uint32_t i = 0; i < engine->plan.concurrency && !is_over(engine, elapsed_us(engine)); i++) {
    runner_engine_operation *user = take_slot(engine);
    pthread_mutex_unlock(&engine->lock);
    begin_user(engine, user);
    pthread_mutex_lock(&engine->lock);
  }
  while (engine->progress.in_flight > 0 && !is_over(engine, elapsed_us(engine))) {
    int64_t left_us = end_us(engine) - elapsed_us(engine);
    wait_us(engine, left_us > 0 && left_us < 100000 ? left_us : 100000); /* the count may be reached by any user */
  }
  dismiss_thinkers(engine);
  wait_for_all(engine);
}

/* When the next operation is due; -1: the schedule is over. */
static int64_t next_due_us(runner_engine *engine) {
  const runner_engine_plan *plan = &engine->plan;
  double count = (double)(plan->shard + plan->shards * engine->progress.started);
  if (plan->poisson) {
    engine->arrived -= log1p(-rpc_random_unit(&engine->random)) * plan->shards;
    count = engine->arrived;
  }
  return runner_arrivals_due_us(&plan->arrivals, count);
}

/* False: none became free in time. */
static bool wait_for_slot(runner_engine *engine) {
  engine->slot_wanted = true;
  while (engine->free == NULL && !is_over(engine, elapsed_us(engine))) wait_us(engine, 100000);
  engine->slot_wanted = false;
  return engine->free != NULL;
}

static void run_rate(runner_engine *engine) {
  prctl(PR_SET_TIMERSLACK, 1UL); /* this thread wakes when asked to, not up to 50 µs later */
  for (int64_t due_us; !is_over(engine, elapsed_us(engine)) && (due_us = next_due_us(engine)) >= 0;) {
    if (!wait_until(engine, due_us) || !wait_for_slot(engine)) break;
    int64_t now_us = elapsed_us(engine);
    if (is_over(engine, now_us)) break;
    runner_engine_operation *operation = take_slot(engine);
    count_start(engine, operation, due_us, now_us);
    pthread_mutex_unlock(&engine->lock);
    bool ended = start(engine, operation);
    pthread_mutex_lock(&engine->lock);
    if (ended) give_slot_back(engine, operation);
  }
  if (!engine->progress.stopped && engine->counted < operations_of(&engine->plan)) {
    double due = runner_arrivals_total(&engine->plan.arrivals) / engine->plan.shards;
    double missed = due - (double)engine->progress.started;
    if (elapsed_us(engine) >= end_us(engine) && missed >= 1) engine->progress.missed = (uint64_t)missed;
  }
  wait_for_all(engine);
}

void runner_engine_run(runner_engine *engine) {
  static void (*const models[RUNNER_MODEL_COUNT])(runner_engine *) = {run_batches, run_users, run_rate};
  pthread_mutex_lock(&engine->lock);
  engine->began_us = rpc_clock_now_us(engine->clock);
  engine->running = true;
  models[engine->plan.model](engine);
  engine->progress.elapsed_us = elapsed_us(engine);
  engine->running = false;
  engine->progress.ended = true;
  pthread_mutex_unlock(&engine->lock);
}

void runner_engine_stop(runner_engine *engine) {
  pthread_mutex_lock(&engine->lock);
  engine->progress.stopped = true;
  pthread_cond_broadcast(&engine->changed);
  pthread_mutex_unlock(&engine->lock);
}

void runner_engine_finish(runner_engine_operation *operation, const runner_outcome *outcome) {
  runner_engine *engine = operation->engine;
  runner_engine_sample sample = {
      .index = operation->index,
      .start_us = operation->due_us,
      .latency_us = elapsed_us(engine) - operation->due_us, /* before waiting for the lock */
      .lag_us = operation->start_us - operation->due_us,
      .warm_up = operation->due_us < engine->plan.warm_up_us,
      .outcome = outcome,
  };
  bool user = engine->plan.model == RUNNER_USERS;
  pthread_mutex_lock(&engine->lock);
  engine->observer.sample(engine->observer.self, &sample);
  engine->progress.finished++;
  bool mine = atomic_exchange(&operation->state, SLOT_ENDED) == SLOT_UNDER_WAY;
  bool next = mine && user && next_of_user(engine, operation, true);
  if (mine && !user) give_slot_back(engine, operation);
  pthread_mutex_unlock(&engine->lock);
  if (next) go_on(engine, operation);
}

runner_engine_progress runner_engine_progress_get(runner_engine *engine) {
  pthread_mutex_lock(&engine->lock);
  runner_engine_progress progress = engine->progress;
  if (engine->running) progress.elapsed_us = elapsed_us(engine);
  pthread_mutex_unlock(&engine->lock);
  return progress;
}
