/* The little of UTF-8 that telemetry needs to keep what it writes valid whatever bytes it is given, and that decides
 * which texts are taken in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD, written in place of a byte that is not UTF-8. */
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* Bytes (1 to 4) of the well-formed sequence that text, ended by NUL, begins with (RFC 3629); 0 where it begins with
 * none. The NUL itself counts as one. */
size_t utf8_sequence_length(const char *text);

/* Whether the whole text is well-formed. */
bool utf8_is_valid(const char *text);

/* Copies text (NULL: "") into out, cut between characters where it is longer than size - 1 bytes. */
void utf8_copy(char *out, size_t size, const char *text);
