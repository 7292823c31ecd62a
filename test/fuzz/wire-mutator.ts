/**
 * Changes whole frames of a byte stream: what changes bytes breaks the length of the first frame it meets, and all that follows
 * is then read as one wrong frame.
 */
import { frameType } from "../../src/http2/constants.ts";
import { cutFrames, type Frame, frame } from "../support/h2-frames.ts";
import { mutate } from "./mutator.ts";
import type { Random } from "./random.ts";

const types = [...Object.values(frameType), 10, 255];
const flags = [0, 1, 4, 5, 8, 9, 12, 13, 32, 36, 37, 45];
const ids = [0, 1, 1, 1, 3, 3, 5, 7, 2, 9, 0x7fff_ffff, 0x8000_0001];

/** @param head bytes before the first frame, which are kept. */
export function mutateFrames(input: Buffer, head: number, random: Random, other: Buffer): Buffer {
  const { frames, rest } = cutFrames(input.subarray(head));
  const others = cutFrames(other.subarray(head)).frames;
  const list = [...frames];
  for (let left = 1 + random.below(3); left > 0; left--) once(list, others, random);
  return Buffer.concat([input.subarray(0, head), ...list.map(bytesOf), random.oneIn(8) ? rest : Buffer.alloc(0)]);
}

function bytesOf({ type, flags: bits, id, payload }: Frame): Buffer {
  return frame(type, bits, id, payload);
}

function once(list: Frame[], others: readonly Frame[], random: Random): void {
  const at = random.below(list.length + 1);
  const chosen = list[at];
  switch (random.below(9)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      if (chosen !== undefined) list.splice(random.below(list.length + 1), 0, chosen);
      return;
    case 2:
    case 3:
      if (others.length > 0) list.splice(at, 0, random.pick(others));
      return;
    case 4:
      list.splice(at, 0, {
        type: random.pick(types),
        flags: random.pick(flags),
        id: random.pick(ids),
        payload: shortPayload(random),
      });
      return;
    case 5:
      if (chosen !== undefined) list[at] = { ...chosen, id: random.pick(ids) };
      return;
    case 6:
      if (chosen !== undefined)
        list[at] = { ...chosen, flags: random.oneIn(2) ? random.pick(flags) : chosen.flags ^ (1 << random.below(6)) };
      return;
    case 7:
      if (chosen !== undefined) list[at] = { ...chosen, type: random.pick(types) };
      return;
    default:
      if (chosen !== undefined) {
        list[at] = { ...chosen, payload: mutate(chosen.payload, random, { dictionary: [], other: chosen.payload }) };
      }
  }
}

function shortPayload(random: Random): Buffer {
  return Buffer.from(
    Array.from({ length: random.pick([0, 1, 4, 5, 6, 8, 12]) }, () => random.pick([0, 0, 1, 4, 0x7f, 0x80, 0xff])),
  );
}
