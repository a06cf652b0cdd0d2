/* Envelopes to and from NNG messages. Everything that arrives from outside over RPC is parsed here and nowhere else. */
#include "rpc/envelope.h"

#include <assert.h>
#include <string.h>

#include "rpc/message_check.h"
#include "telemetry/utf8.h"

/* Numbers of the fields that are read and written here, as on the wire with wire type 2 (length-delimited). */
enum { REQUEST_METHOD_TAG = 1 << 3 | 2, REQUEST_PAYLOAD_TAG = 4 << 3 | 2, RESPONSE_PAYLOAD_TAG = 5 << 3 | 2 };

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

/* A message with the packed head and room for a payload; *payload points to that room. An empty payload has no field.
 */
static nng_msg *pack_head(const ProtobufCMessage *head, uint8_t tag, size_t payload_size, uint8_t **payload) {
  size_t head_size = protobuf_c_message_get_packed_size(head);
  size_t field_size = payload_size ? 1 + varint_size(payload_size) + payload_size : 0;
  nng_msg *message;
  if (nng_msg_alloc(&message, head_size + field_size) != 0) return NULL;
  uint8_t *at = nng_msg_body(message);
  at += protobuf_c_message_pack(head, at);
  if (payload_size) {
    *at++ = tag;
    at = write_varint(at, payload_size);
  }
  *payload = at;
  return message;
}

nng_msg *envelope_pack_request(const char *method, uint32_t timeout_ms, const rpc_metadata *metadata, size_t count,
                               const void *payload, size_t payload_size) {
  Rpc__V1__Request__MetadataEntry entries[RPC_METADATA_MAX];
  Rpc__V1__Request__MetadataEntry *pointers[RPC_METADATA_MAX];
  Rpc__V1__Request head = RPC__V1__REQUEST__INIT;
  head.method = (char *)method;
  head.timeout_ms = timeout_ms;
  head.metadata = pointers;
  for (size_t i = 0; i < count && head.n_metadata < RPC_METADATA_MAX; i++) {
    if (!metadata[i].value) continue;
    Rpc__V1__Request__MetadataEntry *entry = &entries[head.n_metadata];
    rpc__v1__request__metadata_entry__init(entry);
    entry->key = (char *)metadata[i].key;
    entry->value = (char *)metadata[i].value;
    pointers[head.n_metadata++] = entry;
  }
  uint8_t *room;
  nng_msg *message = pack_head(&head.base, REQUEST_PAYLOAD_TAG, payload_size, &room);
  if (message && payload_size) memcpy(room, payload, payload_size);
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

nng_msg *envelope_pack_response(const rpc_status *status, const ProtobufCMessage *response) {
  Rpc__V1__ErrorDetail detail;
  Rpc__V1__ErrorDetail *details[] = {&detail};
  Rpc__V1__ErrorDetail__MetadataEntry entries[RPC_STATUS_FACTS];
  Rpc__V1__ErrorDetail__MetadataEntry *pointers[RPC_STATUS_FACTS];
  Rpc__V1__Response head = RPC__V1__RESPONSE__INIT;
  head.code = (Rpc__V1__Code)status->code;
  size_t payload_size = 0;
  if (status->code == RPC_OK) {
    assert(response);
    payload_size = protobuf_c_message_get_packed_size(response);
  } else {
    head.message = (char *)status->message;
    head.details = details;
    head.n_details = pack_details(status, &detail, entries, pointers);
  }
  uint8_t *room;
  nng_msg *message = pack_head(&head.base, RESPONSE_PAYLOAD_TAG, payload_size, &room);
  if (message && payload_size) protobuf_c_message_pack(response, room);
  return message;
}

const char *envelope_peek_method(nng_msg *message, size_t *length) {
  const uint8_t *bytes = nng_msg_body(message);
  size_t size = nng_msg_len(message);
  if (size < 2 || bytes[0] != REQUEST_METHOD_TAG) return NULL;
  *length = bytes[1]; /* a varint of one byte: names are shorter than 128 */
  return *length < 0x80 && *length <= size - 2 ? (const char *)bytes + 2 : NULL;
}

Rpc__V1__Request *envelope_unpack_request(nng_msg *message, rpc_arena *arena) {
  return rpc__v1__request__unpack(&arena->allocator, nng_msg_len(message), nng_msg_body(message));
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
