import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.ts";
import { Child, readyLine } from "../../../src/demo/children.ts";

const start = (code: string, startTimeoutMs = 5000) =>
  new Child({ title: "the child", args: ["-e", code], env: { GREETING: "hello" }, clock: systemClock, startTimeoutMs });

describe("a process of the demo", () => {
  it("is ready when it says so on a line of JSON, whatever it logs before", async () => {
    const child = start(
      `console.log("starting"); console.log(JSON.stringify({event: "ready", port: 7})); process.channel.ref()`,
    );
    assert.equal((await child.ready).port, 7);
    await child.end(2000);
  });

  it("has the environment it was given and no other", async () => {
    const child = start(
      `console.log(JSON.stringify({event: "ready", names: Object.keys(process.env).filter((n) => !n.startsWith("NODE_"))}))`,
    );
    assert.deepEqual((await child.ready).names, ["GREETING"]);
    await child.ended;
  });

  it("fails with its last words where it ends before it is ready", async () => {
    const child = start(`console.error("port is taken"); process.exitCode = 3`);
    await assert.rejects(child.ready, /the child ended before it was ready \(exit code 3\)\n {4}port is taken/);
  });

  it("fails and is killed where it is not ready in time", async () => {
    const child = start("setInterval(() => {}, 1000)", 50);
    await assert.rejects(child.ready, /the child was not ready within 0.05 s/);
    assert.equal(await child.ended, "signal SIGKILL");
  });

  it("is made to end where asking does not help", async () => {
    const child = start(
      `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log('{"event":"ready"}')`,
    );
    await child.ready;
    await child.end(50);
    assert.equal(await child.ended, "signal SIGKILL");
  });
});

describe("a ready line", () => {
  for (const line of ["", "ready", "{", '{"event":"draining"}', '["ready"]', "null"]) {
    it(`is not ${JSON.stringify(line)}`, () => {
      assert.equal(readyLine(line), undefined);
    });
  }
});
