/* A service that lies about its types: a FileDescriptorSet to descriptors, as the runner's command line builds them,
 * and with each message of them the use that it makes: bytes to a message to JSON and back. Two bytes of length and the
 * set, then the bytes of the messages. */
#include "runner/reflection.h"

#include <jansson.h>

#include "fuzz.h"
#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/envelope.h"

enum { MEMORY = 16 * 1024 * 1024, JSON_MAX = 1024 * 1024 };

/* What was written is JSON, and is read as a message of that type again. */
static void try_message(const reflection *types, const ProtobufCMessageDescriptor *type, fuzz_input bytes) {
  rpc_arena arena;
  rpc_arena_init(&arena, MEMORY);
  rpc_status status;
  const ProtobufCBinaryData payload = {bytes.left, (uint8_t *)bytes.at};
  const ProtobufCMessage *message = envelope_unpack_payload(type, payload, &arena, &status);
  json_writer writer = json_writer_make(JSON_MAX);
  writer.map_entries = reflection_map_entries(types, &writer.map_entry_count);
  if (message) json_write_message(&writer, message);
  if (message && !writer.failed) {
    json_t *json = json_loadb(writer.bytes, writer.length, JSON_DECODE_ANY, NULL);
    FUZZ_CHECK(json);
    json_reader reader = json_reader_make(&arena);
    reader.map_entries = reflection_map_entries(types, &reader.map_entry_count);
    ProtobufCMessage *again = json_read_new(&reader, type);
    if (again) json_read(&reader, again, NULL, writer.bytes, writer.length);
    json_decref(json);
  }
  json_writer_free(&writer);
  rpc_arena_free(&arena);
}

/* Every message at the top of a file; those within are met as the types of fields. */
static void try_messages(const reflection *types, const Google__Protobuf__FileDescriptorSet *set, fuzz_input bytes) {
  for (size_t f = 0; f < set->n_file; f++) {
    const Google__Protobuf__FileDescriptorProto *file = set->file[f];
    for (size_t i = 0; i < file->n_message_type; i++) {
      char name[256];
      snprintf(name, sizeof name, "%s%s%s", file->package ? file->package : "",
               file->package && file->package[0] ? "." : "", file->message_type[i]->name);
      const ProtobufCMessageDescriptor *type = reflection_message(types, name);
      FUZZ_CHECK(type || strlen(name) == sizeof name - 1);
      if (type) try_message(types, type, bytes);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = {data, size};
  size_t length = (size_t)fuzz_take_byte(&input) << 8;
  length |= fuzz_take_byte(&input);
  fuzz_input bytes = fuzz_take(&input, length);
  rpc_status status;
  reflection *types = reflection_create(bytes.at, bytes.left, &status);
  FUZZ_CHECK((types != NULL) == (status.code == RPC_OK));
  if (!types) return 0;
  Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(NULL, bytes.left, bytes.at);
  FUZZ_CHECK(set);
  try_messages(types, set, input);
  google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
  reflection_destroy(types);
  return 0;
}
