/* What a shopper does, and was told: shared by shoppers.c, which goes on errands, and history.c, which checks them.
 *
 * An errand is one or two asks: an order; a restock; a payment and its refund; a reservation and its end. An ask is a
 * request with its key, and the answer that it got. */
#pragma once

#include "simulation/shoppers.h"

enum { ERRAND_ASKS = 2, ERRAND_PRODUCTS = 5, ERRAND_LINE_SIZE = 400 };

/* The catalogue, with what is on the shelves of a new store. */
typedef struct errand_product {
  const char *id;
  int32_t stock;
} errand_product;
extern const errand_product errand_products[ERRAND_PRODUCTS];

typedef enum errand_kind { ERRAND_ORDER, ERRAND_RESTOCK, ERRAND_PAYMENT, ERRAND_HOLD } errand_kind;

typedef struct answer {
  rpc_status status;
  uint8_t *bytes; /* of the response, where the status is RPC_OK */
  size_t size;
} answer;

typedef struct errand errand;

typedef struct ask {
  errand *errand;
  const api_method *method;
  ProtobufCMessage *request;
  int32_t *amount; /* what is changed in a request that is not the same; NULL: nothing can be */
  char key[64];
  uint32_t timeout_ms;
  bool is_answered;
  answer first;
  bool is_repeat, is_changed; /* what is under way is the same once more, or something else under its key */
  rpc_timer timer;
} ask;

struct errand {
  shoppers *all;
  struct shopper *shopper;
  errand_kind kind;
  char id[40]; /* its customer's too, so that what is stored can be told to be its */
  size_t product;
  int32_t quantity; /* of an order, a restock, a reservation; dollars of a payment */
  ask asks[ERRAND_ASKS];
  size_t ask_count;
  char stored_id[32]; /* of the payment or the reservation */
  /* the requests */
  Store__V1__OrderItem item, *items;
  Store__V1__CreateOrderRequest order;
  Store__V1__RestockProductRequest restock;
  Store__V1__ProcessPaymentRequest payment;
  Store__V1__RefundPaymentRequest refund;
  Store__V1__ReserveItem held, *held_items;
  Store__V1__ReserveInventoryRequest hold;
  Store__V1__ConfirmReservationRequest confirm;
  Store__V1__ReleaseReservationRequest release;
};

typedef struct shopper {
  shoppers *all;
  errand *next, *last; /* the one that is under way, and the last */
  rpc_timer timer;
} shopper;

struct shoppers {
  store_world *world;
  rpc_client *order, *payment, *inventory;
  int away;
  bool are_back;
  shopper *each;
  errand *errands; /* of all of them */
  size_t errand_count;
  int64_t requests;
  char trouble[ERRAND_LINE_SIZE]; /* the first that an answer gave */
};

/* The answer's response, where its status is RPC_OK; to be freed with protobuf_c_message_free_unpacked. */
void *errand_unpack(const answer *got, const ProtobufCMessageDescriptor *type);

/* The status' reason, or its code's name where it has none. */
const char *errand_reason(const rpc_status *status);
