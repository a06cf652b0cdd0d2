/* Spans and the ring that keeps the finished ones, see trace.h. Opening a span takes no lock: ids come from a counter
 * mixed with the recorder's seeds. Ending one copies a record under a lock held for some tens of nanoseconds. */
#include "telemetry/trace.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "telemetry/text_hash.h"
#include "telemetry/utf8.h"

struct trace_recorder {
  uint64_t seeds[2];           /* of ids, from the operating system */
  uint64_t sampled_below;      /* of a trace id's last 8 bytes, halved */
  trace_export_fn export_span; /* NULL: none */
  void *export_arg;
  _Atomic uint64_t ids_drawn;
  pthread_mutex_t lock; /* for the fields below */
  uint64_t recorded;    /* spans so far; the next goes to records[recorded % capacity] */
  size_t capacity;
  char *service;
  uint32_t *hashes; /* of the records' correlation ids: looking one up reads these first */
  trace_record records[];
};

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool is_zero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

enum { NO_DIGIT = 16 };

static unsigned digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return (unsigned)(digit - '0');
  return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a' + 10) : NO_DIGIT;
}

/* Reads size bytes from lower-case hexadecimal: the standard allows no other. */
static bool parse_hex(const char *text, uint8_t *bytes, size_t size) {
  unsigned seen = 0;
  for (size_t i = 0; i < size; i++) {
    const unsigned high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
    seen |= high | low;
    bytes[i] = (uint8_t)(high << 4 | low);
  }
  return seen < NO_DIGIT;
}

