/* Errors as HTTP says them: the status code of each canonical code (the table of grpc-gateway) and problem details in
 * JSON (RFC 9457). Called for every answer that is not a success. */
#pragma once

#include "gateway/json_write.h"
#include "rpc/status.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* The HTTP status of a canonical code: FAILED_PRECONDITION 400, UNAVAILABLE 503, ... */
int problem_http_status(rpc_code code);

/* "Not Found"; "" for a status that is not in use here. */
const char *problem_http_phrase(int http_status);

/* Writes {type, title, status, detail, code, reason?, field?, correlation_id, and each fact of the status as a member}.
 * type is "/problems/out-of-stock" for the reason OUT_OF_STOCK, "about:blank" where there is no reason. http_status: 0
 * for that of the code. */
void problem_write(json_writer *writer, const rpc_status *status, int http_status, const char *correlation_id);
