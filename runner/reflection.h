/* The types and methods of a service that this program was not compiled with, built at run time from the
 * FileDescriptorSet that the service answers (rpc.v1.Reflection). What comes out are protobuf-c's own descriptors and
 * the tables of api.h, so that the RPC client and the JSON mapping work with them as with compiled ones. For the
 * command line (call.h). A reflection never changes once it is made: use it from any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "rpc/status.h"

typedef struct reflection reflection;

/* file_descriptor_set: a serialized google.protobuf.FileDescriptorSet that holds every file's imports; may go when this
 * returns. NULL with the reason in *status: INTERNAL (MALFORMED_REFLECTION) where the set is not valid, UNIMPLEMENTED
 * (UNSUPPORTED_TYPE) where it has what protobuf-c cannot do (groups).
 *
 * The descriptors differ from compiled ones in this: message_init is NULL (protobuf_c_message_unpack does without), a
 * required field of proto2 is treated as an optional one, and explicit defaults of proto2 are not known. Timestamp and
 * Duration are the compiled ones, which the JSON mapping knows. */
reflection *reflection_create(const uint8_t *file_descriptor_set, size_t size, rpc_status *status);

/* With everything found through it. NULL is ignored. */
void reflection_destroy(reflection *types);

/* By full name, such as "store.v1.Order"; NULL where there is none of that kind. */
const ProtobufCMessageDescriptor *reflection_message(const reflection *types, const char *full_name);
const ProtobufCEnumDescriptor *reflection_enum(const reflection *types, const char *full_name);
/* Without ports and routes; its name is "". */
const api_service *reflection_service(const reflection *types, const char *full_name);

/* "/store.v1.OrderService/GetOrder"; the first slash may be left out, and the second be a point. */
const api_method *reflection_method(const reflection *types, const char *name);

/* The messages that stand for the entries of maps. */
const ProtobufCMessageDescriptor *const *reflection_map_entries(const reflection *types, size_t *count);
