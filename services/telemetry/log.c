/* Structured logs, see log.h: a line is built on the caller's stack and handed to the kernel at once, so there is no
 * lock, no buffer to lose and no thread. */
#include "telemetry/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "telemetry/json_line.h"

struct log_sink {
  int fd;
  log_level lowest;
  char service[]; /* in each line */
};

log_sink *log_open(const char *service, const char *path, log_level lowest) {
  size_t size = strlen(service) + 1;
  log_sink *sink = malloc(sizeof *sink + size);
  if (sink == NULL) return NULL;
  memcpy(sink->service, service, size);
  sink->lowest = lowest;
  sink->fd = path == NULL ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (sink->fd < 0) {
    free(sink);
    return NULL;
  }
  return sink;
}

void log_close(log_sink *sink) {
  if (sink == NULL) return;
  if (sink->fd != STDERR_FILENO) close(sink->fd);
  free(sink);
}

void log_write(log_sink *sink, log_level level, const char *message, const log_field *fields, unsigned count) {
  static const char *const level_names[] = {"debug", "info", "warn", "error"};
  if (sink == NULL || level < sink->lowest) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  json_line line;
  json_line_begin(&line, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  json_line_text(&line, "level", level_names[level]);
  json_line_text(&line, "service", sink->service);
  json_line_text(&line, "msg", message);
  for (unsigned i = 0; i < count; i++) {
    if (fields[i].is_number) {
      json_line_number(&line, fields[i].key, fields[i].number);
    } else {
      json_line_text(&line, fields[i].key, fields[i].text);
    }
  }
  json_line_end(&line);
  /* A log that cannot be written has nobody to tell: the line is dropped, and the caller's errno is kept. */
  int saved = errno;
  while (write(sink->fd, line.text, line.length) < 0 && errno == EINTR) continue;
  errno = saved;
}
