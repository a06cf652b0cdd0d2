/* See data.h. The file is read whole; cells are cut out of it in place and rows point into it. */
#include "runner/data.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 32, FILE_MAX = 256 << 20 };

/* What a column means: its field of the row. */
enum {
  CUSTOMER,
  ADDRESS,
  PRODUCT,
  QUANTITY = PRODUCT + RUNNER_DATA_ITEMS_MAX,
  FIELDS = QUANTITY + RUNNER_DATA_ITEMS_MAX
};

static const char *const field_names[FIELDS] = {"customer_id",  "shipping_address", "product_id", "product_id_2",
                                                "product_id_3", "quantity",         "quantity_2", "quantity_3"};

struct runner_data {
  char *text;
  runner_data_row *rows;
  size_t count, capacity;
};

typedef struct reader {
  const char *path;
  runner_data *data;
  char *at;
  unsigned line;
  int columns[CELLS_MAX]; /* field of each column */
  size_t column_count;
} reader;

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  char *text = NULL;
  if (file == NULL) return NULL;
  long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (length < 0 || length > FILE_MAX) {
    errno = EFBIG;
  } else if ((text = malloc((size_t)length + 1)) != NULL) {
    rewind(file);
    text[fread(text, 1, (size_t)length, file)] = '\0';
  }
  fclose(file);
  return text;
}

/* Cuts out the quoted cell at *at, whose doubled quotes become single. NULL: it has no end. */
static char *cut_quoted(char **at) {
  char *from = *at + 1, *to = *at, *cell = to;
  for (; *from != '\0'; *to++ = *from++) {
    if (*from != '"') continue;
    if (from[1] == '"')
      from++;
    else
      break;
  }
  if (*from == '\0') return NULL;
  *at = from + 1;
  *to = '\0';
  return cell;
}

/* The cells of one line. Returns how many; -1: broken quotes or too many. */
static int cut_line(reader *in, char *cells[CELLS_MAX]) {
  for (int count = 0; count < CELLS_MAX;) {
    char *cell = in->at;
    if (*cell == '"') {
      if ((cell = cut_quoted(&in->at)) == NULL) return -1;
    } else {
      in->at += strcspn(in->at, ",\r\n");
    }
    cells[count++] = cell;
    char end = *in->at;
    *in->at = '\0';
    if (end == '\r') end = *++in->at;
    if (end != '\0') in->at++;
    if (end == ',') continue;
    return end == '\n' || end == '\0' ? count : -1;
  }
  return -1;
}

static rpc_status refuse(const reader *in, const char *what) {
  return rpc_status_error(RPC_INVALID_ARGUMENT, "DATA_FILE", "%s, line %u: %s", in->path, in->line, what);
}

static rpc_status read_head(reader *in) {
  char *cells[CELLS_MAX];
  int count = cut_line(in, cells);
  bool seen[FIELDS] = {false};
  for (int i = 0; i < count; i++) {
    int field = 0;
    while (field < FIELDS && strcmp(field_names[field], cells[i]) != 0) field++;
    if (field == FIELDS || seen[field]) return refuse(in, "a column has no name that is known, or has it twice");
    seen[field] = true;
    in->columns[i] = field;
  }
  in->column_count = count < 0 ? 0 : (size_t)count;
  if (seen[CUSTOMER] && seen[ADDRESS] && seen[PRODUCT] && seen[QUANTITY]) return rpc_status_ok();
  return refuse(in, "the columns customer_id, shipping_address, product_id and quantity are needed");
}

static rpc_status read_row(reader *in, char *const cells[CELLS_MAX]) {
  const char *fields[FIELDS] = {NULL};
  for (size_t i = 0; i < in->column_count; i++) fields[in->columns[i]] = cells[i];
  runner_data_row *row = &in->data->rows[in->data->count++];
  *row = (runner_data_row){.customer_id = fields[CUSTOMER], .shipping_address = fields[ADDRESS]};
  for (size_t i = 0; i < RUNNER_DATA_ITEMS_MAX; i++) {
    const char *product = fields[PRODUCT + i], *quantity = fields[QUANTITY + i];
    if (product == NULL || product[0] == '\0') continue;
    char *end = NULL;
    long number = quantity == NULL ? 0 : strtol(quantity, &end, 10);
    if (quantity == NULL || end == quantity || *end != '\0' || number < INT32_MIN || number > INT32_MAX) {
      return refuse(in, "a product has no quantity that is a whole number");
    }
    row->items[row->item_count].product_id = product;
    row->items[row->item_count++].quantity = (int32_t)number;
  }
  return row->item_count > 0 ? rpc_status_ok() : refuse(in, "there is no product");
}

static bool make_room(runner_data *data) {
  if (data->count < data->capacity) return true;
  size_t capacity = data->capacity == 0 ? 1024 : 2 * data->capacity;
  runner_data_row *rows = realloc(data->rows, capacity * sizeof *rows);
  if (rows == NULL) return false;
  data->rows = rows;
  data->capacity = capacity;
  return true;
}

static rpc_status read_rows(reader *in) {
  rpc_status status = read_head(in);
  while (status.code == RPC_OK && *in->at != '\0') {
    in->line++;
    char *cells[CELLS_MAX] = {NULL};
    int count = cut_line(in, cells);
    if (count == 1 && cells[0][0] == '\0') continue; /* an empty line */
    if (count != (int)in->column_count) return refuse(in, "as many cells as columns are needed, and quotes in pairs");
    if (in->data->count == RUNNER_DATA_ROWS_MAX) return refuse(in, "the file has too many rows");
    if (!make_room(in->data)) return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory");
    status = read_row(in, cells);
  }
  if (status.code == RPC_OK && in->data->count == 0) return refuse(in, "there are no rows");
  return status;
}

runner_data *runner_data_read(const char *path, rpc_status *status) {
  runner_data *data = calloc(1, sizeof *data);
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for %s", path);
  if (data == NULL) return NULL;
  data->text = read_file(path);
  if (data->text == NULL) {
    *status = rpc_status_error(RPC_NOT_FOUND, "DATA_FILE", "cannot read %s: %s", path, strerror(errno));
  } else {
    *status = read_rows(&(reader){.path = path, .data = data, .at = data->text, .line = 1});
  }
  if (status->code == RPC_OK) return data;
  runner_data_destroy(data);
  return NULL;
}

void runner_data_destroy(runner_data *data) {
  if (data == NULL) return;
  free(data->rows);
  free(data->text);
  free(data);
}

const runner_data_row *runner_data_row_at(const runner_data *data, uint64_t index) {
  return &data->rows[index % data->count];
}
