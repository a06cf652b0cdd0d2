"""Our JSON mapping beside that of protobuf's own Python library, over the same .proto files: random messages of every type
both ways, the rules of the mapping one by one, and HTTP requests through every kind of binding. Run by ctest.

usage: compare.py DRIVER FILE_DESCRIPTOR_SET MESSAGES_PER_TYPE [SEED]
"""
import random
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import http_requests
import messages
import rules
from driver import Driver


class Comparison:
    """Counts what was compared, and shows the first differences."""

    def __init__(self):
        self.compared = 0
        self.different = 0

    def check(self, same, what, **shown):
        self.compared += 1
        if same:
            return
        self.different += 1
        if self.different <= 20:
            print(f"DIFFERENT {what}", *(f"\n  {name}: {value!r}" for name, value in shown.items()))


def same_number(ours, theirs):
    """1 is 1.0 but not True, and 0.0 is not -0.0."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    return ours == theirs and (ours != 0 or str(float(ours)) == str(float(theirs)))


def difference(ours, theirs, path=""):
    """Where two JSON values differ first, and how; None where they do not."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs = ((ours[key], theirs[key], f"{path}.{key}") for key in ours)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = ((one, other, f"{path}[{i}]") for i, (one, other) in enumerate(zip(ours, theirs)))
    else:
        numbers = isinstance(ours, (int, float)) and isinstance(theirs, (int, float))
        equal = same_number(ours, theirs) if numbers else type(ours) is type(theirs) and ours == theirs
        return None if equal else f"{path}: {ours!r} and {theirs!r}"
    return next(filter(None, (difference(*pair) for pair in pairs)), None)


def load_types(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    names = [f"{file.package}.{message.name}" for file in files.file for message in file.message_type
             if not file.package.startswith("google.protobuf")]
    nested = [f"{file.package}.{outer.name}.{inner.name}" for file in files.file for outer in file.message_type
              for inner in outer.nested_type if not inner.options.map_entry]
    services = [pool.FindServiceByName(f"{file.package}.{service.name}") for file in files.file
                for service in file.service]
    types = {name: factory.GetPrototype(pool.FindMessageTypeByName(name)) for name in names + nested
             if not name.startswith("google.protobuf")}
    return types, services


def reachable(services):
    """The types that the driver knows as compiled ones: those that methods lead to."""
    found, todo = set(), [side for service in services for method in service.methods
                          for side in (method.input_type, method.output_type)]
    while todo:
        descriptor = todo.pop()
        if descriptor.full_name not in found:
            found.add(descriptor.full_name)
            todo += [field.message_type for field in descriptor.fields if field.message_type]
    return found


def compare_type(driver, comparison, name, make, count, compiled, rng):
    """Messages to JSON and back. Where the type is compiled, by its compiled descriptor and by reflection."""
    batch = [messages.random_message(make(), rng) for _ in range(count)]
    texts = [messages.spell(message, rng) for message in batch]
    for write, read in ["wr", "WR"] if compiled else ["WR"]:
        written = driver.ask((write, name, message.SerializeToString()) for message in batch)
        for message, (ok, ours) in zip(batch, written):
            differs = difference(messages.load(ours), messages.as_dict(message)) if ok else ours
            comparison.check(not differs, f"{name} to JSON ({write})", differs=differs)
        answers = driver.ask((read, name, text.encode()) for text in texts)
        for message, text, (ok, ours) in zip(batch, texts, answers):
            theirs = json_format.Parse(text, make())
            ours = make.FromString(ours) if ok else ours
            same = ok and messages.canonical(ours) == messages.canonical(theirs) == messages.canonical(message)
            differs = None if same else difference(messages.as_dict(ours), messages.as_dict(theirs)) if ok else ours
            comparison.check(same, f"{name} from JSON ({read})", text=text, differs=differs)


def main():
    driver = Driver(sys.argv[1], sys.argv[2])
    count = int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {count} messages per type")
    rng = random.Random(seed)
    comparison = Comparison()
    types, services = load_types(sys.argv[2])
    compiled = reachable(services)
    for name, make in sorted(types.items()):
        compare_type(driver, comparison, name, make, count, name in compiled, rng)
    print(f"{len(types)} types, {len(compiled & types.keys())} of them compiled: {comparison.compared} comparisons")
    rules.compare(driver, comparison, types["transcoding.v1.Types"])
    http_requests.compare(driver, comparison, types["transcoding.v1.Types"], count, rng)
    print(f"{comparison.compared} comparisons, {comparison.different} differences")
    return 1 if comparison.different or comparison.compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
