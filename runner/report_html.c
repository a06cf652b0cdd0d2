/* The report as a page: one file that refers to nothing outside it, with charts as inline SVG (chart.h). The style is
 * runner/report.css, built into the program. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runner/chart.h"
#include "runner/report.h"

#include "report_css.h" /* made from report.css by the build */

enum { BARS = 48, CURVES = 3 };

static double percent(uint64_t count, uint64_t total) {
  return total == 0 ? 0 : 100.0 * (double)count / (double)total;
}

static double quantile_ms(const runner_histogram *histogram, double share) {
  return (double)runner_histogram_quantile(histogram, share) / 1e3;
}

static void write_head(FILE *out, const runner_report *report) {
  const runner_run_facts *facts = &report->facts;
  char plan[512], warning[256];
  runner_report_plan(facts, plan, sizeof plan);
  fputs(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Store Demo, ",
      out);
  runner_chart_text(out, facts->run_id);
  fputs("</title>\n<style>\n", out);
  fwrite(report_css, 1, report_css_size, out);
  fputs("</style></head>\n<body>\n<header><h1>Store Demo", out);
  bool named = facts->scenario != NULL && facts->scenario[0] != '\0';
  if (named) fputs(": ", out);
  runner_chart_text(out, named ? facts->scenario : "");
  fputs("</h1>\n<div class=\"soft\">", out);
  if (facts->description != NULL) {
    runner_chart_text(out, facts->description);
    fputs(". ", out);
  }
  runner_chart_text(out, plan);
  fprintf(out, "; %s door, seed %" PRIu64 ", ", facts->mode, facts->seed);
  runner_chart_text(out, facts->run_id);
  fprintf(out, "%s</div></header>\n", facts->interrupted ? ", <b class=\"bad\">interrupted</b>" : "");
  if (runner_report_warning(report, warning, sizeof warning)) {
    fputs("<div class=\"warning\">", out);
    runner_chart_text(out, warning);
    fputs("</div>\n", out);
  }
}

static void write_tile(FILE *out, const char *name, const char *format, double value, const char *more) {
  fputs("<div><b>", out);
  fprintf(out, format, value);
  fprintf(out, "</b><span class=\"soft\">%s %s</span></div>\n", name, more);
}

static void write_tiles(FILE *out, const runner_report *report) {
  const runner_result *result = report->result;
  double seconds = (double)report->facts.elapsed_us / 1e6, low, high;
  char interval[64], kept[64];
  runner_wilson_interval(result->succeeded, result->finished, &low, &high);
  snprintf(interval, sizeof interval, "(95 %%: %.0f–%.0f %%)", 100 * low, 100 * high);
  size_t passed = 0;
  for (size_t i = 0; i < report->verdict_count; i++) passed += report->verdicts[i].passed;
  snprintf(kept, sizeof kept, "of %zu thresholds hold", report->verdict_count);
  fputs("<div class=\"tiles\">\n", out);
  write_tile(out, "success", "%.1f %%", percent(result->succeeded, result->finished), interval);
  write_tile(out, "operations", "%.0f", (double)result->finished, "");
  write_tile(out, "per second", "%.1f", seconds > 0 ? (double)result->finished / seconds : 0, "");
  write_tile(out, "median", "%.1f ms", quantile_ms(result->all, 0.5), "");
  write_tile(out, "p99", "%.1f ms", quantile_ms(result->all, 0.99), "");
  if (report->verdict_count > 0) write_tile(out, kept, "%.0f", (double)passed, "");
  fputs("</div>\n", out);
}

/* How many values of a histogram fall between two edges in milliseconds. */
static double count_between(const runner_histogram *histogram, double low_ms, double high_ms) {
  uint64_t low = runner_histogram_count_until(histogram, (int64_t)floor(low_ms * 1e3));
  return (double)(runner_histogram_count_until(histogram, (int64_t)floor(high_ms * 1e3)) - low);
}

