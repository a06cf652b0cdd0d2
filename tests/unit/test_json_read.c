/* The rules by which JSON becomes a message: each is a row of JSON text, and what it reads as (written back as JSON, in
 * which only the field at hand is shown) or the error's field and text. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "json_types.h"

enum { ARENA = 1024 * 1024 };

typedef struct fixture {
  rpc_arena arena;
  json_reader reader;
  types *message;
} fixture;

static void begin(fixture *f) {
  rpc_arena_init(&f->arena, ARENA);
  f->reader = (json_reader){.arena = &f->arena, .map_entries = types_map_entries, .map_entry_count = TYPES_MAP_ENTRIES};
  f->message = (types *)json_read_new(&f->reader, &types_descriptor);
}

static void end(fixture *f) {
  rpc_arena_free(&f->arena);
}

static bool read_text(fixture *f, const char *text) {
  return json_read(&f->reader, &f->message->base, NULL, text, strlen(text));
}

/* The value of one field as the writer has it; "" where the field is left out. */
static void show(const types *message, const char *field, char *out, size_t size) {
  json_writer writer = json_writer_make(ARENA);
  writer.map_entries = types_map_entries;
  writer.map_entry_count = TYPES_MAP_ENTRIES;
  json_write_message(&writer, &message->base);
  assert_false(writer.failed);
  json_t *json = json_loadb(writer.bytes, writer.length, 0, NULL);
  assert_non_null(json);
  char *text = json_dumps(json_object_get(json, field), JSON_ENCODE_ANY | JSON_COMPACT);
  snprintf(out, size, "%s", text ? text : "");
  free(text);
  json_decref(json);
  json_writer_free(&writer);
}

