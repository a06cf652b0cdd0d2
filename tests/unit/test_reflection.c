/* Descriptors built at run time against those that protobuf-c's compiler writes: over random bytes of every message
 * type of the API, and of one with a field of every kind, both must read, write and say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above before it. */
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/random.h"
#include "rpc/v1/envelope.pb-c.h"
#include "runner/reflection.h"
#include "scratch.pb-c.h"

enum { ROUNDS = 300, WIRE_MAX = 64 * 1024, DEPTH_MAX = 3, ARENA = 16 * 1024 * 1024 };

/* --- random messages as bytes --- */

typedef struct wire {
  uint8_t bytes[WIRE_MAX];
  size_t size;
  rpc_random random;
} wire;

static void put_varint(wire *w, uint64_t value) {
  for (; value >= 0x80; value >>= 7) w->bytes[w->size++] = (uint8_t)(value | 0x80);
  w->bytes[w->size++] = (uint8_t)value;
}

static bool chance(wire *w, double share) {
  return rpc_random_unit(&w->random) < share;
}

/* Small, large and negative numbers alike. */
static uint64_t any_number(wire *w) {
  return rpc_random_next(&w->random) >> rpc_random_between(&w->random, 0, 63);
}

static void put_message(wire *w, const ProtobufCMessageDescriptor *type, int depth);

/* Puts what put_content puts, with its length in front. */
static void put_sized(wire *w, const ProtobufCFieldDescriptor *field, int depth) {
  size_t at = w->size;
  w->size += 3; /* a length of three bytes holds what there is room for */
  size_t start = w->size;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    put_message(w, field->descriptor, depth + 1);
  } else {
    for (int64_t left = rpc_random_between(&w->random, 0, 12); left > 0; left--) {
      w->bytes[w->size++] = (uint8_t)rpc_random_between(&w->random, 'a', 'z');
    }
  }
  size_t length = w->size - start;
  w->bytes[at] = (uint8_t)(length | 0x80);
  w->bytes[at + 1] = (uint8_t)(length >> 7 | 0x80);
  w->bytes[at + 2] = (uint8_t)(length >> 14);
}

static void put_fixed(wire *w, const ProtobufCFieldDescriptor *field, size_t size) {
  uint64_t bits = any_number(w);
  float real = (float)rpc_random_unit(&w->random);
  if (field->type == PROTOBUF_C_TYPE_FLOAT) memcpy(&bits, &real, sizeof real); /* not one of the many NaNs */
  double wide = rpc_random_unit(&w->random) * 1e6;
  if (field->type == PROTOBUF_C_TYPE_DOUBLE) memcpy(&bits, &wide, sizeof wide);
  memcpy(w->bytes + w->size, &bits, size);
  w->size += size;
}

static int wire_type(ProtobufCType type) {
  switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      return 1;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
      return 2;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
      return 5;
    default:
      return 0;
  }
}

static void put_field(wire *w, const ProtobufCFieldDescriptor *field, int depth) {
  int type = wire_type(field->type);
  put_varint(w, (uint64_t)field->id << 3 | (unsigned)type);
  if (type == 2) {
    put_sized(w, field, depth);
  } else if (type != 0) {
    put_fixed(w, field, type == 1 ? 8 : 4);
  } else {
    uint64_t number = any_number(w);
    if (field->type == PROTOBUF_C_TYPE_BOOL) number &= 1;
    if (field->type == PROTOBUF_C_TYPE_ENUM) number = number % 4; /* known values, and one that is not */
    put_varint(w, number);
  }
}

static bool is_entry(const ProtobufCMessageDescriptor *type) {
  size_t length = strlen(type->name);
  return length > 5 && strcmp(type->name + length - 5, "Entry") == 0;
}

/* How often a field is to occur. A map has one entry at most, since JSON would merge two of one key; an entry has its
 * key and value, since JSON would add what is missing. */
static int64_t times_of(wire *w, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field,
                        int depth) {
  if (is_entry(type)) return 1;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    if (depth >= DEPTH_MAX) return 0;
    if (is_entry(field->descriptor)) return chance(w, 0.6);
  }
  return field->label == PROTOBUF_C_LABEL_REPEATED ? rpc_random_between(&w->random, 0, 3) : chance(w, 0.6);
}