void trace_format_id(char *text, const uint8_t *id, size_t size) {
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = "0123456789abcdef"[id[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
  }
}

enum { TRACE_ID_AT = 3, SPAN_ID_AT = 36, FLAGS_AT = 53, FLAG_SAMPLED = 1 };

bool trace_context_parse(const char *traceparent, trace_context *context) {
  enum { LENGTH = TRACE_PARENT_SIZE - 1 };
  if (traceparent == NULL || strnlen(traceparent, LENGTH) < LENGTH) return false;
  uint8_t version;
  uint8_t flags;
  trace_context parsed;
  if (!parse_hex(traceparent, &version, 1) || version == 0xff) return false;
  char after = traceparent[LENGTH];
  if (after != '\0' && (version == 0 || after != '-')) return false;
  if (traceparent[TRACE_ID_AT - 1] != '-' || !parse_hex(traceparent + TRACE_ID_AT, parsed.trace_id, 16) ||
      traceparent[SPAN_ID_AT - 1] != '-' || !parse_hex(traceparent + SPAN_ID_AT, parsed.span_id, 8) ||
      traceparent[FLAGS_AT - 1] != '-' || !parse_hex(traceparent + FLAGS_AT, &flags, 1)) {
    return false;
  }
  if (is_zero(parsed.trace_id, 16) || is_zero(parsed.span_id, 8)) return false;
  parsed.sampled = (flags & FLAG_SAMPLED) != 0;
  *context = parsed;
  return true;
}

void trace_context_format(const trace_context *context, char traceparent[TRACE_PARENT_SIZE]) {
  uint8_t flags = context->sampled ? FLAG_SAMPLED : 0;
  memcpy(traceparent, "00-", 3);
  trace_format_id(traceparent + TRACE_ID_AT, context->trace_id, 16);
  traceparent[SPAN_ID_AT - 1] = '-';
  trace_format_id(traceparent + SPAN_ID_AT, context->span_id, 8);
  traceparent[FLAGS_AT - 1] = '-';
  trace_format_id(traceparent + FLAGS_AT, &flags, 1);
  traceparent[TRACE_PARENT_SIZE - 1] = '\0';
}

static void random_bytes(void *bytes, size_t size) {
  /* Up to 256 bytes getrandom neither fails nor is cut short once the kernel's pool is ready. */
  while (getrandom(bytes, size, 0) != (ssize_t)size) continue;
}

/* The finalizer of SplitMix64: a bijection, so that different counts give different ids. */
static uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

static void draw_id(trace_recorder *recorder, uint8_t *id, size_t size) {
  do { /* again for all zero, which is no id */
    uint64_t words[2];
    if (recorder == NULL) {
      random_bytes(words, sizeof words);
    } else {
      uint64_t step = 0x9e3779b97f4a7c15u * atomic_fetch_add_explicit(&recorder->ids_drawn, 1, memory_order_relaxed);
      words[0] = mix(recorder->seeds[0] + step);
      words[1] = mix(recorder->seeds[1] + step);
    }
    memcpy(id, words, size);
  } while (is_zero(id, size));
}

#define SAMPLE_RANGE (UINT64_C(1) << 63)

trace_recorder *trace_recorder_create(const char *service, size_t capacity) {
  assert(capacity > 0 && capacity < SIZE_MAX / sizeof(trace_record) / 2);
  trace_recorder *recorder = calloc(1, sizeof *recorder + capacity * sizeof(trace_record));
  if (recorder == NULL) return NULL;
  recorder->service = strdup(service);
  recorder->hashes = calloc(capacity, sizeof *recorder->hashes);
  if (recorder->service == NULL || recorder->hashes == NULL || pthread_mutex_init(&recorder->lock, NULL) != 0) {
    free(recorder->service);
    free(recorder->hashes);
    free(recorder);
    return NULL;
  }
  recorder->capacity = capacity;
  trace_recorder_sample(recorder, 1);
  random_bytes(recorder->seeds, sizeof recorder->seeds);
  return recorder;
}

void trace_recorder_destroy(trace_recorder *recorder) {
  if (recorder == NULL) return;
  pthread_mutex_destroy(&recorder->lock);
  free(recorder->service);
  free(recorder->hashes);
  free(recorder);
}

void trace_recorder_sample(trace_recorder *recorder, double ratio) {
  assert(ratio >= 0 && ratio <= 1);
  recorder->sampled_below = (uint64_t)(ratio * (double)SAMPLE_RANGE);
}

void trace_recorder_export(trace_recorder *recorder, trace_export_fn export_span, void *arg) {
  recorder->export_span = export_span;
  recorder->export_arg = arg;
}

/* Every service that decides by the same ratio decides the same of a trace. */
static bool is_sampled(const trace_recorder *recorder, const uint8_t trace_id[16]) {
  uint64_t value = 0;
  for (size_t i = 8; i < 16; i++) value = value << 8 | trace_id[i];
  return recorder == NULL || value >> 1 < recorder->sampled_below;
}

trace_span trace_span_start(trace_recorder *recorder, const char *name, trace_kind kind, const trace_context *parent) {
  trace_span span = {.kind = kind, .name = name};
  if (parent != NULL && !is_zero(parent->trace_id, sizeof parent->trace_id)) {
    span.context = *parent;
    memcpy(span.parent_id, parent->span_id, sizeof span.parent_id);
  } else {
    draw_id(recorder, span.context.trace_id, sizeof span.context.trace_id);
    span.context.sampled = is_sampled(recorder, span.context.trace_id);
  }
  draw_id(recorder, span.context.span_id, sizeof span.context.span_id);
  span.start_unix_ns = now_ns(CLOCK_REALTIME);
  span.start_monotonic_ns = now_ns(CLOCK_MONOTONIC);
  return span;
}

static void add_attribute(trace_span *span, trace_attribute attribute) {
  if (span->attribute_count < TRACE_ATTRIBUTES_MAX) span->attributes[span->attribute_count++] = attribute;
}

void trace_span_set_text(trace_span *span, const char *key, const char *text) {
  trace_span_set_slice(span, key, text, strlen(text));
}

void trace_span_set_slice(trace_span *span, const char *key, const char *text, size_t length) {
  add_attribute(span, (trace_attribute){key, text, (int64_t)length});
}

void trace_span_set_number(trace_span *span, const char *key, int64_t number) {
  add_attribute(span, (trace_attribute){key, NULL, number});
}

void trace_span_end(trace_recorder *recorder, const trace_span *span, int code, const char *correlation_id,
                    const char *detail) {
  if (recorder == NULL) return;
  trace_record record = {.kind = span->kind,
                         .code = code,
                         .name = span->name,
                         .service = recorder->service,
                         .start_unix_ns = span->start_unix_ns,
                         .duration_ns = now_ns(CLOCK_MONOTONIC) - span->start_monotonic_ns,
                         .attribute_count = span->attribute_count};
  memcpy(record.trace_id, span->context.trace_id, sizeof record.trace_id);
  memcpy(record.span_id, span->context.span_id, sizeof record.span_id);
  memcpy(record.parent_id, span->parent_id, sizeof record.parent_id);
  memcpy(record.attributes, span->attributes, sizeof record.attributes);
  utf8_copy(record.correlation_id, sizeof record.correlation_id, correlation_id);
  utf8_copy(record.detail, sizeof record.detail, detail);
  uint32_t hash = text_hash(record.correlation_id);
  pthread_mutex_lock(&recorder->lock);
  size_t at = recorder->recorded++ % recorder->capacity;
  recorder->records[at] = record;
  recorder->hashes[at] = hash;
  pthread_mutex_unlock(&recorder->lock);
  if (span->context.sampled && recorder->export_span != NULL) recorder->export_span(recorder->export_arg, &record);
}

bool trace_record_is_error(const trace_record *record) {
  enum { UNKNOWN = 2, DEADLINE_EXCEEDED = 4, UNIMPLEMENTED = 12, INTERNAL = 13, UNAVAILABLE = 14, DATA_LOSS = 15 };
  const unsigned servers = 1u << UNKNOWN | 1u << DEADLINE_EXCEEDED | 1u << UNIMPLEMENTED | 1u << INTERNAL |
                           1u << UNAVAILABLE | 1u << DATA_LOSS;
  if (record->kind != TRACE_SERVER) return record->code != 0;
  return record->code >= 0 && record->code < 32 && (servers >> record->code & 1) != 0;
}

static int compare_starts(const void *left, const void *right) {
  const trace_record *a = left;
  const trace_record *b = right;
  return (a->start_unix_ns > b->start_unix_ns) - (a->start_unix_ns < b->start_unix_ns);
}

size_t trace_recorder_find(trace_recorder *recorder, const char *correlation_id, trace_record *out, size_t max) {
  char wanted[TRACE_TEXT_SIZE]; /* cut as it was when it was kept */
  utf8_copy(wanted, sizeof wanted, correlation_id);
  if (wanted[0] == '\0') return 0;
  size_t found = 0;
  uint32_t hash = text_hash(wanted);
  pthread_mutex_lock(&recorder->lock);
  size_t kept = recorder->recorded < recorder->capacity ? (size_t)recorder->recorded : recorder->capacity;
  for (size_t age = 1; age <= kept && found < max; age++) {
    size_t at = (recorder->recorded - age) % recorder->capacity;
    if (recorder->hashes[at] != hash) continue;
    const trace_record *record = &recorder->records[at];
    if (strcmp(record->correlation_id, wanted) == 0) out[found++] = *record;
  }
  pthread_mutex_unlock(&recorder->lock);
  if (found > 1) qsort(out, found, sizeof *out, compare_starts);
  return found;
}
