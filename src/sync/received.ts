/**
 * Bytes of the config service as a message. Its snapshot is decoded from just the bytes that its digest is of: a decoder that lets
 * a message read on behind its own end, as protobufjs does, would otherwise find another snapshot in the whole than in its part.
 */
import type { SnapshotMessage, WatchResponse } from "../api/messages.ts";
import { messageType, method } from "../api/protos.ts";
import { digestOf, fieldBytes, watchSnapshotField } from "../api/snapshot-digest.ts";
import type { Received } from "./judge.ts";

/** @throws where they are no message. */
export function receivedOf(bytes: Buffer): Received {
  const message = method<object, WatchResponse>("ConfigService", "Watch").responseDeserialize(bytes);
  if (message.snapshot === null) return { message, digest: undefined };
  const part = fieldBytes(bytes, watchSnapshotField);
  if (part === undefined) throw new Error("want one snapshot in a message");
  const snapshot = messageType<SnapshotMessage>("Snapshot").decode(part);
  return { message: { ...message, snapshot }, digest: digestOf(part) };
}
