/**
 * One input to another that is a little different: the usual small set of changes (bits, bytes, numbers, ranges, words of
 * the language, pieces of another input), a few at a time.
 */
import type { Random } from "./random.ts";

/** Longer inputs only take longer: whatever they reach, a shorter one does too. */
export const longestInput = 4_096;

/** Where numbers change their meaning: signs, lengths of varints, windows, frame sizes. */
const edges = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

export interface Material {
  readonly dictionary: readonly Buffer[];
  /** Another input of the pool. */
  readonly other: Buffer;
}

export function mutate(input: Buffer, random: Random, material: Material): Buffer {
  let bytes = input;
  for (let left = 1 + random.below(4); left > 0; left--) bytes = once(bytes, random, material);
  return bytes.subarray(0, longestInput);
}

function once(bytes: Buffer, random: Random, { dictionary, other }: Material): Buffer {
  const at = random.below(bytes.length + 1);
  const length = Math.min(1 + random.below(random.oneIn(4) ? 64 : 8), bytes.length - at);
  switch (random.below(12)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << random.below(8)));
    case 1:
      return changed(bytes, at, () => random.byte());
    case 2:
      return changed(bytes, at, (byte) => byte + 1 - 2 * random.below(2));
    case 3:
      return changed(bytes, at, () => random.pick(edges));
    case 4:
      return insert(bytes, at, Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.byte())));
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 6:
      return insert(bytes, random.below(bytes.length + 1), bytes.subarray(at, at + length));
    case 7:
      return overwrite(bytes, at, number(random));
    case 8:
    case 9:
      if (dictionary.length === 0) return changed(bytes, at, () => random.byte());
      return random.oneIn(2)
        ? insert(bytes, at, random.pick(dictionary))
        : overwrite(bytes, at, random.pick(dictionary));
    case 10: {
      const from = random.below(other.length + 1);
      return insert(bytes, at, other.subarray(from, from + 1 + random.below(64)));
    }
    default:
      return random.oneIn(4)
        ? bytes.subarray(0, at)
        : Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
  }
}

function changed(bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  if (bytes.length === 0) return Buffer.from([change(0) & 0xff]);
  const copy = Buffer.from(bytes);
  const place = at % copy.length;
  copy[place] = change(copy[place] as number);
  return copy;
}

function insert(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function overwrite(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)]);
}

/** An edge, or one beside it, in 2 or 4 bytes of either order. */
function number(random: Random): Buffer {
  const value = (random.pick(edges) + random.below(3) - 1) >>> 0;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const piece = random.oneIn(2) ? bytes : bytes.subarray(2);
  return random.oneIn(2) ? piece : Buffer.from(piece).reverse();
}
