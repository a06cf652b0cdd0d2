/* The protoc plugin and what it made: mistakes in .proto files are reported by file, method and path; odd names give C
 * that compiles; the tables and openapi.json in gen/ say what the .proto files say. Needs protoc for the first two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "api.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "store/v1/order.pb-c.h"

/* GEN_PLUGIN, GEN_SOURCE_DIR and GEN_COMPILER are paths from CMake. */

static char folder[] = "/tmp/test_gen.XXXXXX";
static char output[16384]; /* of the last command */

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL ? -1 : 0;
}

/* Runs a shell command in the folder, keeps what it prints, returns its exit code. */
static int run(const char *command) {
  char line[4096];
  snprintf(line, sizeof line, "cd %s && { %s; } 2>&1", folder, command);
  FILE *pipe = popen(line, "r");
  assert_non_null(pipe);
  output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
  return pclose(pipe);
}

static int remove_folder(void **state) {
  (void)state;
  return run("rm -rf \"$PWD\"");
}

/* Writes t.proto and gives it to the plugin. */
static int generate(const char *proto) {
  if (run("command -v protoc protoc-gen-c") != 0) skip();
  char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/t.proto", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("syntax = \"proto3\";\npackage t.v1;\nimport \"rpc/v1/options.proto\";\n", file);
  fputs(proto, file);
  assert_int_equal(fclose(file), 0);
  return run("protoc -I . -I " GEN_SOURCE_DIR "/proto --plugin=protoc-gen-store=" GEN_PLUGIN
             " --store_out=. --c_out=. t.proto");
}

#define MESSAGES                                                         \
  "message Part { string name = 1; }\n"                                  \
  "message In { string id = 1; Part part = 2; repeated int32 n = 3; }\n" \
  "message Out {}\n"
#define METHOD(name, option) "rpc " name "(In) returns (Out) { option (rpc.v1.http) = {" option "}; }\n"
#define SERVICE(methods) MESSAGES "service S {\n" methods "}\n"

