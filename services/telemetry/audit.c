/* The audit log, see audit.h. A service's writer thread appends within a transaction and flushes after its commit.
 *
 * The buffer holds lines of committed changes that could not be written yet (up to the mark), then those of the
 * transaction under way. The chain has two ends to match. */
#include "telemetry/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry/audit_chain.h"
#include "telemetry/json_line.h"
#include "telemetry/trace.h"

enum {
  AUDIT_BUFFER_MAX = 16 << 20,
  AUDIT_BUFFER_FIRST = 64 << 10,
  LINE_MAX_SIZE = JSON_LINE_MAX + AUDIT_HASH_FIELD_SIZE,
  TAIL_SIZE = 4 * LINE_MAX_SIZE, /* where the last whole line is looked for */
};

struct audit_log {
  int fd;
  char *service, *path;
  int64_t size; /* of the file */
  int64_t max_bytes;
  int kept;
  audit_link committed; /* the last line up to the mark */
  audit_link last;      /* the last line appended */
  char *buffer;
  size_t length;
  size_t capacity;
  size_t mark;       /* bytes of committed changes */
  bool lost;         /* a line of the transaction under way found no room */
  bool incomplete;   /* that happened, or a disk failed: what is on the disk is not known any more */
  int64_t slot, row; /* of the lines that follow; row 0: they do not tell */
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

/* The place of the last whole line in the file, where there is one among its last few lines. */
static void find_last(int fd, audit_link *last) {
  char text[TAIL_SIZE];
  struct stat file;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return;
  off_t from = file.st_size > TAIL_SIZE ? file.st_size - TAIL_SIZE : 0;
  ssize_t count = pread(fd, text, sizeof text, from);
  const char *at = text, *end = text + (count > 0 ? count : 0), *newline;
  for (; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1) {
    audit_link link;
    if (audit_chain_read(at, (size_t)(newline - at), &link) == AUDIT_LINE_WHOLE) *last = link;
  }
}

static void rotated_path(char path[PATH_MAX], const audit_log *audit, int number) {
  snprintf(path, PATH_MAX, number == 0 ? "%s" : "%s.%d", audit->path, number);
}

static bool open_file(audit_log *audit) {
  struct stat file;
  audit->fd = open(audit->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (audit->fd < 0 || !end_torn_line(audit->fd) || fstat(audit->fd, &file) != 0) return false;
  audit->size = file.st_size;
  return true;
}

/* Where the chain goes on: at the end of the file or, where that was just begun, of the one before it. */
static void find_chain(audit_log *audit) {
  char path[PATH_MAX];
  audit->committed = audit_chain_begin();
  rotated_path(path, audit, 1);
  int before = open(path, O_RDONLY | O_CLOEXEC);
  if (before >= 0) {
    find_last(before, &audit->committed);
    close(before);
  }
  find_last(audit->fd, &audit->committed);
  audit->last = audit->committed;
}

audit_log *audit_open(const char *service, const char *path) {
  audit_log *audit = calloc(1, sizeof *audit);
  if (audit == NULL) return NULL;
  audit->fd = -1;
  audit->service = strdup(service);
  audit->path = strdup(path);
  if (audit->service == NULL || audit->path == NULL || !open_file(audit)) {
    int saved = errno;
    audit_close(audit);
    errno = saved;
    return NULL;
  }
  find_chain(audit);
  return audit;
}

void audit_rotate_at(audit_log *audit, int64_t max_bytes, int kept) {
  audit->max_bytes = max_bytes;
  audit->kept = kept;
}

void audit_close(audit_log *audit) {
  if (audit == NULL) return;
  if (audit->fd >= 0) close(audit->fd);
  free(audit->service);
  free(audit->path);
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
  audit_link link = {.seq = audit->last.seq + 1};
  json_line_begin(&line, unix_ms);
  json_line_number(&line, "seq", link.seq);
  json_line_text(&line, "prev", audit->last.hash);
  json_line_text(&line, "service", audit->service);
  if (audit->row > 0) {
    char source[48];
    snprintf(source, sizeof source, "%lld.%lld", (long long)audit->slot, (long long)audit->row);
    json_line_text(&line, "source", source);
  }
  json_line_text(&line, "entity", entity);
  json_line_text(&line, "id", id);
  json_line_text(&line, "from", from);
  json_line_text(&line, "to", to);
  json_line_text(&line, "correlation_id", correlation_id);
  json_line_text(&line, "detail", detail);
  json_line_end(&line);
  size_t open_length = line.length - 2; /* without "}" and newline */
  if (!reserve(audit, open_length + AUDIT_HASH_FIELD_SIZE)) {
    audit->lost = true;
    return;
  }
  char *at = audit->buffer + audit->length;
  memcpy(at, line.text, open_length);
  audit->length += open_length + audit_chain_seal(line.text, open_length, at + open_length, link.hash);
  audit->last = link;
}

/* After a complete flush. What cannot be renamed stays, and grows, until the next try. */
static void rotate_when_full(audit_log *audit) {
  char from[PATH_MAX], to[PATH_MAX];
  if (audit->max_bytes == 0 || audit->size < audit->max_bytes) return;
  for (int number = audit->kept - 1; number >= 0; number--) {
    rotated_path(from, audit, number);
    rotated_path(to, audit, number + 1);
    if (rename(from, to) != 0 && number == 0) return;
  }
  if (fdatasync(audit->fd) != 0) audit->incomplete = true;
  int full = audit->fd;
  if (open_file(audit)) {
    close(full);
  } else { /* no new file: the full one takes what comes */
    if (audit->fd >= 0) close(audit->fd);
    audit->fd = full;
  }
}

bool audit_flush(audit_log *audit) {
  bool complete = !audit->lost;
  if (audit->lost) audit->incomplete = true;
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
  audit->committed = audit->last;
  audit->lost = false;
  audit->size += (int64_t)written;
  if (complete) rotate_when_full(audit);
  if (!complete) errno = error;
  return complete;
}

bool audit_name(audit_log *audit, char name[AUDIT_NAME_SIZE]) {
  char path[PATH_MAX];
  uint8_t random[(AUDIT_NAME_SIZE - 1) / 2];
  snprintf(path, sizeof path, "%s.name", audit->path);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  name[AUDIT_NAME_SIZE - 1] = '\0';
  bool known = read(fd, name, AUDIT_NAME_SIZE - 1) == AUDIT_NAME_SIZE - 1;
  if (!known && getrandom(random, sizeof random, 0) == (ssize_t)sizeof random) {
    trace_format_id(name, random, sizeof random);
    known = pwrite(fd, name, AUDIT_NAME_SIZE - 1, 0) == AUDIT_NAME_SIZE - 1 && fsync(fd) == 0;
  }
  close(fd);
  return known;
}

void audit_source(audit_log *audit, int64_t slot, int64_t row) {
  audit->slot = slot;
  audit->row = row;
}

bool audit_sync(audit_log *audit) {
  if (audit->length > 0 || audit->incomplete) return false;
  if (fdatasync(audit->fd) == 0 || errno == EINVAL) return true; /* EINVAL: not a file that has a disk */
  audit->incomplete = true; /* a second try says nothing about what the first one lost */
  return false;
}

typedef struct line_count {
  int64_t slot, first;
  int64_t *counts;
  size_t rows;
} line_count;

/* False: the line comes from a row before the first one. */
static bool count_line(const line_count *wanted, const char *line, size_t length) {
  static const char key[] = ",\"source\":\""; /* inside a text its quotes would be escaped */
  const char *source = memmem(line, length, key, sizeof key - 1);
  char text[48] = "";
  long long slot, row;
  audit_link link;
  if (source == NULL) return true;
  source += sizeof key - 1;
  size_t left = (size_t)(line + length - source);
  memcpy(text, source, left < sizeof text ? left : sizeof text - 1);
  if (sscanf(text, "%lld.%lld", &slot, &row) != 2 || slot != wanted->slot) return true;
  if (row < wanted->first) return false;
  bool is_wanted = row - wanted->first < (int64_t)wanted->rows;
  if (is_wanted && audit_chain_read(line, length, &link) == AUDIT_LINE_WHOLE) wanted->counts[row - wanted->first]++;
  return true;
}

/* From the last line to the first; false as count_line. */
static bool count_lines(const line_count *wanted, const char *text, size_t size) {
  for (size_t end = size; end > 0;) {
    size_t last = text[end - 1] == '\n' ? end - 1 : end;
    const char *newline = last > 0 ? memrchr(text, '\n', last) : NULL;
    size_t start = newline == NULL ? 0 : (size_t)(newline - text) + 1;
    if (!count_line(wanted, text + start, last - start)) return false;
    end = start;
  }
  return true;
}

/* One file; *more: the lines that are wanted may go on in the one before it. */
static bool count_file(const line_count *wanted, const char *path, bool *more) {
  struct stat file;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  *more = false;
  if (fd < 0) return errno == ENOENT; /* the oldest was the one after it */
  bool known = fstat(fd, &file) == 0;
  if (known && S_ISREG(file.st_mode) && file.st_size > 0) {
    char *text = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    known = text != MAP_FAILED;
    if (known) {
      *more = count_lines(wanted, text, (size_t)file.st_size);
      munmap(text, (size_t)file.st_size);
    }
  } else {
    *more = known && S_ISREG(file.st_mode);
  }
  close(fd);
  return known;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): what is wanted is written to through it */
bool audit_count_lines(audit_log *audit, int64_t slot, int64_t first, int64_t *counts, size_t rows) {
  const line_count wanted = {slot, first, counts, rows};
  char path[PATH_MAX];
  bool known = true, more = true;
  for (int number = 0; known && more; number++) {
    rotated_path(path, audit, number);
    known = count_file(&wanted, path, &more);
  }
  return known;
}

void audit_discard(audit_log *audit) {
  audit->length = audit->mark;
  audit->last = audit->committed;
  audit->lost = false;
}
