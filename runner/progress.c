/* See progress.h. */
#include "runner/progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, LINE_EVERY_US = 2000000, SPARK_US = 1000000 };

runner_progress runner_progress_begin(FILE *out, uint64_t total, int64_t total_us, bool colour) {
  bool terminal = isatty(fileno(out)) == 1;
  return (runner_progress){
      .out = out, .total = total, .total_us = total_us, .terminal = terminal, .colour = terminal && colour};
}

/* How much of the run is done, 0 to 1. Operations of the warm-up are not among those asked for. */
static double part_done(const runner_progress *progress, const runner_engine_progress *engine,
                        const runner_live *live) {
  double part = 0;
  if (progress->total > 0) part = (double)live->finished / (double)progress->total;
  double of_time = progress->total_us > 0 ? (double)engine->elapsed_us / (double)progress->total_us : 0;
  if (of_time > part) part = of_time;
  return part > 1 ? 1 : part;
}

static const char *paint(const runner_progress *progress, const char *colour) {
  return progress->colour ? colour : "";
}

static void take_spark(runner_progress *progress, const runner_engine_progress *engine) {
  if (engine->elapsed_us - progress->spark_us < SPARK_US) return;
  double seconds = (double)(engine->elapsed_us - progress->spark_us) / 1e6;
  memmove(&progress->sparks[0], &progress->sparks[1], (RUNNER_SPARKS - 1) * sizeof progress->sparks[0]);
  progress->sparks[RUNNER_SPARKS - 1] = (double)(engine->finished - progress->spark_finished) / seconds;
  progress->spark_us = engine->elapsed_us;
  progress->spark_finished = engine->finished;
}

static void draw_sparks(const runner_progress *progress) {
  static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double most = 0;
  for (size_t i = 0; i < RUNNER_SPARKS; i++) {
    if (progress->sparks[i] > most) most = progress->sparks[i];
  }
  fputs(paint(progress, "\033[36m"), progress->out);
  for (size_t i = 0; i < RUNNER_SPARKS && most > 0; i++) {
    fputs(blocks[(int)(7 * progress->sparks[i] / most)], progress->out);
  }
  fputs(paint(progress, "\033[0m"), progress->out);
}

static double quantile_ms(const runner_live *live, double share) {
  return (double)runner_histogram_quantile(live->latency, share) / 1e3;
}

static double success(const runner_live *live) {
  return live->finished == 0 ? 0 : 100.0 * (double)live->succeeded / (double)live->finished;
}

static void draw_view(runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                      double rate) {
  FILE *out = progress->out;
  double part = part_done(progress, engine, live);
  fputs(progress->drawn ? "\033[3A" : "\033[?7l", out); /* three lines up; long lines are cut, not wrapped */
  progress->drawn = true;
  fprintf(out, "\r%s", paint(progress, "\033[32m"));
  for (int i = 0; i < BAR_WIDTH; i++) fputs(i < (int)(part * BAR_WIDTH) ? "█" : "░", out);
  fprintf(out, "%s %3.0f %%  %" PRIu64, paint(progress, "\033[0m"), 100 * part, live->finished);
  if (progress->total > 0) fprintf(out, "/%" PRIu64, progress->total);
  fprintf(out, " operations  %u in flight  %.1f s%s\033[K\n", engine->in_flight, (double)engine->elapsed_us / 1e6,
          engine->stopped ? ", ending" : "");
  draw_sparks(progress);
  fprintf(out, " %.1f/s\033[K\n", rate);
  uint64_t failed = live->finished - live->succeeded;
  fprintf(out, "%.1f %% success  %s%" PRIu64 " failed%s  p50 %.0f  p90 %.0f  p99 %.0f  max %.0f ms%s\033[K\n",
          success(live), failed > 0 ? paint(progress, "\033[31m") : "", failed, paint(progress, "\033[0m"),
          quantile_ms(live, 0.5), quantile_ms(live, 0.9), quantile_ms(live, 0.99),
          (double)runner_histogram_max(live->latency) / 1e3,
          live->warm_up > 0 && live->finished == 0 ? "  warming up" : "");
}

static void write_line(const runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                       double rate) {
  fprintf(progress->out, "%" PRIu64, live->finished);
  if (progress->total > 0) fprintf(progress->out, "/%" PRIu64, progress->total);
  fprintf(progress->out, " operations, %.1f %% success, %.1f/s, p50 %.0f ms, p99 %.0f ms, %u in flight, %.1f s%s\n",
          success(live), rate, quantile_ms(live, 0.5), quantile_ms(live, 0.99), engine->in_flight,
          (double)engine->elapsed_us / 1e6, engine->stopped ? ", ending" : "");
}

void runner_progress_show(runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                          bool last) {
  uint64_t tenth = (uint64_t)(10 * part_done(progress, engine, live));
  take_spark(progress, engine);
  bool due =
      progress->terminal || tenth > progress->shown_tenth || engine->elapsed_us - progress->shown_us >= LINE_EVERY_US;
  if (!due && !last) return;
  progress->shown_us = engine->elapsed_us;
  progress->shown_tenth = tenth;
  double seconds = (double)engine->elapsed_us / 1e6;
  double rate = seconds > 0 ? (double)engine->finished / seconds : 0;
  if (progress->terminal)
    draw_view(progress, engine, live, rate);
  else
    write_line(progress, engine, live, rate);
  if (progress->terminal && last) fputs("\033[?7h", progress->out);
  fflush(progress->out);
}
