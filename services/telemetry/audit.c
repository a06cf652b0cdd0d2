/* The audit log, see audit.h. A service's writer thread appends within a transaction and flushes after its commit.
 *
 * The buffer holds lines of committed changes that could not be written yet (up to the mark), then those of the
 * transaction under way. */
#include "telemetry/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry/json_line.h"

enum { AUDIT_BUFFER_MAX = 16 << 20, AUDIT_BUFFER_FIRST = 64 << 10 };

struct audit_log {
  int fd;
  char *service;
  char *buffer;
  size_t length;
  size_t capacity;
  size_t mark; /* bytes of committed changes */
  bool lost;   /* a line of the transaction under way found no room */
};

/* A crash or a full disk may have left half a line, of a change that was not acknowledged: what follows must not be
 * glued to it. */
static bool end_torn_line(int fd) {
  struct stat file;
  char last;
  if (fstat(fd, &file) != 0) return false;
  if (!S_ISREG(file.st_mode) || file.st_size == 0) return true;
  if (pread(fd, &last, 1, file.st_size - 1) != 1) return false;
  return last == '\n' || write(fd, "\n", 1) == 1;
}

audit_log *audit_open(const char *service, const char *path) {
  audit_log *audit = calloc(1, sizeof *audit);
  if (audit == NULL) return NULL;
  audit->service = strdup(service);
  audit->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (audit->service == NULL || audit->fd < 0 || !end_torn_line(audit->fd)) {
    int saved = errno;
    audit_close(audit);
    errno = saved;
    return NULL;
  }
  return audit;
}

void audit_close(audit_log *audit) {
  if (audit == NULL) return;
  if (audit->fd >= 0) close(audit->fd);
  free(audit->service);
  free(audit->buffer);
  free(audit);
}

static bool reserve(audit_log *audit, size_t more) {
  size_t capacity = audit->capacity > 0 ? audit->capacity : AUDIT_BUFFER_FIRST;
  while (capacity < audit->length + more) capacity *= 2;
  if (capacity == audit->capacity) return true;
  if (capacity > AUDIT_BUFFER_MAX) return false;
  char *buffer = realloc(audit->buffer, capacity);
  if (buffer == NULL) return false;
  audit->buffer = buffer;
  audit->capacity = capacity;
  return true;
}

void audit_append(audit_log *audit, int64_t unix_ms, const char *entity, const char *id, const char *from,
                  const char *to, const char *correlation_id, const char *detail) {
  json_line line;
  json_line_begin(&line, unix_ms);
  json_line_text(&line, "service", audit->service);
  json_line_text(&line, "entity", entity);
  json_line_text(&line, "id", id);
  json_line_text(&line, "from", from);
  json_line_text(&line, "to", to);
  json_line_text(&line, "correlation_id", correlation_id);
  json_line_text(&line, "detail", detail);
  json_line_end(&line);
  if (!reserve(audit, line.length)) {
    audit->lost = true;
    return;
  }
  memcpy(audit->buffer + audit->length, line.text, line.length);
  audit->length += line.length;
}

bool audit_flush(audit_log *audit) {
  bool complete = !audit->lost;
  size_t written = 0;
  int error = audit->lost ? ENOBUFS : 0;
  while (written < audit->length) {
    ssize_t count = write(audit->fd, audit->buffer + written, audit->length - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) { /* full disk, most likely: the rest is kept and goes on mid-line where this write stopped */
      error = count < 0 ? errno : EIO;
      complete = false;
      break;
    }
    written += (size_t)count;
  }
  audit->length -= written;
  if (audit->length > 0) memmove(audit->buffer, audit->buffer + written, audit->length);
  audit->mark = audit->length;
  audit->lost = false;
  if (!complete) errno = error;
  return complete;
}

void audit_discard(audit_log *audit) {
  audit->length = audit->mark;
  audit->lost = false;
}