static void put_message(wire *w, const ProtobufCMessageDescriptor *type, int depth) {
  bool is_time = strncmp(type->name, "google.protobuf.", 16) == 0 && type->n_fields == 2;
  for (unsigned i = 0; i < type->n_fields && w->size < WIRE_MAX / 2; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    if (is_time) { /* in the range that JSON can say */
      put_varint(w, (uint64_t)field->id << 3);
      put_varint(w, (uint64_t)rpc_random_between(&w->random, 0, 999999999));
      continue;
    }
    int64_t times = times_of(w, type, field, depth);
    for (; times > 0; times--) put_field(w, field, depth);
  }
}

/* --- comparing --- */

static void write_json(json_writer *writer, const ProtobufCMessage *message) {
  json_write_message(writer, message);
  assert_false(writer->failed);
}

/* JSON of a message with descriptors of either kind: the JSON mapping is given that kind's maps. */
typedef struct maps {
  const ProtobufCMessageDescriptor *const *entries;
  size_t count;
} maps;

static void assert_packs_as(const ProtobufCMessage *message, const uint8_t *bytes, size_t size) {
  assert_int_equal(protobuf_c_message_get_packed_size(message), size);
  uint8_t *packed = malloc(size + 1);
  protobuf_c_message_pack(message, packed);
  assert_memory_equal(packed, bytes, size);
  free(packed);
}

static void assert_reads_back(const ProtobufCMessageDescriptor *type, maps known, const json_writer *text,
                              const uint8_t *bytes, size_t size) {
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA);
  json_reader reader = {.arena = &arena, .map_entries = known.entries, .map_entry_count = known.count};
  ProtobufCMessage *message = json_read_new(&reader, type);
  if (!json_read(&reader, message, NULL, text->bytes, text->length)) fail_msg("%s", reader.status.message);
  assert_packs_as(message, bytes, size);
  rpc_arena_free(&arena);
}

static void compare(const ProtobufCMessageDescriptor *compiled, maps compiled_maps,
                    const ProtobufCMessageDescriptor *built, maps built_maps) {
  wire *w = calloc(1, sizeof *w);
  rpc_random_init(&w->random, 20261125);
  for (int round = 0; round < ROUNDS; round++) {
    w->size = 0;
    put_message(w, compiled, 0);
    ProtobufCMessage *one = protobuf_c_message_unpack(compiled, NULL, w->size, w->bytes);
    ProtobufCMessage *other = protobuf_c_message_unpack(built, NULL, w->size, w->bytes);
    if (one == NULL || other == NULL) fail_msg("%s is not read", compiled->name);
    size_t size = protobuf_c_message_get_packed_size(one);
    uint8_t *bytes = malloc(size + 1);
    protobuf_c_message_pack(one, bytes);
    assert_packs_as(other, bytes, size);
    json_writer text = {.limit = ARENA, .map_entries = compiled_maps.entries, .map_entry_count = compiled_maps.count};
    json_writer same = {.limit = ARENA, .map_entries = built_maps.entries, .map_entry_count = built_maps.count};
    write_json(&text, one);
    write_json(&same, other);
    assert_int_equal(text.length, same.length);
    assert_memory_equal(text.bytes, same.bytes, text.length);
    assert_reads_back(built, built_maps, &same, bytes, size);
    json_writer_free(&text);
    json_writer_free(&same);
    free(bytes);
    protobuf_c_message_free_unpacked(one, NULL);
    protobuf_c_message_free_unpacked(other, NULL);
  }
  free(w);
}

static maps maps_of(const reflection *types) {
  maps known;
  known.entries = reflection_map_entries(types, &known.count);
  return known;
}

static maps api_maps(void) {
  return (maps){api_map_entries, api_map_entry_count};
}

static reflection *reflect(const void *set, size_t size) {
  rpc_status status = rpc_status_ok();
  reflection *types = reflection_create(set, size, &status);
  if (types == NULL) fail_msg("%s", status.message);
  return types;
}

/* A descriptor set that protoc wrote for this test. */
static reflection *reflect_file(const char *name, rpc_status *status) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", SCRATCH_DIR, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  static uint8_t bytes[1024 * 1024];
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_true(size > 0 && size < sizeof bytes);
  return reflection_create(bytes, size, status);
}

