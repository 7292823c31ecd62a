/** A `WatchResponse` made around the bytes of a snapshot, which are the same for thousands of streams. */
import type { DurationMessage } from "../api/messages.ts";
import { messageType } from "../api/protos.ts";
import type { Offer } from "./member.ts";

interface Rhythm {
  readonly heartbeat: DurationMessage;
  readonly reportInterval: DurationMessage;
}

/** Field 3, length-delimited: protobuf takes fields in any order, so it may stand behind what is encoded otherwise. */
const snapshotTag = 0x1a;

export function watchResponse({ version, nonce, snapshot }: Offer, rhythm: Rhythm): Buffer {
  const head = messageType<object>("WatchResponse").encode({ version, nonce, ...rhythm });
  return snapshot === undefined
    ? head
    : Buffer.concat([head, Buffer.from([snapshotTag]), varint(snapshot.length), snapshot]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
