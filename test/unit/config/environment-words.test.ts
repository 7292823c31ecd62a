import assert from "node:assert/strict";
import type { Reading } from "../../../src/base/parsed.ts";
import {
  readChallengers,
  readChampion,
  readKeySources,
  readScore,
  readShadows,
  readWeights,
} from "../../../src/config/environment-words.ts";

type Reader = (text: string) => Reading<unknown>;

const good: readonly [Reader, string, unknown][] = [
  [readChampion, "127.0.0.1:8500", { name: "champion", address: "127.0.0.1:8500" }],
  [readChampion, "v41=local", { name: "v41", address: "local" }],
  [readChampion, "unix:/run/a=b", { name: "champion", address: "unix:/run/a=b" }],
  [readChampion, "v41=unix:/run/a=b", { name: "v41", address: "unix:/run/a=b" }],
  [
    readChallengers,
    "v2=a:1, v3=b:2 ,",
    [
      { name: "v2", address: "a:1" },
      { name: "v3", address: "b:2" },
    ],
  ],
  [readShadows, "v3=a:1", [{ name: "v3", address: "a:1", percent: undefined }]],
  [readShadows, "v3=a:1@2.5%", [{ name: "v3", address: "a:1", percent: 2.5 }]],
  [
    readWeights,
    "a=90%,b=.5,c=0",
    [
      ["a", 90],
      ["b", 0.5],
      ["c", 0],
    ],
  ],
  [readKeySources, "metadata:X-User", [{ kind: "metadata", name: "x-user" }]],
  [readKeySources, "input:user:id", [{ kind: "input", name: "user:id" }]],
  [readScore, "scores", { output: "scores", reduce: "element", index: 0 }],
  [readScore, "a/b:0[12]", { output: "a/b:0", reduce: "element", index: 12 }],
  [readScore, "scores[entropy]", { output: "scores", reduce: "entropy", index: undefined }],
];

const bad: readonly [Reader, string, RegExp][] = [
  [readChampion, "V41=local", /^want a name/],
  [readChampion, "=local", /^want a name/],
  [readChallengers, "127.0.0.1:8501", /^want NAME=ADDRESS/],
  [readChallengers, "a:1,b:2", /"a:1"; .*"b:2"/],
  [readShadows, "v3=a:1@25", /^want a percentage such as 25%/],
  [readShadows, "v3=a:1@101%", /^want a percentage/],
  [readShadows, "v3=a:1@-1%", /^want a percentage/],
  [readShadows, "a:1@5%", /^want NAME=ADDRESS@PERCENT%/],
  [readWeights, "a", /^want NAME=NUMBER/],
  [readWeights, "a=", /^want NAME=NUMBER/],
  [readWeights, "a=-1", /^want NAME=NUMBER/],
  [readWeights, "a=NaN", /^want NAME=NUMBER/],
  [readWeights, "a=1e3", /^want NAME=NUMBER/],
  [readWeights, "a=1,a=2", /^"a" has two weights/],
  [readWeights, "a=1000000001", /^want a weight of at most 1000000000, got "a=1000000001"/],
  [readKeySources, "x-user-id", /^want metadata:NAME/],
  [readKeySources, "header:x-user-id", /^want metadata:NAME/],
  [readKeySources, "metadata:x user", /^want a metadata name/],
  [readKeySources, "input:", /^want metadata:NAME/],
  [readScore, "scores[first]", /^want an index/],
  [readScore, "scores[-1]", /^want an index/],
  [readScore, "scores[]", /^want an index/],
  [readScore, "[1]", /^want OUTPUT/],
  [readScore, "scores[1", /^want OUTPUT/],
];

describe("the words of the environment", () => {
  for (const [reader, text, value] of good) {
    it(`${reader.name} reads ${text}`, () => {
      assert.deepEqual(reader(text), { ok: true, value });
    });
  }

  for (const [reader, text, message] of bad) {
    it(`${reader.name} refuses ${text}`, () => {
      const reading = reader(text);
      assert.match(reading.ok ? "it was read" : reading.message, message);
    });
  }
});