/* --- the tests --- */

static void compare_types(const reflection *types, const ProtobufCMessageDescriptor *compiled, const char **seen,
                          size_t *count) {
  for (size_t i = 0; i < *count; i++) {
    if (strcmp(seen[i], compiled->name) == 0) return;
  }
  assert_true(*count < 128);
  seen[(*count)++] = compiled->name;
  const ProtobufCMessageDescriptor *built = reflection_message(types, compiled->name);
  if (built == NULL) fail_msg("%s is missing", compiled->name);
  if (strncmp(compiled->name, "google.protobuf.", 16) == 0) { /* the JSON mapping knows it by its descriptor */
    assert_ptr_equal(built, compiled);
    return;
  }
  assert_ptr_not_equal(built, compiled);
  compare(compiled, api_maps(), built, maps_of(types));
  for (unsigned i = 0; i < compiled->n_fields; i++) {
    if (compiled->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
      compare_types(types, compiled->fields[i].descriptor, seen, count);
    }
  }
}

static void every_message_of_the_api_packs_and_reads_as_the_compiled_one(void **state) {
  (void)state;
  reflection *types = reflect(api_file_descriptor_set, api_file_descriptor_set_size);
  const char *seen[128];
  size_t count = 0;
  for (size_t i = 0; i < api_service_count; i++) {
    for (size_t j = 0; j < api_services[i]->method_count; j++) {
      compare_types(types, api_services[i]->methods[j].input, seen, &count);
      compare_types(types, api_services[i]->methods[j].output, seen, &count);
    }
  }
  compare_types(types, &rpc__v1__request__descriptor, seen, &count);
  compare_types(types, &rpc__v1__response__descriptor, seen, &count);
  assert_true(count > 40);
  reflection_destroy(types);
}

static void a_message_with_a_field_of_every_kind_packs_and_reads_as_the_compiled_one(void **state) {
  (void)state;
  rpc_status status = rpc_status_ok();
  reflection *types = reflect_file("scratch.fds", &status);
  assert_non_null(types);
  const ProtobufCMessageDescriptor *const entries[] = {&scratch__v1__everything__names_entry__descriptor,
                                                       &scratch__v1__everything__by_number_entry__descriptor,
                                                       &scratch__v1__everything__by_truth_entry__descriptor};
  compare(&scratch__v1__everything__descriptor, (maps){entries, 3}, reflection_message(types, "scratch.v1.Everything"),
          maps_of(types));
  reflection_destroy(types);
}

static void services_are_the_compiled_tables_without_routes(void **state) {
  (void)state;
  reflection *types = reflect(api_file_descriptor_set, api_file_descriptor_set_size);
  for (size_t i = 0; i < api_service_count; i++) {
    const api_service *compiled = api_services[i], *built = reflection_service(types, compiled->full_name);
    assert_non_null(built);
    assert_int_equal(built->method_count, compiled->method_count);
    for (size_t j = 0; j < built->method_count; j++) {
      assert_string_equal(built->methods[j].name, compiled->methods[j].name);
      assert_string_equal(built->methods[j].input->name, compiled->methods[j].input->name);
      assert_string_equal(built->methods[j].output->name, compiled->methods[j].output->name);
      assert_int_equal(built->methods[j].idempotent, compiled->methods[j].idempotent);
      assert_int_equal(built->methods[j].no_side_effects, compiled->methods[j].no_side_effects);
      assert_ptr_equal(reflection_method(types, compiled->methods[j].name), &built->methods[j]);
    }
  }
  reflection_destroy(types);
}

