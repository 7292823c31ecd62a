/**
 * Which of a name's addresses are used. Pure.
 *
 * Of very many (a headless service with hundreds of pods) a sidecar uses a part: a connection to each would cost both
 * sides memory for nothing. Which part is drawn by rendezvous hashing under a seed of the pool's own: sidecars
 * choose differently, so that every pod gets its share of them, and an address that comes or goes moves one connection
 * and no others.
 */
import { isIPv6 } from "node:net";
import { murmur3Latin1 } from "../base/hash.ts";

/** At most `most` of `addresses`, in their order. */
export function chooseAddresses(addresses: readonly string[], most: number, seed: number): readonly string[] {
  if (addresses.length <= most) return addresses;
  const ranked = addresses.map((address) => ({ address, rank: murmur3Latin1(address, seed) }));
  ranked.sort((a, b) => b.rank - a.rank || (a.address < b.address ? -1 : 1));
  const chosen = new Set(ranked.slice(0, most).map(({ address }) => address));
  return addresses.filter((address) => chosen.has(address));
}

/** 4 or 6. */
export function familyOf(address: string): number {
  return isIPv6(address) ? 6 : 4;
}

/** The addresses of each family, the family of the first address in front. */
export function byFamily(addresses: readonly string[]): readonly (readonly string[])[] {
  const first = addresses.length === 0 ? 0 : familyOf(addresses[0] as string);
  const same = addresses.filter((address) => familyOf(address) === first);
  const other = addresses.filter((address) => familyOf(address) !== first);
  return [same, other].filter(({ length }) => length > 0);
}
