/**
 * What the config service is given by others: the file of who may do what, and messages of sidecars.
 *
 * What must hold of the file: it is refused with reasons, a line each, or read, and then who a certificate is
 * does not depend on the order of its entries. Of messages: they are none, or refused with a reason, or within the bounds, by
 * another reader's count.
 */
import assert from "node:assert/strict";
import type { ReportRequest } from "../../../src/api/messages.ts";
import { messageType, method } from "../../../src/api/protos.ts";
import { problemLine } from "../../../src/base/parsed.ts";
import { type AccessIdentity, readAccess } from "../../../src/config/access-document.ts";
import { identify } from "../../../src/control/access/access.ts";
import { partsOf, reportFault, reportHead } from "../../../src/control/counts/report-bounds.ts";
import { Sums } from "../../../src/control/counts/sums.ts";
import { Member } from "../../../src/control/watch/member.ts";
import { nodeFault, readWatchRequest, watchBounds } from "../../../src/control/watch/watch-bounds.ts";
import { countsAlone } from "../../support/reports.ts";
import type { ByteTarget } from "../target.ts";

const longestMs = 2_000;
const secret = "0123456789abcdef".repeat(4);

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function inTime(check: () => void): void {
  const begunMs = performance.now();
  check();
  assert.ok(performance.now() - begunMs < longestMs, "it takes too long");
}

const names = [
  "spiffe://cluster.local/ns/ml/sa/fraud",
  "spiffe://cluster.local/ns/contender/sa/control",
  "spiffe://cluster.local/ns/ml/sa/fraud/pod/fraud-0",
  "fraud.ml.svc",
  "ops.example.com",
];

function whoIs(identities: readonly AccessIdentity[], ...names: readonly string[]): string {
  const certificate = { names, expired: false };
  const found = identify(identities, {
    certificate,
    authorization: [],
    plaintext: false,
    loopback: false,
    peer: "",
    claimed: undefined,
  });
  return JSON.stringify(found);
}

function checkAccess(text: string): void {
  const read = readAccess("access.yaml", text);
  if (!read.ok) {
    assert.ok(read.problems.length > 0, "what is refused has a reason");
    for (const line of read.problems.map(problemLine)) {
      assert.ok(line !== "" && !/[\n\r]/.test(line), `a problem is one line: ${JSON.stringify(line)}`);
    }
    return;
  }
  const { identities } = read.value;
  const backwards = [...identities].reverse();
  for (const name of names) {
    assert.equal(whoIs(identities, name), whoIs(backwards, name), "who it is does not depend on the order");
  }
  for (const { role, namespaces, proof } of identities) {
    const person = role === "read" || role === "operate" || role === "admin";
    assert.equal(namespaces.length > 0, person, "people have namespaces, and programs none");
    if (proof.kind === "token") assert.equal(proof.sha256.length, 32);
  }
}

function checkWatch(bytes: Buffer): void {
  const request = readWatchRequest(bytes);
  if ("fault" in request) return;
  assert.ok(bytes.length <= watchBounds.messageBytes);
  const said = (request.node?.capabilities.length ?? 0) + request.problems.length;
  assert.ok(said <= watchBounds.messageParts, "what is too much is not read");
  assert.ok(request.problems.length <= watchBounds.problems);
  const member = new Member(request.version);
  assert.equal(member.answer(request.nonce, request.problems, 0), false, "what was not sent can't be answered");
  if (nodeFault(request.node) !== undefined || request.node === null) return;
  const { namespace, workload, pod, instance, release, capabilities } = request.node;
  for (const name of [namespace, workload, pod, instance, release]) assert.ok(name.length <= watchBounds.nameLength);
  assert.ok(capabilities.length <= watchBounds.capabilities);
  for (const name of capabilities) assert.match(name, /^[a-z0-9-]{1,64}$/, "a capability is a name");
}

const report = messageType<ReportRequest>("ReportRequest");

