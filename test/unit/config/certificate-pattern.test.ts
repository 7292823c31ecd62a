import assert from "node:assert/strict";
import {
  type CertificatePattern,
  certificateName,
  comparePatterns,
  matchCertificate,
  readCertificatePattern,
} from "../../../src/config/certificate-pattern.ts";

function pattern(text: string): CertificatePattern {
  const reading = readCertificatePattern(text);
  if (!reading.ok) assert.fail(reading.message);
  return reading.value;
}

const account = "spiffe://cluster.local/ns/{namespace}/sa/{workload}";
const pod = `${account}/pod/{pod}`;
const service = "{workload}.{namespace}.svc";

describe("patterns of certificates' names", () => {
  const matches: [string, string, object | undefined][] = [
    ["spiffe://a/b", "spiffe://a/b", {}],
    ["spiffe://a/b", "spiffe://a/b/c", undefined],
    ["spiffe://a/b", "spiffe://a/B", undefined],
    ["spiffe://a/b", "spiffe://other/b", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/fraud", { namespace: "ml", workload: "fraud" }],
    [pod, "spiffe://cluster.local/ns/ml/sa/fraud/pod/fraud-0", { namespace: "ml", workload: "fraud", pod: "fraud-0" }],
    [account, "spiffe://cluster.local/ns/ml/sa/fraud/pod/fraud-0", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/fraud/", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/", undefined],
    [account, "spiffe://cluster.local/ns//sa/fraud", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/..", undefined],
    [account, "spiffe://cluster.local/ns/../sa/fraud", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/a%2fb", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/*", undefined],
    [account, "spiffe://cluster.local/ns/*/sa/fraud", undefined],
    [account, "spiffe://cluster.local/ns/ml/sa/{workload}", undefined],
    [account, "spiffe://cluster.local.evil/ns/ml/sa/fraud", undefined],
    [account, "spiffe://evil/spiffe://cluster.local/ns/ml/sa/fraud", undefined],
    ["ops.example.com", "ops.example.com", {}],
    ["ops.example.com", "a.ops.example.com", undefined],
    ["OPS.example.com", "ops.example.com", {}],
    [service, "fraud.ml.svc", { workload: "fraud", namespace: "ml" }],
    [service, "a.fraud.ml.svc", undefined],
    [service, "*.ml.svc", undefined],
    [service, "ml.svc", undefined],
    [service, "spiffe://fraud.ml.svc", undefined],
  ];
  for (const [text, name, labels] of matches) {
    it(`${text} ${labels === undefined ? "does not take in" : "takes in"} ${name}`, () => {
      assert.deepEqual(matchCertificate(pattern(text), certificateName(name)), labels);
    });
  }

  const bad = [
    "",
    "*.ml.svc",
    "spiffe://cluster.local/ns/*",
    "spiffe://cluster.local",
    "spiffe://cluster.local/",
    "spiffe://{namespace}/sa/x",
    "spiffe://cluster.local/ns/{namespace}/../x",
    "spiffe://cluster.local/ns/x-{namespace}",
    "spiffe://cluster.local/ns/{name}",
    "spiffe://cluster.local/ns/a b",
    "{workload}.{namespace}",
    "{pod}",
    "a..b",
    "https://user@host/x",
    `spiffe://cluster.local/${"x".repeat(1_100)}`,
  ];
  for (const text of bad) {
    it(`${JSON.stringify(text.slice(0, 50))} is refused`, () => {
      const reading = readCertificatePattern(text);
      assert.match(reading.ok ? "" : reading.message, /^want a URI such as .* or a DNS name such as /);
    });
  }

  it("a placeholder that stands there twice is refused", () => {
    assert.deepEqual(readCertificatePattern("spiffe://a/{pod}/{pod}"), {
      ok: false,
      message: "{pod} stands there twice",
    });
  });

  const pairs: [string, string, string][] = [
    ["spiffe://a/b", "spiffe://a/c", "apart"],
    ["spiffe://a/b", "spiffe://a/b/c", "apart"],
    ["spiffe://a/{pod}/x", "spiffe://a/b/y", "apart"],
    ["a.b.c", "spiffe://a/b/c", "apart"],
    ["spiffe://a/b", "spiffe://a/{pod}", "first"],
    ["spiffe://a/{pod}", "spiffe://a/b", "second"],
    ["spiffe://a/{namespace}/x", "spiffe://a/{namespace}/{pod}", "first"],
    ["spiffe://a/b", "spiffe://a/b", "tie"],
    ["spiffe://a/{workload}", "spiffe://a/{pod}", "tie"],
    ["spiffe://a/{workload}/b", "spiffe://a/b/{workload}", "tie"],
    ["spiffe://a/b/{pod}/{workload}", "spiffe://a/{namespace}/c/d", "tie"],
    ["spiffe://a/{namespace}/c/d", "spiffe://a/b/{pod}/{workload}", "tie"],
  ];
  for (const [a, b, relation] of pairs) {
    it(`of ${a} and ${b}: ${relation}`, () => {
      assert.equal(comparePatterns(pattern(a), pattern(b)), relation);
    });
  }
});
