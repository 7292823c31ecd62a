import assert from "node:assert/strict";
import { limitTable } from "../../../src/config/limit-table.ts";
import { limitScopes, shareOf } from "../../../src/workers/shares.ts";

describe("limits of several workers", () => {
  it("say of every limit whether it is for all together", () => {
    const names = (groups: Readonly<Record<string, object>>) =>
      Object.entries(groups).flatMap(([group, options]) => Object.keys(options).map((option) => `${group}.${option}`));
    assert.deepEqual(names(limitScopes).sort(), names(limitTable).sort());
  });

  it("are divided where they are for all together, and the rest is each worker's own", () => {
    const given = {
      http2: { streamWindowBytes: 1_000 },
      transport: { maxQueuedCalls: 1_000, maxConnections: 4, queueTimeoutMs: 500 },
      proxy: { heldBytes: 1_001, replayBytes: 7 },
    };
    assert.deepEqual(shareOf(given, 4), {
      http2: { streamWindowBytes: 1_000 },
      transport: { maxQueuedCalls: 250, maxConnections: 1, queueTimeoutMs: 500 },
      proxy: { heldBytes: 250, replayBytes: 7 },
    });
  });

  it("leave each worker at least one of what must not be none, and none of what is none", () => {
    const given = { transport: { maxConnections: 2, maxQueuedCalls: 0 } };
    assert.deepEqual(shareOf(given, 8), { transport: { maxConnections: 1, maxQueuedCalls: 0 } });
  });
});
