/* Charts as inline SVG for the HTML report: curves over time, and a histogram of latencies on a logarithmic axis.
 * Colours are classes (c0, c1, …) that the page's style gives, so that light and dark are its business. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* One curve; NaN: no value at this point. */
typedef struct runner_curve {
  const char *name;
  const double *values; /* as many as the chart has points */
  const char *colour;   /* "c0" */
} runner_curve;

/* Curves over evenly spaced points from 0 on, step seconds apart, with a legend. Nothing is written where
 * there are no points. */
void runner_chart_time(FILE *out, const char *label, double step, size_t points, const runner_curve *curves,
                       size_t curve_count);

/* A vertical line with its name. */
typedef struct runner_mark {
  const char *name;
  double value;
} runner_mark;

/* Bars from edges[i] to edges[i + 1] (positive, rising), twice as many values stacked: first[i] under second[i]. */
typedef struct runner_bars {
  const double *edges, *first, *second;
  size_t count;
  const char *first_name, *second_name;
} runner_bars;

void runner_chart_bars(FILE *out, const char *label, const runner_bars *bars, const runner_mark *marks,
                       size_t mark_count);

/* Text with the characters of markup made harmless, for HTML and XML. */
void runner_chart_text(FILE *out, const char *text);
