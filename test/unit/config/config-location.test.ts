import assert from "node:assert/strict";
import { locationName, readConfigLocation } from "../../../src/config/config-location.ts";
import { parseSettings, type Strings } from "../../../src/config/settings.ts";
import { problemLinesOf } from "../../support/parsed.ts";

const location = (text: string) => {
  const reading = readConfigLocation(text);
  if (!reading.ok) throw new Error(reading.message);
  return reading.value;
};
const refusal = (text: string) => {
  const reading = readConfigLocation(text);
  return reading.ok ? "" : reading.message;
};
const problems = (env: Strings) => problemLinesOf(parseSettings(env)).join("\n");

describe("where routes are read from", () => {
  const names: readonly (readonly [given: string, name: string])[] = [
    ["routes.yaml", "file:routes.yaml"],
    ["/etc/contender/routes", "file:/etc/contender/routes"],
    ["C:\\routes.yaml", "file:C:\\routes.yaml"],
    ["http://127.0.0.1:8080/routes.yaml?token=x", "http://127.0.0.1:8080/routes.yaml"],
    ["https://routes.ml", "https://routes.ml/"],
    ["etcd:http://127.0.0.1:2379", "etcd:http://127.0.0.1:2379/contender/"],
    ["etcd:http://a:2379,http://b:2379/ml/team", "etcd:http://a:2379,http://b:2379/ml/team/"],
  ];
  for (const [given, name] of names) it(`reads ${given}`, () => assert.equal(locationName(location(given)), name));

  const refused: readonly (readonly [given: string, says: RegExp])[] = [
    ["ftp://x/y", /want a path, http:\/\/…, https:\/\/… or etcd:/],
    ["http://", /want http:\/\/HOST:PORT\/PATH/],
    ["http://me:secret@x/", /no name and password in the address/],
    ["etcd:", /want etcd:http:\/\/HOST:PORT/],
    ["etcd:127.0.0.1:2379", /want etcd:http:\/\/HOST:PORT/],
    ["etcd:http://a:1/x,http://b:1", /want etcd:http:\/\/HOST:PORT/],
    ["etcd:http://a:1,https://b:1", /http:\/\/ for all members or https:\/\/ for all/],
    ["etcd:http://a:1/%ff", /want etcd:http:\/\/HOST:PORT/],
    ["etcd:http://me:pw@a:1", /CONTENDER_CONFIG_PASSWORD_FILE/],
  ];
  for (const [given, says] of refused) it(`refuses ${given}`, () => assert.match(refusal(given), says));

  const together: readonly (readonly [what: string, env: Strings, says: RegExp])[] = [
    [
      "a token for a file",
      { CONTENDER_CONFIG: "r.yaml", CONTENDER_CONFIG_TOKEN_FILE: "t" },
      /TOKEN_FILE: is of no use/,
    ],
    ["a user for http", { CONTENDER_CONFIG: "http://a", CONTENDER_CONFIG_USER: "u" }, /CONFIG_USER: is of no use/],
    ["authorities in plain text", { CONTENDER_CONFIG: "http://a", CONTENDER_CONFIG_CA: "c" }, /begin with https:\/\//],
    [
      "a user without a password",
      { CONTENDER_CONFIG: "etcd:http://a:1", CONTENDER_CONFIG_USER: "u" },
      /PASSWORD_FILE: is missing/,
    ],
    [
      "a token in plain text to another machine",
      { CONTENDER_CONFIG: "http://routes.ml/", CONTENDER_CONFIG_TOKEN_FILE: "t" },
      /TOKEN_FILE: want https:\/\/ .* CONTENDER_CONTROL_PLAINTEXT=true/,
    ],
    ["a poll that never rests", { CONTENDER_CONFIG_POLL: "1ms" }, /CONFIG_POLL: want at least 100ms/],
    ["a workload that is none", { CONTENDER_WORKLOAD: "A b" }, /CONTENDER_WORKLOAD: want lower-case letters/],
  ];
  for (const [what, env, says] of together) it(`refuses ${what}`, () => assert.match(problems(env), says));

  it("may send a token in plain text to this machine, or where that is asked for", () => {
    const token = { CONTENDER_CONFIG_TOKEN_FILE: "t" };
    assert.ok(parseSettings({ CONTENDER_CONFIG: "http://127.0.0.1/", ...token }).ok);
    assert.ok(parseSettings({ CONTENDER_CONFIG: "http://a/", CONTENDER_CONTROL_PLAINTEXT: "true", ...token }).ok);
  });
});
