/**
 * Addresses as people write them, for what we connect to and what we listen on.
 *
 * Every slip that a hand makes (a scheme in front, no port, a bare IPv6 address) has a message of its own, since an
 * address that is quietly misread sends live calls elsewhere.
 */
import { isIPv4, isIPv6 } from "node:net";
import { type Reading, read, unreadable } from "./parsed.ts";

export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Linux: `sun_path` holds 108 bytes with its closing zero, see unix(7). */
const longestSocketPath = 107;

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Reads an upstream's `HOST:PORT`, `[IPv6]:PORT`, `dns:///HOST:PORT` or `unix:/PATH`. */
export function readAddress(text: string): Reading<Address> {
  return readTarget(text, 1);
}

/** Reads what to listen on: as `readAddress`, and port 0 lets the system choose. */
export function readListenAddress(text: string): Reading<Address> {
  return text.startsWith("dns:") ? unreadable(`want HOST:PORT, got ${JSON.stringify(text)}`) : readTarget(text, 0);
}

/** The one spelling of an address: equal texts mean equal addresses, but for what DNS makes of them. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function readTarget(text: string, lowestPort: 0 | 1): Reading<Address> {
  const got = JSON.stringify(text);
  if (text.startsWith("unix:")) return readSocketPath(text.slice("unix:".length), got);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined && !text.startsWith("dns:///")) {
    return unreadable(
      scheme === "dns"
        ? `want three slashes, dns:///HOST:PORT, got ${got}`
        : `want HOST:PORT without "${scheme}://", got ${got}`,
    );
  }
  return readHostPort(scheme === undefined ? text : text.slice("dns:///".length), lowestPort, got);
}

function readSocketPath(given: string, got: string): Reading<Address> {
  const path = given.startsWith("//") ? given.slice(2) : given;
  if (!path.startsWith("/") || path.includes("\0")) return unreadable(`want an absolute path, unix:/PATH, got ${got}`);
  if (Buffer.byteLength(path) > longestSocketPath) {
    return unreadable(`want a socket path of at most ${longestSocketPath} bytes, got ${got}`);
  }
  return read({ kind: "unix", path });
}

function readHostPort(text: string, lowestPort: 0 | 1, got: string): Reading<Address> {
  if (isIPv6(text)) return unreadable(`want brackets and a port, [${text}]:PORT, got ${got}`);
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  if (parts === null) return unreadable(`want HOST:PORT, got ${got}`);
  const [, bracketed, plain = "", port] = parts;
  const host = (bracketed ?? plain).toLowerCase();
  if (port === undefined) return unreadable(`want HOST:PORT, the port is missing in ${got}`);
  if (host === "") return unreadable(`want HOST:PORT, the host is missing in ${got}`);
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535 || Number(port) < lowestPort) {
    return unreadable(`want a port from ${lowestPort} to 65535, got ${got}`);
  }
  if (bracketed !== undefined ? !isIPv6(host) : !isHostName(host)) {
    return unreadable(`want a host name or an IP address before the port, got ${got}`);
  }
  return read({ kind: "tcp", host, port: Number(port) });
}

/** A name of at most 253 characters, RFC 1035 section 2.3.4, or an IPv4 address; all digits and dots is one or nothing. */
function isHostName(host: string): boolean {
  if (/^[0-9.]+$/.test(host)) return isIPv4(host);
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return name.length <= 253 && name.split(".").every((part) => label.test(part));
}
