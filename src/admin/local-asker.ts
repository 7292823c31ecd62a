/** Whether a request comes from this machine and from a program rather than a page. */
import type { IncomingHttpHeaders } from "node:http";
import { trusts } from "../base/trust.ts";

const isLoopback = trusts(["127.0.0.0/8", "::1/128"]);

/**
 * @param peer the connection's address as `node:net` tells it
 * @param unix whether the port is a unix socket; its peers have no address, and whoever may open the file is local
 */
export function isLocalAsker(peer: string | undefined, headers: IncomingHttpHeaders, unix: boolean): boolean {
  // A page in a browser on the same machine can post to a loopback port; a browser says so, and can't be kept from it.
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return false;
  // On TCP a peer without an address is one that has gone already, wherever it was.
  return unix || (peer !== undefined && isLoopback(peer));
}