static void write_distribution(FILE *out, const runner_result *result) {
  double low = fmax(0.001, (double)runner_histogram_min(result->all) / 1e3 * 0.95);
  double high = fmax(low * 1.5, (double)runner_histogram_max(result->all) / 1e3 * 1.05);
  double edges[BARS + 1], good[BARS], bad[BARS];
  for (size_t i = 0; i <= BARS; i++) edges[i] = low * pow(high / low, (double)i / BARS);
  for (size_t i = 0; i < BARS; i++) {
    bad[i] = 0;
    for (size_t j = 0; j < result->failure_count; j++) {
      if (result->failures[j].latency != NULL)
        bad[i] += count_between(result->failures[j].latency, edges[i], edges[i + 1]);
    }
    good[i] = fmax(0, count_between(result->all, edges[i], edges[i + 1]) - bad[i]);
  }
  runner_mark marks[] = {{"p50", quantile_ms(result->all, 0.5)},
                         {"p90", quantile_ms(result->all, 0.9)},
                         {"p99", quantile_ms(result->all, 0.99)},
                         {"p99.9", quantile_ms(result->all, 0.999)}};
  runner_bars bars = {edges, good, bad, BARS, "successes", "failures"};
  fputs("<section class=\"wide\"><h2>Latency of operations <span class=\"soft\">(how many took how long)</span></h2>\n",
        out);
  runner_chart_bars(out, "Distribution of latencies", &bars, marks, sizeof marks / sizeof marks[0]);
  fputs("</section>\n", out);
}

/* The last interval of a run is not whole: of a rate it would show a fall that was none. */
static size_t whole_intervals(const runner_series *series) {
  return series->count > 2 ? series->count - 1 : series->count;
}

static void write_percentiles(FILE *out, const runner_series *series, double *values) {
  static const struct {
    const char *name, *colour;
    double share;
  } lines[CURVES] = {{"p50", "c0", 0.5}, {"p90", "c1", 0.9}, {"p99", "c2", 0.99}};
  runner_curve curves[CURVES];
  size_t points = whole_intervals(series);
  for (size_t i = 0; i < CURVES; i++) {
    double *at = values + i * points;
    for (size_t j = 0; j < points; j++) {
      const runner_histogram *latency = series->intervals[j].latency;
      at[j] = latency == NULL ? NAN : quantile_ms(latency, lines[i].share);
    }
    curves[i] = (runner_curve){lines[i].name, at, lines[i].colour};
  }
  fputs("<section><h2>Percentiles over time <span class=\"soft\">(ms)</span></h2>\n", out);
  runner_chart_time(out, "Percentiles over time", (double)series->interval_us / 1e6, points, curves, CURVES);
  fputs("</section>\n", out);
}

static void write_rate(FILE *out, const runner_series *series, double *values) {
  size_t points = whole_intervals(series);
  double *ended = values, *failed = values + points, seconds = (double)series->interval_us / 1e6;
  for (size_t i = 0; i < points; i++) {
    ended[i] = (double)series->intervals[i].finished / seconds;
    failed[i] = (double)series->intervals[i].failed / seconds;
  }
  runner_curve curves[] = {{"ended", ended, "c0"}, {"failed", failed, "c2"}};
  fputs("<section><h2>Rate <span class=\"soft\">(operations per second)</span></h2>\n", out);
  runner_chart_time(out, "Operations per second", seconds, points, curves, 2);
  fputs("</section>\n", out);
}

/* A name, a bar of this share of the width, and a text. */
static void write_row(FILE *out, const char *name, double share, const char *colour, const char *text) {
  fputs("<div class=\"row\"><span>", out);
  runner_chart_text(out, name);
  fprintf(out, "</span><div><div class=\"bar %s\" style=\"width:%.1f%%\"></div></div><span class=\"soft\">", colour,
          100 * share);
  runner_chart_text(out, text);
  fputs("</span></div>\n", out);
}

static void write_errors(FILE *out, const runner_result *result) {
  fputs("<section><h2>Failures by reason</h2>\n", out);
  if (result->failure_count == 0) fputs("<p class=\"ok\">none</p>\n", out);
  double most = result->failure_count == 0 ? 1 : (double)runner_report_failure(result, 0)->count;
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = runner_report_failure(result, i);
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 ", %.1f %%", failure->count, percent(failure->count, result->finished));
    write_row(out, runner_outcome_reason_label(failure->reason), (double)failure->count / most, "", text);
  }
  fputs("</section>\n", out);
}

