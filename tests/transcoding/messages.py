"""Random messages of any type, and the many ways in which JSON may spell one."""
import base64
import json
import math
import struct

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS = {  # by type: bits, signed
    Field.TYPE_INT32: (32, True), Field.TYPE_SINT32: (32, True), Field.TYPE_SFIXED32: (32, True),
    Field.TYPE_INT64: (64, True), Field.TYPE_SINT64: (64, True), Field.TYPE_SFIXED64: (64, True),
    Field.TYPE_UINT32: (32, False), Field.TYPE_FIXED32: (32, False),
    Field.TYPE_UINT64: (64, False), Field.TYPE_FIXED64: (64, False),
}
TIMES = {"google.protobuf.Timestamp": (-62135596800, 253402300799), "google.protobuf.Duration": (-315576000000, 315576000000)}
LETTERS = 'aZ09 _-"\\/\b\f\n\r\t\x01\x1f\x7f\x80éß\u2028\ud7ff\ue000\uffff😀\U0010ffff<>&\'{}[]:,'
DEPTH_MAX = 4


def random_integer(rng, bits, signed):
    low, high = (-2**(bits - 1), 2**(bits - 1) - 1) if signed else (0, 2**bits - 1)
    edges = [0, 1, low, high, 2**53 + 1, -2**53 - 1, -1, 10**9]
    if rng.random() < 0.5:
        return min(max(rng.choice(edges), low), high)
    return min(max(rng.getrandbits(rng.randint(1, bits)) * rng.choice([1, -1]), low), high)


def random_real(rng, is_float):
    """Never -0.0: protobuf-c packs it like 0 where a field has no presence. rules.py has it where it is kept."""
    edges = [0.0, 1.0, -1.5, 0.1, 1999.98, 1e21, 1e-7, 123456789.0, math.inf, -math.inf, math.nan, 5e-324, 2**53 + 2.0]
    value = rng.choice(edges) if rng.random() < 0.5 else struct.unpack(">d", rng.randbytes(8))[0]
    if is_float:
        value = struct.unpack(">f", rng.randbytes(4))[0] if rng.random() < 0.5 else max(min(value, 3.4e38), -3.4e38)
        value = struct.unpack(">f", struct.pack(">f", value))[0]
    return math.nan if math.isnan(value) else value or 0.0


def random_value(field, rng):
    """Of a scalar."""
    if field.type in INTEGERS:
        return random_integer(rng, *INTEGERS[field.type])
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return random_real(rng, field.type == Field.TYPE_FLOAT)
    if field.type == Field.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == Field.TYPE_STRING:
        return "".join(rng.choice(LETTERS) for _ in range(rng.choice([0, 1, 5, 30])))
    if field.type == Field.TYPE_BYTES:
        return rng.randbytes(rng.choice([0, 1, 2, 3, 4, 40]))
    assert field.type == Field.TYPE_ENUM
    if rng.random() < 0.2:  # numbers without a name stay numbers
        return random_integer(rng, 32, True)
    return rng.choice(field.enum_type.values).number


def fill_time(time, rng):
    low, high = TIMES[time.DESCRIPTOR.full_name]
    time.seconds = rng.choice([0, 1, low, high, rng.randint(low, high), rng.randint(-10**9, 2 * 10**9)])
    nanos = rng.choice([0, 0, 500000000, 1000, 123456000, 999999999, 1, rng.randrange(10**9)])
    if time.DESCRIPTOR.name == "Duration":
        nanos = 0 if abs(time.seconds) == high else nanos * (-1 if time.seconds < 0 or rng.random() < 0.1 >= time.seconds else 1)
        if time.seconds > 0:
            nanos = abs(nanos)
    time.nanos = nanos


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def fill_map(target, field, rng, depth):
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    for _ in range(rng.randint(1, 3)):
        if value.message_type:
            random_message(target[random_value(key, rng)], rng, depth + 1)
        else:
            target[random_value(key, rng)] = random_value(value, rng)


