/* What all reports share, and writing their files. */
#include "runner/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const runner_percentile runner_percentiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999},
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

size_t runner_report_parts(const runner_critical *critical) {
  size_t count = 0;
  while (count < critical->part_count && count < 10 && critical->parts[count].total_ms * 1000 >= critical->whole_ms) {
    count++;
  }
  return count;
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
rpc_status runner_report_write_file(const char *path, const char *text) {
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

rpc_status runner_report_write(const char *dir, int64_t started_unix_ms, const runner_report_file *files, size_t count,
                               char *path, size_t path_size) {
  rpc_status status = make_dir(dir);
  time_t seconds = (time_t)(started_unix_ms / 1000);
  struct tm utc = {0};
  gmtime_r(&seconds, &utc);
  char stamp[64];
  size_t length = strftime(stamp, sizeof stamp, "report-%Y%m%dT%H%M%S", &utc);
  snprintf(stamp + length, sizeof stamp - length, ".%03dZ", (int)(started_unix_ms % 1000));
  const char *const names[] = {"latest", stamp};
  for (size_t i = 2 * count; i-- > 0 && status.code == RPC_OK;) {
    snprintf(path, path_size, "%s/%s.%s", dir, names[i < count], files[i % count].extension);
    status = runner_report_write_file(path, files[i % count].text);
  }
  return status;
}

const char *const runner_model_names[RUNNER_MODEL_COUNT] = {"batches", "users", "rate"};

static int plan_of_rate(const runner_run_facts *facts, char *text, size_t size) {
  const runner_arrivals *arrivals = &facts->arrivals;
  int length = snprintf(text, size, "%s ", facts->poisson ? "at random," : "evenly,");
  for (size_t i = 0; i < arrivals->count && length > 0 && (size_t)length < size; i++) {
    const runner_phase *phase = &arrivals->phases[i];
    char *at = text + length;
    size_t left = size - (size_t)length;
    const char *comma = i == 0 ? "" : ", ";
    double seconds = (double)phase->duration_us / 1e6;
    length += phase->from < phase->to || phase->from > phase->to
                  ? snprintf(at, left, "%s%g to %g/s in %g s", comma, phase->from, phase->to, seconds)
                  : snprintf(at, left, "%s%g/s for %g s", comma, phase->from, seconds);
  }
  return length;
}

void runner_report_plan(const runner_run_facts *facts, char *text, size_t size) {
  int length = 0;
  switch (facts->model) {
    case RUNNER_BATCHES:
      length =
          snprintf(text, size, "batches of %u, %g s between them", facts->concurrency, facts->delay_between_batches);
      break;
    case RUNNER_USERS:
      length = snprintf(text, size, "%u users", facts->concurrency);
      if (facts->think_time > 0 && (size_t)length < size) {
        length += snprintf(text + length, size - (size_t)length, " who think %g s", facts->think_time);
      }
      break;
    case RUNNER_RATE:
    case RUNNER_MODEL_COUNT:
      length = plan_of_rate(facts, text, size);
      break;
  }
  if (facts->duration > 0 && facts->model != RUNNER_RATE && (size_t)length < size) {
    length += snprintf(text + length, size - (size_t)length, ", for %g s", facts->duration);
  }
  if (facts->warm_up > 0 && (size_t)length < size) {
    length += snprintf(text + length, size - (size_t)length, ", after %g s of warm-up", facts->warm_up);
  }
  if (facts->threads > 1 && (size_t)length < size) {
    snprintf(text + length, size - (size_t)length, ", %u threads", facts->threads);
  }
}

bool runner_report_warning(const runner_report *report, char *text, size_t size) {
  enum { LAG_US = 10000 };
  const runner_run_facts *facts = &report->facts;
  double lag_p99 = (double)runner_histogram_quantile(report->result->lag, 0.99);
  double p50 = (double)runner_histogram_quantile(report->result->all, 0.5);
  if (facts->missed > 0) {
    snprintf(text, size,
             "%" PRIu64
             " operations that were due were never started: the rate was too high for store, "
             "runner or --concurrency; the tail is worse than shown",
             facts->missed);
  } else if (lag_p99 > LAG_US && lag_p99 > 0.05 * p50) {
    snprintf(text, size,
             "1 %% of operations started over %.1f ms late: the runner (or --concurrency) could not keep "
             "the rate; latencies include that",
             lag_p99 / 1e3);
  } else if (facts->cpu_share > 0.9) {
    snprintf(text, size,
             "the runner used %.0f %% of the processor time it may use: it may be the bottleneck; give it "
             "more --threads or cores",
             100 * facts->cpu_share);
  } else {
    return false;
  }
  return true;
}
