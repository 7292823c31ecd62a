import assert from "node:assert/strict";
import { readAccess } from "../../../../src/config/access-document.ts";
import { type Evidence, type Identified, identify } from "../../../../src/control/access/access.ts";
import { accessText, hashOf } from "../../../support/known-callers.ts";
import { parsedValue } from "../../../support/parsed.ts";

const token = "0123456789abcdef0123456789abcdef";
const short = "0123456789abcde";

const { identities } = parsedValue(
  readAccess(
    "access.yaml",
    accessText([
      `{ name: alice, role: admin, namespaces: ["*"], token: "${hashOf(token)}" }`,
      `{ name: short, role: admin, namespaces: ["*"], token: "${hashOf(short)}" }`,
      `{ name: ops, role: operate, namespaces: [ml], certificate: ops.example.com }`,
      `{ name: control, role: replica, certificate: "spiffe://c/ns/contender/sa/control" }`,
      `{ name: sidecars, role: sidecar, certificate: "spiffe://c/ns/{namespace}/sa/{workload}" }`,
      `{ name: contenders, role: sidecar, pod: p, certificate: "spiffe://c/ns/contender/sa/{workload}" }`,
    ]),
  ),
);

const nothing: Evidence = {
  certificate: undefined,
  authorization: [],
  plaintext: false,
  loopback: false,
  peer: "10.0.0.1:5",
  claimed: "mallory",
};

const withNames = (...names: readonly string[]): Partial<Evidence> => ({ certificate: { names, expired: false } });
const asked = (more: Partial<Evidence>): Identified => identify(identities, { ...nothing, ...more });

describe("who is asking", () => {
  const known: [string, Partial<Evidence>, string, string][] = [
    ["a token", { authorization: [`Bearer ${token}`] }, "alice", "token"],
    ["a token in another spelling of its scheme", { authorization: [`bearer  ${token}`] }, "alice", "token"],
    ["a DNS name", withNames("other.example.com", "ops.example.com"), "ops", "certificate"],
    ["a URI with what it says", withNames("spiffe://c/ns/ml/sa/fraud"), "sidecars", "certificate"],
    [
      "the more specific pattern, whichever comes first",
      withNames("spiffe://c/ns/contender/sa/x"),
      "contenders",
      "certificate",
    ],
    ["the most specific pattern", withNames("spiffe://c/ns/contender/sa/control"), "control", "certificate"],
    [
      "a token beside a certificate",
      { ...withNames("ops.example.com"), authorization: [`Bearer ${token}`] },
      "alice",
      "token",
    ],
  ];
  for (const [what, evidence, name, how] of known) {
    it(`is told by ${what}`, () => {
      const found = asked(evidence);
      assert.deepEqual(found.ok && [found.value.name, found.value.how], [name, how]);
    });
  }

  it("knows of a sidecar what the certificate and the document say", () => {
    const node = (name: string) => {
      const found = asked(withNames(name));
      return found.ok && found.value.node;
    };
    assert.deepEqual(node("spiffe://c/ns/ml/sa/fraud"), { namespace: "ml", workload: "fraud", pod: undefined });
    assert.deepEqual(node("spiffe://c/ns/contender/sa/x"), { namespace: undefined, workload: "x", pod: "p" });
  });

  const refused: [string, Partial<Evidence>, RegExp][] = [
    ["nothing", {}, /^nothing says who is asking/],
    ["being on this machine alone", { plaintext: true, loopback: true }, /^nothing says who is asking/],
    ["a wrong token", { authorization: ["Bearer 00000000000000000000000000000000"] }, /^nobody has this token$/],
    ["a hash in the place of its token", { authorization: [`Bearer ${hashOf(token)}`] }, /^nobody has this token$/],
    ["a token that can be guessed", { authorization: [`Bearer ${short}`] }, /^want a token of at least 16 bytes$/],
    ["another scheme", { authorization: [`Basic ${token}`] }, /^want authorization: Bearer TOKEN/],
    ["a scheme alone", { authorization: ["Bearer "] }, /^want authorization: Bearer TOKEN/],
    ["an empty authorization", { authorization: [""] }, /^want authorization: Bearer TOKEN/],
    ["a token without end", { authorization: [`Bearer ${token.repeat(200)}`] }, /^want authorization: Bearer TOKEN/],
    ["two tokens", { authorization: [`Bearer ${token}`, `Bearer ${token}`] }, /^want one authorization, got 2$/],
    [
      "a wrong token beside a good certificate",
      { ...withNames("ops.example.com"), authorization: ["Bearer 00000000000000000"] },
      /^nobody has this token$/,
    ],
    ["a certificate of nobody", withNames("x.example.com"), /^nobody has a name of this certificate: x.example.com$/],
    ["a certificate without names", withNames(), /^nobody has a name of this certificate: it has none$/],
    ["a certificate of two", withNames("ops.example.com", "spiffe://c/ns/ml/sa/fraud"), /those of several$/],
    ["a certificate of two sidecars", withNames("spiffe://c/ns/ml/sa/a", "spiffe://c/ns/ml/sa/b"), /those of several$/],
    [
      "a certificate that has expired",
      { certificate: { names: ["ops.example.com"], expired: true } },
      /not valid any more/,
    ],
    [
      "a token beside a certificate that has expired",
      { certificate: { names: [], expired: true }, authorization: [`Bearer ${token}`] },
      /not valid any more/,
    ],
  ];
  for (const [what, evidence, text] of refused) {
    it(`is not told by ${what}`, () => {
      const found = asked(evidence);
      assert.equal(!found.ok && found.code, "UNAUTHENTICATED");
      assert.match(found.ok ? "" : found.text, text);
    });
  }

  it("never repeats a token", () => {
    const wrong = "abcdefabcdefabcdefabcdef";
    assert.ok(!JSON.stringify(asked({ authorization: [`Bearer ${wrong}`] })).includes(wrong));
  });

  it("cuts a certificate's names", () => {
    const found = asked(withNames(...Array.from({ length: 500 }, (_, i) => `n${i}.example.com`)));
    assert.ok(!found.ok && found.text.length < 320);
  });
});
