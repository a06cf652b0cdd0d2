/* See accept.h. The value need not end in a NUL: h2o's do not. */
#include "gateway/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { UNCOVERED, EVERYTHING, SUBTYPES, EXACTLY };

typedef struct text {
  const char *at;
  size_t length;
} text;

static bool is_space(char c) {
  return c == ' ' || c == '\t';
}

static text trim(text all) {
  while (all.length > 0 && is_space(all.at[0])) all.at++, all.length--;
  while (all.length > 0 && is_space(all.at[all.length - 1])) all.length--;
  return all;
}

/* Takes what is in front of the separator from *rest. */
static text next(text *rest, char separator) {
  const char *end = memchr(rest->at, separator, rest->length);
  text front = {rest->at, end ? (size_t)(end - rest->at) : rest->length};
  size_t used = front.length + (end ? 1 : 0);
  *rest = (text){rest->at + used, rest->length - used};
  return trim(front);
}

static bool is(text word, const char *other, size_t length) {
  return word.length == length && strncasecmp(word.at, other, length) == 0;
}

static int specificity(text range, const char *type) {
  size_t family = strcspn(type, "/") + 1;
  if (is(range, type, strlen(type))) return EXACTLY;
  if (range.length == family + 1 && range.at[family] == '*' && strncasecmp(range.at, type, family) == 0)
    return SUBTYPES;
  return is(range, "*/*", 3) ? EVERYTHING : UNCOVERED;
}

/* "0.25" is 250: RFC 9110 §12.4.2. */
static int weight_of(text number) {
  int weight = 0, unit = ACCEPT_WEIGHT_MAX;
  for (size_t i = 0; i < number.length; i++) {
    if (i == 1 && number.at[i] == '.') continue;
    if (number.at[i] < '0' || number.at[i] > '9' || (i > 0 && number.at[1] != '.')) return ACCEPT_WEIGHT_MAX;
    weight += (number.at[i] - '0') * unit;
    unit /= 10;
  }
  return number.length == 0 || weight > ACCEPT_WEIGHT_MAX ? ACCEPT_WEIGHT_MAX : weight;
}

static int find_weight(text parameters) {
  while (parameters.length > 0) {
    text parameter = next(&parameters, ';');
    if (parameter.length < 2 || strncasecmp(parameter.at, "q=", 2) != 0) continue;
    return weight_of((text){parameter.at + 2, parameter.length - 2});
  }
  return ACCEPT_WEIGHT_MAX;
}

int accept_weight(const char *value, size_t length, const char *type) {
  text rest = trim((text){value, length});
  int decided = UNCOVERED, weight = rest.length == 0 ? ACCEPT_WEIGHT_MAX : 0;
  while (rest.length > 0) {
    text element = next(&rest, ',');
    int how = specificity(next(&element, ';'), type), its = find_weight(element);
    if (how == UNCOVERED || how < decided || (how == decided && its < weight)) continue;
    decided = how;
    weight = its;
  }
  return weight;
}
