/* See listing.h. Works on any List method through protobuf-c's descriptors: the API gives all of them one form. */
#include "runner/listing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One page on its way from the door's thread to the waiting reader. */
typedef struct reading {
  const ProtobufCMessageDescriptor *type;
  runner_listing *listing;
  char *next_token; /* malloc'd */
  bool failed;      /* no memory */
} reading;

static void *field_of(const ProtobufCMessage *message, const ProtobufCMessageDescriptor *type, const char *name) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, name);
  assert(field != NULL);
  return (char *)(uintptr_t)message + field->offset;
}

/* A message of our own, in memory that protobuf_c_message_free_unpacked frees. */
static ProtobufCMessage *copy_message(const ProtobufCMessage *message) {
  size_t size = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(size == 0 ? 1 : size);
  if (bytes == NULL) return NULL;
  protobuf_c_message_pack(message, bytes);
  ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, size, bytes);
  free(bytes);
  return copy;
}

static bool add_copy(runner_listing *listing, const ProtobufCMessage *item) {
  if (listing->count == listing->capacity) {
    size_t capacity = listing->capacity == 0 ? RUNNER_LISTING_PAGE_SIZE : 2 * listing->capacity;
    ProtobufCMessage **items = realloc(listing->items, capacity * sizeof *items);
    if (items == NULL) return false;
    listing->items = items;
    listing->capacity = capacity;
  }
  ProtobufCMessage *copy = copy_message(item);
  if (copy == NULL) return false;
  listing->items[listing->count++] = copy;
  return true;
}

static const ProtobufCFieldDescriptor *repeated_field(const ProtobufCMessageDescriptor *type) {
  for (unsigned i = 0; i < type->n_fields; i++) {
    if (type->fields[i].label == PROTOBUF_C_LABEL_REPEATED) return &type->fields[i];
  }
  return NULL;
}

static void take_page(void *arg, const ProtobufCMessage *response) {
  reading *page = arg;
  const ProtobufCFieldDescriptor *field = repeated_field(page->type);
  assert(field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE);
  size_t count = *(const size_t *)(const void *)((const char *)response + field->quantifier_offset);
  ProtobufCMessage *const *items = *(ProtobufCMessage ***)(void *)((char *)(uintptr_t)response + field->offset);
  for (size_t i = 0; i < count && !page->failed; i++) page->failed = !add_copy(page->listing, items[i]);
  page->next_token = strdup(*(char **)field_of(response, page->type, "next_page_token"));
  if (page->next_token == NULL) page->failed = true;
}

rpc_status runner_listing_read(runner_door *door, const api_method *method, runner_listing *listing) {
  *listing = (runner_listing){0};
  ProtobufCMessage *request = malloc(method->input->sizeof_message);
  reading page = {.type = method->output, .listing = listing, .failed = request == NULL};
  rpc_status status = rpc_status_ok();
  char *token = NULL;
  while (!page.failed) {
    protobuf_c_message_init(method->input, request);
    *(int32_t *)field_of(request, method->input, "page_size") = RUNNER_LISTING_PAGE_SIZE;
    if (token != NULL) *(char **)field_of(request, method->input, "page_token") = token;
    page.next_token = NULL;
    status = runner_door_call_and_wait(door, method, request, NULL, take_page, &page);
    free(token);
    token = page.next_token;
    if (status.code != RPC_OK || token == NULL || token[0] == '\0') break;
  }
  free(token);
  free(request);
  if (page.failed) status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for %s", method->name);
  if (status.code != RPC_OK) runner_listing_free(listing);
  return status;
}

void runner_listing_free(runner_listing *listing) {
  for (size_t i = 0; i < listing->count; i++) protobuf_c_message_free_unpacked(listing->items[i], NULL);
  free(listing->items);
  *listing = (runner_listing){0};
}
