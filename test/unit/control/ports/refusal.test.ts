import assert from "node:assert/strict";
import type { Metadata } from "@grpc/grpc-js";
import { problemsKey } from "../../../../src/api/metadata-keys.ts";
import { messageType } from "../../../../src/api/protos.ts";
import { ContenderError } from "../../../../src/base/errors.ts";
import type { Problem } from "../../../../src/base/parsed.ts";
import { refusal, refusalBounds } from "../../../../src/control/ports/refusal.ts";
import { Refused } from "../../../../src/control/routes/administration.ts";

/** By RFC 9113, 6.5.2: each name and value, and 32 more. Beside ours there are those of every response. */
function listBytes({ code, details, metadata }: ReturnType<typeof refusal>): number {
  const headers: Record<string, unknown> = {
    ":status": "200",
    "content-type": "application/grpc+proto",
    date: "Fri, 27 Nov 2026 22:30:21 GMT",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
  return Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + String(value).length + 32, 0);
}

function problemsOf({ metadata }: { readonly metadata: Metadata }): readonly Problem[] {
  const [bytes] = metadata.get(problemsKey);
  return messageType<{ problems: readonly Problem[] }>("Problems").decode(bytes as Buffer).problems;
}

const problem = (index: number, message = "want a number, got nothing"): Problem => ({
  path: `spec.weights.v${index}`,
  message,
  where: `fraud.yaml:${index}`,
});
const many = (count: number, message?: string): Problem[] =>
  Array.from({ length: count }, (_, index) => problem(index, message));

describe("a refusal", () => {
  it("has every problem of a few, in the text and beside it", () => {
    const told = refusal(new Refused(many(3)));
    assert.deepEqual(problemsOf(told), many(3));
    assert.equal(
      told.details,
      `contender: [CONFIG_INVALID] nothing was changed:\n${[0, 1, 2].map((i) => `fraud.yaml:${i}: spec.weights.v${i}: want a number, got nothing`).join("\n")}`,
    );
  });

  for (const [what, problems] of [
    ["five thousand problems", many(5_000)],
    ["a hundred problems of a kilobyte", many(100, "x".repeat(1_000))],
    ["a problem of a megabyte", many(1, "[0]".repeat(300_000))],
    ["problems in another script", many(50, "ばんごう".repeat(100))],
    ["problems with halves of a sign", many(2, "x\ud83d".repeat(3_000))],
    ["empty problems", Array.from({ length: 300_000 }, () => ({ path: "", message: "" }))],
  ] as const) {
    it(`of ${what} fits into the headers that every client takes, and says how many more there are`, () => {
      const told = refusal(new Refused(problems));
      assert.ok(listBytes(told) < 8_192, `${listBytes(told)} bytes`);
      const shown = problemsOf(told);
      assert.ok(shown.length > 0 && shown.length <= refusalBounds.problems);
      const more = problems.length - shown.length;
      assert.equal(/\nand (\d+) more$/.exec(told.details)?.[1] ?? "0", String(more));
    });
  }

  it("tells the first problems in full", () => {
    const told = refusal(new Refused(many(5_000)));
    const shown = problemsOf(told);
    assert.deepEqual(shown, many(shown.length));
    assert.ok(shown.length >= 20, `${shown.length} problems`);
    assert.equal(told.details.split("\n").length, shown.length + 2);
  });

  it("can be written whatever is quoted in it", () => {
    for (let more = 0; more < 4; more++) {
      const name = `${"x".repeat(1_000 + more)}${"😀".repeat(2_000)}\ud83d`;
      const told = refusal(new ContenderError("ROUTE_UNKNOWN", name));
      assert.ok(encodeURI(told.details).length <= refusalBounds.textBytes);
      assert.match(told.details, /^contender: \[ROUTE_UNKNOWN\] x{1000,}(😀)+…$/u);
    }
  });
});
