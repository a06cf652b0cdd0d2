/* runner/engine: its models with a door that is not there: operations end at once, or on other threads, in an order of
 * their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/clock.h"
#include "runner/engine.h"

enum { WORKERS = 4, OPERATIONS_MAX = 4096 };

typedef struct fake_door {
  runner_engine *engine;
  rpc_clock *clock;
  bool at_once; /* ends operations before start returns */

  pthread_mutex_t lock;
  pthread_cond_t changed;
  runner_engine_operation *waiting[OPERATIONS_MAX];
  size_t waiting_count;
  bool closed;
  pthread_t workers[WORKERS];

  unsigned started, in_flight, most_in_flight;
  unsigned batch_size, batches_mixed; /* starts while an operation of the batch before was under way */
  unsigned lowest_in_flight_index;    /* of the batch that is under way */
  unsigned stop_after;                /* 0: never */
  uint8_t ended[OPERATIONS_MAX];      /* operations seen as samples, by index */
  unsigned samples, warm_up;
  int64_t longest_us, last_start_us;
  bool bad_latency;
} fake_door;

static const runner_outcome fine = {.code = RPC_OK, .stage = RUNNER_OUTCOME_CONFIRMED, .certain = true};

static void begin(void *self, uint64_t index, runner_engine_operation *operation) {
  fake_door *fake = self;
  pthread_mutex_lock(&fake->lock);
  if (fake->in_flight > 0 && index / fake->batch_size != fake->lowest_in_flight_index / fake->batch_size) {
    fake->batches_mixed++;
  }
  if (fake->in_flight == 0) fake->lowest_in_flight_index = (unsigned)index;
  fake->started++;
  if (++fake->in_flight > fake->most_in_flight) fake->most_in_flight = fake->in_flight;
  if (!fake->at_once) fake->waiting[fake->waiting_count++] = operation;
  pthread_cond_signal(&fake->changed);
  pthread_mutex_unlock(&fake->lock);
  if (fake->at_once) runner_engine_finish(operation, &fine);
  if (fake->stop_after != 0 && index + 1 == fake->stop_after) runner_engine_stop(fake->engine);
}

static void observe(void *self, const runner_engine_sample *sample) {
  fake_door *fake = self;
  pthread_mutex_lock(&fake->lock);
  fake->in_flight--;
  fake->samples++;
  fake->ended[sample->index]++;
  fake->warm_up += sample->warm_up;
  if (sample->latency_us > fake->longest_us) fake->longest_us = sample->latency_us;
  if (sample->start_us > fake->last_start_us) fake->last_start_us = sample->start_us;
  if (sample->latency_us < 0 || sample->start_us < 0 || sample->outcome->stage != fine.stage) fake->bad_latency = true;
  pthread_mutex_unlock(&fake->lock);
}

/* Ends operations, the youngest first. */
static void *work(void *arg) {
  fake_door *fake = arg;
  pthread_mutex_lock(&fake->lock);
  for (;;) {
    while (fake->waiting_count == 0 && !fake->closed) pthread_cond_wait(&fake->changed, &fake->lock);
    if (fake->waiting_count == 0) break;
    runner_engine_operation *operation = fake->waiting[--fake->waiting_count];
    pthread_mutex_unlock(&fake->lock);
    runner_engine_finish(operation, &fine);
    pthread_mutex_lock(&fake->lock);
  }
  pthread_mutex_unlock(&fake->lock);
  return NULL;
}

static fake_door *run_plan(const runner_engine_plan *plan, bool at_once, unsigned stop_after) {
  fake_door *fake = calloc(1, sizeof *fake);
  fake->at_once = at_once;
  fake->stop_after = stop_after;
  fake->batch_size = plan->concurrency;
  pthread_mutex_init(&fake->lock, NULL);
  pthread_cond_init(&fake->changed, NULL);
  for (size_t i = 0; i < WORKERS; i++) pthread_create(&fake->workers[i], NULL, work, fake);
  fake->clock = rpc_clock_create();
  fake->engine = runner_engine_create(plan, fake->clock, (runner_engine_source){begin, fake},
                                      (runner_engine_observer){observe, fake});
  runner_engine_run(fake->engine);
  pthread_mutex_lock(&fake->lock);
  fake->closed = true;
  pthread_cond_broadcast(&fake->changed);
  pthread_mutex_unlock(&fake->lock);
  for (size_t i = 0; i < WORKERS; i++) pthread_join(fake->workers[i], NULL);
  return fake;
}

static fake_door *run(uint64_t operations, uint32_t concurrency, int64_t delay_us, bool at_once, unsigned stop_after) {
  runner_engine_plan plan = {.operations = operations, .concurrency = concurrency, .delay_us = delay_us};
  return run_plan(&plan, at_once, stop_after);
}

static void end(fake_door *fake) {
  runner_engine_destroy(fake->engine);
  rpc_clock_destroy(fake->clock);
  pthread_cond_destroy(&fake->changed);
  pthread_mutex_destroy(&fake->lock);
  free(fake);
}

