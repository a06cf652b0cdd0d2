/* Inventory's records as the API's messages, in a call's arena. Each returns NULL without memory. */
#pragma once

#include "inventory/store.h"
#include "rpc/arena.h"
#include "store/v1/inventory.pb-c.h"

Store__V1__Product *inventory_product_message(rpc_arena *arena, const inventory_product *product);

/* With its items, which are read in the transaction. */
Store__V1__Reservation *inventory_reservation_message(rpc_arena *arena, storage_tx *tx,
                                                      const inventory_reservation *reservation);

Store__V1__ReserveInventoryResponse *inventory_reserved_message(rpc_arena *arena,
                                                                const inventory_reservation *reservation,
                                                                const reservation_line *lines, size_t count);
