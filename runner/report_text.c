/* The report for people: what is printed when a run ends, and the .txt file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/report.h"

static double percent(uint64_t count, uint64_t total) {
  return total == 0 ? 0 : 100.0 * (double)count / (double)total;
}

static void write_head(FILE *out, const runner_report *report) {
  const runner_run_facts *facts = &report->facts;
  const runner_result *result = report->result;
  char plan[512];
  runner_report_plan(facts, plan, sizeof plan);
  fprintf(out, "Store Demo, run %s", facts->run_id);
  if (facts->scenario != NULL && facts->scenario[0] != '\0') fprintf(out, ", scenario %s", facts->scenario);
  fputs("\n\n", out);
  if (facts->description != NULL) fprintf(out, "  scenario    %s\n", facts->description);
  fprintf(out, "  operations  %" PRIu64, result->finished);
  if (facts->orders > 0) fprintf(out, " of %" PRIu64, facts->orders);
  fprintf(out, "%s: %s\n", facts->interrupted ? " (interrupted)" : "", plan);
  fprintf(out, "  door        %s, request timeout %g s, seed %" PRIu64 "\n", facts->mode, facts->request_timeout,
          facts->seed);
  if (facts->restocked < 0)
    fputs("  restocked   no, as asked: shelves may run empty\n", out);
  else
    fprintf(out, "  restocked   %" PRId64 " units before the start\n", facts->restocked);
  double seconds = (double)facts->elapsed_us / 1e6;
  double rate = seconds > 0 ? 1 / seconds : 0;
  fprintf(out, "  took        %.1f s: %.1f operations/s, %.1f of them with success\n", seconds,
          (double)result->finished * rate, (double)result->succeeded * rate);
}

static void write_success(FILE *out, const runner_result *result) {
  uint64_t orders = runner_result_orders(result);
  if (orders == 0) return;
  fputs("\nSuccess of orders\n", out);
  for (size_t i = 0; i < runner_success_count; i++) {
    uint64_t reached = runner_result_reached(result, runner_successes[i].stage);
    fprintf(out, "  %-20s %8" PRIu64 "  %5.1f %%\n", runner_successes[i].label, reached, percent(reached, orders));
  }
  if (result->unclear > 0) {
    fprintf(out, "  (%" PRIu64 " failures do not tell at which step: counted as order created only)\n",
            result->unclear);
  }
  double low, high;
  uint64_t confirmed = result->stages[RUNNER_OUTCOME_CONFIRMED];
  runner_wilson_interval(confirmed, orders, &low, &high);
  fprintf(out,
          "  %" PRIu64 " orders: success %.1f %%, 95 %% interval %.0f–%.0f %% (Wilson): ±%.1f points by chance alone\n",
          orders, percent(confirmed, orders), 100 * low, 100 * high, 50 * (high - low));
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
  if (histogram == NULL || runner_histogram_count(histogram) == 0) return;
  fprintf(out, "  %-22s %8.1f %8.1f", name, (double)runner_histogram_min(histogram) / 1e3,
          runner_histogram_mean(histogram) / 1e3);
  for (size_t i = 0; i < runner_percentile_count; i++) {
    fprintf(out, " %8.1f", (double)runner_histogram_quantile(histogram, runner_percentiles[i].share) / 1e3);
  }
  fprintf(out, " %8.1f\n", (double)runner_histogram_max(histogram) / 1e3);
}

static void write_latencies(FILE *out, const runner_report *report) {
  const runner_result *result = report->result;
  fprintf(out, "\nLatency, ms%s (percentiles within %.1f %%)\n  %-22s %8s %8s",
          report->facts.model == RUNNER_RATE ? ", from when each was due" : "", 100 * RUNNER_HISTOGRAM_RELATIVE_ERROR,
          "", "min", "mean");
  for (size_t i = 0; i < runner_percentile_count; i++) fprintf(out, " %8s", runner_percentiles[i].name);
  fprintf(out, " %8s\n", "max");
  write_latency_row(out, "all", result->all);
  write_latency_row(out, "confirmed orders", result->confirmed);
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) {
    if (result->kinds[i].finished == result->finished) continue; /* the same as all */
    write_latency_row(out, runner_kind_names[i], result->kinds[i].latency);
  }
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = runner_report_failure(result, i);
    char name[23];
    snprintf(name, sizeof name, "%s", runner_outcome_reason_label(failure->reason));
    write_latency_row(out, name, failure->latency);
  }
}