static void write_stages(FILE *out, const runner_result *result) {
  uint64_t orders = runner_result_orders(result);
  if (orders == 0) return;
  fputs("<section><h2>How far orders got</h2>\n", out);
  for (size_t i = 0; i < runner_success_count; i++) {
    uint64_t reached = runner_result_reached(result, runner_successes[i].stage);
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 ", %.1f %%", reached, percent(reached, orders));
    write_row(out, runner_successes[i].label, (double)reached / (double)orders, "c3", text);
  }
  fputs("</section>\n", out);
}

static void write_steps(FILE *out, const runner_result *result) {
  const runner_step *longest = runner_result_bottleneck(result);
  if (longest == NULL) return;
  double whole = 0, most = fmax(1, runner_step_mean_us(result, longest));
  for (size_t i = 0; i < result->step_count; i++) whole += runner_step_mean_us(result, &result->steps[i]);
  fprintf(out, "<section><h2>Time per step <span class=\"soft\">(mean of %zu confirmed orders)</span></h2>\n",
          result->steps_read);
  for (size_t i = 0; i < result->step_count; i++) {
    const runner_step *step = &result->steps[i];
    double mean = runner_step_mean_us(result, step);
    char name[64], text[64];
    snprintf(name, sizeof name, "%s%s%s", step->state, step->service[0] == '\0' ? "" : ": ", step->service);
    snprintf(text, sizeof text, "%.1f ms, %.0f %%", mean / 1e3, whole > 0 ? 100 * mean / whole : 0);
    write_row(out, name, mean / most, step == longest ? "c1" : "c0", text);
  }
  fputs("</section>\n", out);
}

static void write_latency_row(FILE *out, const char *name, const runner_histogram *histogram) {
  if (histogram == NULL || runner_histogram_count(histogram) == 0) return;
  fputs("<tr><td>", out);
  runner_chart_text(out, name);
  fprintf(out, "</td><td>%" PRIu64 "</td><td>%.1f</td>", runner_histogram_count(histogram),
          runner_histogram_mean(histogram) / 1e3);
  for (size_t i = 0; i < runner_percentile_count; i++) {
    fprintf(out, "<td>%.1f</td>", quantile_ms(histogram, runner_percentiles[i].share));
  }
  fprintf(out, "<td>%.1f</td></tr>\n", (double)runner_histogram_max(histogram) / 1e3);
}

static void write_table(FILE *out, const runner_result *result) {
  fprintf(out,
          "<section class=\"wide\"><h2>Latency in ms <span class=\"soft\">(percentiles within %.1f %%)</span></h2>\n"
          "<div class=\"scroll\"><table><tr><th></th><th>count</th><th>mean</th>",
          100 * RUNNER_HISTOGRAM_RELATIVE_ERROR);
  for (size_t i = 0; i < runner_percentile_count; i++) fprintf(out, "<th>%s</th>", runner_percentiles[i].name);
  fputs("<th>max</th></tr>\n", out);
  write_latency_row(out, "all operations", result->all);
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) {
    if (result->kinds[i].finished == result->finished) continue; /* the same as all */
    write_latency_row(out, runner_kind_names[i], result->kinds[i].latency);
  }
  write_latency_row(out, "confirmed orders", result->confirmed);
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = runner_report_failure(result, i);
    write_latency_row(out, runner_outcome_reason_label(failure->reason), failure->latency);
  }
  fputs("</table></div></section>\n", out);
}

static void write_thresholds(FILE *out, const runner_report *report) {
  if (report->verdict_count == 0) return;
  fputs("<section><h2>Thresholds</h2><div class=\"scroll\"><table>\n", out);
  for (size_t i = 0; i < report->verdict_count; i++) {
    const runner_verdict *verdict = &report->verdicts[i];
    fprintf(out, "<tr><td class=\"%s\">%s ", verdict->passed ? "ok" : "bad", verdict->passed ? "✓" : "✗");
    runner_chart_text(out, verdict->threshold);
    fputs("</td><td>", out);
    runner_chart_text(out, verdict->shown);
    fputs("</td></tr>\n", out);
  }
  fputs("</table></div></section>\n", out);
}

