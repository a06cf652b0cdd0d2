/* What is answered instead of a message: problem details (RFC 9457) by HTTP status, as gateway/problem.c makes them. */
#include <string.h>

#include "openapi.h"

typedef enum receivers { ALWAYS, TO_WRITES, TO_BODIES } receivers;

/* By HTTP status: who may get it, what it says, and one as an example. */
static const struct {
  const char *status, *component;
  receivers who;
  const char *description;
  const char *code, *reason, *type, *title, *detail;
} errors[] = {
    {"400", "BadRequest", ALWAYS,
     "The request is not valid (INVALID_ARGUMENT; `field` says where), or what it asks for is not possible as things "
     "are (FAILED_PRECONDITION), such as for want of stock.",
     "INVALID_ARGUMENT", "INVALID_FIELD", "invalid-field", "Invalid field", "page_size: must be from 0 to 1000"},
    {"401", "Unauthorized", ALWAYS, "A bearer token is needed, or the one given is nobody's.", "UNAUTHENTICATED",
     "TOKEN_MISSING", "token-missing", "Token missing", "a bearer token is needed"},
    {"403", "Forbidden", ALWAYS, "The token's caller has no scope for this.", "PERMISSION_DENIED", "SCOPE_MISSING",
     "scope-missing", "Scope missing", "auditor has no scope write"},
    {"404", "NotFound", ALWAYS, "There is nothing of that name.", "NOT_FOUND", "ORDER_NOT_FOUND", "order-not-found",
     "Order not found", "there is no order ORD-01M886R7M4T71HE4TY7R"},
    {"409", "Conflict", TO_WRITES, "It met another change of the same thing: try again.", "ABORTED",
     "RESERVATION_CONFLICT", "reservation-conflict", "Reservation conflict", "the reservation conflicted with another"},
    {"413", "ContentTooLarge", TO_BODIES, "The body is too large.", "INVALID_ARGUMENT", "BODY_TOO_LARGE",
     "body-too-large", "Body too large", "body: may have 1048576 bytes"},
    {"415", "UnsupportedMediaType", TO_BODIES, "The body is said not to be JSON.", "INVALID_ARGUMENT",
     "UNSUPPORTED_MEDIA_TYPE", "unsupported-media-type", "Unsupported media type",
     "content-type: must be application/json"},
    {"429", "TooManyRequests", ALWAYS, "Too much at once: try again after `Retry-After`.", "RESOURCE_EXHAUSTED",
     "TOO_MANY_REQUESTS", "too-many-requests", "Too many requests", "the gateway has 16384 requests in flight already"},
    {"503", "Unavailable", ALWAYS, "A service cannot be reached: try again after `Retry-After`.", "UNAVAILABLE",
     "NOT_CONNECTED", "not-connected", "Not connected", "no connection to order"},
    {"504", "Timeout", ALWAYS,
     "No answer in time (`Request-Timeout`). Whether a write was carried out is not known: ask again with the same "
     "`Idempotency-Key`.",
     "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "deadline-exceeded", "Deadline exceeded",
     "the deadline passed after 1000 ms"},
};
enum { ERRORS = sizeof errors / sizeof *errors };

/* Facts about an error are members too, all of them strings. */
static const char problem_schema[] =
    "{'type': 'object', 'description': 'What went wrong (RFC 9457), with facts such as the `order_id` that failed.',"
    " 'required': ['type', 'title', 'status', 'detail', 'code', 'correlation_id'],"
    " 'properties': {"
    "  'type': {'type': 'string', 'format': 'uri-reference', 'description': 'Of the kind of problem.'},"
    "  'title': {'type': 'string'},"
    "  'status': {'type': 'integer', 'description': 'The HTTP status.'},"
    "  'detail': {'type': 'string', 'description': 'For people.'},"
    "  'code': {'type': 'string', 'description': 'The canonical status code, such as FAILED_PRECONDITION.'},"
    "  'reason': {'type': 'string', 'description': 'For programs, such as OUT_OF_STOCK.'},"
    "  'field': {'type': 'string', 'description': 'The path of the field at fault, such as items[0].quantity.'},"
    "  'correlation_id': {'type': 'string'},"
    "  'order_id': {'type': 'string', 'description': 'The order that failed, where there is one.'}},"
    " 'additionalProperties': {'type': 'string'}}";

static json_t *parse(const api_model *model, const char *with_apostrophes) {
  char *text = pool_printf(model->pool, "%s", with_apostrophes);
  for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;) *quote = '"';
  return pool_check(json_loads(text, 0, NULL));
}

static json_t *response(const char *description, json_t *example) {
  json_t *content = pool_check(json_pack("{s:{s:s}}", "schema", "$ref", "#/components/schemas/Problem"));
  if (example != NULL) openapi_set(content, "example", example);
  return pool_check(json_pack("{s:s, s:{s:{s:s}}, s:{s:o}}", "description", description, "headers", "X-Correlation-ID",
                              "$ref", "#/components/headers/CorrelationId", "content", "application/problem+json",
                              content));
}

void openapi_add_error_components(openapi *doc) {
  json_t *responses = json_object_get(doc->components, "responses");
  openapi_set(doc->schemas, "Problem", parse(doc->model, problem_schema));
  openapi_set(responses, "Problem", response("Any other error.", NULL));
  for (size_t i = 0; i < ERRORS; i++) {
    json_t *example = json_pack(
        "{s:o, s:s, s:i, s:s, s:s, s:s, s:s}", "type", json_sprintf("/problems/%s", errors[i].type), "title",
        errors[i].title, "status",
        (errors[i].status[0] - '0') * 100 + (errors[i].status[1] - '0') * 10 + errors[i].status[2] - '0', "detail",
        errors[i].detail, "code", errors[i].code, "reason", errors[i].reason, "correlation_id", "my-trace-1");
    json_t *made = response(errors[i].description, pool_check(example));
    if (strcmp(errors[i].status, "429") == 0 || strcmp(errors[i].status, "503") == 0) {
      openapi_set(json_object_get(made, "headers"), "Retry-After",
                  json_pack("{s:s}", "$ref", "#/components/headers/RetryAfter"));
    }
    openapi_set(responses, errors[i].component, made);
  }
}

static bool may_get(const model_method *method, const model_route *route, receivers who) {
  switch (who) {
    case TO_WRITES:
      return !method->no_side_effects;
    case TO_BODIES:
      return route->body[0] != '\0';
    case ALWAYS:
      break;
  }
  return true;
}

void openapi_add_errors(json_t *responses, const model_method *method, const model_route *route) {
  for (size_t i = 0; i < ERRORS; i++) {
    if (!may_get(method, route, errors[i].who)) continue;
    openapi_set(responses, errors[i].status,
                json_pack("{s:o}", "$ref", json_sprintf("#/components/responses/%s", errors[i].component)));
  }
  openapi_set(responses, "default", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
}
