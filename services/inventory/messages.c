/* Records to messages. Called by handlers.c. */
#include "inventory/messages.h"

Store__V1__Product *inventory_product_message(rpc_arena *arena, const inventory_product *product) {
  Store__V1__Product *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__product__init(message);
  message->product_id = rpc_arena_strdup(arena, product->product_id);
  message->name = rpc_arena_strdup(arena, product->name);
  message->total_stock = product->total_stock;
  message->reserved = product->reserved;
  message->available = product->total_stock - product->reserved;
  message->price = validation_money(product->price_cents);
  message->sold = product->sold;
  message->received = product->received;
  return message->product_id && message->name ? message : NULL;
}

static Store__V1__ReservationItem *item_message(rpc_arena *arena, const inventory_item *item) {
  Store__V1__ReservationItem *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__reservation_item__init(message);
  message->product_id = rpc_arena_strdup(arena, item->product_id);
  message->quantity = item->quantity;
  return message->product_id ? message : NULL;
}

Store__V1__Reservation *inventory_reservation_message(rpc_arena *arena, storage_tx *tx,
                                                      const inventory_reservation *reservation) {
  inventory_item items[RESERVATION_LINES_MAX];
  size_t count = inventory_store_items(tx, reservation->reservation_id, items);
  Store__V1__Reservation *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__reservation__init(message);
  message->reservation_id = rpc_arena_strdup(arena, reservation->reservation_id);
  message->order_id = rpc_arena_strdup(arena, reservation->order_id);
  message->status = (char *)reservation_status_name(reservation->status);
  message->created_at = validation_time(arena, reservation->created_ms);
  message->expires_at = validation_time(arena, reservation->expires_ms);
  message->items = rpc_arena_alloc(arena, count * sizeof *message->items);
  if (!message->reservation_id || !message->order_id || !message->items) return NULL;
  for (size_t i = 0; i < count; i++) {
    message->items[i] = item_message(arena, &items[i]);
    if (!message->items[i]) return NULL;
  }
  message->n_items = count;
  return message;
}

static Store__V1__ReservedItem *reserved_item_message(rpc_arena *arena, const reservation_line *line) {
  Store__V1__ReservedItem *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__reserved_item__init(message);
  message->product_id = (char *)line->product_id; /* the request's: lives as long as the call */
  message->quantity_reserved = line->quantity;
  message->remaining_stock = line->available;
  message->price = validation_money(line->price_cents);
  return message;
}

Store__V1__ReserveInventoryResponse *inventory_reserved_message(rpc_arena *arena,
                                                                const inventory_reservation *reservation,
                                                                const reservation_line *lines, size_t count) {
  Store__V1__ReserveInventoryResponse *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__reserve_inventory_response__init(message);
  message->success = true;
  message->reservation_id = rpc_arena_strdup(arena, reservation->reservation_id);
  message->expires_at = validation_time(arena, reservation->expires_ms);
  message->items = rpc_arena_alloc(arena, count * sizeof *message->items);
  if (!message->reservation_id || !message->items) return NULL;
  for (size_t i = 0; i < count; i++) {
    message->items[i] = reserved_item_message(arena, &lines[i]);
    if (!message->items[i]) return NULL;
  }
  message->n_items = count;
  return message;
}
