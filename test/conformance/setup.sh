#!/usr/bin/env bash
# Builds the judges into test/conformance/.work: h2spec, h2specd, grpc-go's interop client and server, in the versions that
# go.mod names, and our own upstream; grpc-go's test certificates beside them. Go fetches their sources from its module proxy, once. Run again at will: what is built
# already is left alone.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
bin="$here/.work"
mkdir -p "$bin"

if ! command -v go >/dev/null; then
  echo "setup: the judges are built with Go 1.25 or later, which is not on PATH (https://go.dev/dl, or your package manager)" >&2
  exit 1
fi

cd "$here"
go build -o "$bin/h2spec" github.com/summerwind/h2spec/cmd/h2spec
go build -o "$bin/h2specd" github.com/summerwind/h2spec/cmd/h2specd
go build -o "$bin/interop-client" google.golang.org/grpc/interop/client
go build -o "$bin/interop-server" google.golang.org/grpc/interop/server
go build -o "$bin/upstream" ./upstream

# What both sides of the interop cases show and trust: grpc-go's own test certificates, for *.test.google.fr.
certificates="$(go list -m -f '{{.Dir}}' google.golang.org/grpc)/testdata"
mkdir -p "$bin/tls"
for name in ca.pem server1.pem server1.key; do install -m 644 "$certificates/$name" "$bin/tls/$name"; done
