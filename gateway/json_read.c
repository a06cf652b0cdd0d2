/* Follows the events of yajl's parser with a stack of what is open, a frame each: a message whose members come, the
 * array or the map of a repeated field. yajl keeps no tree, and so takes a seventh of the time that jansson does, but
 * it says little about what it refuses, and lets through what JSON forbids in places: jansson reads again what was
 * refused, and what could hide a fault that nothing here would see. */
#include "gateway/json_read.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "api.h"
#include "gateway/json_scalar.h"
#include "gateway/json_time.h"

enum { FRAMES_MAX = 2 * JSON_DEPTH_MAX + 2 }; /* messages and maps, and an array within each */

static const char TOO_LARGE[] = "too large", TOO_DEEP[] = "nested too deep", GIVEN_TWICE[] = "given twice",
                  UNKNOWN_FIELD[] = "unknown field", NO_OBJECT[] = "expected an object",
                  NO_ARRAY[] = "expected an array",
                  NO_TIME[] = "expected a time such as \"2026-01-31T12:00:00Z\", or a duration such as \"1.5s\"";

typedef struct frame {
  enum { FRAME_MESSAGE, FRAME_ARRAY, FRAME_MAP } kind;
  int depth;                             /* of messages and maps, down to the member at hand */
  ProtobufCMessage *message;             /* whose members come, or whose repeated field it is */
  const ProtobufCFieldDescriptor *field; /* of the member at hand; NULL: none, or one to pass over */
  const char *name;                      /* of the member at hand, or the map's key: for errors */
  size_t name_length;
  bool *seen;              /* of a message: its fields that came */
  ProtobufCMessage *entry; /* of a map: the one whose key came */
} frame;

typedef struct parse {
  json_reader *reader;
  ProtobufCMessage *root;
  yajl_handle parser;
  frame *frames, *top; /* top NULL: nothing is open */
  const frame *bottom; /* what is on top where the value is complete */
  size_t end;          /* of the value within the text, once its last bracket has come */
  size_t passed;       /* arrays and objects open in a member that is passed over */
  bool is_doubtful;    /* jansson must have the last word */
} parse;

/* --- errors --- */

/* Always false. */
static bool fail(json_reader *reader, const char *path, const char *what) {
  reader->status = rpc_status_invalid(path[0] ? path : "body", "%s", what);
  return false;
}

/* "[2]" for the element at hand, the last one. */
static int write_index(const frame *array, char *path, size_t size) {
  const void *count = (const char *)array->message + array->field->quantifier_offset;
  return *(const size_t *)count > 0 ? snprintf(path, size, "[%zu]", *(const size_t *)count - 1) : 0;
}

/* Always false; names the member at hand. */
static bool refuse(parse *p, const char *what) {
  char path[sizeof p->reader->status.field] = "";
  size_t used = 0;
  for (const frame *at = p->frames; p->top && at <= p->top && used < sizeof path; at++) {
    char *end = path + used;
    size_t left = sizeof path - used;
    int length = at->kind == FRAME_ARRAY
                     ? write_index(at, end, left)
                     : snprintf(end, left, "%s%.*s", used > 0 ? "." : "", (int)at->name_length, at->name);
    used += (size_t)length;
  }
  return fail(p->reader, path, what);
}

/* Whether jansson takes the text; else what it says is the status. It has only signed 64-bit integers: as a double no
 * integer that a message can take is too large. */