static void methods_are_found_however_they_are_written_and_no_others(void **state) {
  (void)state;
  reflection *types = reflect(api_file_descriptor_set, api_file_descriptor_set_size);
  const api_method *get = reflection_method(types, "/store.v1.OrderService/GetOrder");
  assert_non_null(get);
  assert_ptr_equal(reflection_method(types, "store.v1.OrderService/GetOrder"), get);
  assert_ptr_equal(reflection_method(types, "store.v1.OrderService.GetOrder"), get);
  static const char *const wrong[] = {"",
                                      "/",
                                      ".",
                                      "GetOrder",
                                      "store.v1.OrderService",
                                      "store.v1.",
                                      "/a/b/c/",
                                      "store.v1.OrderService/getorder",
                                      "store.v1.Order/order_id"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_null(reflection_method(types, wrong[i]));
  assert_null(reflection_message(types, "store.v1.OrderService"));
  assert_null(reflection_enum(types, "store.v1.Order"));
  assert_non_null(reflection_enum(types, "rpc.v1.Code"));
  reflection_destroy(types);
}

/* JSON to bytes to JSON. */
static void assert_round_trip(const reflection *types, const char *name, const char *text, const char *bytes,
                              size_t size) {
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA);
  json_reader reader = {.arena = &arena};
  json_t *json = json_loads(text, 0, NULL);
  ProtobufCMessage *message = json_read_new(&reader, reflection_message(types, name));
  assert_non_null(message);
  if (!json_read(&reader, message, NULL, text, strlen(text))) fail_msg("%s", reader.status.message);
  assert_packs_as(message, (const uint8_t *)bytes, size);
  ProtobufCMessage *again =
      protobuf_c_message_unpack(message->descriptor, &arena.allocator, size, (const uint8_t *)bytes);
  assert_non_null(again);
  json_writer writer = {.limit = ARENA};
  write_json(&writer, again);
  json_t *written = json_loadb(writer.bytes, writer.length, 0, NULL);
  if (!json_equal(json, written)) fail_msg("%s became %.*s", text, (int)writer.length, writer.bytes);
  json_decref(json);
  json_decref(written);
  json_writer_free(&writer);
  rpc_arena_free(&arena);
}

#define BYTES(text) text, sizeof text - 1

static void fields_of_proto2_and_optional_ones_tell_absence_from_zero(void **state) {
  (void)state;
  rpc_status status = rpc_status_ok();
  reflection *types = reflect_file("presence.fds", &status);
  assert_non_null(types);
  assert_round_trip(types, "scratch.presence.Old", "{\"unpacked\":[]}", BYTES(""));
  assert_round_trip(types, "scratch.presence.Old",
                    "{\"name\":\"\",\"count\":0,\"unpacked\":[1,2],\"kind\":\"SECOND\",\"raw\":\"\"}",
                    BYTES("\x0a\x00\x10\x00\x20\x01\x20\x02\x28\x02\x32\x00"));
  assert_round_trip(types, "scratch.presence3.New", "{\"packed\":[]}", BYTES(""));
  assert_round_trip(types, "scratch.presence3.New", "{\"count\":0,\"note\":\"\",\"packed\":[1,2]}",
                    BYTES("\x08\x00\x12\x00\x1a\x02\x01\x02"));
  reflection_destroy(types);
}

static void groups_are_refused_by_name(void **state) {
  (void)state;
  rpc_status status = rpc_status_ok();
  assert_null(reflect_file("group.fds", &status));
  assert_int_equal(status.code, RPC_UNIMPLEMENTED);
  assert_string_equal(status.reason, "UNSUPPORTED_TYPE");
  assert_non_null(strstr(status.message, "WithGroup.parts"));
}

static void a_set_that_contradicts_itself_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
  } sets[] = {
      {BYTES("\xff")},                                               /* no message at all */
      {BYTES("\x0a\x02\x22\x00")},                                   /* a message without a name */
      {BYTES("\x0a\x0a\x22\x03\x0a\x01M\x22\x03\x0a\x01M")},         /* two of one name */
      {BYTES("\x0a\x0b\x22\x09\x0a\x01M\x12\x04\x0a\x01x\x28\x05")}, /* a field with neither number nor, below, type */
      {BYTES("\x0a\x0b\x22\x09\x0a\x01M\x12\x04\x0a\x01x\x18\x01")},
      {BYTES("\x0a\x14\x22\x12\x0a\x01M\x12\x0d\x0a\x01x\x18\x01\x28\x0b\x32\x04.Not")}, /* of an unknown type */
      {BYTES("\x0a\x0f\x22\x0d\x0a\x01M\x12\x08\x0a\x01x\x18\x01\x28\x05\x48\x00")},     /* in a oneof that is not */
      {BYTES(
          "\x0a\x15\x22\x13\x0a\x01M\x12\x06\x0a\x01x\x18\x01\x28\x05\x12\x06\x0a\x01y\x18\x01\x28\x05")}, /* one number
                                                                                                            */
      {BYTES("\x0a\x15\x22\x13\x0a\x01M\x12\x06\x0a\x01x\x18\x01\x28\x05\x12\x06\x0a\x01x\x18\x02\x28\x05")}, /* one
                                                                                                                 name */
      {BYTES("\x0a\x0c\x32\x0a\x0a\x01S\x12\x05\x0a\x03"
             "Run")},                                                                        /* a method of nothing */
      {BYTES("\x0a\x0f\x22\x0d\x0a\x01M\x12\x06\x0a\x01x\x18\x01\x28\x05\x3a\x02\x38\x01")}, /* half a map's entry */
  };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    rpc_status status = rpc_status_ok();
    reflection *types = reflection_create((const uint8_t *)sets[i].bytes, sets[i].size, &status);
    if (types != NULL) fail_msg("set %zu is taken", i);
    assert_int_equal(status.code, RPC_INTERNAL);
    assert_string_equal(status.reason, "MALFORMED_REFLECTION");
  }
}

