/* Text with "$name$" where a value goes, so that a writer shows what it writes. */
#pragma once

#include <stdio.h>

typedef struct template_value {
  const char *name; /* NULL ends the list */
  const char *value;
} template_value;

/* A name that is not in the list is a mistake in the plugin and ends it (assert). */
void template_write(FILE *out, const char *text, const template_value *values);

/* A comment of a .proto as a C comment indented by indent spaces; nothing where it is empty. */
void template_write_comment(FILE *out, const char *comment, int indent);
