"""The rules of the JSON mapping one by one: what is to be read and what refused, each against what protobuf's own library
makes of it."""
import math

from google.protobuf import json_format

import messages

# Read, by both the same.
READ = """
{}
{"an_int32":5}
{"anInt32":5}
{"an_int32":"-5"}
{"an_int32":-0}
{"an_int32":2.0}
{"an_int32":1e2}
{"an_int32":null}
{"an_int32":2147483647}
{"an_int32":-2147483648}
{"a_uint32":4294967295}
{"an_int64":"9223372036854775807"}
{"an_int64":-9223372036854775808}
{"a_uint64":"18446744073709551615"}
{"a_uint64":18446744073709551615}
{"a_sint64":"-1","a_sint32":-1,"a_fixed32":1,"a_fixed64":"1","a_sfixed32":-1,"a_sfixed64":-1}
{"a_double":1.5}
{"a_double":"1.5"}
{"a_double":1e308}
{"a_double":5e-324}
{"a_double":"NaN"}
{"a_double":"Infinity"}
{"a_double":"-Infinity"}
{"a_float":3.4028234e38}
{"a_float":"-Infinity"}
{"a_float":16777217}
{"a_double":100000000000000000000}
{"a_double":-1000000000000000000000000000000}
{"many_double":[9223372036854775808,-9223372036854775809,-0.0],"many_float":["-0",-0.0,18446744073709551616]}
{"a_fixed64":18446744073709551615,"many_uint64":[9223372036854775808,"9223372036854775808"]}
{"by_int64":{"1":18446744073709551615}}
{"a_bool":true}
{"a_bool":false}
{"a_string":""}
{"a_string":"\\u00e9\\ud83d\\ude00\\n\\/"}
{"some_bytes":""}
{"some_bytes":"AQID"}
{"some_bytes":"+/8="}
{"some_bytes":"-_8="}
{"some_bytes":"-_8"}
{"color":"RED"}
{"color":"dark_blue"}
{"color":1}
{"color":-1}
{"color":77}
{"color":2147483647}
{"inner":{}}
{"inner":{"types":{"inner":{"color":"MINUS"}}}}
{"inner":null}
{"empty":{}}
{"at":"1970-01-01T00:00:00Z"}
{"at":"0001-01-01T00:00:00Z"}
{"at":"9999-12-31T23:59:59.999999999Z"}
{"at":"2024-02-29T12:00:00.5+01:30"}
{"at":"1969-12-31T23:59:59.999Z"}
{"lasted":"0s"}
{"lasted":"1.5s"}
{"lasted":"-0.000000001s"}
{"lasted":"315576000000s"}
{"lasted":"-315576000000s"}
{"many_int32":[]}
{"many_int32":null}
{"many_int32":[1,"2",3.0]}
{"many_color":["RED",1,99]}
{"many_at":["1970-01-01T00:00:01Z"]}
{"many_inner":[{},{"name":"x"}]}
{"many_bytes":["","AA=="]}
{"by_int32":{"1":2,"-2":"3"}}
{"by_bool":{"true":"a","false":"b"}}
{"by_string":{"":{},"a.b":{"name":"x"}}}
{"by_sint32":{"1":"RED"}}
{"by_sfixed32":{"1":"1970-01-01T00:00:00Z"}}
{"by_int32":{}}
{"by_int32":null}
{"chosen_int32":0}
{"chosen_bool":false}
{"chosen_string":""}
{"chosen_inner":{}}
{"chosen_int32":null,"chosen_string":"x"}
{"chosen_at":"1970-01-01T00:00:00Z"}
{"with2Digits":1}
{"with_2_digits":1}
{"trailing":1}
{"trailing_":1}
{"alreadyCamel":1}
"""

