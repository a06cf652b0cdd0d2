/* A timer that queues a job whose end sets the timer. Called by idempotency.c and by inventory. */
#include "storage/schedule.h"

#include <pthread.h>
#include <stdlib.h>

struct storage_schedule {
  storage_job job; /* first: run and done get it back as their schedule */
  storage *db;
  rpc_clock *clock;
  int64_t interval_us;
  storage_chore chore;
  bool more; /* what the round said */
  rpc_timer timer;
  pthread_mutex_t lock;
  pthread_cond_t ended;
  bool pending; /* the timer is set, or its job is on the way */
  bool stopping;
};

static rpc_status run_round(storage_job *job, storage_tx *tx) {
  storage_schedule *schedule = (storage_schedule *)job;
  schedule->more = false;
  return schedule->chore.run(schedule->chore.arg, tx, &schedule->more);
}

static void timer_fired(void *arg) {
  storage_schedule *schedule = arg;
  storage_write(schedule->db, &schedule->job);
}

static void round_ended(storage_job *job, const rpc_status *status) {
  storage_schedule *schedule = (storage_schedule *)job;
  bool again = status->code == RPC_OK && schedule->more;
  if (status->code == RPC_OK && schedule->chore.done) schedule->chore.done(schedule->chore.arg);
  pthread_mutex_lock(&schedule->lock);
  if (schedule->stopping) {
    schedule->pending = false;
    pthread_cond_signal(&schedule->ended);
  } else {
    int64_t due_us = rpc_clock_now_us(schedule->clock) + (again ? 0 : schedule->interval_us);
    rpc_clock_set(schedule->clock, &schedule->timer, due_us, timer_fired, schedule);
  }
  pthread_mutex_unlock(&schedule->lock);
}

storage_schedule *storage_schedule_create(storage *db, rpc_clock *clock, int64_t interval_ms, storage_chore chore) {
  storage_schedule *schedule = calloc(1, sizeof *schedule);
  if (!schedule) return NULL;
  *schedule = (storage_schedule){.job = {.run = run_round, .done = round_ended, .is_upkeep = true},
                                 .db = db,
                                 .clock = clock,
                                 .interval_us = interval_ms * 1000,
                                 .chore = chore,
                                 .pending = true};
  pthread_mutex_init(&schedule->lock, NULL);
  pthread_cond_init(&schedule->ended, NULL);
  rpc_clock_set(clock, &schedule->timer, rpc_clock_now_us(clock), timer_fired, schedule);
  return schedule;
}

void storage_schedule_destroy(storage_schedule *schedule) {
  if (!schedule) return;
  pthread_mutex_lock(&schedule->lock);
  schedule->stopping = true;
  if (rpc_clock_cancel(schedule->clock, &schedule->timer)) schedule->pending = false;
  while (schedule->pending) pthread_cond_wait(&schedule->ended, &schedule->lock);
  pthread_mutex_unlock(&schedule->lock);
  pthread_cond_destroy(&schedule->ended);
  pthread_mutex_destroy(&schedule->lock);
  free(schedule);
}
