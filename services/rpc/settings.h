/* Settings from the environment, read in main and passed on as values. A value that cannot be used ends the process
 * with exit code 2 and a line on standard error that names the variable and what it takes. Main thread, at start-up. */
#pragma once

#include <stdint.h>

/* The variable's value; fallback where it is unset or empty. */
const char *settings_text(const char *name, const char *fallback);

/* A secret: the variable's value, or the first line of the file that <name>_FILE names, so that it stands in no list of
 * processes. NULL where neither is set. The caller's, to be freed. */
char *settings_secret(const char *name);

/* A whole number from min to max. */
int64_t settings_integer(const char *name, int64_t fallback, int64_t min, int64_t max);

/* A decimal number from min to max. */
double settings_decimal(const char *name, double fallback, double min, double max);

/* One of choices (ended by NULL): its index. */
int settings_choice(const char *name, int fallback, const char *const *choices);

/* STORE_DATA_DIR, made with mode 0700 where it is missing; default ".store". */
const char *settings_data_dir(void);

/* Replaces the environment's names for one service: writes "STORE_<NAME>_<what>" in upper case to buffer ('-' becomes
 * '_'), such as STORE_ORDER_ADDRESS, and returns it. */
const char *settings_name(char buffer[64], const char *service, const char *what);
