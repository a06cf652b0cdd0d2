/* See nng_threads.h. A callback that waits holds its thread; NNG's own, which close and reap, are others. */
#include "rpc/nng_threads.h"

#include <dirent.h>
#include <nng/nng.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rpc/settings.h"

enum { NNG_PER_PROCESSOR = 2, NNG_MOST = 16, STARTING_MS_MAX = 1000 };

struct nng_threads {
  size_t count; /* of those that wait */
  nng_aio *waiting[NNG_MOST];
  sem_t begun, end;
};

static void wait_for_end(void *arg) {
  nng_threads *self = arg;
  sem_post(&self->begun);
  while (sem_wait(&self->end) != 0) continue;
}

/* Of this process, those that run callbacks: they name themselves when they start. */
static size_t count_threads(void) {
  size_t count = 0;
  DIR *threads = opendir("/proc/self/task");
  if (!threads) return 0;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    char path[sizeof "/proc/self/task//comm" + sizeof entry->d_name], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(name, sizeof name, file) && strcmp(name, "nng:task\n") == 0) count++;
    fclose(file);
  }
  closedir(threads);
  return count;
}

static bool have_started(size_t expected) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int waited_ms = 0; count_threads() != expected; waited_ms++) {
    if (waited_ms == STARTING_MS_MAX) return false;
    nanosleep(&pause, NULL);
  }
  return true;
}

nng_threads *nng_threads_limit(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t started = processors < NNG_MOST / NNG_PER_PROCESSOR ? (size_t)processors * NNG_PER_PROCESSOR : NNG_MOST;
  int64_t half = processors / 2 > 0 ? processors / 2 : 1;
  size_t kept = (size_t)settings_integer("STORE_RPC_THREADS", half, 1, NNG_MOST);
  nng_threads *self = kept < started ? calloc(1, sizeof *self) : NULL;
  if (!self) return NULL;
  sem_init(&self->begun, 0, 0);
  sem_init(&self->end, 0, 0);
  bool ok = nng_aio_alloc(&self->waiting[0], wait_for_end, self) == 0 && have_started(started);
  for (size_t i = 0; ok && i < started - kept; i++) {
    ok = i == 0 || nng_aio_alloc(&self->waiting[i], wait_for_end, self) == 0;
    if (!ok || !nng_aio_begin(self->waiting[i])) break;
    nng_aio_finish(self->waiting[i], 0);
    self->count++;
  }
  for (size_t i = 0; i < self->count; i++) {
    while (sem_wait(&self->begun) != 0) continue;
  }
  return self;
}

void nng_threads_release(nng_threads *self) {
  if (!self) return;
  for (size_t i = 0; i < self->count; i++) sem_post(&self->end);
  for (size_t i = 0; i < NNG_MOST; i++) nng_aio_free(self->waiting[i]); /* waits for its callback; NULL is ignored */
  sem_destroy(&self->begun);
  sem_destroy(&self->end);
  free(self);
}
