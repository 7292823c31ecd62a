import assert from "node:assert/strict";
import { problemLine } from "../../../src/base/parsed.ts";
import { summary } from "../../../src/cli/check.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { parsedValue, problemsOf } from "../../support/parsed.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";

const around = { local: "127.0.0.1:8500" };
const load = (...texts: string[]) =>
  loadTexts(
    "file:routes",
    texts.map((text, index) => ({ name: `${index}.yaml`, text })),
    around,
  );

const lone = (name: string, spec: string) =>
  `apiVersion: contender.dev/v1alpha1\nkind: ModelRoute\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const plain = "{ variants: { v1: { address: local } }, champion: v1 }";

/** Without the file's name, which all of them share. */
const lineOnly = (line: string) => line.replace(/^0\.yaml:?/, "").trimStart();

describe("route files", () => {
  for (const { name, text, expected } of routeFixtures("valid")) {
    it(`valid/${name} is read, with what is doubtful about it`, () => {
      const loaded = load(text);
      const warnings = loaded.warnings.map((warning) => `warning: ${lineOnly(problemLine(warning))}`);
      assert.deepEqual([...parsedValue(loaded).routes.map(summary), ...warnings], expected);
    });
  }

  for (const { name, text, expected } of routeFixtures("invalid")) {
    it(`invalid/${name} is refused, with every problem, its line and path`, () => {
      const loaded = load(text);
      const warnings = loaded.warnings.map((warning) => `warning: ${lineOnly(problemLine(warning))}`);
      assert.deepEqual([...problemsOf(loaded).map((each) => lineOnly(problemLine(each))), ...warnings], expected);
    });
  }

  it("reads the design's example as it is meant", () => {
    const [fixture] = routeFixtures("valid").filter(({ name }) => name === "design-example");
    const [route] = parsedValue(load(fixture?.text ?? "")).routes;
    assert.deepEqual(route, {
      name: "fraud",
      default: true,
      match: { dialect: "tensorflow-serving", models: ["fraud"], services: [] },
      key: {
        from: [
          { kind: "metadata", name: "x-user-id" },
          { kind: "input", name: "user_id" },
        ],
        ignore: ["", "anonymous"],
      },
      assignment: "slots",
      salt: "fraud",
      pin: false,
      variantHeader: true,
      peekBytes: 1_048_576,
      maxTimeoutMs: undefined,
      score: {
        output: "scores",
        reduce: "element",
        index: 1,
        range: [0, 1],
        buckets: Array.from({ length: 20 }, (_, index) => (index + 1) / 20),
      },
      variants: [
        { ...bare("v41", "127.0.0.1:8500"), expectVersion: "41", artifact: "models:/fraud/41" },
        {
          ...bare("v42", "dns:///fraud-v42.ml:8500"),
          expectVersion: "42",
          onFailure: "champion",
          warmup: { copies: 50, timeoutMs: 10_000 },
        },
        {
          ...bare("v43", "dns:///fraud-v43.ml:8500"),
          model: { name: undefined, version: "43", label: undefined, restoreResponse: false },
        },
      ],
      champion: "v41",
      weights: { v41: 90, v42: 10 },
      shadows: [
        {
          variant: "v43",
          percent: 25,
          maxPerSecond: 20,
          timeoutMs: 2_000,
          maxInFlight: 64,
          maxBytes: 16_777_216,
          maxMessageBytes: 4_194_304,
          forwardAuthorization: false,
        },
      ],
      namespace: undefined,
      selector: undefined,
      ttlMs: undefined,
      gates: {
        errors: { maxRatio: 1.5, action: "rollback" },
        latency: { slowerThanMs: 50, maxRatio: 1.3, action: "rollback" },
        score: { maxShift: 0.1, action: "pause" },
      },
    });
  });

  it("names the file of a problem where there are several", () => {
    const problems = problemsOf(load(lone("a", plain), lone("b", "{ default: yes }")));
    assert.deepEqual(
      problems.map(({ where }) => where),
      ["1.yaml:4", "1.yaml:4", "1.yaml:4"],
    );
  });

  it("judges routes of several files together", () => {
    const problems = problemsOf(load(lone("a", plain), lone("b", plain)));
    assert.deepEqual(problems.map(problemLine), [
      '1.yaml:4: spec.match: the routes "a" and "b" both match every model, and a call fits one route: write in one of them which models it is for, such as match: { models: ["b"] }',
      '0.yaml:4: spec.default: none of the routes "a" and "b" is the default: write "default: true" under "spec" of the one whose champion takes health, reflection and unknown models',
    ]);
  });

  it("lets a route that names its models stand beside one that takes the rest", () => {
    const first = lone("a", `{ default: true, match: { models: [fraud] }, ${plain.slice(2)}`);
    assert.equal(parsedValue(load(first, lone("b", plain))).routes.length, 2);
  });

  it("lets the same model be served by two dialects", () => {
    const route = (name: string, dialect: string) =>
      lone(name, `{ default: ${name === "a"}, match: { dialect: ${dialect}, models: [fraud] }, ${plain.slice(2)}`);
    assert.ok(load(route("a", "tensorflow-serving"), route("b", "open-inference")).ok);
    assert.ok(!load(route("a", "open-inference"), route("b", "open-inference")).ok);
  });

  it("does not compare routes whose match could not be read", () => {
    const misread = lone("b", `{ match: { models: fraud }, ${plain.slice(2)}`);
    const problems = problemsOf(load(lone("a", plain), misread));
    assert.deepEqual(problems.map(problemLine), ['1.yaml:4: spec.match.models: want a list, got "fraud"']);
  });

  it("refuses a text of more than a megabyte without parsing it", () => {
    const [problem] = problemsOf(load(`# ${"x".repeat(1_048_576)}`));
    assert.match(problem?.message ?? "", /^want at most 1048576 bytes/);
  });

  it("says so where there is no route at all, as when a service hands out an empty list", () => {
    for (const text of ["", "# nothing", "---\n---\n", "null"]) {
      assert.deepEqual(problemsOf(load(text)), [{ path: "", message: "there is no route document", where: "0.yaml" }]);
    }
  });

  it("refuses an address that is this sidecar's own, which would call itself in circles", () => {
    const spec = (address: string) => lone("a", `{ variants: { v1: { address: "${address}" } }, champion: v1 }`);
    const listen = { kind: "tcp", host: "0.0.0.0", port: 7400 } as const;
    const judge = (address: string) =>
      loadTexts("file:a", [{ name: "a", text: spec(address) }], { local: "127.0.0.1:7400", listen }).ok;
    assert.equal(judge("127.0.0.1:7400"), false);
    assert.equal(judge("localhost:7400"), false);
    assert.equal(judge("local"), false);
    assert.equal(judge("127.0.0.1:7401"), true);
    assert.equal(judge("models:7400"), true);
  });

  it("freezes what it gives, down to the last list", () => {
    const snapshot = parsedValue(load(lone("a", plain)));
    assert.ok(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.routes[0]?.key.ignore));
  });
});

describe("a snapshot's version", () => {
  const version = (text: string) => parsedValue(load(text)).version;

  it("is twelve hex digits", () => {
    assert.match(version(lone("a", plain)), /^[0-9a-f]{12}$/);
  });

  it("does not change with comments, quotes, order of keys and defaults that are written out", () => {
    const other = `# a comment\n${lone("'a'", "{ champion: 'v1', pin: false, variants: { v1: { address: 127.0.0.1:8500 } } }")}`;
    assert.equal(version(other), version(lone("a", plain)));
  });

  it("changes with anything a sidecar would do differently", () => {
    assert.notEqual(version(lone("a", `{ pin: true, ${plain.slice(2)}`)), version(lone("a", plain)));
  });
});

function bare(name: string, address: string): object {
  return {
    name,
    address,
    authority: undefined,
    tls: undefined,
    model: undefined,
    metadata: [],
    expectVersion: undefined,
    onFailure: "error",
    artifact: undefined,
    warmup: undefined,
  };
}
