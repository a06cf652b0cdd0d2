/* GET /health: what the services say of themselves (rpc.v1.Health), as JSON; 503 where one is not serving. Called by
 * pages. */
#pragma once

#include "gateway/exchange.h"

/* Of one service. */
void health_of_backend(exchange *self, const gateway_backend *backend);

/* Of the gateway and every service behind it, asked at once. */
void health_of_all(exchange *self);
