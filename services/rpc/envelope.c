/* Envelopes to and from NNG messages. Everything that arrives from outside over RPC is parsed here and nowhere else. */
#include "rpc/envelope.h"

#include <assert.h>
#include <string.h>

#include "rpc/message_check.h"
#include "rpc/wire.h"
#include "telemetry/utf8.h"

/* What the fields that are read and written here begin with on the wire: number and wire type, 0 varint, 2
 * length-delimited. */
enum {
  REQUEST_METHOD_TAG = 1 << 3 | 2,
  REQUEST_TIMEOUT_TAG = 2 << 3 | 0,
  REQUEST_METADATA_TAG = 3 << 3 | 2,
  REQUEST_PAYLOAD_TAG = 4 << 3 | 2,
  ENTRY_KEY_TAG = 1 << 3 | 2,
  ENTRY_VALUE_TAG = 2 << 3 | 2,
  RESPONSE_PAYLOAD_TAG = 5 << 3 | 2,
};

static size_t varint_size(size_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    size++;
  }
  return size;
}

static uint8_t *write_varint(uint8_t *at, size_t value) {
  while (value >= 0x80) {
    *at++ = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  *at++ = (uint8_t)value;
  return at;
}

static size_t field_size(size_t length) {
  return 1 + varint_size(length) + length;
}

static uint8_t *write_tag(uint8_t *at, uint8_t tag, size_t length) {
  *at = tag;
  return write_varint(at + 1, length);
}

static uint8_t *write_field(uint8_t *at, uint8_t tag, const void *bytes, size_t length) {
  at = write_tag(at, tag, length);
  memcpy(at, bytes, length);
  return at + length;
}

/* A metadata entry whose lengths are known. */
typedef struct entry_lengths {
  size_t key, value, entry;
} entry_lengths;

/* Written here and not by protobuf-c: every call packs one, and it is mostly texts that are at hand. */
nng_msg *envelope_pack_request(const char *method, uint32_t timeout_ms, const rpc_metadata *metadata, size_t count,
                               const void *payload, size_t payload_size) {
  const rpc_metadata *entries[RPC_METADATA_MAX];
  entry_lengths lengths[RPC_METADATA_MAX];
  size_t entry_count = 0, method_length = strlen(method);
  size_t size = field_size(method_length);
  if (timeout_ms) size += 1 + varint_size(timeout_ms);
  for (size_t i = 0; i < count && entry_count < RPC_METADATA_MAX; i++) {
    if (!metadata[i].value) continue;
    entry_lengths *its = &lengths[entry_count];
    *its = (entry_lengths){.key = strlen(metadata[i].key), .value = strlen(metadata[i].value)};
    its->entry = field_size(its->key) + field_size(its->value);
    size += field_size(its->entry);
    entries[entry_count++] = &metadata[i];
  }
  if (payload_size) size += field_size(payload_size);
  nng_msg *message;
  if (nng_msg_alloc(&message, size) != 0) return NULL;
  uint8_t *at = write_field(nng_msg_body(message), REQUEST_METHOD_TAG, method, method_length);
  if (timeout_ms) at = write_tag(at, REQUEST_TIMEOUT_TAG, timeout_ms);
  for (size_t i = 0; i < entry_count; i++) {
    at = write_tag(at, REQUEST_METADATA_TAG, lengths[i].entry);
    at = write_field(at, ENTRY_KEY_TAG, entries[i]->key, lengths[i].key);
    at = write_field(at, ENTRY_VALUE_TAG, entries[i]->value, lengths[i].value);
  }
  if (payload_size) write_field(at, REQUEST_PAYLOAD_TAG, payload, payload_size);
  return message;
}

static size_t pack_details(const rpc_status *status, Rpc__V1__ErrorDetail *detail,
                           Rpc__V1__ErrorDetail__MetadataEntry entries[RPC_STATUS_FACTS],
                           Rpc__V1__ErrorDetail__MetadataEntry *pointers[RPC_STATUS_FACTS]) {
  rpc__v1__error_detail__init(detail);
  detail->reason = (char *)status->reason;
  detail->field = (char *)status->field;
  detail->metadata = pointers;
  for (int i = 0; i < RPC_STATUS_FACTS; i++) {
    if (!status->facts[i].key[0]) continue;
    Rpc__V1__ErrorDetail__MetadataEntry *entry = &entries[detail->n_metadata];
    rpc__v1__error_detail__metadata_entry__init(entry);
    entry->key = (char *)status->facts[i].key;
    entry->value = (char *)status->facts[i].value;
    pointers[detail->n_metadata++] = entry;
  }
  return detail->reason[0] || detail->field[0] || detail->n_metadata ? 1 : 0;
}

static nng_msg *pack_error(const rpc_status *status) {
  Rpc__V1__ErrorDetail detail;
  Rpc__V1__ErrorDetail *details[] = {&detail};
  Rpc__V1__ErrorDetail__MetadataEntry entries[RPC_STATUS_FACTS];
  Rpc__V1__ErrorDetail__MetadataEntry *pointers[RPC_STATUS_FACTS];
  Rpc__V1__Response response = RPC__V1__RESPONSE__INIT;
  response.code = (Rpc__V1__Code)status->code;
  response.message = (char *)status->message;
  response.details = details;
  response.n_details = pack_details(status, &detail, entries, pointers);
  nng_msg *message;
  if (nng_msg_alloc(&message, rpc__v1__response__get_packed_size(&response)) != 0) return NULL;
  rpc__v1__response__pack(&response, nng_msg_body(message));
  return message;
}

/* A response that is OK is its payload: the code is 0, and what is 0 or empty is not on the wire. */
nng_msg *envelope_pack_response(const rpc_status *status, const ProtobufCMessage *response) {
  if (status->code != RPC_OK) return pack_error(status);
  assert(response);
  size_t size = protobuf_c_message_get_packed_size(response);
  nng_msg *message;
  if (nng_msg_alloc(&message, size ? field_size(size) : 0) != 0) return NULL;
  if (size) protobuf_c_message_pack(response, write_tag(nng_msg_body(message), RESPONSE_PAYLOAD_TAG, size));
  return message;
}

const char *envelope_peek_method(nng_msg *message, size_t *length) {
  const uint8_t *bytes = nng_msg_body(message);
  size_t size = nng_msg_len(message);
  if (size < 2 || bytes[0] != REQUEST_METHOD_TAG) return NULL;
  *length = bytes[1]; /* a varint of one byte: names are shorter than 128 */
  return *length < 0x80 && *length <= size - 2 ? (const char *)bytes + 2 : NULL;
}

/* --- requests in their usual form: each field once and in the order of its number, as encoders write them. A server
 * reads one for each call, and protobuf-c takes three times as long; what comes in another form is left to it. --- */

typedef struct slice {
  const uint8_t *bytes;
  size_t size;
} slice;

typedef struct usual_request {
  slice method, payload;
  uint32_t timeout_ms;
  size_t entry_count;
  struct {
    slice key, value;
  } entries[RPC_METADATA_MAX];
} usual_request;

static bool read_varint(slice *from, uint64_t *value) {
  const uint8_t *at = from->bytes, *end = at + from->size;
  bool is_whole = wire_take_varint(&at, end, value);
  *from = (slice){at, (size_t)(end - at)};
  return is_whole;
}

static bool has_tag(const slice *from, uint8_t tag) {
  return from->size > 0 && from->bytes[0] == tag;
}

/* False where it does not begin with this field, or that is not whole. */
static bool read_field(slice *from, uint8_t tag, slice *field) {
  uint64_t length;
  if (!has_tag(from, tag)) return false;
  slice rest = {from->bytes + 1, from->size - 1};
  if (!read_varint(&rest, &length) || length > rest.size) return false;
  *field = (slice){rest.bytes, length};
  *from = (slice){rest.bytes + length, rest.size - length};
  return true;
}

static bool read_usual(slice from, usual_request *request) {
  slice entry;
  request->payload = (slice){NULL, 0};
  request->timeout_ms = 0;
  request->entry_count = 0;
  if (!read_field(&from, REQUEST_METHOD_TAG, &request->method)) return false;
  if (has_tag(&from, REQUEST_TIMEOUT_TAG)) {
    uint64_t timeout_ms;
    from = (slice){from.bytes + 1, from.size - 1};
    if (!read_varint(&from, &timeout_ms) || timeout_ms > UINT32_MAX) return false;
    request->timeout_ms = (uint32_t)timeout_ms;
  }
  while (read_field(&from, REQUEST_METADATA_TAG, &entry)) {
    if (request->entry_count == RPC_METADATA_MAX) return false;
    size_t at = request->entry_count++;
    if (!read_field(&entry, ENTRY_KEY_TAG, &request->entries[at].key)) return false;
    if (!read_field(&entry, ENTRY_VALUE_TAG, &request->entries[at].value) || entry.size > 0) return false;
  }
  read_field(&from, REQUEST_PAYLOAD_TAG, &request->payload);
  return from.size == 0;
}

/* Copies it to *room, with its end, and goes on behind it. */
static char *take_text(char **room, slice text) {
  char *copy = memcpy(*room, text.bytes, text.size); /* zeroes follow */
  *room += text.size + 1;
  return copy;
}

static Rpc__V1__Request *make_request(const usual_request *usual, rpc_arena *arena) {
  size_t count = usual->entry_count, texts_size = usual->method.size + 1;
  for (size_t i = 0; i < count; i++) texts_size += usual->entries[i].key.size + usual->entries[i].value.size + 2;
  Rpc__V1__Request *request = rpc_arena_alloc(arena, sizeof *request);
  Rpc__V1__Request__MetadataEntry *entries = rpc_arena_alloc(arena, count * sizeof *entries);
  Rpc__V1__Request__MetadataEntry **pointers = rpc_arena_alloc(arena, count * sizeof *pointers);
  char *texts = rpc_arena_alloc(arena, texts_size);
  if (!request || !entries || !pointers || !texts) return NULL;
  rpc__v1__request__init(request);
  request->method = take_text(&texts, usual->method);
  request->timeout_ms = usual->timeout_ms;
  request->payload = (ProtobufCBinaryData){usual->payload.size, (uint8_t *)usual->payload.bytes};
  request->n_metadata = count;
  request->metadata = pointers;
  for (size_t i = 0; i < count; i++) {
    rpc__v1__request__metadata_entry__init(&entries[i]);
    entries[i].key = take_text(&texts, usual->entries[i].key);
    entries[i].value = take_text(&texts, usual->entries[i].value);
    pointers[i] = &entries[i];
  }
  return request;
}

Rpc__V1__Request *envelope_unpack_request(nng_msg *message, rpc_arena *arena) {
  usual_request usual;
  slice all = {nng_msg_body(message), nng_msg_len(message)};
  if (read_usual(all, &usual)) return make_request(&usual, arena);
  return rpc__v1__request__unpack(&arena->allocator, all.size, all.bytes);
}

Rpc__V1__Response *envelope_unpack_response(nng_msg *message, rpc_arena *arena) {
  Rpc__V1__Response *response =
      rpc__v1__response__unpack(&arena->allocator, nng_msg_len(message), nng_msg_body(message));
  return response && message_check_text(&response->base).code == RPC_OK ? response : NULL;
}

rpc_status envelope_status(const Rpc__V1__Response *response) {
  if (response->code == RPC__V1__CODE__OK) return rpc_status_ok();
  rpc_code code = (unsigned)response->code < RPC_CODE_COUNT ? (rpc_code)response->code : RPC_UNKNOWN;
  const Rpc__V1__ErrorDetail *detail = response->n_details ? response->details[0] : NULL;
  rpc_status status = rpc_status_error(code, detail ? detail->reason : "", "%s", response->message);
  if (!detail) return status;
  utf8_copy(status.field, sizeof status.field, detail->field);
  for (size_t i = 0; i < detail->n_metadata; i++) {
    rpc_status_set_fact(&status, detail->metadata[i]->key, detail->metadata[i]->value);
  }
  return status;
}

ProtobufCMessage *envelope_unpack_payload(const ProtobufCMessageDescriptor *descriptor, ProtobufCBinaryData payload,
                                          rpc_arena *arena, rpc_status *status) {
  static const uint8_t nothing[1] = {0};
  const uint8_t *bytes = payload.data ? payload.data : nothing;
  *status = message_check_bytes(descriptor, bytes, payload.len);
  if (status->code != RPC_OK) return NULL;
  ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &arena->allocator, payload.len, bytes);
  if (!message) {
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", "payload: not a valid %s", descriptor->name);
    return NULL;
  }
  *status = message_check_text(message);
  return status->code == RPC_OK ? message : NULL;
}
