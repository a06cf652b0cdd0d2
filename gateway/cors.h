/* Pages of other origins that may call the gateway (the CORS protocol of the Fetch standard), and OPTIONS, with which
 * browsers ask first. Called by server.c and exchange.c, on the event loop. */
#pragma once

#include "gateway/exchange.h"

/* Whether `origin` ("https://shop.example") is one of the comma-separated origins, or they are "*". origins may be
 * NULL: none is. Pure. */
bool cors_allows(const char *origins, const char *origin, size_t length);

/* Adds what every answer to a page of another origin carries. */
void cors_add_headers(const exchange *self);

/* Answers an OPTIONS request: the methods that its path answers and, to a page that may call, that it may. */
void cors_answer_options(exchange *self);