static void write_probes(FILE *out, const runner_report *report) {
  if (report->probe_count == 0) return;
  fputs(
      "<section class=\"wide\"><h2>Search for the highest rate</h2><div class=\"scroll\"><table>\n"
      "<tr><th>rate/s</th><th>ended/s</th><th>p50 ms</th><th>p99 ms</th><th>outcome</th></tr>\n",
      out);
  for (size_t i = 0; i < report->probe_count; i++) {
    const runner_probe *probe = &report->probes[i];
    fprintf(out, "<tr><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td><td class=\"%s\">", probe->rate,
            probe->achieved, (double)probe->p50_us / 1e3, (double)probe->p99_us / 1e3, probe->passed ? "ok" : "bad");
    runner_chart_text(out, probe->passed ? "ok" : probe->failing);
    fputs("</td></tr>\n", out);
  }
  fputs("</table></div></section>\n", out);
}

static void write_critical(FILE *out, const runner_critical *critical) {
  if (critical->traces == 0) return;
  fprintf(out, "<section><h2>Critical path <span class=\"soft\">(mean of %zu traces)</span></h2>\n", critical->traces);
  size_t shown = runner_report_parts(critical);
  for (size_t i = 0; i < shown; i++) {
    const runner_part *part = &critical->parts[i];
    char name[96], text[64];
    snprintf(name, sizeof name, "%s: %s", part->service, part->name);
    double share = 100 * part->total_ms / critical->whole_ms;
    snprintf(text, sizeof text, "%.1f ms, %.*f %%", part->total_ms / (double)critical->traces, share < 10, share);
    write_row(out, name, part->total_ms / critical->parts[0].total_ms, i == 0 ? "c1" : "c0", text);
  }
  fputs("</section>\n", out);
}

static void write_sections(FILE *out, const runner_report *report) {
  for (size_t i = 0; i < report->section_count; i++) {
    fputs("<section><h2>", out);
    runner_chart_text(out, report->sections[i].title);
    fputs(" <span class=\"soft\">", out);
    runner_chart_text(out, report->sections[i].plugin);
    fputs("</span></h2><pre>", out);
    runner_chart_text(out, report->sections[i].text);
    fputs("</pre></section>\n", out);
  }
}

static void write_runner(FILE *out, const runner_report *report) {
  const runner_result *result = report->result;
  fprintf(out, "<section><h2>The runner itself</h2><pre>%.2f s of CPU, %.0f %% of what it may use\n",
          report->facts.cpu_s, 100 * report->facts.cpu_share);
  if (report->facts.model == RUNNER_RATE) {
    fprintf(out, "operations started late by %.3f ms (p50), %.3f ms (p99), %.1f ms (max)\n",
            quantile_ms(result->lag, 0.5), quantile_ms(result->lag, 0.99),
            (double)runner_histogram_max(result->lag) / 1e3);
  }
  fprintf(out, "%" PRIu64 " operations missed, %" PRIu64 " in the warm-up</pre></section>\n", report->facts.missed,
          result->warm_up);
}

char *runner_report_html(const runner_report *report) {
  const runner_result *result = report->result;
  char *text = NULL;
  size_t length;
  double *values = calloc(CURVES * (result->series->count + 1), sizeof *values);
  FILE *out = values == NULL ? NULL : open_memstream(&text, &length);
  if (out == NULL) {
    free(values);
    return NULL;
  }
  write_head(out, report);
  write_tiles(out, report);
  fputs("<main>\n", out);
  if (result->finished > 0) {
    write_distribution(out, result);
    write_percentiles(out, result->series, values);
    write_rate(out, result->series, values);
  }
  write_errors(out, result);
  write_stages(out, result);
  write_steps(out, result);
  write_critical(out, &result->critical);
  write_thresholds(out, report);
  write_sections(out, report);
  write_runner(out, report);
  write_probes(out, report);
  write_table(out, result);
  fputs("</main>\n</body></html>\n", out);
  free(values);
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}
