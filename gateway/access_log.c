/* Two batches of lines take turns: one is filled under the lock, the other is written by the thread without it. */
#include "gateway/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "telemetry/json_line.h"
#include "telemetry/monotonic.h"

enum { FLUSH_MS = 2000, POLL_MS = 50 };

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
      if (!log->give_up_ms) log->give_up_ms = monotonic_ms() + FLUSH_MS;
      if (monotonic_ms() >= log->give_up_ms) return false;
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
  free(log->filling);
  free(log->writing);
  free(log->path);
  free(log);
}

access_log *access_log_open(const char *path, metrics_registry *metrics, rpc_status *status) {
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory or no threads");
  access_log *log = calloc(1, sizeof *log);
  if (!log) return NULL;
  log->fd = -1;
  log->path = strdup(path);
  log->filling = calloc(1, sizeof *log->filling);
  log->writing = calloc(1, sizeof *log->writing);
  if (!log->path || !log->filling || !log->writing) goto fail;
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

static void write_text(json_line *line, const char *key, h2o_iovec_t value) {
  char text[JSON_LINE_VALUE_MAX + 2]; /* one byte too long is enough to be cut, and told so */
  size_t length = value.len < sizeof text ? value.len : sizeof text - 1;
  memcpy(text, value.base, length);
  text[length] = '\0';
  json_line_text(line, key, text);
}

static void write_header(json_line *line, const char *key, const h2o_headers_t *headers, const char *name) {
  ssize_t at = h2o_find_header_by_str(headers, name, strlen(name), -1);
  if (at < 0) json_line_text(line, key, NULL);
  if (at >= 0) write_text(line, key, headers->entries[at].value);
}

static void write_client(json_line *line, h2o_req_t *req) {
  struct sockaddr_storage address;
  char host[NI_MAXHOST];
  socklen_t size = req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&address);
  size_t length = h2o_socket_getnumerichost((struct sockaddr *)&address, size, host);
  write_text(line, "client", h2o_iovec_init(host, length == SIZE_MAX ? 0 : length));
}

static void on_request_end(h2o_logger_t *self, h2o_req_t *req) {
  struct timeval now; /* h2o's own is of when the loop woke up */
  gettimeofday(&now, NULL);
  h2o_iovec_t path = req->input.path, query = h2o_iovec_init("", 0);
  if (req->input.query_at != SIZE_MAX) {
    path.len = req->input.query_at;
    query = h2o_iovec_init(req->input.path.base + path.len, req->input.path.len - path.len);
  }
  char protocol[sizeof "HTTP/1.1"];
  size_t length = h2o_stringify_protocol_version(protocol, req->version);
  json_line line;
  json_line_begin(&line, (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000);
  write_client(&line, req);
  write_text(&line, "method", req->input.method);
  write_text(&line, "path", path);
  write_text(&line, "query", query);
  write_text(&line, "protocol", h2o_iovec_init(protocol, length));
  json_line_number(&line, "status", req->res.status);
  json_line_number(&line, "bytes", (int64_t)req->bytes_sent);
  json_line_number(&line, "duration_us", h2o_timeval_subtract(&req->timestamps.request_begin_at, &now));
  write_header(&line, "correlation_id", &req->res.headers, "x-correlation-id");
  write_header(&line, "user_agent", &req->headers, "user-agent");
  json_line_end(&line);
  access_log_append(((logger *)self)->log, line.text, line.length);
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
