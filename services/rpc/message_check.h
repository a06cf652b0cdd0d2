/* What a message must be beyond what protobuf-c checks when it unpacks one. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"

/* INVALID_ARGUMENT with the path of the first text field that is not UTF-8 ("items[0].product_id"), which protobuf
 * demands and protobuf-c takes as it comes. */
rpc_status message_check_text(const ProtobufCMessage *message);

/* Messages within messages, as protobuf's own parsers bound them. */
enum { MESSAGE_DEPTH_MAX = 100 };

/* False where the bytes of a message nest deeper than MESSAGE_DEPTH_MAX: to be asked before a message that may contain
 * itself is unpacked, since protobuf-c recurses as deep as the bytes say. What is malformed is protobuf-c's to refuse.
 */
bool message_check_depth(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t size);
