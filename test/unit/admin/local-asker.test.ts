import assert from "node:assert/strict";
import { isLocalAsker } from "../../../src/admin/local-asker.ts";

describe("an asker is local", () => {
  for (const peer of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]) {
    it(`from ${peer}`, () => assert.equal(isLocalAsker(peer, {}, false), true));
  }

  it("by a unix socket, whose peers have no address", () => {
    assert.equal(isLocalAsker(undefined, {}, true), true);
  });
});

describe("an asker is not local", () => {
  for (const peer of ["10.0.0.7", "::ffff:10.0.0.7", "fe80::1", "2001:db8::1", "169.254.0.1"]) {
    it(`from ${peer}`, () => assert.equal(isLocalAsker(peer, {}, false), false));
  }

  it("once its TCP connection is gone, and its address with it", () => {
    assert.equal(isLocalAsker(undefined, {}, false), false);
  });

  it("as a page in a browser, wherever the browser runs", () => {
    assert.equal(isLocalAsker("127.0.0.1", { origin: "http://evil.example" }, false), false);
    assert.equal(isLocalAsker("127.0.0.1", { "sec-fetch-site": "cross-site" }, false), false);
    assert.equal(isLocalAsker(undefined, { origin: "null" }, true), false);
  });
});
