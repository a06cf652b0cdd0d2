/* The table of options, and how a text becomes the value of one. Private to options.c, which decides where texts come
 * from. */
#pragma once

#include "runner/options.h"

typedef enum option_kind { SWITCH, TEXT, INTEGER, DECIMAL, LIST, SHARES } option_kind;

typedef struct option_row {
  const char *flag;
  const char *environment; /* NULL: none */
  option_kind kind;
  size_t offset;            /* of its value in runner_options */
  const char *fallback;     /* NULL: worked out by set_service_defaults */
  double min, max;          /* of numbers */
  const char *choices;      /* of texts: "gateway|rpc"; NULL: any */
  const char *const *names; /* of shares: of each, in a row of doubles */
  size_t name_count;
  const char *help;
} option_row;

extern const option_row option_rows[];
extern const size_t option_row_count;

/* Is the text one of "gateway|rpc"? */
bool option_is_choice(const char *choices, const char *text);

/* Sets the row's value in options. name: the flag, variable or scenario member that the text comes from. False where
 * the row does not take it: error says what it takes. */
bool option_store(runner_options *options, const option_row *row, const char *name, const char *text, char *error,
                  size_t error_size);