static void mistakes_are_reported_by_file_method_and_path(void **state) {
  (void)state;
  static const struct {
    const char *proto, *report;
  } mistakes[] = {
      {SERVICE(METHOD("Get", "get: \"/a/{no}\"")), "t.proto: t.v1.S.Get: GET /a/{no}: t.v1.In has no field 'no'"},
      {SERVICE(METHOD("Get", "get: \"/a/{id\"")), "t.proto: t.v1.S.Get: GET /a/{id: unbalanced"},
      {SERVICE(METHOD("Get", "get: \"/a/id}\"")), "t.proto: t.v1.S.Get: GET /a/id}: unbalanced"},
      {SERVICE(METHOD("Get", "get: \"/a/x{id}\"")), "t.proto: t.v1.S.Get: GET /a/x{id}: unbalanced or misplaced"},
      {SERVICE(METHOD("Get", "get: \"/a/{}\"")), "t.proto: t.v1.S.Get: GET /a/{}: unbalanced or misplaced"},
      {SERVICE(METHOD("Get", "get: \"a\"")), "t.v1.S.Get: GET a: a path begins with '/'"},
      {SERVICE(METHOD("Get", "get: \"/a?b=1\"")), "t.v1.S.Get: GET /a?b=1: a path holds no"},
      {SERVICE(METHOD("Get", "get: \"/{id}/{id}\"")), "t.v1.S.Get: GET /{id}/{id}: field 'id' is bound twice"},
      {SERVICE(METHOD("Get", "get: \"/{part.no}\"")), "t.v1.S.Get: GET /{part.no}: t.v1.In has no field 'part.no'"},
      {SERVICE(METHOD("Get", "get: \"/{n.no}\"")), "t.v1.S.Get: GET /{n.no}: t.v1.In has no field 'n.no'"},
      {"message M { option (rpc.v1.example) = '{'; }\n" SERVICE(METHOD("Get", "get: \"/a\"")),
       "t.proto: t.v1.M: example: no JSON object"},
      {"message M { option (rpc.v1.example) = '{\"in\":[{\"no\":1}]}'; repeated In in = 1; }\n" SERVICE(
           METHOD("Get", "get: \"/a\"")),
       "t.proto: t.v1.M: example: t.v1.In has no field 'no'"},
      {SERVICE(METHOD("Get", "get: \"/{part}\"")), "t.v1.S.Get: GET /{part}: field 'part' does not fit in a path"},
      {SERVICE(METHOD("Get", "get: \"/{n}\"")), "t.v1.S.Get: GET /{n}: field 'n' does not fit in a path"},
      {SERVICE(METHOD("Get", "get: \"/a\" body: \"*\"")), "t.v1.S.Get: GET /a: GET has no body"},
      {SERVICE(METHOD("Put", "put: \"/a\" body: \"no\"")), "t.v1.S.Put: PUT /a: body: t.v1.In has no field 'no'"},
      {SERVICE(METHOD("Put", "put: \"/{id}\" body: \"id\"")), "field 'id' is bound by the path and by the body"},
      {SERVICE(METHOD("Get", "body: \"*\"")), "t.proto: t.v1.S.Get: a binding without a verb and path"},
      {SERVICE(METHOD("A", "get: \"/a/{id}\"") METHOD("B", "get: \"/a/{id}\"")),
       "t.proto: t.v1.S.B: GET /a/{id}: already bound to t.v1.S.A"},
      {SERVICE(METHOD("A", "get: \"/a\" additional_bindings {get: \"/a\"}")), "t.v1.S.A: GET /a: already bound to"},
      {SERVICE(METHOD("A", "get: \"/a\" additional_bindings {get: \"/b\" additional_bindings {get: \"/c\"}}")),
       "t.v1.S.A: additional_bindings do not nest"},
      {SERVICE("rpc Watch(In) returns (stream Out);"), "t.proto: t.v1.S.Watch: streaming is not supported"},
      {SERVICE("rpc Invoke(In) returns (Out);"), "t.v1.S.Invoke: generated code needs this name itself"},
      {SERVICE("rpc Get(In) returns (Out); rpc GetReply(In) returns (Out);"),
       "S.GetReply: its name in C is taken by Get"},
      {SERVICE("rpc Register(In) returns (Out);"), "t.v1.S.Register: register is a keyword of C"},
      {SERVICE("option (rpc.v1.service) = {rpc_port: 65536}; rpc A(In) returns (Out);"), "t.v1.S: there is no port"},
      {SERVICE(""), "t.proto: t.v1.S: a service needs a method"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    int exit_code = generate(mistakes[i].proto);
    if (exit_code == 0 || strstr(output, mistakes[i].report) == NULL) {
      fail_msg("expected '%s', got: %s", mistakes[i].report, output);
    }
  }
}

static void all_mistakes_are_reported_at_once(void **state) {
  (void)state;
  assert_int_not_equal(generate(SERVICE(METHOD("A", "get: \"/{x}\"") METHOD("B", "get: \"/{y}\""))), 0);
  assert_non_null(strstr(output, "'x'"));
  assert_non_null(strstr(output, "'y'"));
}

static void paths_that_differ_in_a_literal_or_verb_do_not_conflict(void **state) {
  (void)state;
  assert_int_equal(
      generate(SERVICE(METHOD("A", "get: \"/a/{id}\"") METHOD("B", "get: \"/a/b\"") METHOD("C", "post: \"/a/{id}\""))),
      0);
}

static void an_option_set_in_several_statements_is_one_rule(void **state) {
  (void)state;
  assert_int_equal(generate(SERVICE("rpc A(In) returns (Out) { option (rpc.v1.http).post = \"/a\";"
                                    "option (rpc.v1.http).body = \"part\"; }")),
                   0);
  assert_int_equal(run("grep -F '{\"POST\", \"/a\", \"part\"}' api.c"), 0);
}

static void odd_names_and_comments_give_c_that_compiles(void **state) {
  (void)state;
  const char *proto =
      "message HTTPReply2 { message snake_name { map<string, HTTPReply2> by_name = 1; } }\n"
      "// ends */ early\n"
      "service APIService {\n"
      "  // two\n  //\n  // paragraphs */\n"
      "  rpc HTTPGet2(HTTPReply2) returns (HTTPReply2.snake_name);\n"
      "  rpc delete_it(HTTPReply2.snake_name) returns (HTTPReply2);\n"
      "}\n";
  if (generate(proto) != 0) fail_msg("%s", output);
  int exit_code =
      run("cat t.rpc.h api.c > all.c && " GEN_COMPILER
          " -std=c17 -Wall -Wextra -Werror -fsyntax-only -Wno-unused-function -D_GNU_SOURCE"
          " -isystem . -isystem " GEN_SOURCE_DIR "/gen -I " GEN_SOURCE_DIR "/services api.c -include t.rpc.h");
  if (exit_code != 0) fail_msg("%s", output);
}

static void plugin_refuses_input_that_is_no_request(void **state) {
  (void)state;
  assert_int_not_equal(run("printf '\\377\\377' | " GEN_PLUGIN), 0);
  assert_non_null(strstr(output, "no CodeGeneratorRequest"));
}

static const api_method *method_named(const api_service *service, const char *name) {
  for (size_t i = 0; i < service->method_count; i++) {
    if (strcmp(service->methods[i].name, name) == 0) return &service->methods[i];
  }
  fail_msg("no method %s", name);
  return NULL;
}

static void tables_say_what_the_proto_says(void **state) {
  (void)state;
  const api_service *service = &api_store_v1_order_service;
  assert_string_equal(service->full_name, "store.v1.OrderService");
  assert_string_equal(service->name, "order");
  assert_int_equal(service->rpc_port, 9001);
  assert_int_equal(service->ws_port, 9101);
  assert_int_equal(service->http_port, 8001);

  const api_method *create = method_named(service, "/store.v1.OrderService/CreateOrder");
  assert_ptr_equal(create->input, &store__v1__create_order_request__descriptor);
  assert_ptr_equal(create->output, &store__v1__create_order_response__descriptor);
  assert_false(create->idempotent);
  assert_int_equal(create->route_count, 1);
  assert_string_equal(create->routes[0].http_method, "POST");
  assert_string_equal(create->routes[0].path, "/orders");
  assert_string_equal(create->routes[0].body, "*");

  const api_method *get = method_named(service, "/store.v1.OrderService/GetOrder");
  assert_true(get->idempotent && get->no_side_effects);
  assert_string_equal(get->routes[0].body, "");

  const api_method *refund = method_named(&api_store_v1_payment_service, "/store.v1.PaymentService/RefundPayment");
  assert_true(refund->idempotent && !refund->no_side_effects);
  assert_string_equal(api_rpc_v1_health.name, "");
}

static void map_entries_are_exactly_the_entry_messages(void **state) {
  (void)state;
  assert_true(api_map_entry_count > 0);
  assert_null(api_map_entries[api_map_entry_count]);
  for (size_t i = 0; i < api_map_entry_count; i++) {
    const ProtobufCMessageDescriptor *entry = api_map_entries[i];
    assert_non_null(strstr(entry->name, "Entry"));
    assert_int_equal(entry->n_fields, 2);
    assert_non_null(protobuf_c_message_descriptor_get_field_by_name(entry, "key"));
    assert_non_null(protobuf_c_message_descriptor_get_field_by_name(entry, "value"));
  }
}

static void descriptor_set_holds_each_file_after_its_imports_with_its_options(void **state) {
  (void)state;
  Google__Protobuf__FileDescriptorSet *set =
      google__protobuf__file_descriptor_set__unpack(NULL, api_file_descriptor_set_size, api_file_descriptor_set);
  assert_non_null(set);
  bool order_seen = false;
  for (size_t i = 0; i < set->n_file; i++) {
    const Google__Protobuf__FileDescriptorProto *file = set->file[i];
    assert_null(file->source_code_info);
    for (size_t j = 0; j < file->n_dependency; j++) {
      size_t k = 0;
      while (k < i && strcmp(set->file[k]->name, file->dependency[j]) != 0) k++;
      assert_true(k < i);
    }
    if (strcmp(file->name, "store/v1/order.proto") != 0) continue;
    order_seen = true;
    const Google__Protobuf__MethodOptions *options = file->service[0]->method[0]->options;
    assert_int_equal(options->base.n_unknown_fields, 1);
    assert_int_equal(options->base.unknown_fields[0].tag, 50001);
  }
  assert_true(order_seen);
  google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}

/* Every "$ref" below value leads to something in root. */
static void check_references(const json_t *root, json_t *value) {
  const char *key;
  json_t *member;
  size_t index;
  json_array_foreach(value, index, member) check_references(root, member);
  json_object_foreach(value, key, member) {
    check_references(root, member);
    if (strcmp(key, "$ref") != 0) continue;
    char path[256];
    snprintf(path, sizeof path, "%s", json_string_value(member));
    assert_memory_equal(path, "#/", 2);
    const json_t *target = root;
    char *rest = NULL;
    for (char *part = strtok_r(path + 2, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
      target = json_object_get(target, part);
    }
    if (target == NULL) fail_msg("%s leads nowhere", json_string_value(member));
  }
}

static void openapi_describes_every_route(void **state) {
  (void)state;
  json_t *root = json_load_file(GEN_SOURCE_DIR "/gen/openapi.json", 0, NULL);
  assert_non_null(root);
  const json_t *paths = json_object_get(root, "paths");
  for (size_t i = 0; i < api_service_count; i++) {
    for (size_t j = 0; j < api_services[i]->method_count; j++) {
      const api_method *method = &api_services[i]->methods[j];
      for (size_t k = 0; k < method->route_count; k++) {
        char verb[8] = "";
        for (size_t c = 0; method->routes[k].http_method[c] != '\0'; c++) {
          verb[c] = (char)(method->routes[k].http_method[c] | 0x20);
        }
        const json_t *operation = json_object_get(json_object_get(paths, method->routes[k].path), verb);
        if (operation == NULL) fail_msg("%s %s is missing", verb, method->routes[k].path);
        assert_non_null(json_object_get(json_object_get(operation, "responses"), "200"));
      }
    }
  }
  check_references(root, root);
  json_decref(root);
}

static void openapi_spreads_messages_over_path_and_query(void **state) {
  (void)state;
  assert_int_equal(generate(SERVICE(METHOD("A", "get: \"/a/{part.name}\"") METHOD("B", "get: \"/b\""))), 0);
  char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/openapi.json", folder);
  json_t *root = json_load_file(path, 0, NULL);
  const char *names[5], *in;
  int ok = json_unpack(root, "{s:{s:{s:{s:[{s:s, s:s}, {s:s}]}}, s:{s:{s:[{s:s}, {s:s}, {s:s}]}}}}", "paths",
                       "/a/{part.name}", "get", "parameters", "name", &names[0], "in", &in, "name", &names[1], "/b",
                       "get", "parameters", "name", &names[2], "name", &names[3], "name", &names[4]);
  assert_int_equal(ok, 0);
  assert_string_equal(in, "path");
  static const char *const expected[] = {"part.name", "id", "id", "part.name", "n"};
  for (size_t i = 0; i < 5; i++) assert_string_equal(names[i], expected[i]);
  json_decref(root);
}

static void openapi_tells_path_query_and_body_apart(void **state) {
  (void)state;
  assert_int_equal(generate(SERVICE(METHOD("A", "post: \"/a/{id}\" body: \"part\""))), 0);
  char path[sizeof folder + 16];
  snprintf(path, sizeof path, "%s/openapi.json", folder);
  json_t *root = json_load_file(path, 0, NULL);
  const char *id_in, *n_in, *n_type, *body;
  int ok = json_unpack(root, "{s:{s:{s:{s:[{s:s},{s:s,s:{s:s}}], s:{s:{s:{s:{s:s}}}}}}}}", "paths", "/a/{id}", "post",
                       "parameters", "in", &id_in, "in", &n_in, "schema", "type", &n_type, "requestBody", "content",
                       "application/json", "schema", "$ref", &body);
  assert_int_equal(ok, 0);
  assert_string_equal(id_in, "path");
  assert_string_equal(n_in, "query");
  assert_string_equal(n_type, "array");
  assert_string_equal(body, "#/components/schemas/t.v1.Part");
  json_decref(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mistakes_are_reported_by_file_method_and_path),
      cmocka_unit_test(all_mistakes_are_reported_at_once),
      cmocka_unit_test(paths_that_differ_in_a_literal_or_verb_do_not_conflict),
      cmocka_unit_test(an_option_set_in_several_statements_is_one_rule),
      cmocka_unit_test(odd_names_and_comments_give_c_that_compiles),
      cmocka_unit_test(plugin_refuses_input_that_is_no_request),
      cmocka_unit_test(tables_say_what_the_proto_says),
      cmocka_unit_test(map_entries_are_exactly_the_entry_messages),
      cmocka_unit_test(descriptor_set_holds_each_file_after_its_imports_with_its_options),
      cmocka_unit_test(openapi_describes_every_route),
      cmocka_unit_test(openapi_spreads_messages_over_path_and_query),
      cmocka_unit_test(openapi_tells_path_query_and_body_apart),
  };
  return cmocka_run_group_tests_name("gen", tests, make_folder, remove_folder);
}
