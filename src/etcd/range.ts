/**
 * Everything under a prefix, or a part of it, as of one revision. It is read in pages, since one answer may be too large for a member to make
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

/** Of what is under a prefix, what is wanted: from a key on, up to another, at most so many. */
export interface FoundPart {
  readonly from?: Buffer | undefined;
  readonly below?: Buffer | undefined;
  readonly limit?: number | undefined;
}

/** @throws ContenderError STORE_UNAVAILABLE, EtcdFailure. */
export async function readPrefix(client: EtcdClient, prefix: Buffer, part: FoundPart = {}): Promise<Found> {
  for (let restart = 0; ; restart++) {
    try {
      return await readPages(client, prefix, part);
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

async function readPages(client: EtcdClient, prefix: Buffer, part: FoundPart): Promise<Found> {
  const end = earlier(rangeEnd(prefix), part.below);
  const kvs: KeyValue[] = [];
  let revision = 0;
  let key = part.from !== undefined && Buffer.compare(part.from, prefix) > 0 ? part.from : prefix;
  let left = part.limit ?? Number.POSITIVE_INFINITY;
  // In order, since with none etcd gives keys as it has them: an order that is asked for makes it read everything before it answers.
  for (;;) {
    // A read that does not ask for a member's own view waits until that member has all that was committed before.
    const limit = Math.min(pageKeys, left);
    const page = await client.ask(client.services.range, { key, range_end: end, limit, revision });
    revision ||= Number(page.header.revision);
    kvs.push(...page.kvs);
    left -= page.kvs.length;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined || left <= 0) return { revision, kvs };
    key = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

/** @param end of a range, which may be "no end" */
function earlier(end: Buffer, below: Buffer | undefined): Buffer {
  if (below === undefined) return end;
  return end.equals(Buffer.of(0)) || Buffer.compare(below, end) < 0 ? below : end;
}
