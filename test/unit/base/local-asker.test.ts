import assert from "node:assert/strict";
import { isLocalAsker } from "../../../src/base/local-asker.ts";

describe("an asker is local", () => {
  for (const peer of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]) {
    it(`from ${peer}`, () => assert.equal(isLocalAsker(peer, { host: "127.0.0.1:7401" }, false), true));
  }

  for (const host of ["localhost", "LocalHost:7401", "127.0.0.1", "[::1]:7401", "10.0.0.7:7401"]) {
    it(`under the name ${host}`, () => assert.equal(isLocalAsker("127.0.0.1", { host }, false), true));
  }

  it("as a person who types the address into a browser", () => {
    assert.equal(isLocalAsker("::1", { host: "localhost:7401", "sec-fetch-site": "none" }, false), true);
  });

  it("by a unix socket, whose peers have no address", () => {
    assert.equal(isLocalAsker(undefined, {}, true), true);
  });
});

describe("an asker is not local", () => {
  for (const peer of ["10.0.0.7", "::ffff:10.0.0.7", "fe80::1", "2001:db8::1", "169.254.0.1"]) {
    it(`from ${peer}`, () => assert.equal(isLocalAsker(peer, { host: "localhost" }, false), false));
  }

  it("once its TCP connection is gone, and its address with it", () => {
    assert.equal(isLocalAsker(undefined, { host: "localhost" }, false), false);
  });

  for (const host of [
    "evil.example",
    "evil.example:7401",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "",
    "[evil]",
    "::1",
  ]) {
    it(`under the name ${JSON.stringify(host)}, which may be anybody's that resolves to loopback`, () => {
      assert.equal(isLocalAsker("127.0.0.1", { host }, false), false);
    });
  }

  it("as a page in a browser, wherever the browser runs", () => {
    assert.equal(isLocalAsker("127.0.0.1", { host: "localhost", origin: "http://evil.example" }, false), false);
    assert.equal(isLocalAsker("127.0.0.1", { host: "localhost", "sec-fetch-site": "cross-site" }, false), false);
    assert.equal(isLocalAsker(undefined, { origin: "null" }, true), false);
  });
});
