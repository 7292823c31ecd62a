import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openEmbeddedStore } from "../../src/control/embedded/open.ts";
import { childOptions, keyOf } from "../support/committing-child.ts";
import { mixer } from "../support/mixer.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";

const script = fileURLToPath(new URL("../support/committing-child.ts", import.meta.url));

/** Kills it by its own word: at the given line of it. @returns the numbers that it printed. */
async function killedAt(child: ChildProcess, line: number): Promise<number[]> {
  assert.ok(child.stdout);
  const numbers: number[] = [];
  const exited = once(child, "exit");
  for await (const text of createInterface(child.stdout))
    if (numbers.push(Number(text)) === line) child.kill("SIGKILL");
  assert.deepEqual(await exited, [null, "SIGKILL"]);
  return numbers;
}

describe("the embedded store of a process that is killed", () => {
  const own = new Owned();
  afterEach(() => own.close());

  it("has every commit that the process knew of, and none by halves, kill after kill", async () => {
    const path = own.add(new TempFolder()).at("store");
    const draw = mixer(11);
    let last = 0;
    let revision = 0;
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, [script, path, `${last + 1}`], { stdio: ["ignore", "pipe", "inherit"] });
      own.add({ close: () => child.kill("SIGKILL") });
      const acknowledged = await killedAt(child, 1 + Math.floor(draw() * 120));
      const store = await openEmbeddedStore(path, { clock: systemClock, chance: systemChance }, childOptions);
      const { entries, ...now } = await store.get("");
      const found = Math.max(...entries.map(({ value }) => Number(value)));
      assert.ok(found >= Math.max(...acknowledged), `${Math.max(...acknowledged)} was acknowledged, ${found} is there`);
      const expected = new Map(Array.from({ length: found }, (_, i) => [keyOf(i + 1), `${i + 1}`]));
      assert.deepEqual(new Map(entries.map(({ key, value }) => [key, value])), expected);
      assert.ok(now.revision > revision);
      last = found;
      revision = now.revision;
      await store.close();
    }
  });
});
