/* protobuf-c's naming rules (its c_helpers.cc) as far as our generated code refers to what protobuf-c writes. Called
 * by the model and the writers. */
#include "names.h"

#include <ctype.h>
#include <string.h>

static const char *const c_keywords[] = {
    "auto",   "break",    "case",     "char",     "const", "continue", "default", "do",     "double",
    "else",   "enum",     "extern",   "float",    "for",   "goto",     "if",      "inline", "int",
    "long",   "register", "restrict", "return",   "short", "signed",   "sizeof",  "static", "struct",
    "switch", "typedef",  "union",    "unsigned", "void",  "volatile", "while",
};

/* A "_" before each capital that follows something else, then all in lower case: "HTTPRule" is "httprule". */
static char *append_snake(char *end, const char *name, size_t length) {
  bool was_upper = true;
  for (size_t i = 0; i < length; i++) {
    bool is_upper = isupper((unsigned char)name[i]) != 0;
    if (is_upper && !was_upper) *end++ = '_';
    *end++ = (char)tolower((unsigned char)name[i]);
    was_upper = is_upper;
  }
  return end;
}

static char *append_camel(char *end, const char *name, size_t length) {
  bool next_is_upper = true;
  for (size_t i = 0; i < length; i++) {
    if (name[i] == '_') {
      next_is_upper = true;
    } else {
      *end++ = next_is_upper ? (char)toupper((unsigned char)name[i]) : name[i];
      next_is_upper = false;
    }
  }
  return end;
}

typedef char *(*append_fn)(char *end, const char *name, size_t length);

/* Each part of a dotted name by append, joined by separator. */
static const char *join(memory_pool *pool, const char *full_name, append_fn append, const char *separator) {
  char *text = pool_alloc(pool, 2 * strlen(full_name) + 2); /* a part of n letters grows to 2n - 1 at most */
  char *end = text;
  for (const char *part = full_name; *part != '\0';) {
    size_t length = strcspn(part, ".");
    if (end != text) end = stpcpy(end, separator);
    end = append(end, part, length);
    part += length + (part[length] == '.');
  }
  return text;
}

const char *names_type(memory_pool *pool, const char *full_name) {
  return join(pool, full_name, append_camel, "__");
}

const char *names_lower(memory_pool *pool, const char *full_name) {
  return join(pool, full_name, append_snake, "__");
}

const char *names_service(memory_pool *pool, const char *full_name) {
  return join(pool, full_name, append_snake, "_");
}

const char *names_method(memory_pool *pool, const char *name) {
  return join(pool, name, append_snake, "");
}

bool names_is_keyword(const char *name) {
  for (size_t i = 0; i < sizeof c_keywords / sizeof *c_keywords; i++) {
    if (strcmp(name, c_keywords[i]) == 0) return true;
  }
  return false;
}

const char *names_output(memory_pool *pool, const char *proto_file, const char *suffix) {
  size_t length = strlen(proto_file);
  if (length > 6 && strcmp(proto_file + length - 6, ".proto") == 0) length -= 6;
  return pool_printf(pool, "%.*s%s", (int)length, proto_file, suffix);
}
