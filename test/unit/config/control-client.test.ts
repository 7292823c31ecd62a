import assert from "node:assert/strict";
import { formatControl, isLoopbackHost, parseControlClient } from "../../../src/config/control-client.ts";
import { parseSettings, type Strings } from "../../../src/config/settings.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

const target = (env: Strings) => formatControl(parsedValue(parseControlClient(env)).target);
const refusal = (env: Strings) => problemLinesOf(parseControlClient(env)).join("\n");

describe("the client of a config service", () => {
  it("asks the service's own default where nobody says otherwise", () => {
    assert.equal(target({}), "127.0.0.1:7410");
  });

  const targets: readonly (readonly [given: string, spelled: string])[] = [
    ["127.0.0.1:7410", "127.0.0.1:7410"],
    ["localhost:1", "localhost:1"],
    ["[::1]:7410", "[::1]:7410"],
    ["tls://control.ml:7410", "tls://control.ml:7410"],
    ["tls://[2001:db8::1]:7410", "tls://[2001:db8::1]:7410"],
    ["127.0.0.1:1, localhost:2,[::1]:3", "127.0.0.1:1,localhost:2,[::1]:3"],
    ["tls://control.ml:1,tls://control.ml:2,control.ml:3", "tls://control.ml:1,control.ml:2,control.ml:3"],
  ];
  for (const [given, spelled] of targets) {
    it(`takes ${given}`, () => assert.equal(target({ CONTENDER_CONTROL: given }), spelled));
  }

  const refused: readonly (readonly [what: string, env: Strings, says: RegExp])[] = [
    ["an address without a port", { CONTENDER_CONTROL: "127.0.0.1" }, /^CONTENDER_CONTROL: .*the port is missing/],
    ["http://", { CONTENDER_CONTROL: "http://127.0.0.1:7410" }, /without "http:\/\/"/],
    ["an empty place in a list", { CONTENDER_CONTROL: "127.0.0.1:1,,127.0.0.1:2" }, /^CONTENDER_CONTROL: /],
    [
      "tls:// in front of some of several",
      { CONTENDER_CONTROL: "127.0.0.1:1,tls://127.0.0.1:2" },
      /^CONTENDER_CONTROL: want tls:\/\/ in front of the first/,
    ],
    [
      "plain text to any of several on another machine",
      { CONTENDER_CONTROL: "127.0.0.1:1,control.ml:7410" },
      /CONTENDER_CONTROL_PLAINTEXT=true/,
    ],
    [
      "several hosts whose certificates may be for anybody",
      { CONTENDER_CONTROL: "tls://a.ml:1,b.ml:1" },
      /^CONTENDER_CONTROL_SERVER_NAME: is missing: with several hosts/,
    ],
    ["a unix socket", { CONTENDER_CONTROL: "unix:/run/control" }, /want HOST:PORT or tls:\/\/HOST:PORT/],
    [
      "plain text to another machine, unless it is asked for by name",
      { CONTENDER_CONTROL: "control.ml:7410" },
      /^CONTENDER_CONTROL: want tls:\/\/HOST:PORT .* CONTENDER_CONTROL_PLAINTEXT=true/,
    ],
    [
      "files of TLS in plain text",
      { CONTENDER_CONTROL: "127.0.0.1:7410", CONTENDER_CONTROL_CA: "ca.pem", CONTENDER_CONTROL_SERVER_NAME: "x" },
      /CONTENDER_CONTROL_CA: is of no use in plain text.*\nCONTENDER_CONTROL_SERVER_NAME: is of no use/,
    ],
    [
      "a certificate without its key",
      { CONTENDER_CONTROL: "tls://a:1", CONTENDER_CONTROL_CERT: "c.pem" },
      /^CONTENDER_CONTROL_KEY: is missing/,
    ],
    [
      "a misspelt name of its own",
      { CONTENDER_CONTROL_TOKENFILE: "x" },
      /CONTENDER_CONTROL_TOKENFILE: unknown setting, the nearest is CONTENDER_CONTROL_TOKEN_FILE/,
    ],
  ];
  for (const [what, env, says] of refused) it(`refuses ${what}`, () => assert.match(refusal(env), says));

  it("speaks plain text to another machine where it is told to by name", () => {
    assert.equal(
      target({ CONTENDER_CONTROL: "control.ml:7410", CONTENDER_CONTROL_PLAINTEXT: "true" }),
      "control.ml:7410",
    );
  });

  it("minds neither the settings of others nor those of the service itself", () => {
    const env = { CONTENDER_LISTN: "x", CONTENDER_CONTROL_LISTEN: "0.0.0.0:7410", CONTENDER_CONTROL_WAIT: "1s" };
    assert.equal(target(env), "127.0.0.1:7410");
  });

  it("knows this machine by its address, whatever DNS says", () => {
    const hosts = ["127.0.0.1", "127.9.9.9", "::1", "localhost", "10.0.0.1", "127.0.0.1.evil.example", "::2"];
    assert.deepEqual(hosts.map(isLoopbackHost), [true, true, true, true, false, false, false]);
  });

  it("is undefined in a sidecar's settings where no service is named", () => {
    assert.equal(parsedValue(parseSettings({})).controlClient, undefined);
    const { controlClient } = parsedValue(parseSettings({ CONTENDER_CONTROL: "127.0.0.1:7410" }));
    assert.deepEqual(controlClient?.target, { addresses: [{ host: "127.0.0.1", port: 7410 }], tls: false });
  });

  it("is of no use without a service, so a sidecar refuses its settings alone", () => {
    const lines = problemLinesOf(parseSettings({ CONTENDER_CONTROL_TOKEN_FILE: "t", CONTENDER_CONTROL_CA: "c" }));
    assert.equal(lines.length, 2);
    assert.match(lines.join(), /is of no use without CONTENDER_CONTROL/);
  });

  it("leaves the settings of other commands in a sidecar's environment alone", () => {
    const env = { CONTENDER_STORE: "dir:/x", CONTENDER_CONTROL_LISTEN: "x", CONTENDER_CONTROL_HTTP: "y" };
    assert.ok(parseSettings(env).ok);
  });
});
