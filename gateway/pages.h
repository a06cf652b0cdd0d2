/* The gateway's own pages: GET /, /health, /metrics, /openapi.json, on every port. */
#pragma once

#include "gateway/exchange.h"

/* Prepares what is counted of them. */
void pages_init(gateway *server);

/* Writes what GET / answers on this port, once its routes are known. */
void pages_write_index(gateway_listener *listener);

/* Whether the path is one of theirs. */
bool pages_has(h2o_iovec_t path);

/* False where the path is none of theirs: the exchange is still the caller's. */
bool pages_handle(exchange *self);