static void values_that_are_read(void **state) {
  (void)state;
  static const struct {
    const char *json, *field, *value;
  } rows[] = {
      {"{\"an_int32\":5}", "an_int32", "5"},
      {"{\"anInt32\":5}", "an_int32", "5"},
      {"{\"an_int32\":\"5\"}", "an_int32", "5"},
      {"{\"an_int32\":2.0}", "an_int32", "2"},
      {"{\"an_int32\":1e2}", "an_int32", "100"},
      {"{\"an_int32\":\"1e2\"}", "an_int32", "100"},
      {"{\"an_int32\":-0}", "an_int32", "0"},
      {"{\"an_int32\":null}", "an_int32", "0"},
      {"{\"an_int32\":2147483647}", "an_int32", "2147483647"},
      {"{\"an_int32\":-2147483648}", "an_int32", "-2147483648"},
      {"{\"a_sint32\":-7}", "a_sint32", "-7"},
      {"{\"a_sfixed32\":-8}", "a_sfixed32", "-8"},
      {"{\"a_uint32\":4294967295}", "a_uint32", "4294967295"},
      {"{\"a_fixed32\":\"4294967295\"}", "a_fixed32", "4294967295"},
      {"{\"an_int64\":\"9223372036854775807\"}", "an_int64", "\"9223372036854775807\""},
      {"{\"an_int64\":-9223372036854775808}", "an_int64", "\"-9223372036854775808\""},
      {"{\"a_sint64\":\"-9223372036854775808\"}", "a_sint64", "\"-9223372036854775808\""},
      {"{\"a_sfixed64\":1}", "a_sfixed64", "\"1\""},
      {"{\"a_uint64\":\"18446744073709551615\"}", "a_uint64", "\"18446744073709551615\""},
      {"{\"a_fixed64\":9007199254740993}", "a_fixed64", "\"9007199254740993\""},
      {"{\"a_double\":1999.98}", "a_double", "1999.98"},
      {"{\"a_double\":\"1999.98\"}", "a_double", "1999.98"},
      {"{\"a_double\":7}", "a_double", "7"},
      {"{\"a_double\":-0.25}", "a_double", "-0.25"},
      {"{\"a_double\":123456789012345.5}", "a_double", "123456789012345.5"},
      {"{\"a_double\":0.000000000000005}", "a_double", "5e-15"},
      {"{\"a_double\":1e-7}", "a_double", "9.9999999999999995e-8"}, /* jansson's 17 digits of it */
      {"{\"a_double\":\"NaN\"}", "a_double", "\"NaN\""},
      {"{\"a_double\":\"-Infinity\"}", "a_double", "\"-Infinity\""},
      {"{\"a_float\":\"Infinity\"}", "a_float", "\"Infinity\""},
      {"{\"a_float\":3.4028235e38}", "a_float", "3.4028234999999999e38"},
      {"{\"a_bool\":true}", "a_bool", "true"},
      {"{\"a_bool\":false}", "a_bool", "false"},
      {"{\"an_enum\":\"NOT_FOUND\"}", "an_enum", "\"NOT_FOUND\""},
      {"{\"an_enum\":5}", "an_enum", "\"NOT_FOUND\""},
      {"{\"an_enum\":99}", "an_enum", "99"},
      {"{\"a_string\":\"\"}", "a_string", "\"\""},
      {"{\"a_string\":\"\\u00e9\\ud83d\\ude00\\n\"}", "a_string", "\"\xc3\xa9\xf0\x9f\x98\x80\\n\""},
      {"{\"some_bytes\":\"\"}", "some_bytes", "\"\""},
      {"{\"some_bytes\":\"+/8=\"}", "some_bytes", "\"+/8=\""},
      {"{\"some_bytes\":\"-_8\"}", "some_bytes", "\"+/8=\""},
      {"{\"some_bytes\":\"AAECAw==\"}", "some_bytes", "\"AAECAw==\""},
      {"{\"many_an_int32\":[1,\"2\",3.0]}", "many_an_int32", "[1,2,3]"},
      {"{\"many_a_string\":[]}", "many_a_string", "[]"},
      {"{\"many_a_string\":null}", "many_a_string", "[]"},
      {"{\"many_some_bytes\":[\"AQ==\",\"Ag\"]}", "many_some_bytes", "[\"AQ==\",\"Ag==\"]"},
      {"{\"by_number\":{\"-1\":\"a\",\"2\":\"b\"}}", "by_number", "{\"-1\":\"a\",\"2\":\"b\"}"},
      {"{\"by_number\":null}", "by_number", "{}"},
      {"{\"at\":\"2026-01-31T12:00:00Z\"}", "at", "\"2026-01-31T12:00:00Z\""},
      {"{\"at\":\"2026-01-31T12:00:00.5+01:30\"}", "at", "\"2026-01-31T10:30:00.500Z\""},
      {"{\"at\":\"2024-02-29T23:59:59.123456789Z\"}", "at", "\"2024-02-29T23:59:59.123456789Z\""},
      {"{\"at\":\"0001-01-01T00:00:00Z\"}", "at", "\"0001-01-01T00:00:00Z\""},
      {"{\"at\":\"9999-12-31T23:59:59.999999Z\"}", "at", "\"9999-12-31T23:59:59.999999Z\""},
      {"{\"at\":null}", "at", ""},
      {"{\"lasted\":\"1.5s\"}", "lasted", "\"1.500s\""},
      {"{\"lasted\":\"-0.000001s\"}", "lasted", "\"-0.000001s\""},
      {"{\"lasted\":\"315576000000s\"}", "lasted", "\"315576000000s\""},
      {"{\"maybe\":0}", "maybe", "0"},
      {"{\"maybe\":null}", "maybe", ""},
      {"{\"choice_number\":0}", "choice_number", "0"},
      {"{\"choiceText\":\"x\",\"choice_number\":null}", "choice_text", "\"x\""},
      {"{}", "choice_text", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fixture f;
    begin(&f);
    if (!read_text(&f, rows[i].json)) fail_msg("%s: %s", rows[i].json, f.reader.status.message);
    char shown[256];
    show(f.message, rows[i].field, shown, sizeof shown);
    assert_string_equal(shown, rows[i].value);
    end(&f);
  }
}

static void values_that_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *json, *field, *text;
  } rows[] = {
      {"[]", "body", "expected an object"},
      {"5", "body", "expected an object"},
      {"{\"nope\":1}", "nope", "unknown field"},
      {"{\"AnInt32\":1}", "AnInt32", "unknown field"},
      {"{\"an_int32\":1,\"anInt32\":1}", "an_int32", "given twice"},
      {"{\"an_int32\":2147483648}", "an_int32", "from -2147483648 to 2147483647"},
      {"{\"an_int32\":-2147483649}", "an_int32", "from -2147483648"},
      {"{\"an_int32\":1.5}", "an_int32", "expected an integer"},
      {"{\"an_int32\":\"\"}", "an_int32", "expected an integer"},
      {"{\"an_int32\":\" 1\"}", "an_int32", "expected an integer"},
      {"{\"an_int32\":\"0x1\"}", "an_int32", "expected an integer"},
      {"{\"an_int32\":\"01\"}", "an_int32", "expected an integer"},
      {"{\"an_int32\":\"1\\u0000\"}", "an_int32", "expected an integer"},
      {"{\"an_int32\":true}", "an_int32", "expected an integer"},
      {"{\"an_int32\":[1]}", "an_int32", "expected an integer"},
      {"{\"a_uint32\":-1}", "a_uint32", "from 0"},
      {"{\"a_uint32\":4294967296}", "a_uint32", "from 0 to 4294967295"},
      {"{\"a_uint64\":-1}", "a_uint64", "unsigned"},
      {"{\"a_uint64\":\"18446744073709551616\"}", "a_uint64", "unsigned"},
      {"{\"a_uint64\":1e20}", "a_uint64", "unsigned"},
      {"{\"an_int64\":\"9223372036854775808\"}", "an_int64", "64-bit"},
      {"{\"an_int64\":\"-9223372036854775809\"}", "an_int64", "64-bit"},
      {"{\"a_double\":\"abc\"}", "a_double", "expected a number"},
      {"{\"a_double\":\"inf\"}", "a_double", "expected a number"},
      {"{\"a_double\":\"1e999\"}", "a_double", "expected a number"},
      {"{\"a_double\":{}}", "a_double", "expected a number"},
      {"{\"a_float\":3.5e38}", "a_float", "range of a float"},
      {"{\"a_bool\":1}", "a_bool", "true or false"},
      {"{\"a_bool\":\"true\"}", "a_bool", "true or false"},
      {"{\"an_enum\":\"not_found\"}", "an_enum", "enum"},
      {"{\"an_enum\":\"5\"}", "an_enum", "enum"},
      {"{\"an_enum\":2147483648}", "an_enum", "enum"},
      {"{\"a_string\":5}", "a_string", "expected a string"},
      {"{\"a_string\":\"a\\u0000b\"}", "a_string", "U+0000"},
      {"{\"some_bytes\":\"A\"}", "some_bytes", "base64"},
      {"{\"some_bytes\":\"AA=A\"}", "some_bytes", "base64"},
      {"{\"some_bytes\":\"A===\"}", "some_bytes", "base64"},
      {"{\"some_bytes\":\"A A=\"}", "some_bytes", "base64"},
      {"{\"many_an_int32\":5}", "many_an_int32", "expected an array"},
      {"{\"many_an_int32\":[1,null]}", "many_an_int32[1]", "expected an integer"},
      {"{\"many_an_int32\":[1,\"x\"]}", "many_an_int32[1]", "expected an integer"},
      {"{\"child\":5}", "child", "expected an object"},
      {"{\"child\":{\"nope\":1}}", "child.nope", "unknown field"},
      {"{\"children\":[{},{\"an_int32\":\"x\"}]}", "children[1].an_int32", "expected an integer"},
      {"{\"children\":[null]}", "children[0]", "expected an object"},
      {"{\"children\":[{\"child\":{\"many_a_bool\":[1]}}]}", "children[0].child.many_a_bool[0]", "true or false"},
      {"{\"by_number\":[]}", "by_number", "expected an object"},
      {"{\"by_number\":{\"x\":\"a\"}}", "by_number.x", "expected an integer"},
      {"{\"by_number\":{\"1\":null}}", "by_number.1", "expected a string"},
      {"{\"by_number\":{\"1\":\"a\",\"1.0\":\"b\"}}", "by_number.1.0", "plain digits"},
      {"{\"by_number\":{\"1\":\"a\",\"1\":\"b\"}}", "body", "duplicate"},
      {"{\"by_flag\":{\"true\":{\"by_number\":{\"7\":\"a\",\"7\":\"b\"}}}}", "body", "duplicate"},
      {"{\"by_number\":{\"-0\":\"a\"}}", "by_number.-0", "plain digits"},
      {"{\"by_flag\":{\"yes\":{}}}", "by_flag.yes", "true or false"},
      {"{\"by_flag\":{\"true\":{\"an_int32\":\"x\"}}}", "by_flag.true.an_int32", "expected an integer"},
      {"{\"at\":5}", "at", "expected a time"},
      {"{\"at\":\"2026-01-31\"}", "at", "expected a time"},
      {"{\"at\":\"2026-02-29T00:00:00Z\"}", "at", "expected a time"},
      {"{\"at\":\"2026-13-01T00:00:00Z\"}", "at", "expected a time"},
      {"{\"at\":\"2026-01-01T24:00:00Z\"}", "at", "expected a time"},
      {"{\"at\":\"2026-01-01T00:00:00\"}", "at", "expected a time"},
      {"{\"at\":\"2026-01-01T00:00:00.1234567890Z\"}", "at", "expected a time"},
      {"{\"at\":\"0001-01-01T00:00:00+00:01\"}", "at", "expected a time"},
      {"{\"at\":\"2026-01-01T00:00:00Z\\u0000\"}", "at", "expected a time"},
      {"{\"lasted\":\"1.5\"}", "lasted", "expected a time"},
      {"{\"lasted\":\"315576000001s\"}", "lasted", "expected a time"},
      {"{\"choice_number\":1,\"choice_text\":\"x\"}", "choice_text", "oneof"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fixture f;
    begin(&f);
    if (read_text(&f, rows[i].json)) fail_msg("%s was read", rows[i].json);
    assert_int_equal(f.reader.status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(f.reader.status.field, rows[i].field);
    if (!strstr(f.reader.status.message, rows[i].text)) fail_msg("%s: %s", rows[i].json, f.reader.status.message);
    end(&f);
  }
}

/* A message within `depth` messages. */
static char *nested(int depth) {
  size_t open = strlen("{\"child\":");
  char *text = calloc((size_t)depth + 1, open + 2);
  char *at = text;
  for (int i = 0; i < depth; i++) at += sprintf(at, "{\"child\":");
  at += sprintf(at, "{}");
  memset(at, '}', (size_t)depth);
  return text;
}

static void messages_nest_63_deep_and_no_deeper(void **state) {
  (void)state;
  for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
    fixture f;
    begin(&f);
    char *text = nested(depth);
    assert_int_equal(read_text(&f, text), depth < JSON_DEPTH_MAX);
    if (depth >= JSON_DEPTH_MAX) assert_non_null(strstr(f.reader.status.message, "nested too deep"));
    free(text);
    end(&f);
  }
}

