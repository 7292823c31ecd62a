import assert from "node:assert/strict";
import { Backoff } from "../../../src/sync/backoff.ts";

const always = (value: number) => ({ next: () => value });

describe("the pauses of a sidecar that has lost its config service", () => {
  it("grow from one second to eight, and no further", () => {
    const backoff = new Backoff(always(1 - 1e-9));
    const pauses = Array.from({ length: 8 }, () => Math.round(backoff.nextMs()));
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000, 8_000]);
  });

  it("are drawn from the whole range, but for what would be at once", () => {
    assert.equal(new Backoff(always(0)).nextMs(), 100);
    assert.equal(new Backoff(always(0.5)).nextMs(), 550);
  });

  it("begin anew once the service has answered", () => {
    const backoff = new Backoff(always(1 - 1e-9));
    for (let i = 0; i < 5; i++) backoff.nextMs();
    backoff.reset();
    assert.equal(Math.round(backoff.nextMs()), 1_000);
  });

  it("spread ten thousand evenly over two seconds after a stream that lived", () => {
    const backoff = new Backoff({ next: () => Math.random() });
    const pauses = Array.from({ length: 10_000 }, () => backoff.quickMs());
    const tenths = Array.from({ length: 10 }, (_, i) => pauses.filter((ms) => Math.trunc(ms / 200) === i).length);
    assert.ok(Math.min(...tenths) > 800 && Math.max(...tenths) < 1_200, tenths.join());
  });
});
