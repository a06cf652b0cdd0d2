/* Written by protoc-gen-store from all .proto files. Do not edit: build the target gen. */
#include "api.h"

#include "rpc/v1/status.pb-c.h"
#include "rpc/v1/envelope.pb-c.h"
#include "rpc/v1/health.pb-c.h"
#include "rpc/v1/metrics.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "rpc/v1/options.pb-c.h"
#include "rpc/v1/reflection.pb-c.h"
#include "rpc/v1/traces.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "store/v1/simulation.pb-c.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"
#include "store/v1/payment.pb-c.h"

static const api_method rpc_v1_health_methods[] = {
    {
        .name = "/rpc.v1.Health/Check",
        .input = &rpc__v1__health_check_request__descriptor,
        .output = &rpc__v1__health_check_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = NULL,
        .route_count = 0,
    },
};
const api_service api_rpc_v1_health = {
    .full_name = "rpc.v1.Health",
    .name = "",
    .rpc_port = 0,
    .ws_port = 0,
    .http_port = 0,
    .methods = rpc_v1_health_methods,
    .method_count = 1,
};

static const api_method rpc_v1_metrics_methods[] = {
    {
        .name = "/rpc.v1.Metrics/Scrape",
        .input = &rpc__v1__scrape_request__descriptor,
        .output = &rpc__v1__scrape_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = NULL,
        .route_count = 0,
    },
};
const api_service api_rpc_v1_metrics = {
    .full_name = "rpc.v1.Metrics",
    .name = "",
    .rpc_port = 0,
    .ws_port = 0,
    .http_port = 0,
    .methods = rpc_v1_metrics_methods,
    .method_count = 1,
};

static const api_method rpc_v1_reflection_methods[] = {
    {
        .name = "/rpc.v1.Reflection/GetFileDescriptorSet",
        .input = &rpc__v1__get_file_descriptor_set_request__descriptor,
        .output = &rpc__v1__get_file_descriptor_set_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = NULL,
        .route_count = 0,
    },
};
const api_service api_rpc_v1_reflection = {
    .full_name = "rpc.v1.Reflection",
    .name = "",
    .rpc_port = 0,
    .ws_port = 0,
    .http_port = 0,
    .methods = rpc_v1_reflection_methods,
    .method_count = 1,
};

static const api_method rpc_v1_traces_methods[] = {
    {
        .name = "/rpc.v1.Traces/GetTrace",
        .input = &rpc__v1__get_trace_request__descriptor,
        .output = &rpc__v1__get_trace_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = NULL,
        .route_count = 0,
    },
};
const api_service api_rpc_v1_traces = {
    .full_name = "rpc.v1.Traces",
    .name = "",
    .rpc_port = 0,
    .ws_port = 0,
    .http_port = 0,
    .methods = rpc_v1_traces_methods,
    .method_count = 1,
};

static const api_route store_v1_inventory_service_reserve_inventory_routes[] = {
    {"POST", "/inventory/reserve", "*"},
};
static const api_route store_v1_inventory_service_confirm_reservation_routes[] = {
    {"POST", "/inventory/confirm", "*"},
};
static const api_route store_v1_inventory_service_release_reservation_routes[] = {
    {"POST", "/inventory/release", "*"},
};
static const api_route store_v1_inventory_service_list_reservations_routes[] = {
    {"GET", "/reservations", ""},
};
static const api_route store_v1_inventory_service_get_product_routes[] = {
    {"GET", "/inventory/{product_id}", ""},
};
static const api_route store_v1_inventory_service_list_products_routes[] = {
    {"GET", "/inventory", ""},
};
static const api_route store_v1_inventory_service_restock_product_routes[] = {
    {"POST", "/inventory/{product_id}/restock", "*"},
};
static const api_route store_v1_inventory_service_get_simulation_routes[] = {
    {"GET", "/simulation/inventory", ""},
};
static const api_route store_v1_inventory_service_update_simulation_routes[] = {
    {"PATCH", "/simulation/inventory", "*"},
};
static const api_method store_v1_inventory_service_methods[] = {
    {
        .name = "/store.v1.InventoryService/ReserveInventory",
        .input = &store__v1__reserve_inventory_request__descriptor,
        .output = &store__v1__reserve_inventory_response__descriptor,
        .idempotent = false,
        .no_side_effects = false,
        .routes = store_v1_inventory_service_reserve_inventory_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/ConfirmReservation",
        .input = &store__v1__confirm_reservation_request__descriptor,
        .output = &store__v1__reservation__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_inventory_service_confirm_reservation_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/ReleaseReservation",
        .input = &store__v1__release_reservation_request__descriptor,
        .output = &store__v1__reservation__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_inventory_service_release_reservation_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/ListReservations",
        .input = &store__v1__list_reservations_request__descriptor,
        .output = &store__v1__list_reservations_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_inventory_service_list_reservations_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/GetProduct",
        .input = &store__v1__get_product_request__descriptor,
        .output = &store__v1__product__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_inventory_service_get_product_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/ListProducts",
        .input = &store__v1__list_products_request__descriptor,
        .output = &store__v1__list_products_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_inventory_service_list_products_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/RestockProduct",
        .input = &store__v1__restock_product_request__descriptor,
        .output = &store__v1__product__descriptor,
        .idempotent = false,
        .no_side_effects = false,
        .routes = store_v1_inventory_service_restock_product_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/GetSimulation",
        .input = &store__v1__get_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_inventory_service_get_simulation_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.InventoryService/UpdateSimulation",
        .input = &store__v1__update_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_inventory_service_update_simulation_routes,
        .route_count = 1,
    },
};
const api_service api_store_v1_inventory_service = {
    .full_name = "store.v1.InventoryService",
    .name = "inventory",
    .rpc_port = 9003,
    .ws_port = 9103,
    .http_port = 8003,
    .methods = store_v1_inventory_service_methods,
    .method_count = 9,
};

