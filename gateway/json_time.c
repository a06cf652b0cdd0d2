/* Dates are computed on the proleptic Gregorian calendar, in years that begin in March so that leap days come last. */
#include "gateway/json_time.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

static const int64_t TIMESTAMP_MIN = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t TIMESTAMP_MAX = 253402300799; /* 9999-12-31T23:59:59Z */
static const int64_t DURATION_MAX = 315576000000;  /* 10,000 years */
static const int32_t NANOS_MAX = 999999999;

bool json_time_is(const ProtobufCMessageDescriptor *descriptor) {
  return descriptor == &google__protobuf__timestamp__descriptor ||
         descriptor == &google__protobuf__duration__descriptor;
}

/* Exactly `digits` digits, and on past them. */
static bool take_number(const char **at, int digits, int *value) {
  *value = 0;
  for (int i = 0; i < digits; i++, (*at)++) {
    if (**at < '0' || **at > '9') return false;
    *value = *value * 10 + (**at - '0');
  }
  return true;
}

static bool take_char(const char **at, char expected) {
  if (**at != expected) return false;
  (*at)++;
  return true;
}

/* An optional fraction: a point and 1 to 9 digits. */
static bool take_nanos(const char **at, int32_t *nanos) {
  *nanos = 0;
  if (!take_char(at, '.')) return true;
  int digits = 0;
  for (; **at >= '0' && **at <= '9' && digits < 9; digits++, (*at)++) *nanos = *nanos * 10 + (**at - '0');
  for (int i = digits; i < 9; i++) *nanos *= 10;
  return digits > 0;
}

/* "Z" or "+hh:mm", in seconds east. */
static bool take_zone(const char **at, int64_t *offset) {
  *offset = 0;
  if (take_char(at, 'Z')) return true;
  int sign = **at == '+' ? 1 : **at == '-' ? -1 : 0;
  int hours, minutes;
  if (sign == 0) return false;
  (*at)++;
  if (!take_number(at, 2, &hours) || !take_char(at, ':') || !take_number(at, 2, &minutes)) return false;
  *offset = sign * (hours * 3600 + minutes * 60);
  return hours < 24 && minutes < 60;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t days_since_epoch(int year, int month, int day) {
  int from_march = (month + 9) % 12;
  int64_t y = month <= 2 ? year - 1 : year;
  return y * 365 + y / 4 - y / 100 + y / 400 + (from_march * 153 + 2) / 5 + day - 1 - 719468;
}

static bool read_timestamp(Google__Protobuf__Timestamp *timestamp, const char *at) {
  int year, month, day, hour, minute, second;
  int64_t offset;
  if (!take_number(&at, 4, &year) || !take_char(&at, '-') || !take_number(&at, 2, &month) || !take_char(&at, '-') ||
      !take_number(&at, 2, &day) || !take_char(&at, 'T') || !take_number(&at, 2, &hour) || !take_char(&at, ':') ||
      !take_number(&at, 2, &minute) || !take_char(&at, ':') || !take_number(&at, 2, &second) ||
      !take_nanos(&at, &timestamp->nanos) || !take_zone(&at, &offset) || *at != '\0') {
    return false;
  }
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  timestamp->seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  return timestamp->seconds >= TIMESTAMP_MIN && timestamp->seconds <= TIMESTAMP_MAX;
}

static bool read_duration(Google__Protobuf__Duration *duration, const char *at) {
  int sign = take_char(&at, '-') ? -1 : 1;
  int64_t seconds = 0;
  const char *first = at;
  for (; *at >= '0' && *at <= '9'; at++) {
    seconds = seconds * 10 + (*at - '0');
    if (seconds > DURATION_MAX) return false;
  }
  int32_t nanos;
  if (at == first || !take_nanos(&at, &nanos) || strcmp(at, "s") != 0) return false;
  if (seconds == DURATION_MAX && nanos > 0) return false;
  duration->seconds = sign * seconds;
  duration->nanos = sign * nanos;
  return true;
}

bool json_time_read(ProtobufCMessage *message, const char *text) {
  if (message->descriptor == &google__protobuf__timestamp__descriptor) {
    return read_timestamp((Google__Protobuf__Timestamp *)message, text);
  }
  return read_duration((Google__Protobuf__Duration *)message, text);
}

/* ".5" as ".500": the fewest of 0, 3, 6 or 9 decimals. */
static void format_nanos(char text[12], int32_t nanos) {
  text[0] = '\0';
  if (nanos == 0) return;
  snprintf(text, 12, ".%09d", (int)nanos);
  if (nanos % 1000000 == 0) {
    text[4] = '\0';
  } else if (nanos % 1000 == 0) {
    text[7] = '\0';
  }
}

static bool write_timestamp(const Google__Protobuf__Timestamp *timestamp, char text[JSON_TIME_SIZE]) {
  int64_t seconds = timestamp->seconds;
  if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX || timestamp->nanos < 0 || timestamp->nanos > NANOS_MAX) {
    return false;
  }
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    days--;
  }
  int64_t z = days + 719468; /* days since 0000-03-01 */
  int64_t era = z / 146097, day_of_era = z % 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t from_march = (5 * day_of_year + 2) / 153;
  int day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
  int month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
  int year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  char fraction[12];
  format_nanos(fraction, timestamp->nanos);
  snprintf(text, JSON_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", year, month, day, (int)(rest / 3600),
           (int)(rest / 60 % 60), (int)(rest % 60), fraction);
  return true;
}

static bool write_duration(const Google__Protobuf__Duration *duration, char text[JSON_TIME_SIZE]) {
  int64_t seconds = duration->seconds;
  int32_t nanos = duration->nanos;
  if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos < -NANOS_MAX || nanos > NANOS_MAX) return false;
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return false;
  bool negative = seconds < 0 || nanos < 0;
  char fraction[12];
  format_nanos(fraction, nanos < 0 ? -nanos : nanos);
  snprintf(text, JSON_TIME_SIZE, "%s%lld%ss", negative ? "-" : "", (long long)(seconds < 0 ? -seconds : seconds),
           fraction);
  return true;
}

bool json_time_write(const ProtobufCMessage *message, char text[JSON_TIME_SIZE]) {
  if (message->descriptor == &google__protobuf__timestamp__descriptor) {
    return write_timestamp((const Google__Protobuf__Timestamp *)message, text);
  }
  return write_duration((const Google__Protobuf__Duration *)message, text);
}
