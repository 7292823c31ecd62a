import assert from "node:assert/strict";
import type { RanCommand } from "../../../src/demo/commands.ts";
import { startDirector } from "../../../src/demo/director.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const command = "contender route weights credit-tfs v1=50,v2=50 --wait --reason 'v2 looks good'";

function setUp(
  { nextWeights }: { readonly nextWeights?: readonly [number, number] | undefined } = { nextWeights: [50, 50] },
) {
  const clock = new ManualClock();
  const said: string[] = [];
  const ran = Promise.withResolvers<RanCommand>();
  const asked: (readonly string[])[] = [];
  const director = startDirector({
    ...{ seconds: 10, nextWeights, clock },
    during: async (run) => void (await run()),
    command: (args) => {
      asked.push(args);
      return ran.promise;
    },
    say: (text) => said.push(text),
  });
  return { clock, said, ran, asked, director };
}

describe("the demo's change of weights", () => {
  it("is made after three fifths of the time, by a command that is shown with its words", async () => {
    const { clock, said, ran, asked, director } = setUp();
    clock.advance(5999);
    assert.deepEqual([said, asked], [[], []]);
    clock.advance(1);
    assert.deepEqual(said, [`$ ${command}`]);
    assert.equal(asked.length, 1);
    ran.resolve({ command, printed: "done" });
    await director.done;
    assert.deepEqual(said.slice(1), ["done\n"]);
  });

  it("is none where no weights are given", async () => {
    const { clock, director } = setUp({});
    await director.done;
    assert.equal(clock.pending, 0);
  });

  it("fails with the command", async () => {
    const { clock, ran, director } = setUp();
    clock.advance(6000);
    ran.reject(new Error("no"));
    await assert.rejects(director.done, /^Error: no$/);
  });

  it("is not made any more after a stop", () => {
    const { clock, asked, director } = setUp();
    director.stop();
    clock.advance(10_000);
    assert.deepEqual([asked, clock.pending], [[], 0]);
  });

  it("is no failure where it was stopped under way", async () => {
    const { clock, ran, director } = setUp();
    clock.advance(6000);
    director.stop();
    ran.reject(new Error("killed"));
    await director.done;
  });
});
