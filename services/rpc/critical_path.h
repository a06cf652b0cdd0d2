/* Which part of a trace's time each span accounts for: what would have to get faster for the whole to get faster. Asked
 * by the gateway for GET /traces and by the runner's report. */
#pragma once

#include <stddef.h>

#include "rpc/v1/traces.pb-c.h"

/* Sets critical_ms of every span. At each instant from a root's start to its end exactly one span is on the critical
 * path: of a span and its children the child that ends last, then the one that ended last before that began, …, and
 * between them the span itself. So the figures add up to the roots' durations. A root is a span whose parent is not
 * among the given; spans that cannot be reached from one (or lie deeper than 64 levels) get 0. */
void critical_path_fill(Rpc__V1__Span *const *spans, size_t count);
