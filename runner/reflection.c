/* Two passes: the first gives every message, enum and service of the set a symbol and its descriptor a place in
 * memory; the second fills descriptors in, which may then point to each other in any order, and to themselves. */
#include "runner/reflection.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "rpc/arena.h"
#include "rpc/message_check.h"
#include "runner/reflection_types.h"

enum { MEMORY_MAX = 256 * 1024 * 1024, NESTING_MAX = 64 };

struct reflection {
  reflection_types types; /* first: what the builder of types sees of this */
  size_t capacity;
};

static const ProtobufCMessageDescriptor *const compiled[] = {
    &google__protobuf__timestamp__descriptor,
    &google__protobuf__duration__descriptor,
};

bool reflection_fail(reflection_types *types, const char *what, const char *name) {
  if (types->status.code == RPC_OK) {
    types->status = rpc_status_error(RPC_INTERNAL, "MALFORMED_REFLECTION",
                                     "the service's descriptors are not valid: %s: %s", name, what);
  }
  return false;
}

void *reflection_alloc(reflection_types *types, size_t count, size_t size) {
  void *memory = count > MEMORY_MAX / size ? NULL : rpc_arena_alloc(&types->arena, count * size);
  if (memory == NULL) types->status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "the descriptors are too large");
  return memory;
}

/* --- symbols --- */

static size_t count_messages(Google__Protobuf__DescriptorProto *const *messages, size_t count, int depth) {
  size_t symbols = count;
  for (size_t i = 0; i < count && depth < NESTING_MAX; i++) {
    symbols += messages[i]->n_enum_type;
    symbols += count_messages(messages[i]->nested_type, messages[i]->n_nested_type, depth + 1);
  }
  return symbols;
}

static reflection_symbol *add_symbol(reflection *all, reflection_kind kind, const char *scope, const char *name,
                                     const void *proto) {
  reflection_types *types = &all->types;
  if (name == NULL || name[0] == '\0') {
    reflection_fail(types, "something has no name", scope[0] == '\0' ? "the root" : scope);
    return NULL;
  }
  const char *full = rpc_arena_printf(&types->arena, "%s%s%s", scope, scope[0] == '\0' ? "" : ".", name);
  size_t size = kind == REFLECTION_MESSAGE ? sizeof(ProtobufCMessageDescriptor)
                : kind == REFLECTION_ENUM  ? sizeof(ProtobufCEnumDescriptor)
                                           : sizeof(api_service);
  void *built = reflection_alloc(types, 1, size);
  if (full == NULL || built == NULL || types->count == all->capacity) return NULL;
  reflection_symbol *symbol = &types->symbols[types->count++];
  *symbol = (reflection_symbol){.name = full, .kind = kind, .proto = proto, .built = built};
  for (size_t i = 0; i < sizeof compiled / sizeof *compiled && kind == REFLECTION_MESSAGE; i++) {
    if (strcmp(full, compiled[i]->name) != 0) continue;
    symbol->built = (void *)compiled[i];
    symbol->compiled = true;
  }
  return symbol;
}

static bool add_enums(reflection *all, const char *scope, Google__Protobuf__EnumDescriptorProto *const *enums,
                      size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (add_symbol(all, REFLECTION_ENUM, scope, enums[i]->name, enums[i]) == NULL) return false;
  }
  return true;
}

static bool add_messages(reflection *all, const char *scope, Google__Protobuf__DescriptorProto *const *messages,
                         size_t count, bool proto3, int depth) {
  if (depth >= NESTING_MAX && count > 0) return reflection_fail(&all->types, "nested too deep", scope);
  for (size_t i = 0; i < count; i++) {
    const Google__Protobuf__DescriptorProto *message = messages[i];
    reflection_symbol *symbol = add_symbol(all, REFLECTION_MESSAGE, scope, message->name, message);
    if (symbol == NULL) return false;
    symbol->proto3 = proto3;
    const char *name = symbol->name;
    if (!add_enums(all, name, message->enum_type, message->n_enum_type)) return false;
    if (!add_messages(all, name, message->nested_type, message->n_nested_type, proto3, depth + 1)) return false;
  }
  return true;
}

static bool add_file(reflection *all, const Google__Protobuf__FileDescriptorProto *file) {
  const char *scope = file->package == NULL ? "" : file->package;
  bool proto3 = file->syntax != NULL && strcmp(file->syntax, "proto3") == 0;
  for (size_t i = 0; i < file->n_service; i++) {
    if (add_symbol(all, REFLECTION_SERVICE, scope, file->service[i]->name, file->service[i]) == NULL) return false;
  }
  return add_enums(all, scope, file->enum_type, file->n_enum_type) &&
         add_messages(all, scope, file->message_type, file->n_message_type, proto3, 0);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const reflection_symbol *)a)->name, ((const reflection_symbol *)b)->name);
}

static bool collect_symbols(reflection *all, const Google__Protobuf__FileDescriptorSet *set) {
  reflection_types *types = &all->types;
  for (size_t i = 0; i < set->n_file; i++) {
    all->capacity += set->file[i]->n_service + set->file[i]->n_enum_type +
                     count_messages(set->file[i]->message_type, set->file[i]->n_message_type, 0);
  }
  types->symbols = reflection_alloc(types, all->capacity + 1, sizeof *types->symbols);
  types->map_entries = reflection_alloc(types, all->capacity + 1, sizeof *types->map_entries);
  if (types->symbols == NULL || types->map_entries == NULL) return false;
  for (size_t i = 0; i < set->n_file; i++) {
    if (!add_file(all, set->file[i])) return false;
  }
  qsort(types->symbols, types->count, sizeof *types->symbols, by_name);
  for (size_t i = 1; i < types->count; i++) {
    if (by_name(&types->symbols[i - 1], &types->symbols[i]) == 0) {
      return reflection_fail(types, "defined twice", types->symbols[i].name);
    }
  }
  return true;
}

