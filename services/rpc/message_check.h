/* What a message must be beyond what protobuf-c checks when it unpacks one. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "rpc/status.h"

/* INVALID_ARGUMENT with the path of the first text field that is not UTF-8 ("items[0].product_id"), which protobuf
 * demands and protobuf-c takes as it comes. */
rpc_status message_check_text(const ProtobufCMessage *message);
