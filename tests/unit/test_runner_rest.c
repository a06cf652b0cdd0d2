/* runner/rest and runner/json: what a message becomes on the wire of HTTP, and what an answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <string.h>

#include "runner/door.h"
#include "runner/rest.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"
#include "store/v1/payment.pb-c.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

static void assert_request(const char *method, const ProtobufCMessage *message, const char *http_method,
                           const char *url, const char *body) {
  runner_rest_request request;
  assert_true(runner_rest_request_make(&request, "http://store:8001", &runner_door_method(method)->routes[0], message));
  assert_string_equal(request.http_method, http_method);
  assert_string_equal(request.url, url);
  if (body == NULL)
    assert_null(request.body);
  else
    assert_string_equal(request.body, body);
  runner_rest_request_free(&request);
}

static void an_order_is_posted_as_json_with_its_price_to_the_cent(void **state) {
  (void)state;
  Store__V1__OrderItem item = STORE__V1__ORDER_ITEM__INIT, *items[] = {&item};
  item.product_id = TEXT("LAPTOP-001");
  item.quantity = 2;
  item.optional_price_case = STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE;
  item.price = 999.99;
  Store__V1__CreateOrderRequest order = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  order.customer_id = TEXT("CUST-1");
  order.n_items = 1;
  order.items = items;
  order.shipping_address = TEXT("1 \"Main\" St");
  assert_request("/store.v1.OrderService/CreateOrder", &order.base, "POST", "http://store:8001/orders",
                 "{\"customer_id\":\"CUST-1\",\"items\":[{\"product_id\":\"LAPTOP-001\",\"quantity\":2,"
                 "\"price\":999.99}],\"shipping_address\":\"1 \\\"Main\\\" St\"}");
}

static void a_price_that_is_not_given_is_not_sent_and_one_of_zero_is(void **state) {
  (void)state;
  Store__V1__ReserveItem without = STORE__V1__RESERVE_ITEM__INIT, zero = without, *items[] = {&without, &zero};
  zero.optional_price_case = STORE__V1__RESERVE_ITEM__OPTIONAL_PRICE_PRICE;
  without.product_id = zero.product_id = TEXT("P");
  without.quantity = zero.quantity = 1;
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  request.n_items = 2;
  request.items = items;
  assert_request(
      "/store.v1.InventoryService/ReserveInventory", &request.base, "POST", "http://store:8001/inventory/reserve",
      "{\"items\":[{\"product_id\":\"P\",\"quantity\":1},{\"product_id\":\"P\",\"quantity\":1,\"price\":0.0}]}");
}

static void path_fields_go_into_the_path_escaped_and_out_of_the_body(void **state) {
  (void)state;
  Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
  request.product_id = TEXT("A/B C?");
  request.quantity = 7;
  assert_request("/store.v1.InventoryService/RestockProduct", &request.base, "POST",
                 "http://store:8001/inventory/A%2FB%20C%3F/restock", "{\"quantity\":7}");
}

static void other_fields_of_a_get_become_the_query(void **state) {
  (void)state;
  Store__V1__ListPaymentsRequest request = STORE__V1__LIST_PAYMENTS_REQUEST__INIT;
  assert_request("/store.v1.PaymentService/ListPayments", &request.base, "GET", "http://store:8001/payments", NULL);
  request.page_size = 1000;
  request.page_token = TEXT("a+b=");
  assert_request("/store.v1.PaymentService/ListPayments", &request.base, "GET",
                 "http://store:8001/payments?page_size=1000&page_token=a%2Bb%3D", NULL);
}

static void an_empty_path_field_makes_no_request(void **state) {
  (void)state;
  Store__V1__GetOrderRequest request = STORE__V1__GET_ORDER_REQUEST__INIT;
  runner_rest_request made;
  assert_false(runner_rest_request_make(
      &made, "http://store:8001", &runner_door_method("/store.v1.OrderService/GetOrder")->routes[0], &request.base));
  assert_null(made.url);
}

static rpc_status read_answer(long http_status, const char *body, const ProtobufCMessageDescriptor *type,
                              rpc_arena *arena, ProtobufCMessage **response) {
  rpc_arena_init(arena, 1 << 20);
  return runner_rest_read_answer(http_status, body, strlen(body), type, arena, response);
}

static void a_good_answer_becomes_the_message(void **state) {
  (void)state;
  rpc_arena arena;
  ProtobufCMessage *response;
  rpc_status status = read_answer(
      200,
      "{\"order_id\":\"ORD-1\",\"total_amount\":1999.98,\"items\":[{\"product_id\":\"P\",\"quantity\":2,\"price\":5}],"
      "\"failure\":null,\"unheard_of\":[1],\"history\":[{\"status\":\"reserving\",\"at\":\"2026-11-25T01:27:33."
      "123456Z\"},"
      "{\"status\":\"charging\",\"at\":\"2026-11-25T01:27:34Z\"}]}",
      &store__v1__order__descriptor, &arena, &response);
  assert_int_equal(status.code, RPC_OK);
  const Store__V1__Order *order = (const void *)response;
  assert_string_equal(order->order_id, "ORD-1");
  assert_true(order->total_amount == 1999.98);
  assert_int_equal(order->n_items, 1);
  assert_int_equal(order->items[0]->quantity, 2);
  assert_int_equal(order->items[0]->optional_price_case, STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE);
  assert_true(order->items[0]->price == 5);
  assert_null(order->failure);
  assert_string_equal(order->status, "");
  assert_int_equal(order->n_history, 2);
  assert_int_equal(order->history[0]->at->seconds, 1795570053);
  assert_int_equal(order->history[0]->at->nanos, 123456000);
  assert_int_equal(order->history[1]->at->nanos, 0);
  rpc_arena_free(&arena);
}

static void a_problem_becomes_its_status_with_the_order_id(void **state) {
  (void)state;
  rpc_arena arena;
  ProtobufCMessage *response;
  rpc_status status = read_answer(400,
                                  "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"no "
                                  "money\",\"code\":\"FAILED_PRECONDITION\",\"reason\":\"PAYMENT_DECLINED\","
                                  "\"order_id\":\"ORD-2\"}",
                                  &store__v1__order__descriptor, &arena, &response);
  assert_int_equal(status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(status.reason, "PAYMENT_DECLINED");
  assert_string_equal(status.message, "no money");
  assert_string_equal(rpc_status_fact_of(&status, "order_id"), "ORD-2");
  assert_null(response);
  rpc_arena_free(&arena);
}

static void an_answer_of_no_known_form_is_an_error_that_says_so(void **state) {
  (void)state;
  static const struct {
    long http_status;
    const char *body;
    rpc_code code;
    const char *reason;
  } cases[] = {
      {502, "<html>Bad Gateway</html>", RPC_UNKNOWN, "HTTP_502"},
      {500, "", RPC_UNKNOWN, "HTTP_500"},
      {404, "{\"code\":\"NO_SUCH_CODE\"}", RPC_UNKNOWN, "HTTP_404"},
      {503, "{\"code\":\"OK\"}", RPC_UNKNOWN, "HTTP_503"},
      {200, "", RPC_INTERNAL, "BAD_ANSWER"},
      {200, "[1]", RPC_INTERNAL, "BAD_ANSWER"},
      {200, "{\"order_id\":", RPC_INTERNAL, "BAD_ANSWER"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rpc_arena arena;
    ProtobufCMessage *response;
    rpc_status status =
        read_answer(cases[i].http_status, cases[i].body, &store__v1__order__descriptor, &arena, &response);
    assert_int_equal(status.code, cases[i].code);
    assert_string_equal(status.reason, cases[i].reason);
    assert_null(response);
    rpc_arena_free(&arena);
  }
}

static void members_of_another_type_leave_the_field_at_its_default(void **state) {
  (void)state;
  rpc_arena arena;
  ProtobufCMessage *response;
  rpc_status status = read_answer(
      200, "{\"order_id\":5,\"total_amount\":\"x\",\"items\":{},\"history\":[3,{\"at\":7}],\"created_at\":\"soon\"}",
      &store__v1__order__descriptor, &arena, &response);
  assert_int_equal(status.code, RPC_OK);
  const Store__V1__Order *order = (const void *)response;
  assert_string_equal(order->order_id, "");
  assert_true(order->total_amount == 0);
  assert_int_equal(order->n_items, 0);
  assert_int_equal(order->n_history, 1);
  assert_null(order->history[0]->at);
  assert_int_equal(order->created_at->seconds, 0);
  rpc_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_order_is_posted_as_json_with_its_price_to_the_cent),
      cmocka_unit_test(a_price_that_is_not_given_is_not_sent_and_one_of_zero_is),
      cmocka_unit_test(path_fields_go_into_the_path_escaped_and_out_of_the_body),
      cmocka_unit_test(other_fields_of_a_get_become_the_query),
      cmocka_unit_test(an_empty_path_field_makes_no_request),
      cmocka_unit_test(a_good_answer_becomes_the_message),
      cmocka_unit_test(a_problem_becomes_its_status_with_the_order_id),
      cmocka_unit_test(an_answer_of_no_known_form_is_an_error_that_says_so),
      cmocka_unit_test(members_of_another_type_leave_the_field_at_its_default),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
