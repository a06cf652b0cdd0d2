/* Two batches of lines take turns: one is filled under the lock, the other is written by the thread without it. */
#include "gateway/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FLUSH_MS = 2000, POLL_MS = 50, LINE_ON_STACK = 2048 };

static const char format[] =
    "{\"time\":\"%{%Y-%m-%dT%H:%M:%S}t.%{msec_frac}t%{%z}t\",\"client\":\"%h\",\"method\":\"%m\",\"path\":\"%U\","
    "\"query\":\"%q\",\"protocol\":\"%H\",\"status\":%s,\"bytes\":%b,\"seconds\":%{request-total-time}x,"
    "\"correlation_id\":\"%{x-correlation-id}o\",\"user_agent\":\"%{user-agent}i\"}";

typedef struct batch {
  size_t length, lines;
  char bytes[ACCESS_LOG_BUFFER];
} batch;

struct access_log {
  char *path;
  int fd; /* the thread's, as the next three are */
  dev_t device;
  ino_t inode;
  int64_t give_up_ms; /* on what cannot be written in the end; 0: not the end yet */
  h2o_logconf_t *format;
  metrics_series *written, *dropped;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed; /* a line came into an empty batch, or the end */
  batch *filling;         /* under the lock, as is_closing */
  batch *writing;         /* the thread's */
  bool is_closing;
};

/* Without O_NONBLOCK a FIFO or a pipe would hold the thread for good, and with it the process at its end. */
static bool open_file(access_log *log) {
  int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
  struct stat found;
  if (fd < 0) return false;
  if (fstat(fd, &found) == 0) {
    log->device = found.st_dev;
    log->inode = found.st_ino;
  }
  if (log->fd >= 0) close(log->fd);
  log->fd = fd;
  return true;
}

static void follow_path(access_log *log) {
  struct stat found;
  bool is_there = stat(log->path, &found) == 0;
  if (is_there && found.st_dev == log->device && found.st_ino == log->inode) return;
  open_file(log); /* where that fails the old file is as good as any */
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_closing(access_log *log) {
  pthread_mutex_lock(&log->lock);
  bool closing = log->is_closing;
  pthread_mutex_unlock(&log->lock);
  return closing;
}

/* Whether all of it has been written: not on a full disk, to a pipe without reader, or too late in the end. */
static bool write_all(access_log *log, const batch *lines) {
  for (size_t done = 0; done < lines->length;) {
    ssize_t count = write(log->fd, lines->bytes + done, lines->length - done);
    if (count >= 0) {
      done += (size_t)count;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    if (is_closing(log)) {
      if (!log->give_up_ms) log->give_up_ms = now_ms() + FLUSH_MS;
      if (now_ms() >= log->give_up_ms) return false;
    }
    poll(&(struct pollfd){.fd = log->fd, .events = POLLOUT}, 1, POLL_MS);
  }
  return true;
}

static void *run(void *arg) {
  access_log *log = arg;
  time_t looked = 0;
  pthread_mutex_lock(&log->lock);
  for (;;) {
    while (log->filling->length == 0 && !log->is_closing) pthread_cond_wait(&log->changed, &log->lock);
    if (log->filling->length == 0) break;
    batch *lines = log->filling;
    log->filling = log->writing;
    log->writing = lines;
    pthread_mutex_unlock(&log->lock);
    if (time(NULL) != looked) follow_path(log);
    looked = time(NULL);
    metrics_add(write_all(log, lines) ? log->written : log->dropped, (int64_t)lines->lines);
    lines->length = lines->lines = 0;
    pthread_mutex_lock(&log->lock);
  }
  pthread_mutex_unlock(&log->lock);
  return NULL;
}

static void free_log(access_log *log) {
  if (log->fd >= 0) close(log->fd);
  if (log->format) h2o_logconf_dispose(log->format);
  free(log->filling);
  free(log->writing);
  free(log->path);
  free(log);
}

access_log *access_log_open(const char *path, metrics_registry *metrics, rpc_status *status) {
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory or no threads");
  access_log *log = calloc(1, sizeof *log);
  if (!log) return NULL;
  char error[256];
  log->fd = -1;
  log->path = strdup(path);
  log->filling = calloc(1, sizeof *log->filling);
  log->writing = calloc(1, sizeof *log->writing);
  log->format = h2o_logconf_compile(format, H2O_LOGCONF_ESCAPE_JSON, error);
  if (!log->path || !log->filling || !log->writing || !log->format) goto fail;
  if (!open_file(log)) {
    char text[64];
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "ACCESS_LOG", "cannot write to %s: %s", path,
                               strerror_r(errno, text, sizeof text));
    goto fail;
  }
  metrics_family *lines =
      metrics_define(metrics, METRICS_COUNTER, "http_access_log_lines_total",
                     "Lines of the access log, written and dropped.", (const char *const[]){"outcome", NULL});
  log->written = metrics_series_get(lines, (const char *const[]){"written"});
  log->dropped = metrics_series_get(lines, (const char *const[]){"dropped"});
  pthread_mutex_init(&log->lock, NULL);
  pthread_cond_init(&log->changed, NULL);
  if (pthread_create(&log->thread, NULL, run, log) != 0) goto fail;
  *status = rpc_status_ok();
  return log;

fail:
  free_log(log);
  return NULL;
}

void access_log_append(access_log *log, const char *line, size_t length) {
  pthread_mutex_lock(&log->lock);
  batch *lines = log->filling;
  bool fits = length <= sizeof lines->bytes - lines->length;
  if (fits) {
    if (lines->length == 0) pthread_cond_signal(&log->changed);
    memcpy(lines->bytes + lines->length, line, length);
    lines->length += length;
    lines->lines++;
  }
  pthread_mutex_unlock(&log->lock);
  if (!fits) metrics_add(log->dropped, 1);
}

typedef struct logger {
  h2o_logger_t super;
  access_log *log;
} logger;

static void on_request_end(h2o_logger_t *self, h2o_req_t *req) {
  access_log *log = ((logger *)self)->log;
  char buffer[LINE_ON_STACK];
  size_t length = sizeof buffer;
  char *line = h2o_log_request(log->format, req, &length, buffer);
  access_log_append(log, line, length);
  if (line != buffer) free(line);
}

void access_log_register(access_log *log, h2o_pathconf_t *path) {
  logger *self = (logger *)h2o_create_logger(path, sizeof *self);
  self->super.log_access = on_request_end;
  self->log = log;
}

void access_log_close(access_log *log) {
  if (!log) return;
  pthread_mutex_lock(&log->lock);
  log->is_closing = true;
  pthread_cond_signal(&log->changed);
  pthread_mutex_unlock(&log->lock);
  pthread_join(log->thread, NULL);
  pthread_cond_destroy(&log->changed);
  pthread_mutex_destroy(&log->lock);
  free_log(log);
}