void *reflection_find(const reflection_types *types, reflection_kind kind, const char *full_name) {
  reflection_symbol key = {.name = full_name};
  if (types->count == 0) return NULL;
  const reflection_symbol *symbol = bsearch(&key, types->symbols, types->count, sizeof key, by_name);
  return symbol != NULL && symbol->kind == kind ? symbol->built : NULL;
}

/* --- services --- */

/* type_name: with the point in front that says it is a full name. */
static const ProtobufCMessageDescriptor *message_named(reflection_types *types, const char *type_name) {
  return type_name == NULL || type_name[0] != '.' ? NULL : reflection_find(types, REFLECTION_MESSAGE, type_name + 1);
}

static bool build_service(reflection_types *types, const reflection_symbol *symbol) {
  const Google__Protobuf__ServiceDescriptorProto *proto = symbol->proto;
  api_method *methods = reflection_alloc(types, proto->n_method + 1, sizeof *methods);
  if (methods == NULL) return false;
  for (size_t i = 0; i < proto->n_method; i++) {
    const Google__Protobuf__MethodDescriptorProto *from = proto->method[i];
    int level = from->options == NULL ? 0 : (int)from->options->idempotency_level;
    methods[i].name = rpc_arena_printf(&types->arena, "/%s/%s", symbol->name, from->name == NULL ? "" : from->name);
    methods[i].input = message_named(types, from->input_type);
    methods[i].output = message_named(types, from->output_type);
    methods[i].no_side_effects = level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
    methods[i].idempotent = level != GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN;
    if (methods[i].name == NULL || methods[i].input == NULL || methods[i].output == NULL) {
      return reflection_fail(types, "a method lacks a known input or output", symbol->name);
    }
  }
  api_service *service = symbol->built;
  service->full_name = symbol->name;
  service->name = "";
  service->methods = methods;
  service->method_count = proto->n_method;
  return true;
}

static bool build_all(reflection_types *types) {
  for (size_t i = 0; i < types->count; i++) {
    const reflection_symbol *symbol = &types->symbols[i];
    if (symbol->compiled) continue;
    bool built = symbol->kind == REFLECTION_MESSAGE ? reflection_build_message(types, symbol)
                 : symbol->kind == REFLECTION_ENUM  ? reflection_build_enum(types, symbol)
                                                    : build_service(types, symbol);
    if (!built) return false;
  }
  return true;
}

/* --- what callers use --- */

reflection *reflection_create(const uint8_t *file_descriptor_set, size_t size, rpc_status *status) {
  reflection *all = calloc(1, sizeof *all);
  if (all == NULL) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory");
    return NULL;
  }
  reflection_types *types = &all->types;
  rpc_arena_init(&types->arena, MEMORY_MAX);
  bool fits =
      message_check_bytes(&google__protobuf__file_descriptor_set__descriptor, file_descriptor_set, size).code == RPC_OK;
  const Google__Protobuf__FileDescriptorSet *set =
      fits ? google__protobuf__file_descriptor_set__unpack(&types->arena.allocator, size, file_descriptor_set) : NULL;
  bool built = set == NULL ? reflection_fail(types, "not a FileDescriptorSet", "the answer")
                           : collect_symbols(all, set) && build_all(types);
  *status = types->status;
  if (built) return all;
  if (status->code == RPC_OK) *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory for the descriptors");
  reflection_destroy(all);
  return NULL;
}

void reflection_destroy(reflection *all) {
  if (all == NULL) return;
  rpc_arena_free(&all->types.arena);
  free(all);
}

const ProtobufCMessageDescriptor *reflection_message(const reflection *all, const char *full_name) {
  return reflection_find(&all->types, REFLECTION_MESSAGE, full_name);
}

const ProtobufCEnumDescriptor *reflection_enum(const reflection *all, const char *full_name) {
  return reflection_find(&all->types, REFLECTION_ENUM, full_name);
}

const api_service *reflection_service(const reflection *all, const char *full_name) {
  return reflection_find(&all->types, REFLECTION_SERVICE, full_name);
}

const api_method *reflection_method(const reflection *all, const char *name) {
  if (name[0] == '/') name++;
  const char *method = strrchr(name, '/');
  if (method == NULL) method = strrchr(name, '.');
  char service_name[512];
  if (method == NULL || (size_t)(method - name) >= sizeof service_name) return NULL;
  memcpy(service_name, name, (size_t)(method - name));
  service_name[method - name] = '\0';
  const api_service *service = reflection_service(all, service_name);
  for (size_t i = 0; service != NULL && i < service->method_count; i++) {
    if (strcmp(strrchr(service->methods[i].name, '/') + 1, method + 1) == 0) return &service->methods[i];
  }
  return NULL;
}

const ProtobufCMessageDescriptor *const *reflection_map_entries(const reflection *all, size_t *count) {
  *count = all->types.map_entry_count;
  return all->types.map_entries;
}
