/** What a failure is called, when two are the same, and how its input gets small. */
import type { ByteTarget } from "./target.ts";

export interface Finding {
  readonly message: string;
  readonly stack: string;
  readonly input: Buffer;
}

/** Failures with the same key are the same finding: the first line of the message without its numbers and its quotes. */
export function keyOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.split("\n")[0] ?? "";
  return line.replace(/"[^"]*"|'[^']*'/g, "…").replace(/\d+/g, "#");
}

export function findingOf(error: unknown, input: Buffer): Finding {
  const message = error instanceof Error ? error.message : String(error);
  return { message, stack: error instanceof Error ? (error.stack ?? message) : message, input };
}

/** Runs that making an input smaller may take: most of them are quick, and a large input in the corpus is no use. */
const longestSearch = 4_000;

/** A shorter input that fails in the same way: ranges are left out, large ones first, then bytes are set to 0. */
export async function minimised(target: ByteTarget, input: Buffer, error: unknown): Promise<Finding> {
  const key = keyOf(error);
  let best = input;
  let last = error;
  let runs = 0;
  const still = async (candidate: Buffer): Promise<boolean> => {
    runs++;
    try {
      await target.replay(candidate);
      return false;
    } catch (reason) {
      if (keyOf(reason) !== key) return false;
      last = reason;
      return true;
    }
  };
  for (let size = Math.ceil(best.length / 2); size > 0; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= best.length && runs < longestSearch; ) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (await still(candidate)) best = candidate;
      else at += size;
    }
  }
  for (let at = 0; at < best.length && runs < longestSearch; at++) {
    if (best[at] === 0) continue;
    const candidate = Buffer.from(best);
    candidate[at] = 0;
    if (await still(candidate)) best = candidate;
  }
  return findingOf(last, best);
}
