#!/usr/bin/env python3
"""A trace collector for tests: takes OTLP/HTTP JSON at POST /v1/traces, decodes it strictly by the messages of
trace.proto (an unknown field or a wrong type is a 400), and appends each span to a file as one line of JSON.

usage: collector.py MESSAGES OUT [PORT]    MESSAGES: where protoc --python_out wrote; prints its port once it listens
Spans are kept in OUT, refusals in OUT.refused, one line each.
"""
import base64
import http.server
import json
import sys

sys.path.insert(0, sys.argv[1])
from google.protobuf import json_format  # noqa: E402
import trace_pb2  # noqa: E402

OUT = open(sys.argv[2], "a", buffering=1, encoding="utf-8")
REFUSED = open(sys.argv[2] + ".refused", "a", buffering=1, encoding="utf-8")
ID_SIZES = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def ids_to_base64(span):
    """OTLP's JSON has ids in hexadecimal, where protobuf's JSON mapping has base64."""
    for key, size in ID_SIZES.items():
        if key in span:
            raw = bytes.fromhex(span[key])
            if len(raw) != size or not any(raw) or span[key] != span[key].lower():
                raise ValueError(f"{key}: {span[key]}")
            span[key] = base64.b64encode(raw).decode()


def value_of(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes_of(message):
    keys = [attribute.key for attribute in message.attributes]
    if len(keys) != len(set(keys)):
        raise ValueError(f"an attribute occurs twice: {keys}")
    return {attribute.key: value_of(attribute.value) for attribute in message.attributes}


def line_of(resource, span):
    if not span.trace_id or not span.span_id or not span.name or span.end_time_unix_nano < span.start_time_unix_nano:
        raise ValueError(f"incomplete span {span}")
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex(),
        "service": resource["service.name"],
        "instance": resource["service.instance.id"],
        "name": span.name,
        "kind": span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        "start_us": span.start_time_unix_nano // 1000,
        "end_us": span.end_time_unix_nano // 1000,
        "status": type(span.status).StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
        "message": span.status.message,
        "attributes": attributes_of(span),
    }


def decode(body):
    document = json.loads(body)
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                ids_to_base64(span)
    request = json_format.ParseDict(document, trace_pb2.ExportTraceServiceRequest())
    return [
        line_of(attributes_of(resource_spans.resource), span)
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/json":
                raise ValueError(f"{self.path} {self.headers['Content-Type']}")
            lines = decode(body)
        except Exception as error:  # whatever is wrong with it
            REFUSED.write(json.dumps({"error": repr(error), "body": body.decode(errors="replace")}) + "\n")
            return self.answer(400)
        for line in lines:
            OUT.write(json.dumps(line) + "\n")
        return self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
