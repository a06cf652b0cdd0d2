/* What a service says of itself, as JSON: its services with their methods, and any message or enum by name. Written for
 * `store-runner list` and `describe` (call.h). */
#pragma once

#include <stdbool.h>

#include "gateway/json_write.h"
#include "runner/reflection.h"

/* {"services":[{"name":"store.v1.OrderService","methods":["CreateOrder"]}]}: those of these names. */
void runner_describe_list(json_writer *writer, const reflection *types, char *const *services, size_t count);

/* {"services":[…]} with each of them as runner_describe_symbol has it. */
void runner_describe_services(json_writer *writer, const reflection *types, char *const *services, size_t count);

/* A service, a method (its messages in full), a message or an enum. False where there is no symbol of that name. */
bool runner_describe_symbol(json_writer *writer, const reflection *types, const char *name);
