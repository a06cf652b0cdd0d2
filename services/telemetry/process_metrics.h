/* What every registry says about its own process, under the names that Prometheus' client libraries share. */
#pragma once

#include <stdio.h>

/* Writes process_cpu_seconds_total and its like as Prometheus text, read from /proc/self now. What cannot be read is
 * left out. From any thread. */
void process_metrics_write(FILE *out);
