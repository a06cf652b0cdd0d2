/* See accept.h. */
#include "gateway/accept.h"

#include <string.h>
#include <strings.h>

static bool is(const char *text, size_t length, const char *word) {
  return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* How many of the characters in front are of that set: h2o ends no header with a NUL. */
static size_t span(const char *text, size_t length, const char *set) {
  size_t count = 0;
  while (count < length && memchr(set, text[count], strlen(set)) != NULL) count++;
  return count;
}

/* How specific the range is where it covers JSON; 0 where it does not. */
static int specificity(const char *range, size_t length) {
  if (is(range, length, "application/json")) return 3;
  if (is(range, length, "application/*")) return 2;
  return is(range, length, "*/*") ? 1 : 0;
}

/* q=0, q=0.0 …: not acceptable. */
static bool is_excluded(const char *parameters, size_t length) {
  for (const char *at = parameters, *end = parameters + length; at < end; at++) {
    if (*at != ';') continue;
    while (at + 1 < end && (at[1] == ' ' || at[1] == '\t')) at++;
    if (end - at < 4 || strncasecmp(at + 1, "q=", 2) != 0) continue;
    const char *weight = at + 3;
    size_t left = (size_t)(end - weight), digits = span(weight, left, "0.");
    return digits == left || span(weight + digits, 1, " \t;,") == 1;
  }
  return false;
}

bool accept_takes_json(const char *value, size_t length) {
  int decided = 0;
  bool takes = span(value, length, " \t") == length;
  const char *end = value + length;
  for (const char *at = value; at < end;) {
    const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
    while (at < stop && (*at == ' ' || *at == '\t')) at++;
    size_t size = 0;
    while (at + size < stop && !strchr("; \t", at[size])) size++;
    int how = specificity(at, size);
    if (how > decided) {
      decided = how;
      takes = !is_excluded(at + size, (size_t)(stop - at) - size);
    }
    at = comma ? comma + 1 : end;
  }
  return takes;
}
