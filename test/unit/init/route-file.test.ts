import assert from "node:assert/strict";
import { environmentSnapshot } from "../../../src/config/environment-route.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { parseSettings } from "../../../src/config/settings.ts";
import { chooseScore } from "../../../src/init/choose-score.ts";
import type { Found } from "../../../src/init/look.ts";
import type { ModelFacts } from "../../../src/init/model-facts.ts";
import { nextText } from "../../../src/init/report.ts";
import { routeFile } from "../../../src/init/route-file.ts";
import { tensorflowServing } from "../../../src/init/tensorflow-serving.ts";
import type { DialectName } from "../../../src/model/route.ts";
import { contender } from "../../support/cli.ts";
import { parsedValue } from "../../support/parsed.ts";

const address = "127.0.0.1:8500";

function foundModel(model: Partial<ModelFacts> = {}, dialects: readonly DialectName[] = ["tensorflow-serving"]): Found {
  return {
    dialects,
    by: "asking",
    health: undefined,
    inspector: tensorflowServing,
    model: {
      name: "fraud",
      versions: ["41"],
      version: "41",
      signature: undefined,
      inputs: [{ name: "features", datatype: "FP32", shape: [-1, 17] }],
      outputs: [{ name: "scores", datatype: "FP32", shape: [-1, 2] }],
      ...model,
    },
  };
}

function written(found: Found, route?: string) {
  return routeFile(found, chooseScore(found.model.outputs, undefined), { address, route });
}

/** The file as it is when somebody has filled in what is commented out. */
function filledIn(text: string): string {
  return text
    .replaceAll("HOST:PORT", "models:8500")
    .replace(/^( *)# ((?: *v[\w.-]+: \{|weights:|shadows:).*)$/gm, "$1$2")
    .replaceAll('models:8500" }', 'other:8500" }');
}

async function checked(text: string) {
  const { code, err } = await contender(["check", "-"], { stdin: text });
  return { code, err };
}

const various: readonly (readonly [string, Found, string?])[] = [
  ["a binary model", foundModel()],
  ["a model with several versions", foundModel({ versions: ["40", "41", "39"] })],
  ["a second version that is two ahead", foundModel({ versions: ["41", "43"] })],
  ["a model of no version", foundModel({ versions: [], version: undefined })],
  ["a version in words", foundModel({ versions: ["blue"], version: "blue" })],
  ["a version that YAML takes for something else", foundModel({ versions: ["true"], version: "true" })],
  ["a role for a version, beside others", foundModel({ versions: ["champion", "7"], version: "champion" })],
  ["a model of which nothing is told", foundModel({ inputs: [], outputs: [] })],
  ["a model with a user's id", foundModel({ inputs: [{ name: "user_id", datatype: "BYTES", shape: [-1] }] })],
  ["a server of both dialects", foundModel({}, ["open-inference", "tensorflow-serving"])],
  ["a name for the route", foundModel(), "my-route"],
  [
    "names that mean no good",
    foundModel({
      name: "a }, variants: {\nspec: [",
      versions: ["1\n2"],
      version: "1\n2",
      inputs: [{ name: "user\n- id: [", datatype: "BYTES", shape: [-1] }],
      outputs: [
        { name: "x }\n  champion: evil #", datatype: "FP32\nkind: y", shape: [-1] },
        { name: "\u2028z: {", datatype: "FP32", shape: [-1, 2] },
      ],
    }),
  ],
];

describe("the route file of init", () => {
  for (const [what, found, route] of various) {
    it(`passes the check without a word for ${what}`, async () => {
      assert.deepEqual(await checked(written(found, route).text), { code: 0, err: "" });
    });

    it(`passes it with what is commented out filled in, for ${what}`, async () => {
      const text = filledIn(written(found, route).text);
      assert.match(text, /^ {2}weights: .*\n[\s\S]*^ {2}shadows:\n {4}v/m);
      const { code, err } = await checked(text);
      assert.deepEqual([code, err], [0, ""]);
    });
  }

  it("says all that was found out", () => {
    const { route } = written(foundModel());
    assert.deepEqual(
      [
        route.name,
        route.match,
        route.champion,
        route.variants.map(({ name, address: at, expectVersion }) => [name, at, expectVersion]),
      ],
      ["fraud", { dialect: "tensorflow-serving", models: ["fraud"], services: [] }, "v41", [["v41", address, "41"]]],
    );
    assert.deepEqual([route.score?.output, route.score?.reduce, route.score?.index], ["scores", "element", 1]);
    assert.deepEqual(route.key.from, [{ kind: "metadata", name: "x-user-id" }]);
  });

  it("takes calls of either dialect where the server speaks both", () => {
    const { route } = written(foundModel({}, ["open-inference", "tensorflow-serving"]));
    assert.deepEqual(route.match, { dialect: undefined, models: ["fraud"], services: [] });
  });

  it("has the key in metadata first, then in an input that looks like a user's id", () => {
    const { route } = written(foundModel({ inputs: [{ name: "customer_id", datatype: "INT64", shape: [-1] }] }));
    assert.deepEqual(route.key.from, [
      { kind: "metadata", name: "x-user-id" },
      { kind: "input", name: "customer_id" },
    ]);
  });

  it("gives probabilities their range, and the largest of many columns", () => {
    const outputs = [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }];
    const { score } = written(foundModel({ outputs })).route;
    assert.deepEqual([score?.reduce, score?.range], ["max", [0, 1]]);
  });

  it("has no score where none was found, and says why", () => {
    const { route, text } = written(foundModel({ outputs: [{ name: "label", datatype: "INT64", shape: [-1] }] }));
    assert.equal(route.score, undefined);
    assert.match(
      text,
      /# None of the model's outputs holds fractions\.\n {2}# The model's outputs:\n {2}# {3}label INT64 \[-1\]/,
    );
  });

  it("offers a second version in the same server as the challenger", () => {
    const { text } = written(foundModel({ versions: ["40", "41", "39"] }));
    const filled = loadTexts("test", [{ name: "route", text: filledIn(text) }], { local: address });
    const [route] = parsedValue(filled).routes;
    const challenger = route?.variants.find(({ name }) => name === "v40");
    assert.deepEqual(
      [challenger?.address, challenger?.model?.version, challenger?.expectVersion],
      [address, "40", "40"],
    );
    assert.deepEqual(route?.weights, { v41: 95, v40: 5 });
  });

  it("keeps names that a server chose as they are", () => {
    const name = "a }, variants: {\nspec: [";
    assert.deepEqual(written(foundModel({ name })).route.match.models, [name]);
  });
});

