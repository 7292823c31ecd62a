/**
 * The kinds of calls that a soak makes: what the caller sends, what the model does with it, and which ends are right.
 *
 * Caller and model read the same table, so that every byte of an answer can be worked out on the caller's side.
 */
import { tfPredict } from "../support/predict.ts";

export type KindName =
  | "predict"
  | "large"
  | "late"
  | "refused"
  | "download"
  | "slow reader"
  | "upload"
  | "talk"
  | "early"
  | "cancelled"
  | "deadline";

export interface Kind {
  readonly name: KindName;
  readonly path: string;
  /** Of all calls. */
  readonly share: number;
  /** gRPC codes that the model's own answer may have; UNAVAILABLE is right for all: models are being restarted. */
  readonly codes: readonly number[];
  /** Fewest and most messages of the streaming side, and fewest and most bytes of each. */
  readonly messages: readonly [least: number, most: number];
  readonly bytes: readonly [least: number, most: number];
}

const stream = (method: string): string => `/soak.Model/${method}`;

/**
 * Mostly what a sidecar carries, unary predictions; and enough of all else that each minute has thousands of it.
 * Those that end by a reset or a deadline have their key in their head and no message to be looked into: a call that
 * ends before its variant is known is counted for none, and the counts could not be compared to the last call.
 */
export const kinds: readonly Kind[] = [
  { name: "predict", path: tfPredict, share: 0.86, codes: [0], messages: [1, 1], bytes: [50, 1_500] },
  { name: "large", path: tfPredict, share: 0.002, codes: [0], messages: [1, 1], bytes: [50_000, 400_000] },
  { name: "late", path: tfPredict, share: 0.03, codes: [0], messages: [1, 1], bytes: [50, 500] },
  { name: "refused", path: tfPredict, share: 0.02, codes: [5], messages: [1, 1], bytes: [50, 500] },
  { name: "download", path: stream("Download"), share: 0.02, codes: [0], messages: [0, 60], bytes: [0, 3_000] },
  {
    name: "slow reader",
    path: stream("Download"),
    share: 0.001,
    codes: [0],
    messages: [40, 60],
    bytes: [8_000, 20_000],
  },
  { name: "upload", path: stream("Upload"), share: 0.015, codes: [0], messages: [0, 60], bytes: [0, 3_000] },
  { name: "talk", path: stream("Talk"), share: 0.02, codes: [0], messages: [1, 30], bytes: [0, 1_000] },
  { name: "early", path: stream("Early"), share: 0.004, codes: [9], messages: [1, 3], bytes: [100, 50_000] },
  { name: "cancelled", path: stream("Hang"), share: 0.018, codes: [0], messages: [1, 1], bytes: [0, 500] },
  { name: "deadline", path: stream("Hang"), share: 0.01, codes: [4], messages: [1, 1], bytes: [0, 500] },
];

/** gRPC's UNAVAILABLE: what a call gets whose model is being restarted. */
export const unavailable = 14;

/** Longest time for which a model holds a `late` answer back. */
export const latestMs = 25;

/** The head field that tells a model what to do: `id,count,bytes`. */
export const orderField = "x-soak";

const pattern = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 31 + (i >> 8) * 17) & 0xff));

/** Bytes of the header of each message: the call's id, the message's place, its length. */
const headBytes = 12;

/** A framed message of a stream that no other call or place has. */
export function streamMessage(id: number, place: number, bytes: number): Buffer {
  const message = Buffer.allocUnsafe(5 + headBytes + bytes);
  message[0] = 0;
  message.writeUInt32BE(headBytes + bytes, 1);
  message.writeUInt32BE(id, 5);
  message.writeUInt32BE(place, 9);
  message.writeUInt32BE(bytes, 13);
  const from = (id * 7 + place * 131) % 4_096;
  pattern.copy(message, 5 + headBytes, from, from + bytes);
  return message;
}

/** Length of the message at a place of a stream whose messages have `bytes` on average: some are empty, some twice as long. */
export function lengthAt(place: number, bytes: number): number {
  return ((place * 5) % 3) * bytes;
}
