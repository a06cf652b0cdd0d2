"""JSON to a message and back with python3-protobuf, as transcode.c does it. The folder of order_pb2 is in PYTHONPATH.

    transcode.py FILE SECONDS"""
import json
import sys
import time

from google.protobuf import json_format
from google.protobuf.internal import api_implementation
from store.v1 import order_pb2

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
calls, begin = 0, time.process_time()
end = begin + float(sys.argv[2])
while (now := time.process_time()) < end:
    for _ in range(16):
        order = json_format.Parse(text, order_pb2.Order())
        written = json_format.MessageToJson(
            order, including_default_value_fields=True, preserving_proto_field_name=True, indent=None
        )
    calls += 16
rate = calls / (now - begin)
print(
    json.dumps(
        {
            "calls": calls,
            "per_second": rate,
            "bytes_per_second": rate * len(text),
            "written_bytes": len(written),
            "implementation": api_implementation.Type(),
        }
    )
)
