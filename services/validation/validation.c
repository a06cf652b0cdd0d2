/* The checks that all three services make of a request before they act on it. Called by their handlers; pure. */
#include "validation/validation.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

rpc_status validation_check_text(const char *field, const char *text, size_t min, size_t max) {
  size_t length = strlen(text);
  if (length == 0 && min > 0) return rpc_status_invalid(field, "must not be empty");
  if (length < min || length > max) return rpc_status_invalid(field, "must be %zu to %zu bytes long", min, max);
  for (const char *at = text; *at; at++) {
    if (iscntrl((unsigned char)*at)) return rpc_status_invalid(field, "must not contain control characters");
  }
  return rpc_status_ok();
}

rpc_status validation_check_id(const char *field, const char *id) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t length = strlen(id);
  if (length == 0) return rpc_status_invalid(field, "must not be empty");
  if (length > VALIDATION_ID_MAX || strspn(id, allowed) != length) {
    return rpc_status_invalid(field, "must be 1 to %d characters of A-Z a-z 0-9 . _ -", VALIDATION_ID_MAX);
  }
  return rpc_status_ok();
}

rpc_status validation_check_range(const char *field, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return rpc_status_ok();
  return rpc_status_invalid(field, "must be from %" PRId64 " to %" PRId64 ", not %" PRId64, min, max, value);
}

rpc_status validation_check_page(const char *field, int32_t requested, int32_t *size) {
  *size = requested == 0 ? VALIDATION_PAGE_DEFAULT : requested;
  return validation_check_range(field, *size, 1, VALIDATION_PAGE_MAX);
}

rpc_status validation_check_money(const char *field, double amount, int64_t min_cents, int64_t max_cents,
                                  int64_t *cents) {
  *cents = 0;
  if (!isfinite(amount)) return rpc_status_invalid(field, "must be a finite number");
  /* Where the bounds hold, amount * 100 fits an int64_t by far. Comparing with a cent's slack leaves what lies between
   * two cents to the check of decimals, which says it better. */
  if (amount <= validation_money(min_cents - 1) || amount >= validation_money(max_cents + 1)) {
    return rpc_status_invalid(field, "must be from %" PRId64 ".%02d to %" PRId64 ".%02d", min_cents / 100,
                              (int)(min_cents % 100), max_cents / 100, (int)(max_cents % 100));
  }
  int64_t rounded = llround(amount * 100);
  /* The wire carries the double nearest to the decimal: no other double stands for that many cents. */
  if (validation_money(rounded) != amount) return rpc_status_invalid(field, "must have at most two decimals");
  *cents = rounded;
  return rpc_status_ok();
}

double validation_money(int64_t cents) {
  return (double)cents / 100.0;
}

Google__Protobuf__Timestamp *validation_time(rpc_arena *arena, int64_t unix_ms) {
  Google__Protobuf__Timestamp *time = unix_ms ? rpc_arena_alloc(arena, sizeof *time) : NULL;
  if (!time) return NULL;
  google__protobuf__timestamp__init(time);
  time->seconds = unix_ms / 1000;
  time->nanos = (int32_t)(unix_ms % 1000) * 1000000;
  return time;
}

const char *validation_field_at(char buffer[96], const char *list, size_t index, const char *field) {
  snprintf(buffer, 96, "%s[%zu].%s", list, index, field);
  return buffer;
}

void validation_make_id(char id[VALIDATION_ID_SIZE], const char *prefix, int64_t unix_ms, rpc_random *random) {
  static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  enum { TIME_DIGITS = 10, RANDOM_DIGITS = 10 };
  size_t at = strlen(prefix);
  memcpy(id, prefix, at);
  for (int i = TIME_DIGITS - 1; i >= 0; i--) id[at++] = digits[((uint64_t)unix_ms >> (5 * i)) & 31];
  uint64_t bits = rpc_random_next(random);
  for (int i = 0; i < RANDOM_DIGITS; i++, bits >>= 5) id[at++] = digits[bits & 31];
  id[at] = '\0';
}