/* Messages within messages, each the nested_type of the one around it: unpacked, they would use up the stack. */
static void a_set_that_nests_too_deep_is_refused(void **state) {
  (void)state;
  enum { NESTED = 100000, ROOM = 8, FILE_TAG = 0x0a, MESSAGE_TYPE_TAG = 0x22, NESTED_TYPE_TAG = 0x1a };
  uint8_t *bytes = malloc(NESTED * ROOM), *at = bytes + NESTED * ROOM;
  for (size_t i = 1, size = 0; i <= NESTED; i++) { /* from the innermost out */
    uint8_t head[ROOM] = {i == NESTED ? FILE_TAG : i == NESTED - 1 ? MESSAGE_TYPE_TAG : NESTED_TYPE_TAG};
    size_t length = 1;
    for (size_t left = size; length == 1 || left > 0; left >>= 7) {
      head[length++] = (uint8_t)((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
    }
    at -= length;
    memcpy(at, head, length);
    size += length;
  }
  rpc_status status = rpc_status_ok();
  assert_null(reflection_create(at, (size_t)(bytes + NESTED * ROOM - at), &status));
  assert_string_equal(status.reason, "MALFORMED_REFLECTION");
  free(bytes);
}

/* Whatever a set becomes by a changed byte or a cut, it is taken or refused, and nothing is read beyond its end. */
static void damaged_sets_are_taken_or_refused(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 7);
  int refused = 0;
  for (int round = 0; round < 2000; round++) {
    size_t size = api_file_descriptor_set_size;
    if (round % 4 == 0) size = (size_t)rpc_random_between(&random, 0, (int64_t)size);
    uint8_t *bytes = malloc(size + 1);
    memcpy(bytes, api_file_descriptor_set, size);
    for (int i = 0; i < round % 4 && size > 0; i++) {
      bytes[rpc_random_between(&random, 0, (int64_t)size - 1)] ^= (uint8_t)(1 << rpc_random_between(&random, 0, 7));
    }
    rpc_status status = rpc_status_ok();
    reflection *types = reflection_create(bytes, size, &status);
    assert_true((types != NULL) == (status.code == RPC_OK));
    refused += types == NULL;
    reflection_destroy(types);
    free(bytes);
  }
  assert_in_range(refused, 500, 1999);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_message_of_the_api_packs_and_reads_as_the_compiled_one),
      cmocka_unit_test(a_message_with_a_field_of_every_kind_packs_and_reads_as_the_compiled_one),
      cmocka_unit_test(services_are_the_compiled_tables_without_routes),
      cmocka_unit_test(methods_are_found_however_they_are_written_and_no_others),
      cmocka_unit_test(fields_of_proto2_and_optional_ones_tell_absence_from_zero),
      cmocka_unit_test(groups_are_refused_by_name),
      cmocka_unit_test(a_set_that_contradicts_itself_is_refused),
      cmocka_unit_test(a_set_that_nests_too_deep_is_refused),
      cmocka_unit_test(damaged_sets_are_taken_or_refused),
  };
  return cmocka_run_group_tests_name("reflection", tests, NULL, NULL);
}