static bool check_text(json_reader *reader, const char *text, size_t length) {
  json_error_t error;
  json_t *json = json_loadb(
      text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
  json_decref(json);
  if (json) return true;
  reader->status =
      rpc_status_invalid("body", "not valid JSON: line %d, column %d: %s", error.line, error.column, error.text);
  return false;
}

/* --- fields --- */

static bool is_map_entry(const json_reader *reader, const ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
  for (size_t i = 0; i < reader->map_entry_count; i++) {
    if (reader->map_entries[i] == field->descriptor) return true;
  }
  return false;
}

json_reader json_reader_make(rpc_arena *arena) {
  return (json_reader){.arena = arena, .map_entries = api_map_entries, .map_entry_count = api_map_entry_count};
}

static ProtobufCMessage *new_message(json_reader *reader, const ProtobufCMessageDescriptor *descriptor) {
  if (!descriptor->message_init) { /* made at run time: a message of no bytes has every field at its default */
    return protobuf_c_message_unpack(descriptor, &reader->arena->allocator, 0, NULL);
  }
  ProtobufCMessage *message = rpc_arena_alloc(reader->arena, descriptor->sizeof_message);
  if (message) descriptor->message_init(message);
  return message;
}

ProtobufCMessage *json_read_new(json_reader *reader, const ProtobufCMessageDescriptor *descriptor) {
  ProtobufCMessage *message = new_message(reader, descriptor);
  if (!message) fail(reader, "", TOO_LARGE);
  return message;
}

/* Whether `given` is the name in lowerCamelCase as protoc makes it: "orderId" for "order_id", "line2" for "line_2". */
static bool is_camel_of(const char *name, const char *given, size_t length) {
  size_t at = 0;
  for (bool capital = false; *name; name++) {
    if (*name == '_') {
      capital = true;
      continue;
    }
    char expected = capital && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    if (at == length || given[at++] != expected) return false;
    capital = false;
  }
  return at == length;
}

static bool is_named(const ProtobufCFieldDescriptor *field, const char *name, size_t length) {
  return strlen(field->name) == length && memcmp(field->name, name, length) == 0;
}

const ProtobufCFieldDescriptor *json_find_field(const ProtobufCMessageDescriptor *descriptor, const char *name,
                                                size_t length) {
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    if (is_named(&descriptor->fields[i], name, length)) return &descriptor->fields[i];
  }
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    if (is_camel_of(descriptor->fields[i].name, name, length)) return &descriptor->fields[i];
  }
  return NULL;
}

/* Members mostly come in the order of the fields: the one behind the last is tried first. */
static const ProtobufCFieldDescriptor *find_member(const frame *message, const char *name, size_t length) {
  const ProtobufCMessageDescriptor *descriptor = message->message->descriptor;
  if (descriptor->n_fields == 0) return NULL;
  const ProtobufCFieldDescriptor *next = message->field ? message->field + 1 : descriptor->fields;
  bool is_next = next < descriptor->fields + descriptor->n_fields && is_named(next, name, length);
  return is_next ? next : json_find_field(descriptor, name, length);
}

static void *member(ProtobufCMessage *message, unsigned offset) {
  return (char *)message + offset;
}

/* Says that a singular field is there, where the message keeps account of that. NULL, or what is wrong, as below. */
static const char *mark_present(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    uint32_t *which = member(message, field->quantifier_offset);
    if (*which != 0 && *which != field->id) return "another member of the same oneof is given";
    *which = field->id;
  } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
             field->type != PROTOBUF_C_TYPE_STRING) {
    *(protobuf_c_boolean *)member(message, field->quantifier_offset) = 1;
  }
  return NULL;
}

/* One more value at the end of a repeated field, whose array holds the next power of two. NULL when out of memory. */
static void *append(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  size_t *count = member(message, field->quantifier_offset);
  char **values = member(message, field->offset);
  size_t size = json_scalar_size(field->type);
  if ((*count & (*count - 1)) == 0) {
    char *wider = rpc_arena_alloc(reader->arena, (*count ? 2 * *count : 1) * size);
    if (!wider) return NULL;
    if (*count) memcpy(wider, *values, *count * size);
    *values = wider;
  }
  return *values + size * (*count)++;
}

