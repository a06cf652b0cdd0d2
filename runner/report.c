/* What both reports share, and writing their files. */
#include "runner/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const runner_percentile runner_percentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999},
};
const size_t runner_percentile_count = sizeof runner_percentiles / sizeof runner_percentiles[0];

const runner_success runner_successes[] = {
    {"order_created", "order created", RUNNER_OUTCOME_CREATED},
    {"inventory_updated", "inventory updated", RUNNER_OUTCOME_RESERVED},
    {"payment_processed", "payment processed", RUNNER_OUTCOME_CHARGED},
    {"full_success", "full success", RUNNER_OUTCOME_CONFIRMED},
};
const size_t runner_success_count = sizeof runner_successes / sizeof runner_successes[0];

/* Ranks instead of sorting: there are few, and the result stays as it is. */
const runner_failure *runner_report_failure(const runner_result *result, size_t i) {
  const runner_failure *all = result->failures;
  for (size_t candidate = 0; candidate < result->failure_count; candidate++) {
    size_t before = 0;
    for (size_t j = 0; j < result->failure_count; j++) {
      if (all[j].count > all[candidate].count || (all[j].count == all[candidate].count && j < candidate)) before++;
    }
    if (before == i) return &all[candidate];
  }
  return NULL;
}

static rpc_status failed(const char *what, const char *path) {
  return rpc_status_error(RPC_INTERNAL, "REPORT_FILE", "cannot %s %s: %s", what, path, strerror(errno));
}

/* mkdir -p */
static rpc_status make_dir(const char *dir) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", dir);
  for (char *slash = path; slash != NULL;) {
    slash = strchr(slash + 1, '/');
    if (slash != NULL) *slash = '\0';
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return failed("make folder", path);
    if (slash != NULL) *slash = '/';
  }
  return rpc_status_ok();
}

static bool write_all(int file, const char *text) {
  for (size_t length = strlen(text); length > 0;) {
    ssize_t written = write(file, text, length);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) {
      text += written;
      length -= (size_t)written;
    }
  }
  return fsync(file) == 0;
}

/* Under a name of its own first, then renamed over what was there. */
static rpc_status write_file(const char *path, const char *text) {
  char draft[PATH_MAX + 32];
  snprintf(draft, sizeof draft, "%s.%d.tmp", path, (int)getpid());
  int file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return failed("open", draft);
  bool written = write_all(file, text);
  close(file);
  if (written && rename(draft, path) == 0) return rpc_status_ok();
  rpc_status status = failed("write", path);
  unlink(draft);
  return status;
}

rpc_status runner_report_write(const char *dir, int64_t started_unix_ms, const char *json, const char *text, char *path,
                               size_t path_size) {
  rpc_status status = make_dir(dir);
  time_t seconds = (time_t)(started_unix_ms / 1000);
  struct tm utc = {0};
  gmtime_r(&seconds, &utc);
  char stamp[64];
  size_t length = strftime(stamp, sizeof stamp, "report-%Y%m%dT%H%M%S", &utc);
  snprintf(stamp + length, sizeof stamp - length, ".%03dZ", (int)(started_unix_ms % 1000));
  const struct {
    const char *name, *extension, *text;
  } files[] = {{stamp, "txt", text}, {"latest", "txt", text}, {"latest", "json", json}, {stamp, "json", json}};
  for (size_t i = 0; i < sizeof files / sizeof files[0] && status.code == RPC_OK; i++) {
    snprintf(path, path_size, "%s/%s.%s", dir, files[i].name, files[i].extension);
    status = write_file(path, files[i].text);
  }
  return status;
}
