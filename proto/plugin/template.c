/* Fills templates for the writers of C. */
#include "template.h"

#include <assert.h>
#include <string.h>

static const char *value_of(const template_value *values, const char *name, size_t length) {
  while (values->name != NULL && (strlen(values->name) != length || memcmp(values->name, name, length) != 0)) values++;
  assert(values->name != NULL);
  return values->value;
}

void template_write(FILE *out, const char *text, const template_value *values) {
  for (;;) {
    size_t literal = strcspn(text, "$");
    fwrite(text, 1, literal, out);
    text += literal;
    if (*text == '\0') return;
    size_t name = strcspn(text + 1, "$");
    fputs(value_of(values, text + 1, name), out);
    text += name + 2;
  }
}

/* One line, with what would end the comment early taken apart. */
static void write_line(FILE *out, const char *line, size_t length) {
  for (size_t i = 0; i < length; i++) {
    fputc(line[i], out);
    if (line[i] == '*' && i + 1 < length && line[i + 1] == '/') fputc(' ', out);
  }
}

void template_write_comment(FILE *out, const char *comment, int indent) {
  size_t length = strlen(comment);
  while (length > 0 && comment[length - 1] == '\n') length--;
  if (length == 0) return;
  fprintf(out, "%*s/*", indent, "");
  for (size_t at = 0; at < length;) {
    size_t line = strcspn(comment + at, "\n");
    if (line > length - at) line = length - at;
    if (at > 0) fprintf(out, "\n%*s *", indent, "");
    if (line > 0 && comment[at] != ' ') fputc(' ', out);
    write_line(out, comment + at, line);
    at += line + 1;
  }
  fputs(" */\n", out);
}
