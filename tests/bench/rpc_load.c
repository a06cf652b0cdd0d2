/* Calls one method of a running service with N calls in flight, through rpc_client and the generated stubs, as any
 * caller of the service would.
 *
 *   rpc_load METHOD URL IN_FLIGHT SECONDS     METHOD: get-product, reserve-confirm, process-payment,
 *                                           create-order */
#include <nng/nng.h>
#include <string.h>

#include "load.h"
#include "rpc/envelope.h"
#include "rpc/nng_threads.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/order.rpc.h"
#include "store/v1/payment.rpc.h"

typedef struct caller caller;

typedef struct method {
  const char *name;
  void (*call)(caller *self);
} method;

typedef struct program {
  load load;
  const method *method;
  rpc_client *client;
  size_t response_bytes; /* of the envelope; set by the first answer */
} program;

struct caller {
  program *program;
  int64_t started_ns;
};

static void begin(caller *self) {
  self->started_ns = load_now_ns();
  self->program->method->call(self);
}

static void end(caller *self, const rpc_status *status, const ProtobufCMessage *response) {
  program *owner = self->program;
  bool ok = status->code == RPC_OK;
  if (!ok && owner->load.failed == 0) fprintf(stderr, "rpc_load: %s\n", status->message);
  if (ok && !owner->response_bytes) {
    nng_msg *envelope = envelope_pack_response(status, response);
    owner->response_bytes = nng_msg_len(envelope);
    nng_msg_free(envelope);
  }
  if (load_record(&owner->load, self->started_ns, ok)) begin(self);
}

static void on_product(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  end(arg, status, product ? &product->base : NULL);
}

static void get_product(caller *self) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = "LAPTOP-001";
  store_v1_inventory_service_get_product(self->program->client, &request, NULL, on_product, self);
}

/* A reservation and its confirmation count as one call: so no reservations are left to expire. */
static void on_confirmed(void *arg, const rpc_status *status, const Store__V1__Reservation *answer) {
  end(arg, status, answer ? &answer->base : NULL);
}

static void on_reserved(void *arg, const rpc_status *status, const Store__V1__ReserveInventoryResponse *answer) {
  caller *self = arg;
  if (status->code != RPC_OK) {
    end(self, status, NULL);
    return;
  }
  Store__V1__ConfirmReservationRequest request = STORE__V1__CONFIRM_RESERVATION_REQUEST__INIT;
  request.reservation_id = answer->reservation_id;
  store_v1_inventory_service_confirm_reservation(self->program->client, &request, NULL, on_confirmed, self);
}

static void reserve_confirm(caller *self) {
  Store__V1__ReserveItem item = STORE__V1__RESERVE_ITEM__INIT, *items[] = {&item};
  item.product_id = "LAPTOP-001";
  item.quantity = 1;
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  request.n_items = 1;
  request.items = items;
  store_v1_inventory_service_reserve_inventory(self->program->client, &request, NULL, on_reserved, self);
}

static void on_payment(void *arg, const rpc_status *status, const Store__V1__ProcessPaymentResponse *payment) {
  end(arg, status, payment ? &payment->base : NULL);
}

static void process_payment(caller *self) {
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = "customer-1";
  request.amount = 999.99;
  store_v1_payment_service_process_payment(self->program->client, &request, NULL, on_payment, self);
}

static void on_order(void *arg, const rpc_status *status, const Store__V1__CreateOrderResponse *order) {
  end(arg, status, order ? &order->base : NULL);
}

static void create_order(caller *self) {
  Store__V1__OrderItem item = STORE__V1__ORDER_ITEM__INIT, *items[] = {&item};
  item.product_id = "LAPTOP-001";
  item.quantity = 1;
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = "customer-1";
  request.n_items = 1;
  request.items = items;
  request.shipping_address = "1 Long Lane, Springfield";
  store_v1_order_service_create_order(self->program->client, &request, NULL, on_order, self);
}

static const method methods[] = {
    {"get-product", get_product},
    {"reserve-confirm", reserve_confirm},
    {"process-payment", process_payment},
    {"create-order", create_order},
};

static const method *find_method(const char *name) {
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    if (strcmp(methods[i].name, name) == 0) return &methods[i];
  }
  return NULL;
}

/* The bytes of a GetProduct request as the client sends it, for those who echo as many. */
static size_t get_product_request_bytes(void) {
  static const char product_field[] = "\n\nLAPTOP-001"; /* field 1, ten bytes */
  const rpc_metadata metadata[] = {
      {RPC_METADATA_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  nng_msg *envelope = envelope_pack_request("/store.v1.InventoryService/GetProduct", 30000, metadata, 1, product_field,
                                            sizeof product_field - 1);
  size_t bytes = nng_msg_len(envelope);
  nng_msg_free(envelope);
  return bytes;
}

static rpc_client *connect_to(const char *url, rpc_clock *clock, rpc_random *random) {
  rpc_status status;
  rpc_transport *transport = rpc_transport_create_nng(url, NULL, &status);
  if (!transport) {
    fprintf(stderr, "rpc_load: %s\n", status.message);
    exit(1);
  }
  rpc_client *client = rpc_client_create(&(rpc_client_config){
      .target = "bench", .transport = transport, .clock = clock, .random = random, .max_attempts = 1});
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < 5000 && client && !rpc_client_connected(client); i++) nanosleep(&pause, NULL);
  if (!client || !rpc_client_connected(client)) {
    fprintf(stderr, "rpc_load: nobody answers on %s\n", url);
    exit(1);
  }
  return client;
}

int main(int argc, char **argv) {
  static program self; /* large for a stack */
  self.method = argc == 5 ? find_method(argv[1]) : NULL;
  if (!self.method) {
    fprintf(stderr, "usage: rpc_load get-product|reserve-confirm|process-payment|create-order URL IN_FLIGHT SECONDS\n");
    return 2;
  }
  int in_flight = (int)load_argument(argv[3]);
  double seconds = load_argument(argv[4]);
  nng_threads *nng = nng_threads_limit();
  rpc_random random;
  rpc_random_init(&random, 0);
  rpc_clock *clock = rpc_clock_create();
  self.client = connect_to(argv[2], clock, &random);
  caller *callers = calloc((size_t)in_flight, sizeof *callers);
  load_start(&self.load, in_flight, seconds);
  for (int i = 0; i < in_flight; i++) {
    callers[i].program = &self;
    begin(&callers[i]);
  }
  load_wait(&self.load);
  rpc_client_destroy(self.client);
  rpc_clock_destroy(clock);
  nng_threads_release(nng);
  free(callers);
  char extra[80];
  snprintf(extra, sizeof extra, ",\"request_bytes\":%zu,\"response_bytes\":%zu", get_product_request_bytes(),
           self.response_bytes);
  load_print(&self.load, extra);
  return 0;
}
