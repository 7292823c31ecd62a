#!/usr/bin/env python3
"""Writes the vendored .proto files anew from the descriptors that the projects' own Python packages carry.

The packages on PyPI hold the compiled form of each .proto file; this prints it back as source, field for field, and then
compiles what it printed and compares the two descriptors. Comments are not part of a descriptor, hence none below.

    pip download --no-deps tensorflow-cpu==2.21.0 tensorflow-serving-api==2.21.0 tritonclient==2.73.0   (unzip each)
    pip install grpcio-tools
    python proto/vendor.py UNPACKED_TENSORFLOW UNPACKED_SERVING UNPACKED_TRITON
"""

import ast
import pathlib
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

HERE = pathlib.Path(__file__).parent
ROOTS = [
    "tensorflow_serving/apis/prediction_service.proto",
    "tensorflow_serving/apis/model_service.proto",
    "grpc_service.proto",
]
Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {number: name[5:].lower() for name, number in Field.Type.items()}


def folder_of(name):
    if name.startswith("tensorflow_serving/"):
        return HERE / "tensorflow-serving"
    if name.startswith(("tensorflow/", "xla/")):
        return HERE / "tensorflow"
    return HERE / "open-inference"


def descriptors(roots):
    """Every serialized file descriptor in the packages, read without running them."""
    found = {}
    for root in roots:
        for path in sorted(pathlib.Path(root).rglob("*_pb2.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
                    file = descriptor_pb2.FileDescriptorProto.FromString(node.args[0].value)
                    found[file.name] = file
    return found


def closure(files, roots):
    wanted, todo = {}, list(roots)
    while todo:
        name = todo.pop()
        if name in wanted or name.startswith("google/protobuf/"):
            continue
        wanted[name] = files[name]
        todo.extend(files[name].dependency)
    return wanted


def value_of(field, value):
    if field.type == field.TYPE_STRING:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if field.type == field.TYPE_BOOL:
        return "true" if value else "false"
    if field.type == field.TYPE_ENUM:
        return field.enum_type.values_by_number[value].name
    return str(value)


def options_of(options):
    return [f"{field.name} = {value_of(field, value)}" for field, value in options.ListFields()]


def bracketed(options):
    return f" [{', '.join(options)}]" if options else ""


def write_enum(enum, pad):
    lines = [f"{pad}enum {enum.name} {{"]
    lines += [f"{pad}  option {option};" for option in options_of(enum.options)]
    for value in enum.value:
        lines.append(f"{pad}  {value.name} = {value.number}{bracketed(options_of(value.options))};")
    for reserved in enum.reserved_range:
        lines.append(f"{pad}  reserved {reserved.start} to {reserved.end};")
    lines += [f'{pad}  reserved "{name}";' for name in enum.reserved_name]
    return lines + [f"{pad}}}"]


def write_message(message, scope, proto3, pad):
    inner, maps, lines = f"{scope}.{message.name}", {}, [f"{pad}message {message.name} {{"]
    for nested in message.nested_type:
        if nested.options.map_entry:
            maps[f"{inner}.{nested.name}"] = nested
        else:
            lines += write_message(nested, inner, proto3, pad + "  ")
    for enum in message.enum_type:
        lines += write_enum(enum, pad + "  ")

    def type_name(field):
        return field.type_name if field.type_name else SCALARS[field.type]

    def write_field(field, indent):
        if field.type_name in maps:
            key, value = maps[field.type_name].field
            return f"{indent}map<{type_name(key)}, {type_name(value)}> {field.name} = {field.number};"
        label = ""
        if field.label == Field.LABEL_REPEATED:
            label = "repeated "
        elif field.proto3_optional or not proto3 and not field.HasField("oneof_index"):
            label = "optional "
        options = options_of(field.options)
        if field.HasField("default_value"):
            options.append(f"default = {field.default_value}")
        return f"{indent}{label}{type_name(field)} {field.name} = {field.number}{bracketed(options)};"

    opened = set()
    for field in message.field:
        if not field.HasField("oneof_index") or field.proto3_optional:
            lines.append(write_field(field, pad + "  "))
        elif field.oneof_index not in opened:
            opened.add(field.oneof_index)
            lines.append(f"{pad}  oneof {message.oneof_decl[field.oneof_index].name} {{")
            for member in message.field:
                if member.HasField("oneof_index") and member.oneof_index == field.oneof_index:
                    lines.append(write_field(member, pad + "    "))
            lines.append(f"{pad}  }}")
    for reserved in message.reserved_range:
        last = reserved.end - 1
        lines.append(f"{pad}  reserved {reserved.start}{'' if last == reserved.start else f' to {last}'};")
    lines += [f'{pad}  reserved "{name}";' for name in message.reserved_name]
    return lines + [f"{pad}}}"]


def write_file(file):
    proto3, scope = file.syntax == "proto3", f".{file.package}" if file.package else ""
    lines = [f'syntax = "{file.syntax or "proto2"}";', ""]
    if file.package:
        lines += [f"package {file.package};", ""]
    for index, dependency in enumerate(file.dependency):
        lines.append(f"import {'public ' if index in file.public_dependency else ''}\"{dependency}\";")
    lines += [""] * bool(file.dependency)
    lines += [f"option {option};" for option in options_of(file.options)]
    lines += [""] * bool(options_of(file.options))
    for enum in file.enum_type:
        lines += write_enum(enum, "") + [""]
    for message in file.message_type:
        lines += write_message(message, scope, proto3, "") + [""]
    for service in file.service:
        lines.append(f"service {service.name} {{")
        for method in service.method:
            given, answered = ("stream " * on for on in (method.client_streaming, method.server_streaming))
            lines.append(f"  rpc {method.name}({given}{method.input_type}) returns ({answered}{method.output_type});")
        lines += ["}", ""]
    return "\n".join(lines).rstrip() + "\n"


def normal(file):
    """What must not change: all but JSON names, empty method options, and the order inside a message."""
    copy = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
    copy.syntax = "" if copy.syntax == "proto2" else copy.syntax

    def strip(message):
        for field in message.field:
            field.ClearField("json_name")
        for nested in message.nested_type:
            strip(nested)
        ordered = sorted(message.nested_type, key=lambda nested: nested.name)
        copies = [descriptor_pb2.DescriptorProto.FromString(nested.SerializeToString()) for nested in ordered]
        del message.nested_type[:]
        message.nested_type.extend(copies)
        fields = sorted(message.field, key=lambda field: field.number)
        copies = [Field.FromString(field.SerializeToString()) for field in fields]
        del message.field[:]
        message.field.extend(copies)

    for message in copy.message_type:
        strip(message)
    for service in copy.service:
        for method in service.method:
            method.ClearField("options")
    return copy


def check(wanted):
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "set"
        includes = [str(pathlib.Path(grpc_tools.__file__).parent / "_proto")]
        includes += sorted({str(folder_of(name)) for name in wanted})
        arguments = ["protoc", *(f"-I{include}" for include in includes), f"--descriptor_set_out={out}", *wanted]
        if protoc.main(arguments) != 0:
            sys.exit("the written files do not compile")
        for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
            if normal(file) != normal(wanted[file.name]):
                sys.exit(f"{file.name}: what was written does not mean the same")


def main():
    wanted = closure(descriptors(sys.argv[1:]), ROOTS)
    for name, file in wanted.items():
        path = folder_of(name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_file(file))
    check(wanted)
    print(f"{len(wanted)} files written, and each compiles to the descriptor it came from")


main()