static const api_route store_v1_order_service_create_order_routes[] = {
    {"POST", "/orders", "*"},
};
static const api_route store_v1_order_service_get_order_routes[] = {
    {"GET", "/orders/{order_id}", ""},
};
static const api_route store_v1_order_service_list_orders_routes[] = {
    {"GET", "/orders", ""},
};
static const api_route store_v1_order_service_get_simulation_routes[] = {
    {"GET", "/simulation/order", ""},
};
static const api_route store_v1_order_service_update_simulation_routes[] = {
    {"PATCH", "/simulation/order", "*"},
};
static const api_method store_v1_order_service_methods[] = {
    {
        .name = "/store.v1.OrderService/CreateOrder",
        .input = &store__v1__create_order_request__descriptor,
        .output = &store__v1__create_order_response__descriptor,
        .idempotent = false,
        .no_side_effects = false,
        .routes = store_v1_order_service_create_order_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.OrderService/GetOrder",
        .input = &store__v1__get_order_request__descriptor,
        .output = &store__v1__order__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_order_service_get_order_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.OrderService/ListOrders",
        .input = &store__v1__list_orders_request__descriptor,
        .output = &store__v1__list_orders_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_order_service_list_orders_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.OrderService/GetSimulation",
        .input = &store__v1__get_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_order_service_get_simulation_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.OrderService/UpdateSimulation",
        .input = &store__v1__update_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_order_service_update_simulation_routes,
        .route_count = 1,
    },
};
const api_service api_store_v1_order_service = {
    .full_name = "store.v1.OrderService",
    .name = "order",
    .rpc_port = 9001,
    .ws_port = 9101,
    .http_port = 8001,
    .methods = store_v1_order_service_methods,
    .method_count = 5,
};

static const api_route store_v1_payment_service_process_payment_routes[] = {
    {"POST", "/payments", "*"},
};
static const api_route store_v1_payment_service_get_payment_routes[] = {
    {"GET", "/payments/{payment_id}", ""},
};
static const api_route store_v1_payment_service_list_payments_routes[] = {
    {"GET", "/payments", ""},
};
static const api_route store_v1_payment_service_refund_payment_routes[] = {
    {"POST", "/payments/{payment_id}/refund", "*"},
};
static const api_route store_v1_payment_service_get_simulation_routes[] = {
    {"GET", "/simulation/payment", ""},
};
static const api_route store_v1_payment_service_update_simulation_routes[] = {
    {"PATCH", "/simulation/payment", "*"},
};
static const api_method store_v1_payment_service_methods[] = {
    {
        .name = "/store.v1.PaymentService/ProcessPayment",
        .input = &store__v1__process_payment_request__descriptor,
        .output = &store__v1__process_payment_response__descriptor,
        .idempotent = false,
        .no_side_effects = false,
        .routes = store_v1_payment_service_process_payment_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.PaymentService/GetPayment",
        .input = &store__v1__get_payment_request__descriptor,
        .output = &store__v1__payment__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_payment_service_get_payment_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.PaymentService/ListPayments",
        .input = &store__v1__list_payments_request__descriptor,
        .output = &store__v1__list_payments_response__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_payment_service_list_payments_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.PaymentService/RefundPayment",
        .input = &store__v1__refund_payment_request__descriptor,
        .output = &store__v1__payment__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_payment_service_refund_payment_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.PaymentService/GetSimulation",
        .input = &store__v1__get_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = true,
        .routes = store_v1_payment_service_get_simulation_routes,
        .route_count = 1,
    },
    {
        .name = "/store.v1.PaymentService/UpdateSimulation",
        .input = &store__v1__update_simulation_request__descriptor,
        .output = &store__v1__simulation__descriptor,
        .idempotent = true,
        .no_side_effects = false,
        .routes = store_v1_payment_service_update_simulation_routes,
        .route_count = 1,
    },
};
const api_service api_store_v1_payment_service = {
    .full_name = "store.v1.PaymentService",
    .name = "payment",
    .rpc_port = 9002,
    .ws_port = 9102,
    .http_port = 8002,
    .methods = store_v1_payment_service_methods,
    .method_count = 6,
};

const api_service *const api_services[] = {
    &api_rpc_v1_health,
    &api_rpc_v1_metrics,
    &api_rpc_v1_reflection,
    &api_rpc_v1_traces,
    &api_store_v1_inventory_service,
    &api_store_v1_order_service,
    &api_store_v1_payment_service,
    NULL,
};
const size_t api_service_count = 7;

const ProtobufCMessageDescriptor *const api_map_entries[] = {
    &rpc__v1__error_detail__metadata_entry__descriptor,
    &rpc__v1__request__metadata_entry__descriptor,
    &rpc__v1__response__metadata_entry__descriptor,
    &rpc__v1__span__attributes_entry__descriptor,
    NULL,
};
const size_t api_map_entry_count = 4;
