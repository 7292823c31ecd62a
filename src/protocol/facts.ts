/** The object that request readers fill: made once, reused for every call. */
import type { RequestFacts } from "./dialect.ts";

export function newRequestFacts(): RequestFacts {
  return {
    model: undefined,
    version: undefined,
    key: undefined,
    keySource: -1,
    exception: undefined,
    sequence: false,
    sharedMemory: false,
  };
}

export function clearRequestFacts(facts: RequestFacts): void {
  facts.model = undefined;
  facts.version = undefined;
  facts.key = undefined;
  facts.keySource = -1;
  facts.exception = undefined;
  facts.sequence = false;
  facts.sharedMemory = false;
}
