/* What every registry says about its own process, under the names that Prometheus' client libraries share. */
#pragma once

#include <stdio.h>

#include "telemetry/metrics.h"

/* Writes process_cpu_seconds_total and its like as text of that format, read from /proc/self now. What cannot be read
 * is left out. From any thread. */
void process_metrics_write(FILE *out, metrics_format format);

/* The HELP and TYPE lines of a metric; in metrics_text.c. type: counter, gauge or histogram. */
void metrics_write_header(FILE *out, metrics_format format, const char *name, const char *type, const char *help);
