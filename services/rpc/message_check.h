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

/* INVALID_ARGUMENT where the bytes of a message nest deeper than MESSAGE_DEPTH_MAX, since protobuf-c recurses as deep
 * as they say, or where a text has the character U+0000, at which protobuf-c's texts would end: with its path, less the
 * indices of lists. To be asked before the message is unpacked; what else is malformed is protobuf-c's to refuse. */
rpc_status message_check_bytes(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t size);
