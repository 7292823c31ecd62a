#!/usr/bin/env bash
# Brings two etcds to test/judges/etcd/.work: Debian's, 3.4, as `etcd-3.4` (its package is unpacked, not installed: an installed
# one starts a service), and the version that go.mod names as `etcd-3.6`, built by Go. Run again at will: what is there
# already is left alone. With CI=true one that can't be had is an error; else the judge goes on with the other.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
bin="$here/.work"
mkdir -p "$bin"
missing=0

lacks() {
  echo "setup: $1" >&2
  missing=1
}

if [ ! -x "$bin/etcd-3.4" ]; then
  if [ -x /usr/bin/etcd ]; then
    ln -sf /usr/bin/etcd "$bin/etcd-3.4"
  elif command -v apt-get >/dev/null; then
    unpacked="$(mktemp -d)"
    trap 'rm -rf "$unpacked"' EXIT
    (cd "$unpacked" && apt-get download -qq etcd-server >/dev/null && dpkg -x etcd-server_*.deb .) &&
      install -m 755 "$unpacked/usr/bin/etcd" "$bin/etcd-3.4" || lacks "Debian's etcd-server can't be had"
  else
    lacks "etcd 3.4 comes from Debian's package etcd-server, and this is no Debian"
  fi
fi

if command -v go >/dev/null; then
  (cd "$here" && go build -o "$bin/etcd-3.6" go.etcd.io/etcd/server/v3) || lacks "etcd 3.6 can't be built"
else
  lacks "etcd 3.6 is built with Go 1.25 or later, which is not on PATH (https://go.dev/dl, or your package manager)"
fi

if [ "$missing" -ne 0 ] && [ "${CI:-}" = true ]; then exit 1; fi
