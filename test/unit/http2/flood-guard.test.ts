import assert from "node:assert/strict";
import { FloodGuard } from "../../../src/http2/flood-guard.ts";
import { resolveHttp2Options } from "../../../src/http2/options.ts";

const options = resolveHttp2Options({ resetBurst: 3, resetsPerSecond: 10, controlBurst: 5, controlsPerSecond: 0 });

describe("a flood guard", () => {
  it("lets pass what its accounts hold, and no more", () => {
    const guard = new FloodGuard(options);
    assert.deepEqual(
      [1, 2, 3, 4].map(() => guard.reset(0)),
      [true, true, true, false],
    );
    assert.deepEqual([guard.control(5, 0, 0), guard.control(1, 0, 0)], [true, false]);
  });

  it("is paid by time and by work, up to what it held at first", () => {
    const guard = new FloodGuard(options);
    for (let n = 0; n < 3; n++) assert.ok(guard.reset(0));
    assert.deepEqual([guard.reset(100), guard.reset(100)], [true, false], "a tenth of a second pays for one");
    guard.completed += 1_000;
    const after = [1, 2, 3, 4].map(() => guard.reset(100));
    assert.deepEqual(after, [true, true, true, false], "a thousand calls pay for three");
  });

  it("takes streams and DATA frames both ways for work that control frames serve", () => {
    const guard = new FloodGuard(options);
    assert.ok(guard.control(5, 0, 0));
    guard.dataFrames += 1;
    assert.deepEqual([guard.control(4, 0, 0), guard.control(1, 0, 0)], [true, false]);
    assert.ok(guard.control(3, 0, 1), "one was sent: four more, of which one was overdrawn");
    assert.equal(guard.control(1, 0, 1), false);
    guard.streams += 1;
    assert.ok(guard.control(5, 0, 1));
  });
});
