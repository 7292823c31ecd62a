/** A day with the config service, as an operator has it: real processes, a store in a directory, no double anywhere. */
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { routeText } from "../support/administration.ts";
import { type Ended, type Running, start } from "../support/command.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const route = routeText.replace("v41: 90, v42: 10", "v41: 99, v42: 1");

describe("an operator's day with the config service", function () {
  this.timeout(60_000);
  const folder = new TempFolder();
  let control: Running;
  let address = "";

  before(async () => {
    control = start(["control"], {
      CONTENDER_STORE: `dir:${folder.path}`,
      CONTENDER_CONTROL_LISTEN: "127.0.0.1:0",
      CONTENDER_CONTROL_HTTP: "127.0.0.1:0",
    });
    createInterface({ input: control.child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const { event, grpc } = JSON.parse(line) as { event?: string; grpc?: string };
      if (event === "ready") address = grpc ?? "";
    });
    await until(() => address !== "" || control.child.exitCode !== null, "the config service is ready", 20_000);
  });
  after(async () => {
    control.child.kill("SIGTERM");
    const { code } = await control.ended();
    folder.close();
    assert.equal(code, 0);
  });

  const contender = (line: string, stdin = ""): Promise<Ended> =>
    start(line.split(" "), { CONTENDER_CONTROL: address }, stdin).ended();
  const variantOf = async (line: string): Promise<string> =>
    (JSON.parse((await contender(line)).out) as { variant: string }).variant;

  it("makes a route, sends half of the keys elsewhere, sees who has it and what a key got before, and goes back", async () => {
    assert.match((await contender("route apply -f - --reason first", route)).out, /^fraud is created, revision 1\n/);
    const started = new Date().toISOString();
    const env = { CONTENDER_CONTROL: address, CONTENDER_POD: "gateway-0", CONTENDER_DRAIN_DELAY: "0s" };
    const gateway = await SidecarProcess.start(env, undefined, "gateway");

    const weights = await contender("route weights fraud v41=1,v42=1 --wait");
    assert.deepEqual([weights.code, weights.err], [0, ""]);
    assert.match(weights.out, /slots move, 49% of keys: v41 -> v42\napplied by the one sidecar\n$/);
    assert.match((await contender("fleet --route fraud")).out, /^current +gateway-0 +2 /m);
    assert.match((await gateway.config()).version, /-2-/);

    const key = await movedKey(started);
    assert.equal(await variantOf(`why fraud --key ${key} --json`), "v42");
    assert.equal(await variantOf(`why fraud --key ${key} --json --at ${started}`), "v41");

    const stale = await contender("route weights fraud v41=1 --expect-revision 1");
    assert.deepEqual([stale.code, /\[CONFLICT\]/.test(stale.err)], [75, true]);
    const wrong = await contender("route apply -f -", route.replace("champion: v41", "champion: v9"));
    assert.deepEqual([wrong.code, /\nstdin:7: spec\.champion: /.test(wrong.err)], [64, true]);

    const undo = await contender("route undo fraud --wait --json");
    const { changes, waited } = JSON.parse(undo.out) as { changes: { kind: string }[]; waited: { complete: boolean } };
    assert.deepEqual([changes[0]?.kind, waited.complete], ["undone", true]);
    assert.equal(await variantOf(`why fraud --key ${key} --json`), "v41");

    // It can't serve "local": told with the path, and what it had stays in force.
    const refused = await contender("route apply -f - --wait=20s", route.replace('"127.0.0.1:2"', "local"));
    assert.equal(refused.code, 75);
    assert.match(
      refused.err,
      /gateway-0 rejected: route "fraud": spec\.variants\.v42\.address: a gateway has no model/,
    );
    assert.match((await gateway.config()).version, /-3-/);
    await gateway.close();

    const { out } = await contender("route history fraud --json");
    const { entries } = JSON.parse(out) as { entries: { kind: string }[] };
    assert.deepEqual(
      entries.map(({ kind }) => kind),
      ["replaced", "undone", "weights", "created"],
    );
  });

  /** A key that the change of weights has moved. */
  async function movedKey(before: string): Promise<string> {
    for (let i = 0; i < 40; i++) {
      const line = `why fraud --key user-${i} --json`;
      const [now, then] = await Promise.all([variantOf(line), variantOf(`${line} --at ${before}`)]);
      if (now !== then) return `user-${i}`;
    }
    return assert.fail("no key has moved");
  }
});