describe("what init says to type next", () => {
  /** The settings of the line for the environment, as a shell without anything else would set them. */
  function environment(text: string) {
    const line = text.split("\n").find((each) => each.endsWith(" contender sidecar")) ?? "";
    const words = line.matchAll(/(CONTENDER_\w+)=(?:'([^']*)'|(\S*))/g);
    return Object.fromEntries(Array.from(words, ([, name = "", quoted, plain]) => [name, quoted ?? plain ?? ""]));
  }

  it("is a line of settings that make the same route", () => {
    const inputs = [{ name: "user_id", datatype: "BYTES", shape: [-1] }];
    const { route } = written(foundModel({ inputs }));
    const snapshot = parsedValue(
      environmentSnapshot(parsedValue(parseSettings(environment(nextText("route.yaml", route, address))))),
    );
    const [made] = snapshot.routes;
    assert.deepEqual(
      [made?.name, made?.champion, made?.variants[0]?.address, made?.key.from, made?.score?.output, made?.score?.index],
      ["fraud", "v41", address, route.key.from, "scores", 1],
    );
  });

  it("is no such line where a name can't be said in settings", () => {
    const outputs = [{ name: "scores[0]", datatype: "FP32", shape: [-1, 2] }];
    const text = nextText("route.yaml", written(foundModel({ outputs })).route, address);
    assert.doesNotMatch(text, /CONTENDER_/);
    assert.match(text, /contender sidecar --config route\.yaml/);
  });

  it("names the file as a shell takes it", () => {
    assert.match(nextText("my route.yaml", written(foundModel()).route, address), /contender check 'my route\.yaml'/);
  });
});
