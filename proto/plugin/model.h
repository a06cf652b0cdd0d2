/* What the plugin knows of the .proto files: protoc's descriptors with our options read, names made and bindings
 * checked. main builds it once; the writers only read it. Everything in it lives in its pool. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "google/protobuf/compiler/plugin.pb-c.h"
#include "pool.h"
#include "rpc/v1/options.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;

/* A message or an enum of any file, nested ones included. */
typedef struct model_type {
  const char *full_name; /* "store.v1.Order" */
  const file_proto *file;
  const message_proto *message; /* NULL: an enum */
  const enum_proto *enumeration;
  const int32_t *path; /* where source_code_info keeps its comments */
  size_t path_length;
  const char *example; /* JSON that fits the message; NULL where there is none */
  struct model_type *next;
} model_type;

typedef struct model_route {
  const char *verb; /* "GET" */
  const char *path;
  const char *body;  /* "", "*" or a field's name */
  const char *shape; /* the path with "{}" for each variable: two routes may not share it */
} model_route;

typedef struct model_method {
  const char *full_name; /* "store.v1.OrderService.CreateOrder" */
  const char *name;      /* "CreateOrder" */
  const char *c_name;    /* "create_order" */
  const char *comment;   /* "" where there is none */
  const model_type *input, *output;
  bool idempotent, no_side_effects;
  model_route *routes;
  size_t route_count;
} model_method;

typedef struct model_service {
  const file_proto *file;
  const char *full_name; /* "store.v1.OrderService" */
  const char *c_name;    /* "store_v1_order_service" */
  const char *comment;
  const Rpc__V1__ServiceRule *rule; /* zeroed where there is none */
  model_method *methods;
  size_t method_count;
} model_service;

typedef struct api_model {
  memory_pool *pool;
  const Google__Protobuf__Compiler__CodeGeneratorRequest *request;
  model_type *types; /* in the order of the files, outer before inner */
  model_service *services;
  size_t service_count;
  const char *error; /* "": none; else one line for each mistake found in the .proto files */
} api_model;

/* Reads the request, which outlives the model, as the pool does. Look at error after it. */
void model_read(api_model *model, memory_pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request);

/* Adds a line "file: subject: text" to error. */
void model_report(api_model *model, const file_proto *file, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A type by name, with or without a leading dot; NULL where there is none. */
const model_type *model_find(const api_model *model, const char *name);

/* A field of a message; NULL where there is none. */
const field_proto *model_field(const model_type *message, const char *name);

/* Its index; the number of fields where there is none. */
size_t model_field_index(const model_type *message, const char *name);

/* Where a path of names leads ("item.id"): the message that has the field and its index there. NULL where there is no
 * such field, or a message on the way is repeated. */
const model_type *model_field_at(const api_model *model, const model_type *message, const char *path, size_t *index);

/* The comment before what path leads to; "" where there is none. */
const char *model_comment(const file_proto *file, const int32_t *path, size_t length);

/* The comment before a message's field or an enum's value, by index. */
const char *model_member_comment(const model_type *type, size_t index);

/* True for the entry message that protoc makes of a map field. */
bool model_is_map_entry(const model_type *type);

/* Reports the examples of messages that are no JSON or have fields that the message has not. (examples.c) */
void examples_check(api_model *model);

/* Reads the REST bindings of a method and checks them against its request message. (bindings.c) */
void bindings_read(api_model *model, const file_proto *file, model_method *method, const Rpc__V1__HttpRule *rule);

/* Reports bindings of different methods that match the same requests. (bindings.c) */
void bindings_check_conflicts(api_model *model);
