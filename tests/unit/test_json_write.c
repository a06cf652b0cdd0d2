/* The rules by which a message becomes JSON, each a row; and that whatever message is written reads back as the same.
 */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api.h"
#include "gateway/json_read.h"
#include "gateway/json_scalar.h"
#include "gateway/json_write.h"
#include "json_types.h"
#include "rpc/random.h"

enum { LIMIT = 1024 * 1024, ROUNDS = 200, DEPTH = 4, ARENA = 64 * 1024 * 1024 };

static void assert_written(json_writer *writer, const char *expected) {
  assert_false(writer->failed);
  if (strlen(expected) != writer->length || memcmp(writer->bytes, expected, writer->length) != 0) {
    fail_msg("%.*s instead of %s", (int)writer->length, writer->bytes, expected);
  }
  json_writer_free(writer);
}

static void doubles_are_the_shortest_text_that_reads_back(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } rows[] = {
      {0, "0"},
      {1999.98, "1999.98"},
      {0.1, "0.1"},
      {-0.0, "-0.0"}, /* "-0" would be read as an integer, which has no such zero */
      {0.1 + 0.2, "0.30000000000000004"},
      {1e21, "1e+21"},
      {-5, "-5"},
      {1.0 / 3, "0.3333333333333333"},
      {5e-324, "4.94065645841247e-324"},
      {NAN, "\"NaN\""},
      {INFINITY, "\"Infinity\""},
      {-INFINITY, "\"-Infinity\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    json_writer writer = json_writer_make(LIMIT);
    json_write_double(&writer, rows[i].value);
    assert_written(&writer, rows[i].text);
  }
}

