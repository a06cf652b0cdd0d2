"""HTTP requests made of random messages by the rules of google.api.http, through each binding of types.proto: path
variables, body, and all the rest as query parameters. What the gateway makes of one must be the message."""
import math
import re
import urllib.parse

from google.protobuf.descriptor import FieldDescriptor as Field

import messages

BINDINGS = [  # as in types.proto
    ("GET", "/types/{a_string}", ""),
    ("POST", "/types", "*"),
    ("POST", "/types/{a_string}/{an_int64}/{a_bool}", "*"),
    ("PUT", "/types/{a_string}", "inner"),
    ("PATCH", "/types/{color}/numbers", "many_double"),
    ("PUT", "/names/{a_fixed32}", "by_string"),
    ("PUT", "/times", "at"),
    ("GET", "/inner/{inner.name}/{inner.real}", ""),
    ("DELETE", "/types/{color}/{a_uint64}", ""),
]


def word(field, value, rng):
    """A scalar as a path segment or query parameter."""
    if field.type == Field.TYPE_BOOL:
        return str(value).lower()
    if field.type == Field.TYPE_BYTES:
        return messages.spell_bytes(value, rng)
    if field.type == Field.TYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known and rng.random() < 0.5 else str(value)
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if field.message_type:
        return messages.spell_time(value, rng)
    return repr(value) if isinstance(value, float) else str(value)


def fits_in_query(field):
    if messages.is_map(field):
        return False
    if field.message_type and field.message_type.full_name in messages.TIMES:
        return True
    return not (field.message_type and field.label == Field.LABEL_REPEATED)


def drop_unsayable(message, depth=0):
    """Takes away what a query cannot say: maps, lists of messages, and messages that are there but empty."""
    for field, value in message.ListFields():
        if not fits_in_query(field) or depth > 3:
            message.ClearField(field.name)
        elif field.label != Field.LABEL_REPEATED and field.message_type and field.message_type.full_name not in messages.TIMES:
            drop_unsayable(value, depth + 1)
            if not value.ListFields():
                message.ClearField(field.name)


def parameters(message, skipped, rng, prefix="", spelled=""):
    """Pairs of name and value; names in either spelling."""
    for field, value in message.ListFields():
        if prefix + field.name in skipped:
            continue
        path = spelled + rng.choice([field.name, field.json_name])
        if field.message_type and field.message_type.full_name not in messages.TIMES:
            yield from parameters(value, skipped, rng, f"{prefix}{field.name}.", path + ".")
        else:
            for one in value if field.label == Field.LABEL_REPEATED else [value]:
                yield path, word(field, one, rng)


def quote(text, rng):
    return urllib.parse.quote(text, safe=rng.choice(["", "~-._"]))


def owner(message, path):
    """The message in which the last name of a path is a field, and that field."""
    *outer, name = path.split(".")
    for step in outer:
        message = getattr(message, step)
    return message, message.DESCRIPTOR.fields_by_name[name]


def bind(message, path, rng):
    """Gives a path variable its value, which is a segment and so never empty; returns it as one."""
    inner, field = owner(message, path)
    value = messages.random_value(field, rng)
    setattr(inner, field.name, "x" if value == "" else value)
    return quote(word(field, getattr(inner, field.name), rng), rng)


def parts(message, bound, body, rng):
    """The query and the body that say what the path does not; drops from the message what they cannot say."""
    if body == "*":
        rest = type(message)()
        rest.CopyFrom(message)
        for name in bound:
            owner(rest, name)[0].ClearField(name)
        return "", messages.spell(rest, rng)
    content = ""
    kept = type(message)()
    if body and body in (field.name for field, _ in message.ListFields()):
        inner, field = owner(message, body)
        content = messages.dump(messages.spell_field(field, getattr(inner, body), rng), rng)
        kept.CopyFrom(message)
        for other, _ in message.ListFields():
            if other.name != body:
                kept.ClearField(other.name)
    if body:
        message.ClearField(body)
    drop_unsayable(message)
    pairs = list(parameters(message, bound + [body], rng))
    if len(pairs) > 250:  # the gateway takes 256
        for field, _ in message.ListFields():
            if field.name not in (name.split(".")[0] for name in bound):
                message.ClearField(field.name)
        pairs = list(parameters(message, bound + [body], rng))
    message.MergeFrom(kept)
    return "&".join(f"{quote(name, rng)}={quote(value, rng).replace('%20', rng.choice(['%20', '+']))}"
                    for name, value in pairs), content


def request(make, verb, path, body, rng):
    """A message, and the request line and body that say it."""
    message = messages.random_message(make(), rng)
    target = re.sub("{(.*?)}", lambda variable: bind(message, variable[1], rng), path)
    query, content = parts(message, re.findall("{(.*?)}", path), body, rng)
    return message, f"{verb} {target}" + (f"?{query}" if query else ""), content


def compare(driver, comparison, make, count, rng):
    for verb, path, body in BINDINGS:
        made = [request(make, verb, path, body, rng) for _ in range(count)]
        answers = driver.ask(("h", line, content.encode()) for _, line, content in made)
        for (expected, line, content), (ok, ours) in zip(made, answers):
            comparison.check(ok and messages.canonical(make.FromString(ours)) == messages.canonical(expected),
                             f"{verb} {path}, body {body!r}", line=line, content=content,
                             ours=make.FromString(ours) if ok else ours, expected=expected)
