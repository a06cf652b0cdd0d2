/* The gateway's own pages: GET /, /health, /metrics, /openapi.json, on every port. */
#pragma once

#include "gateway/exchange.h"

/* Prepares what is counted of them. */
void pages_init(gateway *server);

/* False where the path is none of theirs: the exchange is still the caller's. */
bool pages_handle(exchange *self);