static void an_exhausted_arena_is_an_error_of_the_request(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  f.arena.limit = 256;
  assert_false(read_text(&f, "{\"children\":[{},{},{},{}]}"));
  assert_int_equal(f.reader.status.code, RPC_INVALID_ARGUMENT);
  assert_non_null(strstr(f.reader.status.message, "too large"));
  end(&f);
}

static void words_are_read_by_the_path_of_their_field(void **state) {
  (void)state;
  static const struct {
    const char *path, *word, *field, *value; /* value NULL: refused */
  } rows[] = {
      {"an_int32", "5", "an_int32", "5"},
      {"anInt32", "5", "an_int32", "5"},
      {"a_bool", "true", "a_bool", "true"},
      {"a_bool", "1", NULL, NULL},
      {"an_enum", "NOT_FOUND", "an_enum", "\"NOT_FOUND\""},
      {"an_enum", "5", "an_enum", "\"NOT_FOUND\""},
      {"a_string", "", "a_string", "\"\""},
      {"some_bytes", "AQ==", "some_bytes", "\"AQ==\""},
      {"at", "2026-01-31T12:00:00Z", "at", "\"2026-01-31T12:00:00Z\""},
      {"at", "noon", NULL, NULL},
      {"many_an_int32", "7", "many_an_int32", "[7]"},
      {"choice_text", "x", "choice_text", "\"x\""},
      {"nope", "x", NULL, NULL},
      {"an_int32.x", "5", NULL, NULL},
      {"child", "x", NULL, NULL},
      {"child.", "x", NULL, NULL},
      {"children.an_int32", "5", NULL, NULL},
      {"by_number", "5", NULL, NULL},
      {"", "5", NULL, NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fixture f;
    begin(&f);
    bool ok = json_read_text(&f.reader, &f.message->base, rows[i].path, rows[i].word, strlen(rows[i].word));
    if (ok != (rows[i].value != NULL)) fail_msg("%s=%s: %s", rows[i].path, rows[i].word, f.reader.status.message);
    if (ok) {
      char shown[256];
      show(f.message, rows[i].field, shown, sizeof shown);
      assert_string_equal(shown, rows[i].value);
    }
    end(&f);
  }
}

static void words_reach_into_sub_messages_and_grow_repeated_fields(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  for (int i = 0; i < 100; i++) {
    char word[12];
    int length = snprintf(word, sizeof word, "%d", i);
    assert_true(json_read_text(&f.reader, &f.message->base, "child.child.many_an_int32", word, (size_t)length));
  }
  const types *leaf = f.message->child->child;
  assert_int_equal(leaf->n_many_an_int32, 100);
  for (int i = 0; i < 100; i++) assert_int_equal(leaf->many_an_int32[i], i);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_that_are_read),
      cmocka_unit_test(values_that_are_refused),
      cmocka_unit_test(messages_nest_63_deep_and_no_deeper),
      cmocka_unit_test(an_exhausted_arena_is_an_error_of_the_request),
      cmocka_unit_test(words_are_read_by_the_path_of_their_field),
      cmocka_unit_test(words_reach_into_sub_messages_and_grow_repeated_fields),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
