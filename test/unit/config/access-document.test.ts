import assert from "node:assert/strict";
import { problemLine } from "../../../src/base/parsed.ts";
import { readAccess } from "../../../src/config/access-document.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";

const hash = (digit: string): string => `sha256:${digit.repeat(64)}`;

const written = (...identities: readonly string[]): string =>
  ["apiVersion: contender.dev/v1alpha1", "kind: Access", "spec:", "  identities:"]
    .concat(identities.map((each) => `    - ${each}`))
    .join("\n");

const linesOf = (text: string): string[] => problemsOf(readAccess("access.yaml", text)).map(problemLine);

describe("the document of who may do what", () => {
  it("is read whole", () => {
    const text = written(
      `{ name: alice@example.com, role: admin, namespaces: ["*"], token: "${hash("a")}" }`,
      `{ name: ml-team, role: operate, namespaces: [ml, risk], certificate: ops.example.com }`,
      `{ name: sidecars, role: sidecar, certificate: "spiffe://c/ns/{namespace}/sa/{workload}" }`,
      `{ name: edge, role: sidecar, namespace: edge, workload: Router, pod: edge-0, token: "${hash("b")}" }`,
      `{ name: control, role: replica, certificate: "spiffe://c/ns/contender/sa/control" }`,
    );
    const { identities } = parsedValue(readAccess("access.yaml", text));
    const none = { namespace: undefined, workload: undefined, pod: undefined };
    assert.deepEqual(
      identities.map(({ proof, ...rest }) => ({ ...rest, proof: proof.kind })),
      [
        { name: "alice@example.com", role: "admin", namespaces: ["*"], node: none, proof: "token" },
        { name: "ml-team", role: "operate", namespaces: ["ml", "risk"], node: none, proof: "certificate" },
        { name: "sidecars", role: "sidecar", namespaces: [], node: none, proof: "certificate" },
        {
          name: "edge",
          role: "sidecar",
          namespaces: [],
          node: { namespace: "edge", workload: "Router", pod: "edge-0" },
          proof: "token",
        },
        { name: "control", role: "replica", namespaces: [], node: none, proof: "certificate" },
      ],
    );
  });

  const a = `token: "${hash("a")}"`;
  const refused: [string, string[], RegExp[]][] = [
    [
      "an identity without a proof",
      ["{ name: a, role: replica }"],
      [/^access.yaml:5: spec.identities\[0\]: want one of token, certificate, got none$/],
    ],
    [
      "two proofs",
      [`{ name: a, role: replica, certificate: a.b, ${a} }`],
      [/: want one of token, certificate, got both$/],
    ],
    ["an unknown role", [`{ name: a, role: admn, ${a} }`], [/\.role: want one of read, .*did you mean "admin"/]],
    ["an unknown key", [`{ name: a, role: replica, roles: x, ${a} }`], [/\.roles: unknown key/]],
    ["a name that nobody can have", [`{ name: "a?", role: replica, ${a} }`], [/\.name: want a name of at most 64/]],
    ["no namespaces", [`{ name: a, role: read, ${a} }`], [/\.namespaces: is missing$/]],
    [
      "an empty list of namespaces",
      [`{ name: a, role: read, namespaces: [], ${a} }`],
      [/\.namespaces: want names, or "\*"/],
    ],
    [
      "a namespace that is none",
      [`{ name: a, role: read, namespaces: [ml, "m*"], ${a} }`],
      [/\.namespaces\[1\]: want a name of/],
    ],
    [
      "a namespace beside all",
      [`{ name: a, role: read, namespaces: ["*", ml], ${a} }`],
      [/\.namespaces: "\*" is all of them/],
    ],
    [
      "namespaces of a sidecar",
      [`{ name: a, role: sidecar, namespaces: [ml], ${a} }`],
      [/\.namespaces: a sidecar has none$/],
    ],
    [
      "a pod of an admin",
      [`{ name: a, role: admin, namespaces: [ml], pod: p, ${a} }`],
      [/\.pod: only a sidecar has one$/],
    ],
    [
      "a placeholder for people",
      ['{ name: a, role: operate, namespaces: [ml], certificate: "spiffe://c/{workload}" }'],
      [/\.certificate: \{workload\} would give everybody the role operate/],
    ],
    [
      "a label that is told twice",
      ['{ name: a, role: sidecar, namespace: ml, certificate: "spiffe://c/{namespace}" }'],
      [/\.namespace: the certificate tells it by \{namespace\}$/],
    ],
    [
      "one token for two",
      [`{ name: a, role: replica, ${a} }`, `{ name: b, role: replica, ${a} }`],
      [/^access.yaml:6: spec.identities\[1\].token: spec.identities\[0\] has the same token$/],
    ],
    [
      "patterns of which neither is the more specific",
      [
        '{ name: a, role: sidecar, certificate: "spiffe://c/{pod}/x" }',
        '{ name: b, role: sidecar, certificate: "spiffe://c/x/{pod}" }',
      ],
      [/^access.yaml:6: spec.identities\[1\].certificate: a certificate may be of this and of spec.identities\[0\]/],
    ],
    [
      "one name with two roles",
      [`{ name: a, role: replica, ${a} }`, `{ name: a, role: sidecar, token: "${hash("b")}" }`],
      [/\.name: spec.identities\[0\] has this name and differs/],
    ],
    [
      "every problem at once, in the order of lines",
      [`{ name: "", role: x }`, `{ name: b, role: replica, token: "x" }`],
      [/:5: .*role/, /:5: .*\[0\]: want one of/, /:5: .*name/, /:6: .*token/],
    ],
  ];
  for (const [what, identities, lines] of refused) {
    it(`refuses ${what}`, () => {
      const found = linesOf(written(...identities));
      assert.equal(found.length, lines.length, found.join("\n"));
      for (const line of lines)
        assert.ok(
          found.some((each) => line.test(each)),
          `${line} in ${found.join("\n")}`,
        );
      assert.deepEqual(
        found,
        found.toSorted((x, y) => Number(x.split(":")[1]) - Number(y.split(":")[1])),
      );
    });
  }

  const texts: [string, string, RegExp][] = [
    [
      "another kind",
      "apiVersion: contender.dev/v1alpha1\nkind: ModelRoute\nspec: { identities: [] }",
      /kind: want one of Access/,
    ],
    [
      "nobody",
      "apiVersion: contender.dev/v1alpha1\nkind: Access\nspec: { identities: [] }",
      /spec.identities: want at least one/,
    ],
    ["nothing", "", /access.yaml: want one document, got 0/],
    ["two documents", "a: 1\n---\nb: 2", /access.yaml: want one document, got 2/],
    ["a list", "[1]", /want a map/],
    ["a key that is there twice", "kind: Access\nkind: Access", /this key is there twice/],
    ["what is too long", "#".repeat(1_048_577), /want at most 1048576 bytes/],
  ];
  for (const [what, text, line] of texts) {
    it(`refuses ${what}`, () => {
      assert.match(linesOf(text).join("\n"), line);
    });
  }

  it("takes two entries of one name that differ in their token alone, which is how it is replaced", () => {
    const entry = (digit: string) => `{ name: a, role: read, namespaces: [ml], token: "${hash(digit)}" }`;
    assert.equal(parsedValue(readAccess("x", written(entry("a"), entry("b")))).identities.length, 2);
  });

  it("takes a pattern within another one", () => {
    const text = written(
      '{ name: a, role: sidecar, certificate: "spiffe://c/{workload}" }',
      '{ name: b, role: replica, certificate: "spiffe://c/control" }',
    );
    assert.equal(parsedValue(readAccess("x", text)).identities.length, 2);
  });

  it("never repeats a token that was written where its hash belongs", () => {
    const secret = "hunter2hunter2hunter2";
    for (const text of [
      written(`{ name: a, role: replica, token: ${secret} }`),
      `token: *${secret}`,
      `a: {${secret}`,
    ]) {
      assert.ok(!JSON.stringify(linesOf(text)).includes(secret), linesOf(text).join("\n"));
    }
  });

  it("refuses more identities than are looked through at each call", () => {
    const many = Array.from({ length: 1_001 }, (_, i) => `{ name: n${i}, role: replica, certificate: n${i}.test }`);
    assert.match(linesOf(written(...many)).join("\n"), /want at most 1000 identities, got 1001/);
  });
});