def random_message(message, rng, depth=0):
    """Fills it; how many of its fields are set is random too."""
    if message.DESCRIPTOR.full_name in TIMES:
        fill_time(message, rng)
        return message
    density = rng.choice([0, 0.1, 0.3, 1]) if depth == 0 else 0 if depth > DEPTH_MAX else 0.3
    message.SetInParent()
    for field in message.DESCRIPTOR.fields:
        if rng.random() >= density:
            continue
        if is_map(field):
            fill_map(getattr(message, field.name), field, rng, depth)
        elif field.label == Field.LABEL_REPEATED:
            target = getattr(message, field.name)
            for _ in range(rng.randint(1, 3)):
                if field.message_type:
                    random_message(target.add(), rng, depth + 1)
                else:
                    target.append(random_value(field, rng))
        elif field.message_type:
            random_message(getattr(message, field.name), rng, depth + 1)
        else:
            setattr(message, field.name, random_value(field, rng))
    return message


# --- the spellings of a message ---


class Number(str):
    """Stands in the JSON as it is, without quotes."""


def spell_time(time, rng):
    text = time.ToJsonString()
    if time.DESCRIPTOR.name == "Timestamp" and rng.random() < 0.3 and 0 < time.seconds < 10**9:
        minutes = rng.randint(-1439, 1439)
        local = type(time)(seconds=time.seconds + 60 * minutes, nanos=time.nanos)
        sign = "-" if minutes < 0 else "+"
        text = f"{local.ToJsonString()[:-1]}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    return text


def spell_real(value, rng):
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = rng.choice([repr(value), f"{value:.17e}", f"{value:.17g}"])
    return text if rng.random() < 0.3 else Number(text)


def spell_integer(value, rng, bits):
    if rng.random() < 0.4:
        return str(value)
    if abs(value) < 2**53 and rng.random() < 0.3:
        return Number(rng.choice([f"{value}.0", f"{value}e0", f"{value * 100}E-2", f"{value}.000e+0"]))
    return Number(value)


def spell_bytes(value, rng):
    text = rng.choice([base64.b64encode, base64.urlsafe_b64encode])(value).decode()
    return text.rstrip("=") if rng.random() < 0.3 else text


def spell_value(field, value, rng):
    if field.type in INTEGERS:
        return spell_integer(value, rng, INTEGERS[field.type][0])
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return spell_real(value, rng)
    if field.type == Field.TYPE_BYTES:
        return spell_bytes(value, rng)
    if field.type == Field.TYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known and rng.random() < 0.7 else Number(value)
    if field.message_type:
        return spell_message(value, rng)
    return value


def spell_key(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def spell_field(field, value, rng):
    if is_map(field):
        inner = field.message_type.fields_by_name["value"]
        return {spell_key(key): spell_value(inner, value[key], rng) for key in value}
    if field.label == Field.LABEL_REPEATED:
        return [spell_value(field, element, rng) for element in value]
    return spell_value(field, value, rng)


def spell_message(message, rng):
    if message.DESCRIPTOR.full_name in TIMES:
        return spell_time(message, rng)
    members = [(field, spell_field(field, value, rng)) for field, value in message.ListFields()]
    set_fields = {field.name for field, _ in members}
    for field in message.DESCRIPTOR.fields:
        if field.name not in set_fields and rng.random() < 0.1:
            members.append((field, None))
    rng.shuffle(members)
    return {rng.choice([field.name, field.json_name]): value for field, value in members}


def dump(value, rng):
    space = rng.choice(["", "", " ", "\n\t "])
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}{space}:{space}{dump(item, rng)}" for key, item in value.items())
        return "{" + space + f"{space},{space}".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + f"{space},".join(dump(item, rng) for item in value) + space + "]"
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


def spell(message, rng):
    """JSON text that reads as the message, in one of its many spellings."""
    return dump(spell_message(message, rng), rng)


def load(text):
    """JSON text as Python's values. What is not strictly JSON, such as NaN, is refused."""
    def refuse(constant):
        raise ValueError(constant)
    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError:
        return None


def as_dict(message):
    return json_format.MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)


def canonical(message):
    """Bytes that are equal for equal messages."""
    return message.SerializeToString(deterministic=True)
