/* Requests are read here where they come in their usual form, and by protobuf-c otherwise: whatever the bytes are, what
 * comes of them is what protobuf-c makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/envelope.h"

enum { ARENA_LIMIT = 1 << 20 };

static nng_msg *message_of(const void *bytes, size_t size) {
  nng_msg *message;
  assert_int_equal(nng_msg_alloc(&message, size), 0);
  if (size > 0) memcpy(nng_msg_body(message), bytes, size);
  return message;
}

/* True where both take it, or both do not; then *taken says which. */
static bool is_read_alike(const void *bytes, size_t size, bool *taken) {
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_LIMIT);
  nng_msg *message = message_of(bytes, size);
  const Rpc__V1__Request *read = envelope_unpack_request(message, &arena);
  Rpc__V1__Request *wanted = rpc__v1__request__unpack(NULL, size, size ? bytes : (const void *)"");
  bool alike = !read == !wanted;
  *taken = read != NULL;
  if (read && wanted) {
    size_t length = rpc__v1__request__get_packed_size(wanted);
    uint8_t *one = calloc(2, length + 1), *other = one + length + 1;
    alike = rpc__v1__request__get_packed_size(read) == length;
    if (alike) {
      rpc__v1__request__pack(read, one);
      rpc__v1__request__pack(wanted, other);
      alike = memcmp(one, other, length) == 0;
    }
    free(one);
  }
  rpc__v1__request__free_unpacked(wanted, NULL);
  rpc_arena_free(&arena);
  nng_msg_free(message);
  return alike;
}

static nng_msg *usual_request(size_t entries) {
  static const rpc_metadata metadata[RPC_METADATA_MAX] = {
      {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
      {"x-correlation-id", "corr-1"},
      {"idempotency-key", ""},
      {"authorization", "Bearer abc"},
      {"", "value of no key"},
      {"a", "1"},
      {"a", "2"},
  };
  return envelope_pack_request("/store.v1.InventoryService/GetProduct", 30000, metadata, entries, "\x0a\x0aLAPTOP-001",
                               12);
}

static void a_request_as_our_client_packs_it_is_read(void **state) {
  (void)state;
  for (size_t entries = 0; entries <= 7; entries++) {
    nng_msg *packed = usual_request(entries);
    bool taken;
    assert_true(is_read_alike(nng_msg_body(packed), nng_msg_len(packed), &taken));
    assert_true(taken);
    nng_msg_free(packed);
  }
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_LIMIT);
  nng_msg *packed = usual_request(2);
  const Rpc__V1__Request *request = envelope_unpack_request(packed, &arena);
  assert_string_equal(request->method, "/store.v1.InventoryService/GetProduct");
  assert_int_equal(request->timeout_ms, 30000);
  assert_int_equal(request->n_metadata, 2);
  assert_string_equal(request->metadata[1]->key, "x-correlation-id");
  assert_string_equal(request->metadata[1]->value, "corr-1");
  assert_int_equal(request->payload.len, 12);
  rpc_arena_free(&arena);
  nng_msg_free(packed);
}

static void any_byte_may_be_another(void **state) {
  (void)state;
  nng_msg *packed = usual_request(4);
  size_t size = nng_msg_len(packed), taken_count = 0;
  uint8_t *bytes = malloc(size);
  for (size_t at = 0; at < size; at++) {
    for (int value = 0; value < 256; value++) {
      bool taken;
      memcpy(bytes, nng_msg_body(packed), size);
      bytes[at] = (uint8_t)value;
      if (!is_read_alike(bytes, size, &taken)) fail_msg("differs with byte %zu as %d", at, value);
      taken_count += taken;
    }
  }
  assert_in_range(taken_count, size * 256 / 2, size * 256 - 1);
  free(bytes);
  nng_msg_free(packed);
}

static void any_part_of_a_request_may_be_missing(void **state) {
  (void)state;
  nng_msg *packed = usual_request(3);
  size_t size = nng_msg_len(packed);
  const uint8_t *bytes = nng_msg_body(packed);
  for (size_t from = 0; from <= size; from++) {
    for (size_t to = from; to <= size; to++) {
      uint8_t left[512];
      bool taken;
      memcpy(left, bytes, from);
      memcpy(left + from, bytes + to, size - to);
      if (!is_read_alike(left, from + size - to, &taken)) fail_msg("differs without bytes %zu to %zu", from, to);
    }
  }
  nng_msg_free(packed);
}

