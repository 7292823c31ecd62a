import assert from "node:assert/strict";
import { readListenAddress } from "../../../src/base/address.ts";
import { accessProblems } from "../../../src/control/access-problems.ts";

interface Row {
  readonly at: string;
  readonly tls?: boolean;
  readonly access?: string;
  readonly plaintext?: boolean;
}

const problems = ({ at, tls = false, access, plaintext = false }: Row): string[] => {
  const address = readListenAddress(at);
  if (!address.ok) assert.fail(address.message);
  const ports = [{ setting: "CONTENDER_CONTROL_LISTEN", address: address.value, tls }];
  return accessProblems({ ports, access, plaintext }).map(({ path, message }) => `${path}: ${message}`);
};

describe("where a control may listen", () => {
  const good: Row[] = [
    { at: "127.0.0.1:7410" },
    { at: "localhost:7410" },
    { at: "[::1]:7410" },
    { at: "unix:/run/contender.sock" },
    { at: "127.0.0.1:7410", access: "a" },
    { at: "0.0.0.0:7410", access: "a", tls: true },
    { at: "0.0.0.0:7410", access: "a", plaintext: true },
    { at: "127.0.0.1:7410", access: "a", tls: true },
  ];
  for (const row of good) {
    it(`starts with ${JSON.stringify(row)}`, () => {
      assert.deepEqual(problems(row), []);
    });
  }

  const bad: [Row, RegExp][] = [
    [
      { at: "0.0.0.0:7410" },
      /^CONTENDER_CONTROL_LISTEN: 0.0.0.0:7410 is reached by others .* CONTENDER_CONTROL_ACCESS/,
    ],
    [{ at: "[::]:7410" }, /is reached by others/],
    [{ at: "control.example.com:7410" }, /is reached by others/],
    [{ at: "0.0.0.0:7410", plaintext: true }, /is reached by others/],
    [{ at: "0.0.0.0:7410", tls: true }, /is reached by others/],
    [{ at: "127.0.0.1:7410", tls: true }, /speaks TLS to callers whom nobody knows: set CONTENDER_CONTROL_ACCESS/],
    [{ at: "10.0.0.1:7410", access: "a" }, /in plain text: .* CONTENDER_CONTROL_PLAINTEXT=true/],
  ];
  for (const [row, text] of bad) {
    it(`does not start with ${JSON.stringify(row)}`, () => {
      assert.equal(problems(row).length, 1);
      assert.match(problems(row)[0] ?? "", text);
    });
  }
});
