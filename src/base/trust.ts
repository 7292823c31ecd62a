/**
 * Which peers' hop marks count: networks, compiled once.
 *
 * Node's `BlockList` does the matching, IPv4 addresses in their IPv6 dress included.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { type Reading, read, unreadable } from "./parsed.ts";

/** Names for groups of networks; `private` holds `loopback` too. */
const named: Readonly<Record<string, readonly string[]>> = {
  none: [],
  any: ["0.0.0.0/0", "::/0"],
  loopback: ["127.0.0.0/8", "::1/128"],
  // RFC 1918, RFC 6598 (shared space, which some clouds give to pods), RFC 3927 and 4291 (link-local), RFC 4193.
  private: [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
  ],
};

/** Reads `private`, `loopback`, `any`, `none` or networks such as `10.0.0.0/8`, separated by commas, into networks. */
export function readNetworks(text: string): Reading<readonly string[]> {
  const networks: string[] = [];
  for (const word of text.split(",").map((part) => part.trim())) {
    const group = Object.hasOwn(named, word) ? named[word] : undefined;
    if (group !== undefined) networks.push(...group);
    else if (splitNetwork(word) !== undefined) networks.push(word);
    else {
      const groups = Object.keys(named).join(", ");
      return unreadable(`want ${groups} or networks such as 10.0.0.0/8, got ${JSON.stringify(word)}`);
    }
  }
  return read([...new Set(networks)]);
}

/**
 * A check for a peer's address as `node:net` tells it. A peer without one came by a unix socket: whoever may open that
 * file is on this machine, so it is admitted wherever loopback is.
 */
export function trusts(networks: readonly string[]): (peer: string | undefined) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = splitNetwork(text);
    if (network === undefined) throw new RangeError(`not a network: ${text}`);
    list.addSubnet(network.address, network.prefix, network.family);
  }
  const local = list.check("127.0.0.1", "ipv4");
  return (peer) => {
    if (peer === undefined || peer === "") return local;
    const zone = peer.indexOf("%");
    const address = zone < 0 ? peer : peer.slice(0, zone);
    return list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
  };
}

function splitNetwork(text: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } | undefined {
  const [address = "", prefix = "", ...rest] = text.split("/");
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  const longest = family === "ipv4" ? 32 : 128;
  if (family === undefined || rest.length > 0 || !/^[0-9]{1,3}$/.test(prefix) || Number(prefix) > longest)
    return undefined;
  return { address, prefix: Number(prefix), family };
}
