import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isSupportedNode, supportedNodes, unsupportedNodeText } from "../../../bin/require-node.js";

describe("node version check", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["20.20.2", false],
    ["22.23.1", false],
    ["22.23.2", true],
    ["22.23.10", true],
    ["22.24.0", true],
    ["23.11.1", false],
    ["24.0.0", false],
    ["24.9.0", false],
    ["24.18.0", false],
    ["24.18.1", true],
    ["24.21.0", true],
    ["25.0.0", true],
    ["26.10.0", true],
    ["24.21.0-rc.1", true],
    ["6.17.1", false],
    ["", false],
  ];
  for (const [version, supported] of rows) {
    it(`${supported ? "takes" : "refuses"} "${version}"`, () => {
      assert.equal(isSupportedNode(version), supported);
    });
  }

  it("checks for what package.json promises under engines", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
    assert.equal(manifest.engines.node, supportedNodes);
  });

  it("names the version it found, where, and what to do", () => {
    const text = unsupportedNodeText("20.0.0", "/usr/bin/node");
    assert.match(text, /NODE_UNSUPPORTED.*>=22\.23\.2 <23 \|\| >=24\.18\.1, this is 20\.0\.0 \(\/usr\/bin\/node\)/);
    assert.match(text, /npm ci/);
  });
});