static void write_runner(FILE *out, const runner_report *report) {
  char warning[256];
  fprintf(out, "\nThe runner itself\n  used %.2f s of CPU, %.0f %% of what it may use", report->facts.cpu_s,
          100 * report->facts.cpu_share);
  if (report->facts.model == RUNNER_RATE) {
    fprintf(out, "; started operations late by %.3f ms (p50), %.3f ms (p99), %.1f ms (max)",
            (double)runner_histogram_quantile(report->result->lag, 0.5) / 1e3,
            (double)runner_histogram_quantile(report->result->lag, 0.99) / 1e3,
            (double)runner_histogram_max(report->result->lag) / 1e3);
  }
  if (runner_report_warning(report, warning, sizeof warning))
    fprintf(out, "\n  WARNING: %s\n", warning);
  else
    fputs(": it kept up\n", out);
}

static void write_thresholds(FILE *out, const runner_report *report) {
  if (report->verdict_count > 0) fputs("\nThresholds\n", out);
  for (size_t i = 0; i < report->verdict_count; i++) {
    const runner_verdict *verdict = &report->verdicts[i];
    fprintf(out, "  %-6s %s (%s)\n", verdict->passed ? "ok" : "FAILED", verdict->threshold, verdict->shown);
  }
}

static void write_probes(FILE *out, const runner_report *report) {
  if (report->probe_count == 0) return;
  const runner_probe *best = NULL;
  fputs("\nSearch\n      rate/s   ended/s    p50 ms    p99 ms\n", out);
  for (size_t i = 0; i < report->probe_count; i++) {
    const runner_probe *probe = &report->probes[i];
    if (probe->passed && (best == NULL || probe->rate > best->rate)) best = probe;
    fprintf(out, "  %10.1f %9.1f %9.1f %9.1f  %s\n", probe->rate, probe->achieved, (double)probe->p50_us / 1e3,
            (double)probe->p99_us / 1e3, probe->passed ? "ok" : probe->failing);
  }
  if (best == NULL)
    fputs("  no rate that was tried keeps the thresholds\n", out);
  else
    fprintf(out, "  highest rate that keeps the thresholds: %.1f/s; the rest of this report is of that one\n",
            best->rate);
}

static void write_sections(FILE *out, const runner_report *report) {
  for (size_t i = 0; i < report->section_count; i++) {
    fprintf(out, "\n%s (%s)\n", report->sections[i].title, report->sections[i].plugin);
    for (const char *line = report->sections[i].text; *line != '\0'; line = strchr(line, '\n') + 1) {
      fprintf(out, "  %.*s\n", (int)strcspn(line, "\n"), line);
    }
  }
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

static void write_critical(FILE *out, const runner_critical *critical) {
  if (critical->traces == 0) return;
  fprintf(out, "\nCritical path, mean of %zu traces of confirmed orders\n", critical->traces);
  size_t shown = runner_report_parts(critical);
  for (size_t i = 0; i < shown; i++) {
    const runner_part *part = &critical->parts[i];
    fprintf(out, "  %-10s %-44s %10.2f ms  %5.1f %%\n", part->service, part->name,
            part->total_ms / (double)critical->traces, 100 * part->total_ms / critical->whole_ms);
  }
  fprintf(out, "  By measurement an order waits longest for %s: %s\n", critical->parts[0].service,
          critical->parts[0].name);
}

char *runner_report_text(const runner_report *report) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (out == NULL) return NULL;
  write_head(out, report);
  write_success(out, report->result);
  write_failures(out, report->result);
  write_latencies(out, report);
  write_steps(out, report->result);
  write_critical(out, &report->result->critical);
  write_sections(out, report);
  write_probes(out, report);
  write_runner(out, report);
  write_thresholds(out, report);
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}
