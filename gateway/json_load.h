/* JSON text into jansson's values, whose integers have 64 bits and a sign. JSON's have no end: a uint64 may be past
 * that, and JavaScript writes the double 1e20 as 100000000000000000000. Called by those who then use json_read. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* Any JSON value (RFC 8259), UTF-8, without a key given twice in one object; text need not end in NUL. An integer past
 * jansson's becomes what no field can be, [["digits"]]. NULL with *error filled. The caller releases it. */
json_t *json_load(const char *text, size_t length, json_error_t *error);

/* The digits of an integer past jansson's; NULL for any other value. They live as long as the value. */
const char *json_load_big_integer(const json_t *value);
