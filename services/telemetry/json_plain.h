/* What of a text stands in a JSON string as it is: ASCII but for control characters, quote and backslash. Log, audit
 * and the gateway's answers copy such runs whole. */
#pragma once

#include <stddef.h>

/* Bytes at the text's beginning that are plain, up to length. */
size_t json_plain_run(const char *text, size_t length);
