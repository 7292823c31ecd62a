import assert from "node:assert/strict";
import { withWeights } from "../../../src/config/edit-document.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { parsedValue } from "../../support/parsed.ts";

const head = `# who: the fraud team
apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: fraud }
spec:
  key: { from: [{ metadata: x-user-id }] } # sticky
  score: { output: scores, index: 1, range: [0, 1] }
  variants: { v41: { address: local }, "9": { address: "10.0.0.2:8500" } }
`;
const weights = [
  ["v41", 50],
  ["9", 50],
] as const;
const line = "{ v41: 50, 9: 50 }";

const cases: readonly (readonly [what: string, before: string, after: string])[] = [
  [
    "on one line",
    `${head}  champion: v41\n  weights: { v41: 90, "9": 10 } # ramp\n`,
    `${head}  champion: v41\n  weights: ${line} # ramp\n`,
  ],
  [
    "on lines of their own",
    `${head}  weights:\n    v41: 90 # most\n    "9": 10\n  champion: v41\n`,
    `${head}  weights:\n    ${line}\n  champion: v41\n`,
  ],
  [
    "that are not there",
    `${head}  champion: v41 # the old one\n  pin: true\n`,
    `${head}  champion: v41 # the old one\n  weights: ${line}\n  pin: true\n`,
  ],
  [
    "that are not there, at the end of the text",
    `${head}  champion: v41`,
    `${head}  champion: v41\n  weights: ${line}`,
  ],
];

describe("a document with other weights", () => {
  for (const [what, before, after] of cases) {
    it(`${what}: has everything else as it was written`, () => {
      assert.equal(withWeights(before, weights), after);
    });
  }

  const json = (spec: object) =>
    JSON.stringify({
      apiVersion: "contender.dev/v1alpha1",
      kind: "ModelRoute",
      metadata: { name: "fraud" },
      spec: { variants: { v41: { address: "local" }, 9: { address: "10.0.0.2:8500" } }, champion: "v41", ...spec },
    });
  const all = [
    ...cases.map(([, before]) => before),
    json({}),
    json({ weights: { v41: 1 } }),
    json({ pin: true }),
    cases[0]?.[1].replace("weights: {", "weights: &w {") ?? "",
    `${head}  champion: v41\n  weights: { v41: 1 }\n`.replace("spec:", "spec: # what it does"),
  ];
  for (const [index, text] of all.entries()) {
    it(`means the same route with these weights (${index})`, () => {
      const read = (document: string) =>
        parsedValue(loadTexts("x", [{ name: "x", text: document }], { local: "127.0.0.1:8500" })).routes[0];
      const route = read(text);
      assert.deepEqual(read(withWeights(text, weights)), { ...route, weights: { v41: 50, 9: 50 } });
    });
  }
});