static const char *read_time(json_reader *reader, const ProtobufCMessageDescriptor *descriptor,
                             ProtobufCMessage **target, const json_value *value) {
  char text[JSON_TIME_SIZE];
  bool is_text = value->kind == KIND_STRING || value->kind == KIND_WORD;
  if (!is_text || value->length >= sizeof text) return NO_TIME;
  memcpy(text, value->text, value->length);
  text[value->length] = '\0';
  *target = new_message(reader, descriptor);
  if (!*target) return TOO_LARGE;
  return strlen(text) == value->length && json_time_read(*target, text) ? NULL : NO_TIME;
}

static const char *read_value(json_reader *reader, const ProtobufCFieldDescriptor *field, void *target,
                              const json_value *value) {
  bool is_time = field->type == PROTOBUF_C_TYPE_MESSAGE && json_time_is(field->descriptor);
  return is_time ? read_time(reader, field->descriptor, target, value)
                 : json_scalar_read(reader->arena, field, value, target);
}

/* --- events --- */

static void push(parse *p, frame opened) {
  frame *top = p->top ? p->top + 1 : p->frames;
  assert(top < p->frames + FRAMES_MAX);
  *top = opened;
  p->top = top;
}

/* Puts a message that has begun into *target. */
static bool open_message(parse *p, const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **target) {
  int depth = p->top ? p->top->depth : 0;
  if (depth >= JSON_DEPTH_MAX) return refuse(p, TOO_DEEP);
  if (!*target) *target = new_message(p->reader, descriptor);
  bool *seen = rpc_arena_alloc(p->reader->arena, descriptor->n_fields + 1);
  if (!*target || !seen) return refuse(p, TOO_LARGE);
  push(p, (frame){.kind = FRAME_MESSAGE, .depth = depth + 1, .message = *target, .seen = seen, .name = ""});
  return true;
}

static bool open_repeated(parse *p, json_kind kind) {
  const frame *in = p->top;
  bool is_map = is_map_entry(p->reader, in->field);
  if (kind != (is_map ? KIND_OBJECT : KIND_ARRAY)) return refuse(p, is_map ? NO_OBJECT : NO_ARRAY);
  frame opened = {.kind = FRAME_ARRAY, .depth = in->depth, .message = in->message, .field = in->field};
  if (is_map) {
    opened.kind = FRAME_MAP;
    opened.depth++;
    opened.name = "";
    p->is_doubtful = true; /* nobody here knows a key that comes twice */
  }
  push(p, opened);
  return true;
}

/* Of a map's entry the key is field 1 and the value field 2: so protobuf defines them. */
static const ProtobufCFieldDescriptor *entry_field(const frame *map, int index) {
  return &((const ProtobufCMessageDescriptor *)map->field->descriptor)->fields[index];
}

/* Where the value that comes next belongs, and its field; an element is added, a map's entry there since its key. */
static const char *find_target(parse *p, const ProtobufCFieldDescriptor **field, void **target) {
  const frame *top = p->top;
  *field = top->field;
  switch (top->kind) {
    case FRAME_ARRAY:
      *target = append(p->reader, top->message, top->field);
      return *target ? NULL : TOO_LARGE;
    case FRAME_MAP:
      *field = entry_field(top, 1);
      *target = member(top->entry, (*field)->offset);
      return NULL;
    default:
      *target = member(top->message, top->field->offset);
      return mark_present(top->message, top->field);
  }
}

static int on_value(parse *p, json_value value) {
  const frame *top = p->top;
  if (p->passed > 0 || (top && !top->field)) {
    p->passed += value.kind == KIND_OBJECT || value.kind == KIND_ARRAY;
    return true;
  }
  if (!top) return value.kind == KIND_OBJECT ? open_message(p, p->root->descriptor, &p->root) : refuse(p, NO_OBJECT);
  if (top->kind == FRAME_MESSAGE && value.kind == KIND_NULL) return true;
  if (top->kind == FRAME_MESSAGE && top->field->label == PROTOBUF_C_LABEL_REPEATED) return open_repeated(p, value.kind);
  const ProtobufCFieldDescriptor *field;
  void *target;
  const char *error = find_target(p, &field, &target);
  bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE && !json_time_is(field->descriptor);
  if (!error && is_message && value.kind == KIND_OBJECT) return open_message(p, field->descriptor, target);
  if (!error) error = read_value(p->reader, field, target, &value);
  return error ? refuse(p, error) : true;
}

