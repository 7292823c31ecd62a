import assert from "node:assert/strict";
import { keyFromText } from "../../../src/base/hash.ts";
import { HeaderBlock, HeaderField } from "../../../src/http2/header-block.ts";
import type { KeySource } from "../../../src/model/route.ts";
import { KeyRules } from "../../../src/router/key-rules.ts";

const metadata = (name: string): KeySource => ({ kind: "metadata", name });
const input = (name: string): KeySource => ({ kind: "input", name });
const parameter = (name: string): KeySource => ({ kind: "parameter", name });

function headers(...fields: (readonly [string, string])[]): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of fields) block.add(new HeaderField(name, value));
  return block;
}

describe("key rules", () => {
  it("cut the sources into stages of one kind, in their order", () => {
    const from = [metadata("X-User"), metadata("x-session"), input("user_id"), parameter("user"), metadata("x-device")];
    assert.deepEqual(new KeyRules(from, []).stages, [
      { kind: "metadata", names: ["x-user", "x-session"] },
      { kind: "message", from: [input("user_id"), parameter("user")] },
      { kind: "metadata", names: ["x-device"] },
    ]);
    assert.deepEqual(new KeyRules([], []).stages, []);
  });

  const rules = new KeyRules([], ["anonymous", "niemand-süß"]);
  const names = ["x-user", "x-session"];
  const rows = [
    { what: "the first that is there", given: headers(["x-session", "s"], ["x-user", "u"]), want: "u" },
    { what: "the next where the first is missing", given: headers(["x-session", "s"]), want: "s" },
    {
      what: "the next where the first is ignored",
      given: headers(["x-user", "anonymous"], ["x-session", "s"]),
      want: "s",
    },
    { what: "the next where the first is empty", given: headers(["x-user", ""], ["x-session", "s"]), want: "s" },
    { what: "the first of two fields of one name", given: headers(["x-user", "u1"], ["x-user", "u2"]), want: "u1" },
    { what: "bytes that are no UTF-8, as they are", given: headers(["x-user", "\xff\xfe"]), want: "\xff\xfe" },
    { what: "nothing where all are ignored", given: headers(["x-user", "anonymous"]), want: undefined },
    { what: "nothing where none is there", given: headers(["x-other", "o"]), want: undefined },
  ];
  for (const { what, given, want } of rows) {
    it(`take from metadata ${what}`, () => assert.equal(rules.fromMetadata(names, given), want));
  }

  it("ignore by bytes what the route names in text", () => {
    assert.equal(rules.accepts(keyFromText("niemand-süß")), false);
    assert.equal(rules.accepts("niemand-süß"), true);
    assert.equal(rules.accepts("Anonymous"), true);
  });

  it("take no empty key, listed or not", () => assert.equal(new KeyRules([], []).accepts(""), false));

  it("decode binary metadata, so that padding does not make another user of the same one", () => {
    for (const value of ["w7w=", "w7w"]) {
      assert.equal(rules.fromMetadata(["x-user-bin"], headers(["x-user-bin", value])), keyFromText("ü"));
    }
  });
});
