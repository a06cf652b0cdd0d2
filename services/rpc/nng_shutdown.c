/* nng_close on a thread of its own, which is left behind where it hangs. */
#include "rpc/nng_shutdown.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_SECONDS = 2 };

/* Shared by the two threads; the last one frees it. */
typedef struct closing {
  nng_socket socket;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_closed;
  bool is_abandoned;
} closing;

static void closing_free(closing *shared) {
  pthread_cond_destroy(&shared->changed);
  pthread_mutex_destroy(&shared->lock);
  free(shared);
}

static void *run(void *arg) {
  closing *shared = arg;
  nng_close(shared->socket);
  pthread_mutex_lock(&shared->lock);
  bool last = shared->is_abandoned;
  shared->is_closed = true;
  pthread_cond_signal(&shared->changed);
  pthread_mutex_unlock(&shared->lock);
  if (last) closing_free(shared);
  return NULL;
}

bool nng_shutdown_bounded(nng_socket socket) {
  closing *shared = calloc(1, sizeof *shared);
  pthread_t thread;
  if (!shared) return false;
  shared->socket = socket;
  pthread_mutex_init(&shared->lock, NULL);
  pthread_cond_init(&shared->changed, NULL);
  if (pthread_create(&thread, NULL, run, shared) != 0) {
    closing_free(shared);
    return false;
  }
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += WAIT_SECONDS;
  pthread_mutex_lock(&shared->lock);
  int error = 0;
  while (!shared->is_closed && error == 0) error = pthread_cond_timedwait(&shared->changed, &shared->lock, &until);
  bool closed = shared->is_closed;
  shared->is_abandoned = !closed;
  pthread_mutex_unlock(&shared->lock);
  if (!closed) {
    pthread_detach(thread);
    return false;
  }
  pthread_join(thread, NULL);
  closing_free(shared);
  return true;
}