/* A key has one way to be written, so that two keys of an object are never the same key of the map: no 1.0, 1e0, -0. */
static bool is_canonical(const ProtobufCFieldDescriptor *key_field, const char *key) {
  return key_field->type == PROTOBUF_C_TYPE_STRING || key_field->type == PROTOBUF_C_TYPE_BOOL ||
         (!strpbrk(key, ".eE") && strcmp(key, "-0") != 0);
}

static bool add_entry(parse *p, const char *name, size_t length) {
  frame *map = p->top;
  const ProtobufCFieldDescriptor *key_field = entry_field(map, 0);
  char *key = rpc_arena_alloc(p->reader->arena, length + 1);
  ProtobufCMessage **entry = append(p->reader, map->message, map->field);
  map->entry = entry ? *entry = new_message(p->reader, map->field->descriptor) : NULL;
  if (!map->entry || !key) return refuse(p, TOO_LARGE);
  map->name = memcpy(key, name, length);
  map->name_length = length;
  const json_value word = {KIND_WORD, name, length};
  const char *error = json_scalar_read(p->reader->arena, key_field, &word, member(map->entry, key_field->offset));
  if (!error && !is_canonical(key_field, key)) error = "expected an integer in plain digits as the key";
  return error ? refuse(p, error) : true;
}

static int on_key(void *ctx, const unsigned char *text, size_t length) {
  parse *p = ctx;
  frame *top = p->top;
  const char *name = (const char *)text;
  if (p->passed > 0) return true;
  if (top->kind == FRAME_MAP) return add_entry(p, name, length);
  const ProtobufCFieldDescriptor *field = find_member(top, name, length);
  top->field = field;
  top->name = field ? field->name : name;
  top->name_length = field ? strlen(field->name) : length;
  if (!field) {
    p->is_doubtful = true; /* what is passed over is still to be JSON */
    return p->reader->allow_unknown_fields || refuse(p, UNKNOWN_FIELD);
  }
  bool *seen = &top->seen[field - top->message->descriptor->fields];
  if (*seen) return refuse(p, GIVEN_TWICE);
  return *seen = true;
}

static int on_end(void *ctx) {
  parse *p = ctx;
  if (p->passed > 0) {
    p->passed--;
  } else {
    p->top = p->top > p->frames ? p->top - 1 : NULL;
    if (p->top == p->bottom) p->end = yajl_get_bytes_consumed(p->parser);
  }
  return true;
}

static int on_null(void *ctx) {
  return on_value(ctx, (json_value){.kind = KIND_NULL});
}

static int on_boolean(void *ctx, int value) {
  return on_value(ctx, (json_value){.kind = value ? KIND_TRUE : KIND_FALSE});
}

static int on_number(void *ctx, const char *text, size_t length) {
  return on_value(ctx, (json_value){KIND_NUMBER, text, length});
}

static int on_string(void *ctx, const unsigned char *text, size_t length) {
  return on_value(ctx, (json_value){KIND_STRING, (const char *)text, length});
}

static int on_object(void *ctx) {
  return on_value(ctx, (json_value){.kind = KIND_OBJECT});
}

static int on_array(void *ctx) {
  return on_value(ctx, (json_value){.kind = KIND_ARRAY});
}

