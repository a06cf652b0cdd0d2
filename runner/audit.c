/* Reads an audit log line by line, oldest file first, and compares each line's place with that of the one before. */
#include "runner/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "telemetry/audit_chain.h"

enum { CHAIN_WHOLE = 0, CHAIN_BROKEN = 1, UNREADABLE = 2 };

typedef struct audit_check {
  FILE *out;
  audit_link last; /* seq 0: none yet */
  int64_t first_seq, lines, torn, wrong;
} audit_check;

/* path.number; path itself for 0. */
static void file_name(char name[PATH_MAX], const char *path, int number) {
  snprintf(name, PATH_MAX, number == 0 ? "%s" : "%s.%d", path, number);
}

static void check_place(audit_check *check, const char *name, int64_t number, const audit_link *link) {
  const audit_link *last = &check->last;
  if (last->seq == 0) {
    check->first_seq = link->seq;
    audit_link begin = audit_chain_begin();
    bool older_are_gone = link->seq > 1 && check->torn == 0; /* rotated out */
    if (older_are_gone || strcmp(link->prev, begin.hash) == 0) return;
  } else if (link->seq == last->seq + 1 && strcmp(link->prev, last->hash) == 0) {
    return;
  }
  check->wrong++;
  fprintf(check->out,
          "%s:%" PRId64 ": line %" PRId64 " does not follow line %" PRId64
          ": lines between them were removed, inserted or put elsewhere\n",
          name, number, link->seq, last->seq);
}

static void check_line(audit_check *check, const char *name, int64_t number, const char *line, size_t length) {
  audit_link link;
  switch (audit_chain_read(line, length, &link)) {
    case AUDIT_LINE_WHOLE:
      check_place(check, name, number, &link);
      check->last = link;
      check->lines++;
      break;
    case AUDIT_LINE_TORN:
      check->torn++;
      break;
    case AUDIT_LINE_EDITED:
      check->wrong++;
      fprintf(check->out, "%s:%" PRId64 ": the line is not as it was written\n", name, number);
      break;
  }
}

static bool check_file(audit_check *check, const char *name) {
  FILE *file = fopen(name, "re");
  if (file == NULL) {
    fprintf(check->out, "%s: %s\n", name, strerror(errno));
    return false;
  }
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  for (int64_t number = 1; (length = getline(&line, &size, file)) >= 0; number++) {
    if (length > 0 && line[length - 1] == '\n') length--;
    check_line(check, name, number, line, (size_t)length);
  }
  bool complete = ferror(file) == 0;
  free(line);
  fclose(file);
  return complete;
}

int runner_audit_run(const char *path, FILE *out) {
  char name[PATH_MAX];
  audit_check check = {.out = out};
  int oldest = 0;
  do {
    file_name(name, path, oldest + 1);
  } while (access(name, F_OK) == 0 && ++oldest < INT_MAX);
  for (int number = oldest; number >= 0; number--) {
    file_name(name, path, number);
    if (!check_file(&check, name)) return UNREADABLE;
  }
  fprintf(out, "%s: %" PRId64 " lines in %d file%s", path, check.lines, oldest + 1, oldest > 0 ? "s" : "");
  if (check.lines > 0) fprintf(out, ", %" PRId64 " to %" PRId64, check.first_seq, check.last.seq);
  if (check.torn > 0) fprintf(out, ", and %" PRId64 " torn by a crash", check.torn);
  fprintf(out, check.wrong > 0 ? ": BROKEN in %" PRId64 " places\n" : ": the chain is whole\n", check.wrong);
  return check.wrong > 0 ? CHAIN_BROKEN : CHAIN_WHOLE;
}
