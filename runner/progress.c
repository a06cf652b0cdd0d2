/* See progress.h. */
#include "runner/progress.h"

#include <unistd.h>

enum { BAR_WIDTH = 24, LINE_EVERY_US = 2000000 };

runner_progress runner_progress_begin(FILE *out, uint64_t total, bool colour) {
  bool terminal = isatty(fileno(out)) == 1;
  return (runner_progress){.out = out, .total = total, .terminal = terminal, .colour = terminal && colour};
}

static void draw_bar(const runner_progress *progress, uint64_t finished) {
  uint64_t full = progress->total == 0 ? 0 : finished * BAR_WIDTH / progress->total;
  fputs(progress->colour ? "\r\033[32m" : "\r", progress->out);
  for (uint64_t i = 0; i < BAR_WIDTH; i++) fputs(i < full ? "█" : "░", progress->out);
  fputs(progress->colour ? "\033[0m " : " ", progress->out);
}

void runner_progress_show(runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                          bool last) {
  uint64_t tenth = progress->total == 0 ? 0 : live->finished * 10 / progress->total;
  bool due =
      progress->terminal || tenth > progress->shown_tenth || engine->elapsed_us - progress->shown_us >= LINE_EVERY_US;
  if (!due && !last) return;
  progress->shown_us = engine->elapsed_us;
  progress->shown_tenth = tenth;
  double seconds = (double)engine->elapsed_us / 1e6;
  double share = live->finished == 0 ? 0 : 100.0 * (double)live->confirmed / (double)live->finished;
  double rate = seconds > 0 ? (double)live->finished / seconds : 0;
  if (progress->terminal) draw_bar(progress, live->finished);
  fprintf(progress->out, "%llu/%llu orders, %.1f %% confirmed, %.1f/s, p50 %.0f ms, %u in flight, %.1f s",
          (unsigned long long)live->finished, (unsigned long long)progress->total, share, rate,
          (double)live->p50_us / 1e3, engine->in_flight, seconds);
  if (engine->stopped && !last) fputs(", ending", progress->out);
  fputs(progress->terminal ? "\033[K" : "\n", progress->out);
  if (progress->terminal && last) fputc('\n', progress->out);
  fflush(progress->out);
}
