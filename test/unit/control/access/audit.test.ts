import assert from "node:assert/strict";
import type { ControlLog, Evidence } from "../../../../src/control/access/access.ts";
import { audit } from "../../../../src/control/access/audit.ts";
import type { Identity } from "../../../../src/control/access/permissions.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const person: Identity = { name: "alice", role: "operate", namespaces: ["ml"], node: {}, how: "token" };
const sidecar: Identity = { name: "sidecars", role: "sidecar", namespaces: [], node: {}, how: "certificate" };
const stranger: Evidence = {
  certificate: { names: ["x.example.com"], expired: false },
  authorization: [],
  plaintext: false,
  loopback: false,
  peer: "10.0.0.1:5",
  claimed: undefined,
};

function audited() {
  const lines: Record<string, unknown>[] = [];
  const add = (fields: object): void => void lines.push({ ...fields });
  const log: ControlLog = { info: add, warn: add, error: add };
  const clock = new ManualClock();
  return { lines, clock, audit: audit(log, clock) };
}

describe("the audit lines", () => {
  it("say of a change who made it, how that was proved, from where, what, where and why", () => {
    const { lines, audit } = audited();
    const change = {
      action: "weights",
      routes: ["fraud"],
      namespaces: ["ml", undefined],
      revision: 7,
      reason: "canary",
    } as const;
    audit.changed(person, "10.0.0.1:5", change);
    assert.deepEqual(lines, [
      {
        event: "audit",
        verdict: "done",
        who: "alice",
        how: "token",
        peer: "10.0.0.1:5",
        action: "weights",
        routes: ["fraud"],
        namespaces: ["ml", null],
        revision: 7,
        reason: "canary",
      },
    ]);
  });

  it("say of a change that nobody knows of whether it was made just that, as a warning", () => {
    const { lines, audit } = audited();
    const change = { action: "weights", routes: ["fraud"], namespaces: ["ml"], revision: 7, reason: "canary" } as const;
    audit.changed(person, "10.0.0.1:5", change);
    audit.unconfirmed(person, "10.0.0.1:5", change);
    assert.deepEqual(lines[1], { ...lines[0], verdict: "unconfirmed" });
  });

  it("are one for each refusal of a person", () => {
    const { lines, audit } = audited();
    for (let i = 0; i < 3; i++) audit.denied(person, "p", { action: "apply", routes: ["fraud"] }, "takes admin");
    assert.equal(lines.length, 3);
    assert.deepEqual(lines[2], {
      event: "audit",
      verdict: "denied",
      who: "alice",
      how: "token",
      peer: "p",
      action: "apply",
      routes: ["fraud"],
      namespaces: [],
      why: "takes admin",
      more: 0,
    });
  });

  it("are one now and then for refusals of sidecars, of each kind", () => {
    const { lines, clock, audit } = audited();
    for (let i = 0; i < 5; i++) audit.denied(sidecar, "p", { action: "apply" }, "no");
    audit.denied(sidecar, "p", { action: "list" }, "no");
    assert.deepEqual(
      lines.map(({ action, more }) => [action, more]),
      [
        ["apply", 0],
        ["list", 0],
      ],
    );
    clock.advance(10_000);
    audit.denied(sidecar, "p", { action: "apply" }, "no");
    assert.equal(lines[2]?.more, 4);
  });

  it("are one now and then for strangers, whatever they try", () => {
    const { lines, clock, audit } = audited();
    for (const action of ["list", "apply", "watch"] as const) audit.stranger(stranger, action, "nobody has this name");
    clock.advance(10_000);
    audit.stranger({ ...stranger, certificate: undefined, authorization: ["Bearer x"] }, "get", "no");
    assert.deepEqual(lines, [
      {
        event: "audit",
        verdict: "unknown",
        who: null,
        how: "certificate",
        peer: "10.0.0.1:5",
        action: "list",
        names: ["x.example.com"],
        why: "nobody has this name",
        more: 0,
      },
      {
        event: "audit",
        verdict: "unknown",
        who: null,
        how: "token",
        peer: "10.0.0.1:5",
        action: "get",
        names: [],
        why: "no",
        more: 2,
      },
    ]);
  });

  it("hold no token, and no text without end", () => {
    const { lines, clock, audit } = audited();
    const secret = "0123456789abcdef0123456789abcdef";
    audit.stranger({ ...stranger, authorization: [`Bearer ${secret}`] }, "get", "no");
    audit.changed(person, "p", { action: "apply", revision: 1, reason: `curl -H 'authorization: Bearer ${secret}'` });
    clock.advance(10_000);
    const names = Array.from({ length: 100 }, () => "x".repeat(5_000));
    audit.stranger({ ...stranger, certificate: { names, expired: false } }, "get", "y".repeat(5_000));
    const text = JSON.stringify(lines);
    assert.ok(!text.includes(secret), text);
    assert.ok(text.length < 32 * 260 + 2_000);
    assert.ok(!text.includes("x".repeat(257)) && !text.includes("y".repeat(257)));
  });
});
