/**
 * Messages to sidecars, encoded once: thousands of streams are sent the very same bytes.
 *
 * That is why the nonce of a snapshot is its version. A nonce has to tell a stream's answers apart, and a stream has one snapshot on its
 * way at a time.
 */
import { type DurationMessage, durationMessage } from "../../api/messages.ts";
import { messageType } from "../../api/protos.ts";
import type { View } from "./views.ts";

export interface ViewMessages {
  readonly whole: Buffer;
  /** For sidecars that have these contents already. */
  readonly name: Buffer;
}

/** Fields 3 and 2, length-delimited: protobuf takes fields in any order, so they may stand behind what is encoded otherwise. */
const snapshotTags = { watch: 0x1a, fetch: 0x12 } as const;

export class WatchMessages {
  readonly #rhythm: { readonly heartbeat: DurationMessage };
  readonly #ofViews = new WeakMap<View, ViewMessages>();
  readonly #type = messageType<object>("WatchResponse");
  #heartbeat: { readonly version: string; readonly bytes: Buffer } | undefined = undefined;

  constructor(heartbeatMs: number) {
    this.#rhythm = { heartbeat: durationMessage(heartbeatMs) };
  }

  of(view: View): ViewMessages {
    const known = this.#ofViews.get(view);
    if (known !== undefined) return known;
    const { version, bytes } = view;
    const name = this.#type.encode({ version, nonce: version, ...this.#rhythm });
    const whole = withSnapshot(name, snapshotTags.watch, bytes);
    const messages = { whole, name };
    this.#ofViews.set(view, messages);
    return messages;
  }

  heartbeat(version: string): Buffer {
    if (this.#heartbeat?.version !== version) {
      this.#heartbeat = { version, bytes: this.#type.encode({ version, ...this.#rhythm }) };
    }
    return this.#heartbeat.bytes;
  }
}

/** A `FetchResponse`. */
export function fetched({ version, bytes }: View): Buffer {
  return withSnapshot(messageType<object>("FetchResponse").encode({ version }), snapshotTags.fetch, bytes);
}

const withSnapshot = (head: Buffer, tag: number, bytes: Buffer): Buffer =>
  Buffer.concat([head, Buffer.from([tag]), varint(bytes.length), bytes]);

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
