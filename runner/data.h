/* Orders from a CSV file (RFC 4180): for runs over data of one's own instead of random orders. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"

enum { RUNNER_DATA_ITEMS_MAX = 3, RUNNER_DATA_ROWS_MAX = 1000000 };

typedef struct runner_data_row {
  const char *customer_id, *shipping_address;
  struct {
    const char *product_id;
    int32_t quantity;
  } items[RUNNER_DATA_ITEMS_MAX];
  size_t item_count; /* 1 to RUNNER_DATA_ITEMS_MAX */
} runner_data_row;

typedef struct runner_data runner_data;

/* The first line names the columns: customer_id, shipping_address, product_id, quantity, and where an order has more
 * items product_id_2, quantity_2, product_id_3, quantity_3, left empty where it has fewer; in any order. NULL on
 * failure, with file and line in the message. */
runner_data *runner_data_read(const char *path, rpc_status *status);
void runner_data_destroy(runner_data *data);

/* Row number index, from the first again after the last. Lives as long as the data. From any thread. */
const runner_data_row *runner_data_row_at(const runner_data *data, uint64_t index);