static void assert_each_ended_once(const fake_door *fake, unsigned count) {
  assert_int_equal(fake->started, count);
  assert_int_equal(fake->samples, count);
  for (unsigned i = 0; i < count; i++) assert_int_equal(fake->ended[i], 1);
  assert_false(fake->bad_latency);
  runner_engine_progress progress = runner_engine_progress_get(fake->engine);
  assert_int_equal(progress.started, count);
  assert_int_equal(progress.finished, count);
  assert_int_equal(progress.in_flight, 0);
  assert_true(progress.ended);
}

static void every_operation_is_started_once_and_sampled_once(void **state) {
  (void)state;
  fake_door *fake = run(4000, 64, 0, false, 0);
  assert_each_ended_once(fake, 4000);
  end(fake);
}

static void no_more_are_in_flight_than_the_concurrency(void **state) {
  (void)state;
  fake_door *fake = run(1000, 7, 0, false, 0);
  assert_each_ended_once(fake, 1000);
  assert_in_range(fake->most_in_flight, 1, 7);
  end(fake);
}

static void a_batch_starts_only_when_the_one_before_has_ended(void **state) {
  (void)state;
  fake_door *fake = run(1000, 25, 0, false, 0);
  assert_int_equal(fake->batches_mixed, 0);
  end(fake);
}

static void the_last_batch_may_be_short(void **state) {
  (void)state;
  fake_door *fake = run(103, 10, 0, false, 0);
  assert_each_ended_once(fake, 103);
  end(fake);
}

static void operations_may_end_before_their_start_returns(void **state) {
  (void)state;
  fake_door *fake = run(1000, 8, 0, true, 0);
  assert_each_ended_once(fake, 1000);
  assert_int_equal(fake->most_in_flight, 1);
  end(fake);
}

static void batches_are_at_least_the_delay_apart(void **state) {
  (void)state;
  fake_door *fake = run(30, 10, 20000, true, 0);
  assert_each_ended_once(fake, 30);
  assert_true(runner_engine_progress_get(fake->engine).elapsed_us >= 2 * 20000);
  end(fake);
}

static void a_stopped_run_starts_no_more_and_waits_for_those_in_flight(void **state) {
  (void)state;
  fake_door *fake = run(4000, 16, 0, false, 37);
  assert_each_ended_once(fake, 37);
  assert_true(runner_engine_progress_get(fake->engine).stopped);
  end(fake);
}

static void stopping_ends_the_pause_between_batches(void **state) {
  (void)state;
  fake_door *fake = run(4000, 16, INT64_C(3600) * 1000000, false, 16); /* an hour, were it not stopped */
  assert_each_ended_once(fake, 16);
  end(fake);
}

static void users_go_on_each_by_itself_until_the_count_is_reached(void **state) {
  (void)state;
  runner_engine_plan plan = {.model = RUNNER_USERS, .operations = 4000, .concurrency = 16};
  fake_door *fake = run_plan(&plan, false, 0);
  assert_each_ended_once(fake, 4000);
  assert_in_range(fake->most_in_flight, 1, 16);
  end(fake);
}

/* Were each next operation started by the end of the last one's start, the stack would grow with each. */
static void users_go_on_where_operations_end_at_once(void **state) {
  (void)state;
  runner_engine_plan plan = {.model = RUNNER_USERS, .operations = 4000, .concurrency = 1};
  fake_door *fake = run_plan(&plan, true, 0);
  assert_each_ended_once(fake, 4000);
  end(fake);
}

static void users_think_between_operations(void **state) {
  (void)state;
  runner_engine_plan plan = {.model = RUNNER_USERS, .operations = 8, .concurrency = 2, .think_us = 20000};
  fake_door *fake = run_plan(&plan, true, 0);
  assert_each_ended_once(fake, 8);
  assert_true(fake->last_start_us >= 3 * 10000); /* one of them did four: three pauses of at least half the time */
  end(fake);
}

static void users_who_think_are_dismissed_when_the_time_is_over(void **state) {
  (void)state;
  runner_engine_plan plan = {
      .model = RUNNER_USERS, .concurrency = 5, .think_us = INT64_C(3600) * 1000000, .duration_us = 200000};
  fake_door *fake = run_plan(&plan, true, 0);
  assert_each_ended_once(fake, 5);
  end(fake);
}

static void a_duration_ends_a_run_without_a_count(void **state) {
  (void)state;
  runner_engine_plan plan = {.concurrency = 1, .delay_us = 5000, .duration_us = 30000};
  fake_door *fake = run_plan(&plan, true, 0);
  assert_in_range(fake->samples, 1, 7);
  assert_true(fake->last_start_us < 30000);
  end(fake);
}

static void operations_of_the_warm_up_are_marked_and_come_on_top(void **state) {
  (void)state;
  runner_engine_plan plan = {.operations = 10, .concurrency = 5, .delay_us = 15000, .warm_up_us = 10000};
  fake_door *fake = run_plan(&plan, true, 0);
  assert_true(fake->warm_up >= 1);
  assert_int_equal(fake->samples - fake->warm_up, 10);
  end(fake);
}

