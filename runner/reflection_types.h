/* Inside reflection: what its two files share. reflection.c keeps the symbols; reflection_types.c builds the
 * descriptors of messages and enums, for reflection.c alone. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/arena.h"
#include "rpc/status.h"

typedef enum reflection_kind { REFLECTION_MESSAGE, REFLECTION_ENUM, REFLECTION_SERVICE } reflection_kind;

typedef struct reflection_symbol {
  const char *name; /* full, without a point in front */
  reflection_kind kind;
  const void *proto; /* Google__Protobuf__DescriptorProto, …EnumDescriptorProto or …ServiceDescriptorProto */
  void *built;       /* ProtobufCMessageDescriptor, ProtobufCEnumDescriptor or api_service: there from the first pass */
  bool compiled;     /* built is part of this program, and complete */
  bool proto3;
} reflection_symbol;

typedef struct reflection_types {
  rpc_arena arena;            /* holds everything */
  reflection_symbol *symbols; /* by name, once all are there */
  size_t count;
  const ProtobufCMessageDescriptor **map_entries;
  size_t map_entry_count;
  rpc_status status; /* the first error */
} reflection_types;

/* Always false; keeps the first error. */
bool reflection_fail(reflection_types *types, const char *what, const char *name);

/* Zeroed; NULL, with an error kept, where there is no memory. */
void *reflection_alloc(reflection_types *types, size_t count, size_t size);

/* What was built for a symbol of that kind; NULL where there is none. */
void *reflection_find(const reflection_types *types, reflection_kind kind, const char *full_name);

/* Fill in symbol->built. False with an error kept. */
bool reflection_build_message(reflection_types *types, const reflection_symbol *symbol);
bool reflection_build_enum(reflection_types *types, const reflection_symbol *symbol);
