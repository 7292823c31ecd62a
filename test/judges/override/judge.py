"""Judges overridden messages by Python's protobuf: what an override made must mean what this runtime makes of the original when
it sets the same fields itself.

Usage: judge.py DESCRIPTOR_SET CASES IMPLEMENTATION [EXPECTED]. Prints one line per failure and exits 1 if there is any. With
EXPECTED, writes there what each case should be, for runtimes that merge otherwise or have no program here.
"""

import base64
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation


def expected_of(factory, case):
    message = factory()
    message.ParseFromString(base64.b64decode(case["original"]))
    wanted = case["set"]
    if "model_spec" in factory.DESCRIPTOR.fields_by_name:
        if "name" in wanted:
            message.model_spec.name = wanted["name"]
        if "version" in wanted:
            message.model_spec.version.value = int(wanted["version"])
        if "label" in wanted:
            message.model_spec.version_label = wanted["label"]
    else:
        if "name" in wanted:
            message.model_name = wanted["name"]
        if "version" in wanted:
            message.model_version = wanted["version"]
    return message


def main():
    descriptors, cases, implementation, *rest = sys.argv[1:]
    if api_implementation.Type() != implementation:
        sys.exit(f"this is {api_implementation.Type()}, not {implementation}")
    pool = descriptor_pool.DescriptorPool()
    with open(descriptors, "rb") as file:
        for one in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(one)
    with open(cases, encoding="utf8") as file:
        judged = json.load(file)
    failed, written = 0, []
    for case in judged:
        factory = message_factory.GetMessageClass(pool.FindMessageTypeByName(case["type"]))
        expected, changed = expected_of(factory, case), factory()
        changed.ParseFromString(base64.b64decode(case["changed"]))
        written.append(base64.b64encode(expected.SerializeToString(deterministic=True)).decode())
        if expected != changed:
            print(f"{case['label']}: expected {expected}, got {changed}")
            failed += 1
    if rest:
        with open(rest[0], "w", encoding="utf8") as file:
            json.dump(written, file)
    print(f"judged {len(judged)}")
    sys.exit(1 if failed else 0)


main()
