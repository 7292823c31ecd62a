/**
 * Everything under a prefix, as of one revision. It is read in pages, since one answer may be too large for a member to make
 * and for us to take; the first page says which revision, and the others are asked for as of it.
 */
import type { EtcdClient } from "./client.ts";
import { EtcdFailure } from "./failure.ts";
import type { KeyValue } from "./protos.ts";

/** Keys in a page: of the largest values, 512 KiB each, that is half of what a member may send us at once. */
const pageKeys = 64;

/** How often it may begin anew where its revision is compacted meanwhile. */
const restarts = 3;

export interface Found {
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
}

/** The first key that no longer begins with the prefix; etcd's word for "no end" where there is none. */
export function rangeEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0;
    if (byte < 0xff) {
      end[at] = byte + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Buffer.of(0);
}

/** @throws ContenderError STORE_UNAVAILABLE, EtcdFailure. */
export async function readPrefix(client: EtcdClient, prefix: Buffer): Promise<Found> {
  for (let restart = 0; ; restart++) {
    try {
      return await readPages(client, prefix);
    } catch (reason) {
      const compacted = reason instanceof EtcdFailure && reason.kind === "gone";
      if (!compacted || restart >= restarts) throw reason;
    }
  }
}

/** Whether etcd still keeps what a revision showed, or has never come to it. @throws ContenderError, EtcdFailure. */
export async function isGone(client: EtcdClient, key: Buffer, revision: number): Promise<boolean> {
  try {
    await client.ask(client.services.range, { key, range_end: Buffer.alloc(0), revision, count_only: true });
    return false;
  } catch (reason) {
    if (reason instanceof EtcdFailure && reason.kind === "gone") return true;
    throw reason;
  }
}

async function readPages(client: EtcdClient, prefix: Buffer): Promise<Found> {
  const end = rangeEnd(prefix);
  const kvs: KeyValue[] = [];
  let revision = 0;
  let key = prefix;
  for (;;) {
    // A read that does not ask for a member's own view waits until that member has all that was committed before.
    const page = await client.ask(client.services.range, { key, range_end: end, limit: pageKeys, revision });
    revision ||= Number(page.header.revision);
    kvs.push(...page.kvs);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { revision, kvs };
    key = Buffer.concat([last.key, Buffer.of(0)]);
  }
}
