#!/usr/bin/env python3
"""Writes proto/etcd/ anew from etcd's Go module, which holds the .proto files as sources.

    go mod download -json go.etcd.io/etcd/api/v3@v3.6.5        (prints "Dir")
    python3 proto/vendor-etcd.py DIR

What is left out is what a loader would need more files for, and what nothing on the wire depends on: options of gogoproto,
of the HTTP gateway and of etcd's own version table, and their imports. Every message, field, number, service and comment
stays. Fails where something of the kind is left.
"""

import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).parent / "etcd"
FILES = ["mvccpb/kv.proto", "authpb/auth.proto", "etcdserverpb/rpc.proto"]
FOREIGN = r"\((?:gogoproto|google|grpc|versionpb)\.[\w.]+\)"


def without_options(text):
    """Drops `option (foreign) = …;`, whose value may be a block with blocks in it, and the lines left empty by that."""
    out, at = [], 0
    for found in re.finditer(rf"[ \t]*option {FOREIGN} = ", text):
        if found.start() < at:
            continue
        out.append(text[at : found.start()])
        depth, end = 0, found.end()
        while depth > 0 or text[end] != ";":
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        at = end + 1
        if text[at : at + 1] == "\n":
            at += 1
    return "".join(out) + text[at:]


def stripped(text):
    text = without_options(text)
    text = re.sub(r'(?:// for grpc-gateway\n)?^import "(?!etcd/api/(?:mvccpb|authpb)/)[^"]*";\n', "", text, flags=re.M)
    text = re.sub(rf",?\s*{FOREIGN} ?= ?(?:\"[^\"]*\"|\w+)(?=[,\]])", "", text)
    text = re.sub(r"\s*\[\s*\]", "", text)
    text = re.sub(r"\[,\s*", "[", text)
    text = re.sub(r"(returns \([^)]*\)) \{\s*\}", r"\1;", text)
    return re.sub(r"\n{3,}", "\n\n", text)


def main(module):
    shutil.copy(module / "LICENSE", HERE / "LICENSE")
    for name in FILES:
        text = stripped((module / name).read_text())
        left = re.findall(r"gogoproto|google\.api|versionpb|openapiv2", text)
        if left:
            sys.exit(f"{name}: left over: {sorted(set(left))}")
        target = HERE / "etcd/api" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
