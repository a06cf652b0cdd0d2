/* Content negotiation (RFC 9110 §12.5.1) as far as it goes here: there is JSON, or nothing. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether a client whose Accept header has this value takes application/json, and application/problem+json for errors:
 * a range that covers it, with a weight above 0, the most specific one deciding. An empty value takes everything. */
bool accept_takes_json(const char *value, size_t length);