#define METHOD "\x0a\x02/m"
#define TIMEOUT "\x10\x05"
#define ENTRY "\x1a\x06\x0a\x01k\x12\x01v"
#define PAYLOAD "\x22\x03pay"

static void fields_may_come_in_other_forms(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    bool taken;
  } rows[] = {
#define ROW(literal, taken) {literal, sizeof literal - 1, taken}
      ROW("", true),
      ROW(METHOD TIMEOUT ENTRY PAYLOAD, true),
      ROW(PAYLOAD ENTRY TIMEOUT METHOD, true), /* in another order */
      ROW(METHOD METHOD, true),                /* the last one counts */
      ROW(METHOD TIMEOUT TIMEOUT, true),
      ROW(METHOD PAYLOAD PAYLOAD, true),
      ROW(METHOD PAYLOAD ENTRY, true),
      ROW(METHOD "\x1a\x06\x12\x01v\x0a\x01k", true),                        /* the value before its key */
      ROW(METHOD "\x1a\x03\x0a\x01k", true),                                 /* no value */
      ROW(METHOD "\x1a\x00", true),                                          /* neither */
      ROW(METHOD "\x1a\x09\x0a\x01k\x12\x01v\x1a\x01x", true),               /* and a field that nobody knows */
      ROW(METHOD "\x2a\x01x" PAYLOAD, true),                                 /* the same beside them */
      ROW("\x0a\x82\x00/m", true),                                           /* a length in more bytes than it needs */
      ROW("\x8a\x00\x02/m", true),                                           /* a tag */
      ROW(METHOD "\x10\xff\xff\xff\xff\x0f", true),                          /* the longest timeout */
      ROW(METHOD "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true),      /* past 32 bits */
      ROW(METHOD "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", false), /* past 64 */
      ROW("\x0a\x05/m", false),                                              /* longer than the message */
      ROW("\x0a\xff\xff\xff\xff\x0f/m", false),
      ROW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01/m", false),
      ROW(METHOD "\x1a\x06\x0a\x09k\x12\x01v", false), /* a key longer than its entry */
      ROW(METHOD "\x1a\x06\x0a\x01k\x12\x02v", false),
      ROW(METHOD "\x0b", false), /* a group */
      ROW(METHOD "\x22", false),
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    bool taken;
    if (!is_read_alike(rows[i].bytes, rows[i].size, &taken)) fail_msg("row %zu differs", i);
    if (taken != rows[i].taken) fail_msg("row %zu is %staken", i, taken ? "" : "not ");
  }
}

static void more_entries_than_are_allowed_are_counted(void **state) {
  (void)state;
  for (size_t count = RPC_METADATA_MAX - 1; count <= RPC_METADATA_MAX + 1; count++) {
    char bytes[512] = METHOD;
    bool taken;
    for (size_t i = 0; i < count; i++) strcat(bytes, ENTRY);
    assert_true(is_read_alike(bytes, strlen(bytes), &taken));
    assert_true(taken);
  }
}

static void a_request_that_does_not_fit_into_its_arena_is_not_read(void **state) {
  (void)state;
  nng_msg *packed = usual_request(4);
  for (size_t limit = 0; limit < 1024; limit++) {
    rpc_arena arena;
    rpc_arena_init(&arena, limit);
    const Rpc__V1__Request *request = envelope_unpack_request(packed, &arena);
    if (request) assert_string_equal(request->metadata[3]->value, "Bearer abc");
    if (limit < nng_msg_len(packed)) assert_null(request);
    rpc_arena_free(&arena);
  }
  nng_msg_free(packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_as_our_client_packs_it_is_read),
      cmocka_unit_test(any_byte_may_be_another),
      cmocka_unit_test(any_part_of_a_request_may_be_missing),
      cmocka_unit_test(fields_may_come_in_other_forms),
      cmocka_unit_test(more_entries_than_are_allowed_are_counted),
      cmocka_unit_test(a_request_that_does_not_fit_into_its_arena_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
