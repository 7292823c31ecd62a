import assert from "node:assert/strict";
import { readNetworks, trusts } from "../../../src/base/trust.ts";

function admitted(rule: string, peer: string | undefined): boolean {
  const networks = readNetworks(rule);
  assert.ok(networks.ok, rule);
  return trusts(networks.value)(peer);
}

const rows: readonly [rule: string, peer: string | undefined, admitted: boolean][] = [
  ["loopback", "127.0.0.1", true],
  ["loopback", "::1", true],
  ["loopback", "::ffff:127.0.0.1", true],
  ["loopback", "10.0.0.7", false],
  ["loopback", undefined, true],
  ["private", "127.0.0.1", true],
  ["private", "10.244.3.7", true],
  ["private", "172.31.255.255", true],
  ["private", "172.32.0.1", false],
  ["private", "192.168.1.1", true],
  ["private", "100.64.0.9", true],
  ["private", "::ffff:10.1.2.3", true],
  ["private", "fd12::7", true],
  ["private", "fe80::1%eth0", true],
  ["private", "8.8.8.8", false],
  ["private", "2001:db8::1", false],
  ["any", "8.8.8.8", true],
  ["any", "2001:db8::1", true],
  ["none", "127.0.0.1", false],
  ["none", undefined, false],
  ["10.1.0.0/16", "10.1.255.1", true],
  ["10.1.0.0/16", "10.2.0.1", false],
  ["10.1.0.0/16", undefined, false],
  ["loopback, 2001:db8::/32", "2001:db8:1::1", true],
  ["loopback, 2001:db8::/32", "127.0.0.9", true],
];

describe("trusts", () => {
  for (const [rule, peer, expected] of rows) {
    it(`${rule} ${expected ? "admits" : "refuses"} ${peer ?? "a unix socket"}`, () => {
      assert.equal(admitted(rule, peer), expected);
    });
  }

  it("refuses a peer that is no address", () => {
    assert.equal(admitted("private", "nonsense"), false);
  });
});

describe("readNetworks", () => {
  for (const text of ["", "10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8/8", "constructor", "any,all"]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(readNetworks(text).ok, false);
    });
  }
});
