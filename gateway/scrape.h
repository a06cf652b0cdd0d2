/* GET /metrics and GET /targets: what Prometheus asks, and where it learns what to ask. Called by pages. */
#pragma once

#include "gateway/exchange.h"

/* The metrics of one process: on a service's port that service, on the port for all ?service=NAME, else the gateway
 * itself. Of a service's several processes ?replica=N, from 0, which is also the default. As OpenMetrics where the
 * Accept header names it. */
void scrape_metrics_page(exchange *self);

/* Every process to scrape, in the form of Prometheus' HTTP service discovery; the host is the one of the request. */
void scrape_targets_page(exchange *self);