# Refused by both.
REFUSED = """
5
"x"
{"nope":1}
{"inner":{"nope":1}}
{"an_int32":1.5}
{"an_int32":2147483648}
{"an_int32":-2147483649}
{"an_int32":"x"}
{"an_int32":""}
{"an_int32":"1 "}
{"an_int32":{}}
{"an_int32":[1]}
{"a_uint32":-1}
{"a_uint32":4294967296}
{"an_int64":"9223372036854775808"}
{"a_uint64":"18446744073709551616"}
{"a_uint64":-1}
{"a_uint64":18446744073709551616}
{"a_string":18446744073709551616}
{"some_bytes":18446744073709551616}
{"inner":18446744073709551616}
{"a_bool":18446744073709551616}
{"many_uint64":18446744073709551615}
{"by_string":18446744073709551615}
{"an_int64":9223372036854775808}
{"a_double":"x"}
{"a_double":[]}
{"a_float":3.5e38}
{"a_bool":"true"}
{"a_bool":1}
{"a_string":1}
{"a_string":true}
{"a_string":"\\ud800"}
{"some_bytes":"A"}
{"some_bytes":1}
{"color":"NOPE"}
{"color":"red"}
{"inner":1}
{"at":1}
{"at":"2024-01-01"}
{"at":"2024-01-01T00:00:00"}
{"at":"2023-02-29T00:00:00Z"}
{"at":"0000-12-31T23:59:59Z"}
{"at":"10000-01-01T00:00:00Z"}
{"lasted":"1"}
{"lasted":"s"}
{"lasted":"1.5"}
{"lasted":"315576000001s"}
{"many_int32":5}
{"many_int32":[null]}
{"many_int32":["x"]}
{"many_inner":[null]}
{"by_int32":[]}
{"by_int32":{"x":1}}
{"by_int32":{"1":null}}
{"by_bool":{"yes":"x"}}
{"chosen_int32":1,"chosen_string":"x"}
{"an_int32":1,"an_int32":2}
{"an_int32":1}x
{"an_int32":1,}
{"an_int32":
{"a_double":NaN}
{"a_double":Infinity}
{"an_int32":" 1"}
{"an_int32":true}
{"some_bytes":"A$=="}
"""

# Refused by us alone: the mapping does not have it, and Python's library is lenient.
STRICTER = """
{"an_int32":"1_000"}
{"a_double":" 1"}
{"a_double":true}
{"a_double":"inf"}
{"a_double":"1_0.0"}
{"color":"1"}
{"some_bytes":"A A="}
{"lasted":"1.5000000000s"}
{"a_string":"\\u0000"}
[]
{"color":18446744073709551616}
{"color":1.5}
{"inner":[]}
{"an_int32":1,"anInt32":2}
"""

# Read by us alone: the largest float, as Python's library writes it too.
WIDER = """
{"a_float":3.4028235e38}
"""

# Beyond random messages: what is to be written, by both the same, defaults included.
WRITTEN = [
    {},
    {"a_double": -0.0, "a_float": -0.0},
    {"a_double": math.nan, "a_float": math.inf},
    {"an_int64": 2**63 - 1, "a_uint64": 2**64 - 1, "a_fixed64": 2**53},
    {"some_bytes": b"\xfb\xff\xfe"},
    {"color": 77, "many_color": [0, 1, -1, 77]},
    {"a_string": "\x7f\u2028 </script>\U0001f600\"\\"},
    {"chosen_int32": 0},
    {"chosen_bytes": b""},
    {"by_bool": {True: "", False: "x"}},
]


def lines(table):
    return [line for line in table.split("\n") if line]


def theirs_of(text, make):
    try:
        message = json_format.Parse(text, make())
        message.SerializeToString()
        return message
    except (json_format.ParseError, UnicodeEncodeError, TypeError, ValueError):
        return None


def compare(driver, comparison, make):
    name = make.DESCRIPTOR.full_name
    for table, we_read, they_read in ((READ, True, True), (REFUSED, False, False), (STRICTER, False, True),
                                     (WIDER, True, False)):
        texts = lines(table)
        for text, (ok, ours) in zip(texts, driver.ask(("r", name, text.encode()) for text in texts)):
            theirs = theirs_of(text, make)
            comparison.check(ok == we_read and (theirs is not None) == they_read, "whether it is read", text=text,
                             ours=ours, theirs=theirs)
            if ok and theirs is not None:
                comparison.check(messages.canonical(make.FromString(ours)) == messages.canonical(theirs), "rule",
                                 text=text, ours=make.FromString(ours), theirs=theirs)
    written = [make(**fields) for fields in WRITTEN]
    for message, (ok, ours) in zip(written, driver.ask(("w", name, m.SerializeToString()) for m in written)):
        theirs = messages.as_dict(message)
        comparison.check(ok and messages.load(ours) == theirs, "rule of writing", ours=ours, theirs=theirs)
