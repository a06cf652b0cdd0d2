/* The two envelopes, rpc.v1.Request and rpc.v1.Response, to and from NNG messages. The payload is packed in place: it
 * is the envelope's last field, so it needs no copy of its own. */
#pragma once

#include <nng/nng.h>
#include <stdint.h>

#include "rpc/arena.h"
#include "rpc/metadata.h"
#include "rpc/status.h"
#include "rpc/v1/envelope.pb-c.h"

enum { ENVELOPE_TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000 };

/* The caller's to free. NULL without memory. At most RPC_METADATA_MAX entries are written; those whose value is NULL
 * are left out. */
nng_msg *envelope_pack_request(const char *method, uint32_t timeout_ms, const rpc_metadata *metadata, size_t count,
                               const void *payload, size_t payload_size);

/* response is written where status->code is RPC_OK, and may be NULL otherwise. The caller's to free. */
nng_msg *envelope_pack_response(const rpc_status *status, const ProtobufCMessage *response);

/* The method a request names, without unpacking it: length bytes, not ended by NUL, that live as long as the message.
 * NULL where the message does not begin with it, which is allowed, or is not an envelope: then unpack it. */
const char *envelope_peek_method(nng_msg *message, size_t *length);

/* Into the arena, NULL where the message is not an envelope. A request's payload may be the message's bytes, and lives
 * as long as that does. The texts of a response, except in its payload, are UTF-8; a request's are the server's to
 * check, which says what is wrong. */
Rpc__V1__Request *envelope_unpack_request(nng_msg *message, rpc_arena *arena);
Rpc__V1__Response *envelope_unpack_response(nng_msg *message, rpc_arena *arena);

/* The status that a response carries. */
rpc_status envelope_status(const Rpc__V1__Response *response);

/* Unpacks a payload into the arena and checks that its texts are UTF-8 (which protobuf-c does not). NULL with
 * INVALID_ARGUMENT in *status. */
ProtobufCMessage *envelope_unpack_payload(const ProtobufCMessageDescriptor *descriptor, ProtobufCBinaryData payload,
                                          rpc_arena *arena, rpc_status *status);
