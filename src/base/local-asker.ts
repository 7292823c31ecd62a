/** Whether a request comes from this machine and from a program rather than a page. */
import { isIPv4, isIPv6 } from "node:net";
import { trusts } from "./trust.ts";

/** The headers that tell; of whatever HTTP server. */
export interface AskerHeaders {
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly "sec-fetch-site"?: string | string[] | undefined;
}

/** Whether an address is this machine's own. */
export type IsNear = (peer: string) => boolean;

export const isLoopback: IsNear = trusts(["127.0.0.0/8", "::1/128"]);

/**
 * @param peer the connection's address as `node:net` tells it
 * @param unix whether the port is a unix socket; its peers have no address, and whoever may open the file is local
 */
export function isLocalAsker(
  peer: string | undefined,
  headers: AskerHeaders,
  unix: boolean,
  isNear: IsNear = isLoopback,
): boolean {
  // A page in a browser on the same machine can post to a loopback port; a browser says so, and can't be kept from it.
  if (headers.origin !== undefined) return false;
  // `none`: a person typed the address, and no page has a part in it.
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "none") return false;
  if (unix) return true;
  // A name of somebody else's that resolves to loopback makes a page one of "the same origin", which browsers let read all.
  if (!isPlainHost(headers.host)) return false;
  // On TCP a peer without an address is one that has gone already, wherever it was.
  return peer !== undefined && isNear(peer);
}

/** Whether a Host header is an address or `localhost`, neither of which anybody can point elsewhere. */
function isPlainHost(host = ""): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]{1,5})?$/.exec(host.toLowerCase()) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed);
  return plain === "localhost" || (plain !== undefined && isIPv4(plain));
}
