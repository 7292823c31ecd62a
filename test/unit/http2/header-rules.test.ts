import assert from "node:assert/strict";
import fc from "fast-check";
import { headerId } from "../../../src/http2/header-block.ts";
import { hasForbidden, isForbidden, isPseudo, validName, validValue } from "../../../src/http2/header-rules.ts";

const byte = fc.integer({ min: 0, max: 255 });
const latin1 = fc.array(byte).map((bytes) => String.fromCharCode(...bytes));

describe("header rules", () => {
  for (const name of ["x", "content-type", "x_y", "1", "!#$%&'*+-.^_`|~", "grpc-status-details-bin"]) {
    it(`allow the name ${name}`, () => assert.equal(validName(name), true));
  }

  for (const name of [
    "",
    "X",
    "content-Type",
    "a b",
    "a:b",
    ":path",
    "a\0",
    "a\n",
    "a\x7f",
    "\xe9",
    "a\u0161",
    "a,b",
  ]) {
    it(`forbid the name ${JSON.stringify(name)}`, () => assert.equal(validName(name), false));
  }

  it("allow names exactly of the characters of a token, upper case apart", () => {
    fc.assert(fc.property(latin1, (name) => validName(name) === /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)));
  });

  for (const value of [
    "",
    "x",
    "a b",
    "a\tb",
    "\x01",
    "\x7f",
    "\xff",
    '"',
    "a,b;c",
    " ",
    "\t",
    " a",
    "a ",
    "\ta",
    "a\t",
  ]) {
    it(`allow the value ${JSON.stringify(value)}`, () => assert.equal(validValue(value), true));
  }

  for (const value of ["a\0b", "a\rb", "a\nb", "\n", "\u0161", `${"a".repeat(99)}\r`]) {
    it(`forbid the value ${JSON.stringify(value)}`, () => assert.equal(validValue(value), false));
  }

  it("find a forbidden byte in a string exactly where there is one", () => {
    const often = fc.array(fc.oneof(byte, fc.constantFrom(0, 9, 10, 11, 13))).map((all) => String.fromCharCode(...all));
    fc.assert(
      fc.property(often, (text) => hasForbidden(text) === [...text].some((char) => isForbidden(char.charCodeAt(0)))),
    );
  });

  it("know the pseudo-headers by their ids", () => {
    const pseudo = Object.entries(headerId).filter(([, id]) => isPseudo(id));
    assert.deepEqual(
      pseudo.map(([name]) => name),
      Object.keys(headerId).filter((name) => name.startsWith(":")),
    );
  });
});
