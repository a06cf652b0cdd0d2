/* The reports for other programs than ours: the time series as CSV, the thresholds as JUnit XML. */
#include <inttypes.h>
#include <stdlib.h>

#include "runner/chart.h"
#include "runner/report.h"

static char *close_stream(FILE *out, char **text) {
  if (fclose(out) == 0) return *text;
  free(*text);
  return NULL;
}

char *runner_report_csv(const runner_report *report) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (out == NULL) return NULL;
  const runner_series *series = report->result->series;
  double seconds = (double)series->interval_us / 1e6;
  fputs("t_s,interval_s,finished,failed,rate_per_s", out);
  for (size_t i = 0; i < runner_percentile_count; i++) fprintf(out, ",%s_ms", runner_percentiles[i].name);
  fputc('\n', out);
  for (size_t i = 0; i < series->count; i++) {
    const runner_interval *interval = &series->intervals[i];
    fprintf(out, "%g,%g,%" PRIu64 ",%" PRIu64 ",%g", (double)i * seconds, seconds, interval->finished, interval->failed,
            (double)interval->finished / seconds);
    for (size_t j = 0; j < runner_percentile_count; j++) {
      fputc(',', out);
      if (interval->latency == NULL) continue;
      fprintf(out, "%.3f", (double)runner_histogram_quantile(interval->latency, runner_percentiles[j].share) / 1e3);
    }
    fputc('\n', out);
  }
  return close_stream(out, &text);
}

char *runner_report_junit(const runner_report *report) {
  char *text = NULL;
  size_t length, failures = 0;
  FILE *out = open_memstream(&text, &length);
  if (out == NULL) return NULL;
  for (size_t i = 0; i < report->verdict_count; i++) failures += !report->verdicts[i].passed;
  const char *scenario = report->facts.scenario;
  bool named = scenario != NULL && scenario[0] != '\0';
  double seconds = (double)report->facts.elapsed_us / 1e6;
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"store-runner");
  if (named) fputc(' ', out);
  runner_chart_text(out, named ? scenario : "");
  fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"%.3f\">\n", report->verdict_count, failures,
          seconds);
  for (size_t i = 0; i < report->verdict_count; i++) {
    const runner_verdict *verdict = &report->verdicts[i];
    fputs("    <testcase classname=\"thresholds\" name=\"", out);
    runner_chart_text(out, verdict->threshold);
    fprintf(out, "\" time=\"%.3f\"", seconds);
    if (verdict->passed) {
      fputs("/>\n", out);
      continue;
    }
    fputs(">\n      <failure message=\"", out);
    runner_chart_text(out, verdict->shown);
    fputs("\"/>\n    </testcase>\n", out);
  }
  fputs("  </testsuite>\n</testsuites>\n", out);
  return close_stream(out, &text);
}
