/* GET /traces/{correlation_id}: one trace of all the spans that this gateway and the services behind it keep in memory
 * (rpc.v1.Traces), as JSON; 404 where there are none. Called by pages. */
#pragma once

#include "gateway/exchange.h"

/* The exchange's path begins with "/traces/". */
void traces_page(exchange *self);
