/* How names of a .proto become names in C: protobuf-c's rules for messages, which generated code refers to, and the
 * same in one underscore for our services. Results live in the pool. Full names come without a leading dot. */
#pragma once

#include <stdbool.h>

#include "pool.h"

/* "store.v1.OrderItem" -> "Store__V1__OrderItem", protobuf-c's struct. */
const char *names_type(memory_pool *pool, const char *full_name);

/* "store.v1.OrderItem" -> "store__v1__order_item", which "__descriptor" follows. */
const char *names_lower(memory_pool *pool, const char *full_name);

/* "store.v1.OrderService" -> "store_v1_order_service" */
const char *names_service(memory_pool *pool, const char *full_name);

/* "CreateOrder" -> "create_order" */
const char *names_method(memory_pool *pool, const char *name);

/* True for a name such as "register", of which protobuf-c would make a struct's member that is no C. */
bool names_is_keyword(const char *name);

/* "store/v1/order.proto", ".rpc.h" -> "store/v1/order.rpc.h" */
const char *names_output(memory_pool *pool, const char *proto_file, const char *suffix);