static runner_engine_plan rate_plan(double rate, int64_t duration_us) {
  return (runner_engine_plan){.model = RUNNER_RATE,
                              .concurrency = 1000,
                              .overtime_us = 60000000,
                              .arrivals = {.phases = {{duration_us, rate, rate}}, .count = 1}};
}

static void a_rate_starts_what_its_schedule_has(void **state) {
  (void)state;
  runner_engine_plan plan = rate_plan(2000, 100000);
  fake_door *fake = run_plan(&plan, false, 0);
  assert_each_ended_once(fake, 200);
  assert_in_range(fake->last_start_us, 99000, 100000); /* due then, however late this machine is */
  end(fake);
}

static void random_arrivals_come_to_about_the_rate(void **state) {
  (void)state;
  runner_engine_plan plan = rate_plan(10000, 100000);
  plan.poisson = true;
  plan.seed = 7;
  fake_door *fake = run_plan(&plan, true, 0);
  assert_in_range(fake->samples, 850, 1150); /* 1000, give or take nearly five standard deviations */
  end(fake);
}

enum { STALL_US = 20000 };

/* A store that stalls: holds up whoever asks. */
static void stall(void *self, uint64_t index, runner_engine_operation *operation) {
  fake_door *fake = self;
  (void)index;
  pthread_mutex_lock(&fake->lock);
  fake->started++;
  fake->in_flight++;
  pthread_mutex_unlock(&fake->lock);
  nanosleep(&(struct timespec){.tv_nsec = STALL_US * 1000L}, NULL);
  runner_engine_finish(operation, &fine);
}

static void run_against_a_stall(const runner_engine_plan *plan, fake_door *fake, runner_engine_progress *progress) {
  *fake = (fake_door){.batch_size = 1};
  pthread_mutex_init(&fake->lock, NULL);
  rpc_clock *clock = rpc_clock_create();
  fake->engine =
      runner_engine_create(plan, clock, (runner_engine_source){stall, fake}, (runner_engine_observer){observe, fake});
  runner_engine_run(fake->engine);
  *progress = runner_engine_progress_get(fake->engine);
  runner_engine_destroy(fake->engine);
  rpc_clock_destroy(clock);
  pthread_mutex_destroy(&fake->lock);
}

/* Ten operations due within 10 ms, each of which holds the next one up for 20 ms: counted from their starts all would
 * take 20 ms; counted from when they were due the last takes 190. */
static void latency_counts_from_when_an_operation_was_due(void **state) {
  (void)state;
  fake_door fake;
  runner_engine_progress progress;
  runner_engine_plan plan = rate_plan(1000, 10000);
  run_against_a_stall(&plan, &fake, &progress);
  assert_int_equal(fake.samples, 10);
  assert_true(fake.longest_us >= 10 * STALL_US - 9 * 1000);
}

static void what_is_due_but_not_started_in_time_is_missed(void **state) {
  (void)state;
  fake_door fake;
  runner_engine_progress progress;
  runner_engine_plan plan = rate_plan(1000, 10000);
  plan.overtime_us = 50000; /* three or so of ten can start by then */
  run_against_a_stall(&plan, &fake, &progress);
  assert_in_range(progress.missed, 1, 9);
  assert_int_equal(progress.missed + progress.finished, 10);
}

static void shards_do_all_operations_between_them(void **state) {
  (void)state;
  uint8_t done[100] = {0};
  for (uint32_t shard = 0; shard < 3; shard++) {
    runner_engine_plan plan = {.operations = 100, .concurrency = 4, .shard = shard, .shards = 3};
    fake_door *fake = run_plan(&plan, true, 0);
    for (size_t i = 0; i < 100; i++) done[i] = (uint8_t)(done[i] + fake->ended[i]);
    end(fake);
  }
  for (size_t i = 0; i < 100; i++) assert_int_equal(done[i], 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_operation_is_started_once_and_sampled_once),
      cmocka_unit_test(no_more_are_in_flight_than_the_concurrency),
      cmocka_unit_test(a_batch_starts_only_when_the_one_before_has_ended),
      cmocka_unit_test(the_last_batch_may_be_short),
      cmocka_unit_test(operations_may_end_before_their_start_returns),
      cmocka_unit_test(batches_are_at_least_the_delay_apart),
      cmocka_unit_test(a_stopped_run_starts_no_more_and_waits_for_those_in_flight),
      cmocka_unit_test(stopping_ends_the_pause_between_batches),
      cmocka_unit_test(users_go_on_each_by_itself_until_the_count_is_reached),
      cmocka_unit_test(users_go_on_where_operations_end_at_once),
      cmocka_unit_test(users_think_between_operations),
      cmocka_unit_test(users_who_think_are_dismissed_when_the_time_is_over),
      cmocka_unit_test(a_duration_ends_a_run_without_a_count),
      cmocka_unit_test(operations_of_the_warm_up_are_marked_and_come_on_top),
      cmocka_unit_test(a_rate_starts_what_its_schedule_has),
      cmocka_unit_test(random_arrivals_come_to_about_the_rate),
      cmocka_unit_test(latency_counts_from_when_an_operation_was_due),
      cmocka_unit_test(what_is_due_but_not_started_in_time_is_missed),
      cmocka_unit_test(shards_do_all_operations_between_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