function checkReport(bytes: Buffer): void {
  const head = reportHead(bytes);
  const fault = reportFault(bytes);
  if (fault !== undefined) return;
  assert.ok(head !== undefined, "what is written as a report says whose it is");
  const read = attempt(() => report.decode(bytes));
  if (read === undefined) return;
  const { series, bounds, instance, namespace, workload } = read;
  // Where the bytes are no text, readers differ, and the report is refused.
  if (![instance, namespace, workload].join("").includes("\ufffd"))
    assert.deepEqual(head, { instance, namespace, workload }, "whose it is does not depend on who reads it");
  const histograms = series.flatMap(({ latency, score }) => [latency, score].filter((each) => each !== null));
  const parts = series.reduce((sum, { codes }) => sum + 1 + codes.length, bounds.length + histograms.length);
  const counted = partsOf(bytes);
  assert.ok(counted !== undefined, "what is not refused is counted");
  assert.ok(counted.series >= series.length && counted.parts >= parts, "no less is counted than is read");
  const counts = countsAlone({ instances: 2 });
  const taken = ["", "+", "++"].map((more) =>
    counts.take({ report: { ...read, instance: read.instance + more }, bytes }),
  );
  assert.deepEqual(taken, ["new", "full", "full"], "what is too much is not taken in");
  const sums = new Sums();
  for (const each of series) sums.count(each);
  const written = JSON.stringify(sums.written(1_000));
  assert.ok(
    Buffer.byteLength(written) <= 1_000 && Sums.read(JSON.parse(written)) !== undefined,
    "sums are written within a bound",
  );
}

const document = (identities: string): Buffer =>
  Buffer.from(`apiVersion: contender.dev/v1alpha1\nkind: Access\nspec:\n  identities:\n${identities}`);
const words = (...list: readonly string[]) => list.map((word) => Buffer.from(word));

export const access: ByteTarget = {
  kind: "bytes",
  name: "access",
  about: "files of who may do what: problems, a line each, or identities that no order changes",
  replay: (input) => inTime(() => checkAccess(input.toString("utf8"))),
  seeds: () => [
    document(
      '    - { name: pods, role: sidecar, certificate: "spiffe://cluster.local/ns/{namespace}/sa/{workload}" }\n' +
        '    - { name: control, role: replica, certificate: "spiffe://cluster.local/ns/contender/sa/control" }\n',
    ),
    document(
      `    - { name: alice, role: admin, namespaces: ["*"], token: "sha256:${secret}" }\n` +
        "    - { name: ops, role: operate, namespaces: [ml], certificate: ops.example.com }\n" +
        '    - { name: dns, role: sidecar, certificate: "{workload}.{namespace}.svc", pod: p }\n',
    ),
  ],
  dictionary: words(
    "{namespace}",
    "{workload}",
    "{pod}",
    "role: read",
    "role: replica",
    "spiffe://cluster.local/ns/ml/sa/",
    '"*"',
    "&a",
    "*a",
    "<<:",
  ),
};

const { requestSerialize } = method<object, object>("ConfigService", "Watch");
const node = { instance: "i-1", namespace: "ml", workload: "fraud", pod: "fraud-0", release: "1.2.3" };

export const told: ByteTarget = {
  kind: "bytes",
  name: "told",
  about: "messages of sidecars to the config service: none, refused, or within the bounds",
  replay: (input) =>
    inTime(() => {
      checkWatch(input);
      checkReport(input);
    }),
  seeds: () => [
    requestSerialize({ node: { ...node, capabilities: ["ttl", "keys"] }, version: "0123456789ab-5-00000000" }),
    requestSerialize({ nonce: "n", problems: [{ path: "spec.weights", message: "want more", where: "x:1" }] }),
    report.encode({
      instance: "i-1",
      sequence: 3,
      bounds: [{ upper: [0.1, 1] }],
      series: [
        {
          route: "fraud",
          variant: "v1",
          traffic: "live",
          version: "v",
          keyed: true,
          codes: [{ code: 0, count: 4 }],
          latency: { bounds: 0, counts: [1, 2, 1], sum: 0.4 },
          score: null,
          invalidScores: 0,
        },
      ],
    } as unknown as ReportRequest),
  ],
  dictionary: words("\x3a\x00", "\x32\x00", "\x3a\x02\x32\x00", "\x0a\x00", "i-1", "fraud", "\xff\xff\xff\x7f"),
};