static void texts_are_escaped_and_always_utf8(void **state) {
  (void)state;
  static const struct {
    const char *text, *json;
  } rows[] = {
      {NULL, "\"\""},
      {"", "\"\""},
      {"plain", "\"plain\""},
      {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
      {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
      {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
      {"a\xff", "\"a\xef\xbf\xbd\""},
      {"\xc3", "\"\xef\xbf\xbd\""},
      {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    json_writer writer = json_writer_make(LIMIT);
    json_write_text(&writer, rows[i].text);
    assert_written(&writer, rows[i].json);
  }
}

static void separators_come_by_themselves(void **state) {
  (void)state;
  json_writer writer = json_writer_make(LIMIT);
  json_write_open(&writer, '{');
  json_write_key(&writer, "a");
  json_write_open(&writer, '[');
  json_write_integer(&writer, -1);
  json_write_bool(&writer, true);
  json_write_open(&writer, '{');
  json_write_close(&writer, '}');
  json_write_close(&writer, ']');
  json_write_key(&writer, "b");
  json_write_text(&writer, "{");
  json_write_key(&writer, "c");
  json_write_raw(&writer, "[1]", 3);
  json_write_close(&writer, '}');
  assert_written(&writer, "{\"a\":[-1,true,{}],\"b\":\"{\",\"c\":[1]}");
}

static void a_writer_stops_at_its_limit(void **state) {
  (void)state;
  for (size_t limit = 0; limit < 12; limit++) {
    json_writer writer = json_writer_make(limit);
    json_write_open(&writer, '[');
    json_write_text(&writer, "12345");
    json_write_integer(&writer, 7);
    json_write_close(&writer, ']');
    assert_int_equal(writer.failed, limit < 11);
    assert_true(writer.length <= limit);
    json_writer_free(&writer);
  }
}

static void messages_are_written_with_defaults_and_without_what_is_unset(void **state) {
  (void)state;
  types inner, message;
  types_init(&inner.base);
  types_init(&message.base);
  Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  at.seconds = -1;
  at.nanos = 500000000;
  int64_t longs[] = {INT64_MIN, INT64_MAX};
  int codes[] = {5, 99};
  types *children[] = {&inner, &inner};
  types_entry_int number = {.base.descriptor = &types_entry_int_descriptor, .key = -3, .value = (char *)"three"};
  types_entry_int *numbers[] = {&number};
  types_entry_bool flag = {.base.descriptor = &types_entry_bool_descriptor, .key = 1, .value = &inner};
  types_entry_bool *flags[] = {&flag};
  message.at = &at;
  message.n_many_an_int64 = 2;
  message.many_an_int64 = longs;
  message.n_many_an_enum = 2;
  message.many_an_enum = codes;
  message.a_float = 0.1f;
  message.some_bytes = (ProtobufCBinaryData){3, (uint8_t *)"\xfb\xff\x01"};
  message.n_children = 2;
  message.children = children;
  message.n_by_number = 1;
  message.by_number = numbers;
  message.n_by_flag = 1;
  message.by_flag = flags;
  message.choice_case = 109;
  message.choice_text = (char *)"";
  json_writer writer = json_writer_make(LIMIT);
  writer.map_entries = types_map_entries;
  writer.map_entry_count = TYPES_MAP_ENTRIES;
  json_write_message(&writer, &message.base);
  assert_false(writer.failed);
  json_t *json = json_loadb(writer.bytes, writer.length, JSON_REJECT_DUPLICATES, NULL);
  static const struct {
    const char *field, *value;
  } rows[] = {
      {"an_int32", "0"},
      {"an_int64", "\"0\""},
      {"a_double", "0"},
      {"a_bool", "false"},
      {"an_enum", "\"OK\""},
      {"a_string", "\"\""},
      {"many_a_string", "[]"},
      {"many_an_int64", "[\"-9223372036854775808\",\"9223372036854775807\"]"},
      {"many_an_enum", "[\"NOT_FOUND\",99]"},
      {"a_float", "0.10000000000000001"}, /* jansson's 17 digits of the double 0.1, not of the float */
      {"some_bytes", "\"+/8B\""},
      {"at", "\"1969-12-31T23:59:59.500Z\""},
      {"by_number", "{\"-3\":\"three\"}"},
      {"choice_text", "\"\""},
      {"choice_number", NULL},
      {"maybe", NULL},
      {"child", NULL},
      {"lasted", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *text = json_dumps(json_object_get(json, rows[i].field), JSON_ENCODE_ANY | JSON_COMPACT);
    if (rows[i].value) {
      assert_non_null(text);
      assert_string_equal(text, rows[i].value);
    } else {
      assert_null(text);
    }
    free(text);
  }
  assert_int_equal(json_array_size(json_object_get(json, "children")), 2);
  assert_non_null(json_object_get(json_object_get(json_object_get(json, "by_flag"), "true"), "a_string"));
  json_decref(json);
  json_writer_free(&writer);
}

static void what_json_cannot_say_is_a_failure(void **state) {
  (void)state;
  Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  at.seconds = 253402300800; /* the year 10000 */
  json_writer writer = json_writer_make(LIMIT);
  json_write_message(&writer, &at.base);
  assert_true(writer.failed);
  json_writer_free(&writer);
  Google__Protobuf__Duration lasted = GOOGLE__PROTOBUF__DURATION__INIT;
  lasted.seconds = 1;
  lasted.nanos = -1;
  writer = json_writer_make(LIMIT);
  json_write_message(&writer, &lasted.base);
  assert_true(writer.failed);
  json_writer_free(&writer);
}

/* -- random messages ------------------------------------------------------------------------------------------------
 */

typedef struct maker {
  rpc_random random;
  rpc_arena arena;
  const ProtobufCMessageDescriptor *const *map_entries;
  size_t map_entry_count;
} maker;

static ProtobufCMessage *make_message(maker *m, const ProtobufCMessageDescriptor *descriptor, int depth);

static char *make_string(maker *m) {
  static const char *const pieces[] = {"a",  "Z9",   " ",        "\"",           "\\",
                                       "\n", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  char text[64] = "";
  for (int64_t i = rpc_random_between(&m->random, 0, 12); i > 0; i--) {
    strcat(text, pieces[rpc_random_between(&m->random, 0, sizeof pieces / sizeof *pieces - 1)]);
  }
  return rpc_arena_strdup(&m->arena, text);
}

static double make_double(maker *m) {
  if (rpc_random_unit(&m->random) < 0.5) return (double)rpc_random_between(&m->random, -1000000, 1000000) / 100;
  uint64_t bits = rpc_random_next(&m->random);
  double value;
  memcpy(&value, &bits, sizeof value);
  return isnan(value) ? INFINITY : value; /* a NaN's payload is not kept, nor need it be */
}

static void make_time(maker *m, ProtobufCMessage *message) {
  int32_t nanos = (int32_t)rpc_random_between(&m->random, 0, 999) * (rpc_random_unit(&m->random) < 0.5 ? 1 : 1000000);
  if (message->descriptor == &google__protobuf__timestamp__descriptor) {
    Google__Protobuf__Timestamp *at = (Google__Protobuf__Timestamp *)message;
    at->seconds = rpc_random_between(&m->random, -62135596800, 253402300799);
    at->nanos = nanos;
  } else {
    Google__Protobuf__Duration *lasted = (Google__Protobuf__Duration *)message;
    lasted->seconds = rpc_random_between(&m->random, -315576000000 + 1, 315576000000 - 1);
    lasted->nanos = lasted->seconds < 0 ? -nanos : nanos;
  }
}

static void make_value(maker *m, const ProtobufCFieldDescriptor *field, void *value, int depth) {
  uint64_t bits = rpc_random_next(&m->random) >> rpc_random_between(&m->random, 0, 63);
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
      *(uint64_t *)value = bits;
      break;
    case PROTOBUF_C_TYPE_FLOAT:
      *(float *)value = (float)(int32_t)bits / 3.0f;
      break;
    case PROTOBUF_C_TYPE_DOUBLE:
      *(double *)value = make_double(m);
      break;
    case PROTOBUF_C_TYPE_BOOL:
      *(protobuf_c_boolean *)value = bits & 1;
      break;
    case PROTOBUF_C_TYPE_STRING:
      *(char **)value = make_string(m);
      break;
    case PROTOBUF_C_TYPE_BYTES: {
      char *text = make_string(m);
      *(ProtobufCBinaryData *)value = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
      break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
      *(ProtobufCMessage **)value = make_message(m, field->descriptor, depth + 1);
      break;
    default: /* enums too: JSON has their unknown numbers */
      *(uint32_t *)value = (uint32_t)bits;
  }
}

static bool is_map(const maker *m, const ProtobufCFieldDescriptor *field) {
  for (size_t i = 0; i < m->map_entry_count; i++) {
    if (m->map_entries[i] == field->descriptor) return true;
  }
  return false;
}

static void make_field(maker *m, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, int depth) {
  char *base = (char *)message;
  bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
  if (is_message && depth >= DEPTH) return;
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    size_t count = (size_t)rpc_random_between(&m->random, 0, is_map(m, field) ? 1 : 3); /* one entry: no equal keys */
    char *values = rpc_arena_alloc(&m->arena, count * 16);
    size_t size = json_scalar_size(field->type);
    for (size_t i = 0; i < count; i++) make_value(m, field, values + i * size, depth);
    *(size_t *)(void *)(base + field->quantifier_offset) = count;
    *(char **)(void *)(base + field->offset) = values;
    return;
  }
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    uint32_t *which = (uint32_t *)(void *)(base + field->quantifier_offset);
    if (*which || rpc_random_unit(&m->random) < 0.5) return;
    *which = field->id;
  } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL) {
    if (rpc_random_unit(&m->random) < 0.5) return;
    if (!is_message && field->type != PROTOBUF_C_TYPE_STRING) {
      *(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = 1;
    }
  }
  make_value(m, field, base + field->offset, depth);
}

static ProtobufCMessage *make_message(maker *m, const ProtobufCMessageDescriptor *descriptor, int depth) {
  ProtobufCMessage *message = rpc_arena_alloc(&m->arena, descriptor->sizeof_message);
  descriptor->message_init(message);
  if (descriptor == &google__protobuf__timestamp__descriptor || descriptor == &google__protobuf__duration__descriptor) {
    make_time(m, message);
    return message;
  }
  bool is_entry = false;
  for (size_t i = 0; i < m->map_entry_count; i++) is_entry = is_entry || m->map_entries[i] == descriptor;
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
    make_field(m, message, field, depth);
    if (is_entry && field->type == PROTOBUF_C_TYPE_MESSAGE && !*(void **)(void *)((char *)message + field->offset)) {
      make_value(m, field, (char *)message + field->offset, depth); /* an entry has its value */
    }
  }
  return message;
}

static void assert_reads_back(maker *m, const ProtobufCMessage *message) {
  json_writer first = json_writer_make(ARENA), second = json_writer_make(ARENA);
  json_reader reader = json_reader_make(&m->arena);
  first.map_entries = second.map_entries = reader.map_entries = m->map_entries;
  first.map_entry_count = second.map_entry_count = reader.map_entry_count = m->map_entry_count;
  json_write_message(&first, message);
  assert_false(first.failed);
  json_error_t error;
  json_t *json = json_loadb(first.bytes, first.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  if (!json) fail_msg("not JSON: %s", error.text);
  ProtobufCMessage *again = json_read_new(&reader, message->descriptor);
  if (!json_read(&reader, again, NULL, first.bytes, first.length)) {
    fail_msg("%s of %.*s", reader.status.message, (int)first.length, first.bytes);
  }
  json_write_message(&second, again);
  assert_written(&second, rpc_arena_printf(&m->arena, "%.*s", (int)first.length, first.bytes));
  if (message->descriptor->field_ranges) { /* of generated messages, whose bytes can be compared */
    size_t size = protobuf_c_message_get_packed_size(message);
    assert_int_equal(protobuf_c_message_get_packed_size(again), size);
    uint8_t *one = rpc_arena_alloc(&m->arena, size), *other = rpc_arena_alloc(&m->arena, size);
    protobuf_c_message_pack(message, one);
    protobuf_c_message_pack(again, other);
    assert_memory_equal(one, other, size);
  }
  json_decref(json);
  json_writer_free(&first);
}

static void try_random_messages(const ProtobufCMessageDescriptor *descriptor,
                                const ProtobufCMessageDescriptor *const *map_entries, size_t map_entry_count) {
  if (descriptor == &google__protobuf__timestamp__descriptor) return;
  maker m = {.map_entries = map_entries, .map_entry_count = map_entry_count};
  rpc_random_init(&m.random, 20261125);
  for (int round = 0; round < ROUNDS; round++) {
    rpc_arena_init(&m.arena, ARENA);
    assert_reads_back(&m, make_message(&m, descriptor, 0));
    rpc_arena_free(&m.arena);
  }
}

static void random_messages_of_the_api_read_back_as_they_were(void **state) {
  (void)state;
  for (size_t s = 0; s < api_service_count; s++) {
    for (size_t i = 0; i < api_services[s]->method_count; i++) {
      try_random_messages(api_services[s]->methods[i].input, api_map_entries, api_map_entry_count);
      try_random_messages(api_services[s]->methods[i].output, api_map_entries, api_map_entry_count);
    }
  }
}

static void random_messages_of_every_type_read_back_as_they_were(void **state) {
  (void)state;
  try_random_messages(&types_descriptor, types_map_entries, TYPES_MAP_ENTRIES);
}

/* Money takes a way of its own through the writer. */
static void hundredths_are_written_as_printf_would(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 20261125);
  for (int i = 0; i < 20000; i++) {
    int64_t most = 1000;
    for (int64_t digits = rpc_random_between(&random, 0, 11); digits > 0; digits--) most *= 10;
    double value = (double)rpc_random_between(&random, -most, most) / 100;
    char expected[40];
    snprintf(expected, sizeof expected, value == 0 ? "0" : "%.15g", value);
    json_writer writer = json_writer_make(64);
    json_write_double(&writer, value);
    assert_int_equal(strlen(expected), writer.length);
    assert_memory_equal(expected, writer.bytes, writer.length);
    json_writer_free(&writer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hundredths_are_written_as_printf_would),
      cmocka_unit_test(doubles_are_the_shortest_text_that_reads_back),
      cmocka_unit_test(texts_are_escaped_and_always_utf8),
      cmocka_unit_test(separators_come_by_themselves),
      cmocka_unit_test(a_writer_stops_at_its_limit),
      cmocka_unit_test(messages_are_written_with_defaults_and_without_what_is_unset),
      cmocka_unit_test(what_json_cannot_say_is_a_failure),
      cmocka_unit_test(random_messages_of_the_api_read_back_as_they_were),
      cmocka_unit_test(random_messages_of_every_type_read_back_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
