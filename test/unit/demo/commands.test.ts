import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { commandText, type RunningCommand, runCommand } from "../../../src/demo/commands.ts";

const { PATH } = process.env;
const run = (args: readonly string[], onStart: (command: RunningCommand) => void = () => undefined) =>
  runCommand({ args, folder: tmpdir(), env: { PATH }, onStart });

describe("a command of the demo", function () {
  this.timeout(30_000);

  it("gives back what it printed", async () => {
    const { command, printed } = await run(["--version"]);
    assert.equal(command, "contender --version");
    assert.match(printed, /^\d+\.\d+\.\d+$/);
  });

  it("fails with its own words, and how it ended", async () => {
    await assert.rejects(
      run(["route", "weights", "credit-tfs", "v1=0"]),
      /^Error: contender route weights credit-tfs v1=0\n[\s\S]*with a sum above zero[\s\S]*\n {4}ended with exit code 64$/,
    );
  });

  it("can be ended by whoever was told of it", async () => {
    await assert.rejects(
      run(["--version"], (command) => command.kill()),
      /ended with signal SIGKILL$/,
    );
  });
});

describe("the text of a command", () => {
  for (const { args, is } of [
    { args: ["route", "weights", "r", "v1=50,v2=49.5", "--wait"], is: "route weights r v1=50,v2=49.5 --wait" },
    { args: ["--reason", "an even match"], is: "--reason 'an even match'" },
    { args: ["--reason", "it's $HOME"], is: `--reason 'it'\\''s $HOME'` },
    { args: ["--reason", ""], is: "--reason ''" },
  ]) {
    it(`can be typed: ${is}`, () => {
      assert.equal(commandText(args), `contender ${is}`);
    });
  }
});