static bool run(parse *p, const char *text, size_t length) {
  static const yajl_callbacks callbacks = {
      .yajl_null = on_null,
      .yajl_boolean = on_boolean,
      .yajl_number = on_number,
      .yajl_string = on_string,
      .yajl_start_map = on_object,
      .yajl_map_key = on_key,
      .yajl_end_map = on_end,
      .yajl_start_array = on_array,
      .yajl_end_array = on_end,
  };
  p->parser = yajl_alloc(&callbacks, NULL, p);
  if (!p->parser) return refuse(p, TOO_LARGE);
  yajl_config(p->parser, yajl_dont_validate_strings, 1); /* json_scalar does, and more strictly */
  bool ok = yajl_parse(p->parser, (const unsigned char *)text, length) == yajl_status_ok &&
            yajl_complete_parse(p->parser) == yajl_status_ok;
  yajl_free(p->parser);
  return ok;
}

/* What yajl may take and JSON forbids: half a surrogate pair, and two spaces of its own, \v and \f. */
static bool is_doubtful(const char *text, size_t length) {
  if (memchr(text, '\v', length) || memchr(text, '\f', length)) return true;
  const char *escape = memchr(text, '\\', length);
  if (!escape) return false;
  length -= (size_t)(escape - text);
  return memmem(escape, length, "\\ud", 3) || memmem(escape, length, "\\uD", 3);
}

/* yajl takes a token that begins behind the value and does not end; a value without brackets is not worth knowing its
 * end. */
static bool has_more(const char *text, size_t at, size_t length) {
  while (at < length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) at++;
  return at < length;
}

bool json_read(json_reader *reader, ProtobufCMessage *message, const char *name, const char *text, size_t length) {
  frame frames[FRAMES_MAX];
  parse p = {.reader = reader, .root = message, .frames = frames, .is_doubtful = is_doubtful(text, length)};
  if (name) { /* as if its key had come */
    const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, name, strlen(name));
    if (!field) return fail(reader, name, UNKNOWN_FIELD);
    push(&p, (frame){.kind = FRAME_MESSAGE,
                     .depth = 1,
                     .message = message,
                     .field = field,
                     .name = field->name,
                     .name_length = strlen(field->name)});
    p.bottom = p.top;
  }
  bool ok = run(&p, text, length);
  if (ok && !p.is_doubtful && !has_more(text, p.end, length)) return true;
  if (!ok && reader->status.code == RPC_OK) fail(reader, "body", "not valid JSON");
  return check_text(reader, text, length) && ok;
}

/* --- words --- */

static const char *read_leaf(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                             const json_value *word) {
  void *target = member(message, field->offset);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    if (is_map_entry(reader, field)) return "a map cannot be given here";
    target = append(reader, message, field);
    if (!target) return TOO_LARGE;
  } else {
    const char *error = mark_present(message, field);
    if (error) return error;
  }
  if (field->type == PROTOBUF_C_TYPE_MESSAGE && !json_time_is(field->descriptor)) {
    return "a message cannot be given here, only its fields";
  }
  return read_value(reader, field, target, word);
}

bool json_read_text(json_reader *reader, ProtobufCMessage *message, const char *path, const char *text, size_t length) {
  const char *at = path;
  for (int depth = 0; depth < JSON_DEPTH_MAX; depth++) {
    size_t name = strcspn(at, ".");
    const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, at, name);
    if (!field && reader->allow_unknown_fields) return true;
    if (!field) return fail(reader, path, UNKNOWN_FIELD);
    const char *error;
    if (at[name] == '\0') {
      error = read_leaf(reader, message, field, &(json_value){KIND_WORD, text, length});
      return error ? fail(reader, path, error) : true;
    }
    at += name + 1;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) {
      return fail(reader, path, UNKNOWN_FIELD);
    }
    error = mark_present(message, field);
    ProtobufCMessage **child = member(message, field->offset);
    if (!error && !*child && !(*child = new_message(reader, field->descriptor))) error = TOO_LARGE;
    if (error) return fail(reader, path, error);
    message = *child;
  }
  return fail(reader, path, TOO_DEEP);
}
