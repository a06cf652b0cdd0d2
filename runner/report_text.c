/* The report for people: what is printed when a run ends, and the .txt file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/report.h"

static double percent(uint64_t count, uint64_t total) {
  return total == 0 ? 0 : 100.0 * (double)count / (double)total;
}

static void write_head(FILE *out, const runner_run_facts *facts, const runner_result *result) {
  fprintf(out, "Store Demo, run %s\n\n", facts->run_id);
  fprintf(out, "  orders      %" PRIu64 " of %" PRIu64 "%s, %u at once, %g s between batches\n", result->finished,
          facts->orders, facts->interrupted ? " (interrupted)" : "", facts->concurrency, facts->delay_between_batches);
  fprintf(out, "  door        %s, request timeout %g s, seed %" PRIu64 "\n", facts->mode, facts->request_timeout,
          facts->seed);
  if (facts->restocked < 0)
    fputs("  restocked   no, as asked: shelves may run empty\n", out);
  else
    fprintf(out, "  restocked   %" PRId64 " units before the start\n", facts->restocked);
  double seconds = (double)facts->elapsed_us / 1e6;
  double rate = seconds > 0 ? 1 / seconds : 0;
  fprintf(out, "  took        %.1f s: %.1f orders/s, %.1f confirmed/s\n", seconds, (double)result->finished * rate,
          (double)result->stages[RUNNER_OUTCOME_CONFIRMED] * rate);
}

static void write_success(FILE *out, const runner_result *result) {
  fputs("\nSuccess\n", out);
  for (size_t i = 0; i < runner_success_count; i++) {
    uint64_t reached = runner_result_reached(result, runner_successes[i].stage);
    fprintf(out, "  %-20s %8" PRIu64 "  %5.1f %%\n", runner_successes[i].label, reached,
            percent(reached, result->finished));
  }
  if (result->unclear > 0) {
    fprintf(out, "  (%" PRIu64 " failures do not tell at which step: counted as order created only)\n",
            result->unclear);
  }
  double low, high;
  uint64_t confirmed = result->stages[RUNNER_OUTCOME_CONFIRMED];
  runner_wilson_interval(confirmed, result->finished, &low, &high);
  fprintf(out,
          "  %" PRIu64 " orders: success %.1f %%, 95 %% interval %.0f–%.0f %% (Wilson): ±%.1f points by chance alone\n",
          result->finished, percent(confirmed, result->finished), 100 * low, 100 * high, 50 * (high - low));
}

static void write_failures(FILE *out, const runner_result *result) {
  fprintf(out, "\nFailures\n%s", result->failure_count == 0 ? "  none\n" : "");
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = runner_report_failure(result, i);
    const char *label = runner_outcome_reason_label(failure->reason);
    fprintf(out, "  %-20s %8" PRIu64 "  %5.1f %%  %s%s%s\n", label, failure->count,
            percent(failure->count, result->finished), rpc_code_name(failure->code),
            strcmp(label, failure->reason) == 0 ? "" : ", ",
            strcmp(label, failure->reason) == 0 ? "" : failure->reason);
  }
}

static void write_latency_row(FILE *out, const char *name, const runner_histogram *histogram) {
  fprintf(out, "  %-10s %8.1f %8.1f", name, (double)runner_histogram_min(histogram) / 1e3,
          runner_histogram_mean(histogram) / 1e3);
  for (size_t i = 0; i < runner_percentile_count; i++) {
    fprintf(out, " %8.1f", (double)runner_histogram_quantile(histogram, runner_percentiles[i].share) / 1e3);
  }
  fprintf(out, " %8.1f\n", (double)runner_histogram_max(histogram) / 1e3);
}

static void write_latencies(FILE *out, const runner_result *result) {
  fprintf(out, "\nLatency, ms (percentiles within %.1f %%)\n  %-10s %8s %8s", 100 * RUNNER_HISTOGRAM_RELATIVE_ERROR, "",
          "min", "mean");
  for (size_t i = 0; i < runner_percentile_count; i++) fprintf(out, " %8s", runner_percentiles[i].name);
  fprintf(out, " %8s\n", "max");
  write_latency_row(out, "all", result->all);
  write_latency_row(out, "confirmed", result->confirmed);
}

static void write_steps(FILE *out, const runner_result *result) {
  const runner_step *bottleneck = runner_result_bottleneck(result);
  if (bottleneck == NULL) return;
  double whole = 0;
  for (size_t i = 0; i < result->step_count; i++) whole += runner_step_mean_us(result, &result->steps[i]);
  fprintf(out, "\nTime per step, mean of %zu confirmed orders read back\n", result->steps_read);
  for (size_t i = 0; i < result->step_count; i++) {
    const runner_step *step = &result->steps[i];
    double mean = runner_step_mean_us(result, step);
    fprintf(out, "  %-12s %-10s %10.1f ms  %5.1f %%\n", step->state, step->service, mean / 1e3,
            whole > 0 ? 100 * mean / whole : 0);
  }
  fprintf(out, "  Bottleneck: %s", bottleneck->state);
  if (bottleneck->service[0] != '\0') fprintf(out, ", the %s service (%s)", bottleneck->service, bottleneck->work);
  fprintf(out, ", %.1f %% of an order's time\n", whole > 0 ? 100 * runner_step_mean_us(result, bottleneck) / whole : 0);
}

char *runner_report_text(const runner_run_facts *facts, const runner_result *result) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (out == NULL) return NULL;
  write_head(out, facts, result);
  write_success(out, result);
  write_failures(out, result);
  write_latencies(out, result);
  write_steps(out, result);
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}
