/* The thread that checkpoints. A passive checkpoint waits for nobody and nobody waits for it, but while commits come in
 * all the time it never reaches the log's end, where the log could begin anew: where the log has become long, what is
 * left after a passive checkpoint, a few pages, is moved between two transactions. Called by storage.c. */
#include "storage/checkpoint.h"

#include <stdbool.h>
#include <stdlib.h>

#include "telemetry/monotonic.h"

enum {
  PAGES_BEGIN = 1000, /* that the log has grown by, 4 KiB each: worth a checkpoint */
  PAGES_LONG = 8000,  /* in the log: worth holding transactions up for */
  PAGES_SHORT = 400,  /* left to move: soon done */
};

struct checkpointer {
  storage_tx *tx;
  pthread_mutex_t *gate;
  log_sink *log;
  int seen, due;        /* the writer's thread's: pages of the log at its last commit, and when to checkpoint next */
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  int pages; /* in the log when a checkpoint was asked for; 0: none was */
  bool stopping;
  bool has_thread;
  pthread_t thread;
};

/* On the writer's thread, after each commit. */
static void log_grew(void *arg, int pages) {
  checkpointer *self = arg;
  if (pages < self->seen) self->due = PAGES_BEGIN; /* the log has begun anew */
  self->seen = pages;
  if (pages < self->due) return;
  self->due = pages + PAGES_BEGIN;
  pthread_mutex_lock(&self->lock);
  self->pages = pages;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->lock);
}

static void checkpoint(checkpointer *self, int pages) {
  int64_t begun_us = monotonic_us(), held_us = 0;
  int left = connection_checkpoint(self->tx);
  if (pages >= PAGES_LONG && left <= PAGES_SHORT) {
    pthread_mutex_lock(self->gate);
    held_us = -monotonic_us();
    connection_checkpoint(self->tx);
    held_us += monotonic_us();
    pthread_mutex_unlock(self->gate);
  }
  log_at(self->log, LOG_DEBUG, "checkpoint", LOG_NUMBER("pages", pages),
         LOG_NUMBER("took_us", monotonic_us() - begun_us), LOG_NUMBER("held_us", held_us));
}

static void *thread_main(void *arg) {
  checkpointer *self = arg;
  pthread_mutex_lock(&self->lock);
  while (!self->stopping) {
    if (self->pages > 0) {
      int pages = self->pages;
      self->pages = 0;
      pthread_mutex_unlock(&self->lock);
      checkpoint(self, pages);
      pthread_mutex_lock(&self->lock);
    } else {
      pthread_cond_wait(&self->changed, &self->lock);
    }
  }
  pthread_mutex_unlock(&self->lock);
  return NULL;
}

checkpointer *checkpointer_create(const connection_config *config, storage_tx *writer, pthread_mutex_t *gate,
                                  log_sink *log, rpc_status *status) {
  checkpointer *self = calloc(1, sizeof *self);
  if (!self) {
    *status = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory for the checkpoints");
    return NULL;
  }
  pthread_mutex_init(&self->lock, NULL);
  pthread_cond_init(&self->changed, NULL);
  self->gate = gate;
  self->log = log;
  self->tx = connection_open(config, status);
  if (self->tx) {
    self->has_thread = pthread_create(&self->thread, NULL, thread_main, self) == 0;
    if (!self->has_thread) *status = rpc_status_error(RPC_UNAVAILABLE, "NO_THREAD", "cannot start a thread");
  }
  if (self->has_thread) {
    self->due = PAGES_BEGIN;
    connection_watch_log(writer, log_grew, self);
    return self;
  }
  checkpointer_destroy(self);
  return NULL;
}

void checkpointer_destroy(checkpointer *self) {
  if (!self) return;
  if (self->has_thread) {
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
  }
  connection_close(self->tx);
  pthread_mutex_destroy(&self->lock);
  pthread_cond_destroy(&self->changed);
  free(self);
}
