/* See chart.h. A chart is WIDTH by HEIGHT units, scaled by the page; what is drawn lies between the margins. */
#include "runner/chart.h"

#include <math.h>
#include <stdbool.h>

enum { WIDTH = 720, HEIGHT = 260, LEFT = 72, RIGHT = 24, TOP = 26, BOTTOM = 34, TICKS = 5 };

void runner_chart_text(FILE *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '>')
      fputs("&gt;", out);
    else if (*text == '&')
      fputs("&amp;", out);
    else if (*text == '"')
      fputs("&quot;", out);
    else
      fputc(*text, out);
  }
}

/* The smallest of 1, 2, 2.5 and 5 times a power of ten that cuts the range into at most TICKS steps. */
static double nice_step(double range) {
  static const double steps[] = {1, 2, 2.5, 5, 10};
  if (range <= 0) return 1;
  double power = pow(10, floor(log10(range / TICKS)));
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    if (steps[i] * power * TICKS >= range * (1 - 1e-9)) return steps[i] * power;
  }
  return 10 * power;
}

static double x_at(double part) {
  return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double y_at(double part) {
  return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
}

static void begin(FILE *out, const char *label) {
  fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
  runner_chart_text(out, label);
  fputs("\">\n", out);
}

static void write_tick_x(FILE *out, double part, const char *text) {
  fprintf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x_at(part), TOP, x_at(part),
          HEIGHT - BOTTOM);
  fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_at(part), HEIGHT - 8, text);
}

/* Horizontal lines with their values; returns the top of the axis. */
static double write_y_axis(FILE *out, double most) {
  double step = nice_step(most), top = fmax(step, ceil(most / step - 1e-9) * step);
  for (int i = 0; i * step <= top * (1 + 1e-9); i++) {
    double value = i * step, y = y_at(value / top);
    fprintf(out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, WIDTH - RIGHT, y);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 6, y + 4, value);
  }
  return top;
}

static void write_time_axis(FILE *out, double seconds) {
  double step = nice_step(seconds);
  for (int i = 0; i * step <= seconds * (1 + 1e-9); i++) {
    double value = i * step;
    char text[32];
    snprintf(text, sizeof text, "%g s", value);
    write_tick_x(out, seconds > 0 ? value / seconds : 0, text);
  }
}

static void write_curve(FILE *out, const runner_curve *curve, size_t points, double top) {
  bool drawing = false;
  fprintf(out, "<path class=\"curve %s\" d=\"", curve->colour);
  for (size_t i = 0; i < points; i++) {
    if (isnan(curve->values[i])) {
      drawing = false;
      continue;
    }
    double part = points > 1 ? (double)i / (double)(points - 1) : 0.5;
    fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', x_at(part), y_at(curve->values[i] / top));
    if (!drawing) fputs("h0.01", out); /* a point alone is seen too */
    drawing = true;
  }
  fputs("\"><title>", out);
  runner_chart_text(out, curve->name);
  fputs("</title></path>\n", out);
}

static void write_legend(FILE *out, const char *name, const char *colour) {
  fprintf(out, "<span><i class=\"%s\"></i>", colour);
  runner_chart_text(out, name);
  fputs("</span>", out);
}

void runner_chart_time(FILE *out, const char *label, double step, size_t points, const runner_curve *curves,
                       size_t curve_count) {
  double most = 0;
  if (points == 0) return;
  for (size_t i = 0; i < curve_count; i++) {
    for (size_t j = 0; j < points; j++) {
      if (curves[i].values[j] > most) most = curves[i].values[j]; /* NaN is not */
    }
  }
  begin(out, label);
  double top = write_y_axis(out, most);
  write_time_axis(out, step * (double)(points > 1 ? points - 1 : 1));
  for (size_t i = 0; i < curve_count; i++) write_curve(out, &curves[i], points, top);
  fputs("</svg>\n<p class=\"legend\">", out);
  for (size_t i = 0; i < curve_count; i++) write_legend(out, curves[i].name, curves[i].colour);
  fputs("</p>\n", out);
}

/* 1, 2, 5 times powers of ten within the range; fewer where they would be too close. */
static void write_log_axis(FILE *out, double low, double high) {
  static const double steps[] = {1, 2, 5};
  bool dense = log10(high / low) < 2.2;
  int first = (int)floor(log10(low)), last = (int)ceil(log10(high));
  for (int i = 3 * first; i <= 3 * last; i++) {
    int step = (i % 3 + 3) % 3, power = (i - step) / 3;
    double value = steps[step] * pow(10, power);
    if (value < low || value > high || (step > 0 && !dense)) continue;
    char text[32];
    if (value >= 1000)
      snprintf(text, sizeof text, "%g s", value / 1000);
    else
      snprintf(text, sizeof text, "%g ms", value);
    write_tick_x(out, log(value / low) / log(high / low), text);
  }
}

static void write_bar(FILE *out, const char *colour, double from, double to, double bottom, double top,
                      const char *title) {
  if (top <= bottom) return;
  fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s</title></rect>\n",
          colour, x_at(from) + 0.5, y_at(top), fmax(1, x_at(to) - x_at(from) - 1), y_at(bottom) - y_at(top), title);
}

static void write_marks(FILE *out, const runner_mark *marks, size_t count, double low, double high) {
  double last = -100;
  for (size_t i = 0; i < count; i++) {
    double x = x_at(log(fmin(fmax(marks[i].value, low), high) / low) / log(high / low));
    if (x - last < 44) continue; /* its name would cover the one before */
    last = x;
    fprintf(out, "<line class=\"mark\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x, TOP, x, HEIGHT - BOTTOM);
    fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, TOP - 8, marks[i].name);
  }
}

void runner_chart_bars(FILE *out, const char *label, const runner_bars *bars, const runner_mark *marks,
                       size_t mark_count) {
  double most = 0, low = bars->edges[0], high = bars->edges[bars->count];
  for (size_t i = 0; i < bars->count; i++) most = fmax(most, bars->first[i] + bars->second[i]);
  begin(out, label);
  double top = write_y_axis(out, most);
  write_log_axis(out, low, high);
  for (size_t i = 0; i < bars->count; i++) {
    double from = log(bars->edges[i] / low) / log(high / low), to = log(bars->edges[i + 1] / low) / log(high / low);
    char title[128];
    snprintf(title, sizeof title, "%.4g to %.4g ms: %.0f %s, %.0f %s", bars->edges[i], bars->edges[i + 1],
             bars->first[i], bars->first_name, bars->second[i], bars->second_name);
    write_bar(out, "b0", from, to, 0, bars->first[i] / top, title);
    write_bar(out, "b1", from, to, bars->first[i] / top, (bars->first[i] + bars->second[i]) / top, title);
  }
  write_marks(out, marks, mark_count, low, high);
  fputs("</svg>\n<p class=\"legend\">", out);
  write_legend(out, bars->first_name, "b0");
  write_legend(out, bars->second_name, "b1");
  fputs("</p>\n", out);
}
