/* Content negotiation (RFC 9110 §12.5.1): what a client takes. Pure. Called by api_handler.c and console.c. */
#pragma once

#include <stddef.h>

enum { ACCEPT_WEIGHT_MAX = 1000 };

/* How much a client whose Accept header has this value (all its lines, joined by commas) wants the media type
 * ("text/html", in lower case), in thousandths: 0 is not at all, ACCEPT_WEIGHT_MAX is as much as anything. The most
 * specific range that covers the type decides, of several the one that wants it most; an empty value wants everything.
 * A range's parameters are not looked at, apart from q; a q that is no number counts as absent. */
int accept_weight(const char *value, size_t length, const char *type);
