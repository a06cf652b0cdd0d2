/* Written by protoc-gen-store from all .proto files. Do not edit: build the target gen. */
/* The API as tables: services, their methods and REST routes, and the descriptors that reflection answers. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct api_route {
  const char *http_method; /* "GET" */
  const char *path;        /* "/orders/{order_id}": a name in braces is a field of the input, one whole segment */
  const char *body;        /* "": none; "*": all fields that the path does not bind; else the field's name */
} api_route;

typedef struct api_method {
  const char *name; /* "/store.v1.OrderService/CreateOrder" */
  const ProtobufCMessageDescriptor *input, *output;
  bool idempotent; /* may be retried as it is: NO_SIDE_EFFECTS or IDEMPOTENT */
  bool no_side_effects;
  const api_route *routes; /* NULL where there are none */
  size_t route_count;
} api_method;

typedef struct api_service {
  const char *full_name; /* "store.v1.OrderService" */
  const char *name;      /* "order"; "" for a service that every server answers */
  uint16_t rpc_port, ws_port, http_port; /* defaults on loopback; 0 where name is "" */
  const api_method *methods;             /* in the order of the .proto */
  size_t method_count;
} api_service;

extern const api_service api_rpc_v1_health;
extern const api_service api_rpc_v1_metrics;
extern const api_service api_rpc_v1_reflection;
extern const api_service api_rpc_v1_traces;
extern const api_service api_store_v1_inventory_service;
extern const api_service api_store_v1_order_service;
extern const api_service api_store_v1_payment_service;

/* All of them. */
extern const api_service *const api_services[];
extern const size_t api_service_count;

/* The messages that stand for the entries of map fields: protobuf-c's descriptors do not tell. */
extern const ProtobufCMessageDescriptor *const api_map_entries[];
extern const size_t api_map_entry_count;

/* A serialized google.protobuf.FileDescriptorSet of all files, imports first. */
extern const unsigned char api_file_descriptor_set[];
extern const size_t api_file_descriptor_set_size;
