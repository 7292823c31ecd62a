import assert from "node:assert/strict";
import { parseControlSettings } from "../../../src/config/control-settings.ts";
import { formatStore } from "../../../src/config/control-settings-table.ts";
import { parseSettings, type Strings } from "../../../src/config/settings.ts";
import { parsedValue, problemLinesOf } from "../../support/parsed.ts";

const dir = { CONTENDER_STORE: "dir:/var/lib/contender" };
const etcd = { CONTENDER_STORE: "etcd:http://10.0.0.1:2379" };
const files = { CONTENDER_CONTROL_TLS_CERT: "c.pem", CONTENDER_CONTROL_TLS_KEY: "k.pem" };
const everywhere = { CONTENDER_CONTROL_LISTEN: "0.0.0.0:7410" };
const problems = (env: Strings) => problemLinesOf(parseControlSettings(env)).join("\n");

describe("settings of the config service", () => {
  it("have their defaults where only the store is named", () => {
    assert.deepEqual(parsedValue(parseControlSettings(dir)), {
      listen: { kind: "tcp", host: "127.0.0.1", port: 7410 },
      http: { kind: "tcp", host: "127.0.0.1", port: 7411 },
      store: { kind: "dir", path: "/var/lib/contender" },
      storeCa: undefined,
      storeCert: undefined,
      storeKey: undefined,
      storeUser: undefined,
      storePasswordFile: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsClientCa: undefined,
      access: undefined,
      plaintext: false,
      advertise: undefined,
      history: 1_000,
      historyRouteBytes: 8_388_608,
      historyBytes: 134_217_728,
      historyDeleted: 100,
      heartbeatMs: 30_000,
      replicaTokenFile: undefined,
      reportIntervalMs: 10_000,
      leaseMs: 10_000,
      logLevel: "info",
      gracePeriodMs: 25_000,
    });
  });

  const stores: readonly (readonly [given: string, spelled: string])[] = [
    ["dir:data", "dir:data"],
    ["etcd:http://127.0.0.1:2379", "etcd:http://127.0.0.1:2379/contender/"],
    ["etcd:http://a,http://b:1/ml", "etcd:http://a:2379,http://b:1/ml/"],
  ];
  for (const [given, spelled] of stores) {
    it(`take ${given}`, () => {
      const { store } = parsedValue(parseControlSettings({ CONTENDER_STORE: given }));
      assert.equal(formatStore(store), spelled);
    });
  }

  const refused: readonly (readonly [what: string, env: Strings, says: RegExp])[] = [
    ["no store", {}, /^CONTENDER_STORE: is missing: want dir:PATH, or etcd:/],
    ["a bare path", { CONTENDER_STORE: "/data" }, /^CONTENDER_STORE: want dir:PATH or etcd:http:\/\/HOST:PORT, got/],
    ["a directory without a name", { CONTENDER_STORE: "dir:" }, /^CONTENDER_STORE: want dir:PATH/],
    ["a secret in the address", { CONTENDER_STORE: "etcd:http://me:pw@a:1" }, /CONTENDER_STORE_PASSWORD_FILE/],
    ["a unix socket", { ...dir, CONTENDER_CONTROL_LISTEN: "unix:/run/c" }, /^CONTENDER_CONTROL_LISTEN: want HOST:PORT/],
    ["files of etcd for a directory", { ...dir, CONTENDER_STORE_CA: "ca" }, /does not begin with etcd:https:\/\//],
    ["a user for a directory", { ...dir, CONTENDER_STORE_USER: "u" }, /STORE_USER: is of no use.* begin with etcd:/],
    ["a user without a password", { ...etcd, CONTENDER_STORE_USER: "u" }, /STORE_PASSWORD_FILE: is missing/],
    [
      "a password in plain text to another machine",
      { ...etcd, CONTENDER_STORE_USER: "u", CONTENDER_STORE_PASSWORD_FILE: "p" },
      /^CONTENDER_STORE_PASSWORD_FILE: want etcd:https:\/\/.* CONTENDER_CONTROL_PLAINTEXT=true/,
    ],
    ["a certificate without its key", { ...dir, CONTENDER_CONTROL_TLS_CERT: "c" }, /CONTROL_TLS_KEY: is missing/],
    ["authorities in plain text", { ...dir, CONTENDER_CONTROL_TLS_CLIENT_CA: "c" }, /TLS_CLIENT_CA: is of no use/],
    [
      "less history in bytes than one change may have",
      { ...dir, CONTENDER_HISTORY_ROUTE_BYTES: "100000", CONTENDER_HISTORY_BYTES: "1 GiB" },
      /want a whole number from 1048576 to 8589934592, got "1 GiB"/,
    ],
    ["no history", { ...dir, CONTENDER_HISTORY: "0" }, /want a whole number from 1 to 100000, got "0"/],
    ["a lease that no network keeps", { ...dir, CONTENDER_LEASE: "1s" }, /CONTENDER_LEASE: want 2s to 5m, got "1s"/],
    ["a misspelt name", { ...dir, CONTENDER_STOER: "x" }, /STOER: unknown setting, the nearest is CONTENDER_STORE/],
    [
      "an address that other replicas can't use",
      { ...etcd, ...everywhere, ...files, CONTENDER_ACCESS: "a.yaml" },
      /^CONTENDER_CONTROL_ADVERTISE: is missing: other replicas can't connect to 0\.0\.0\.0:7410/,
    ],
  ];
  for (const [what, env, says] of refused) it(`refuse ${what}`, () => assert.match(problems(env), says));

  it("let other machines in only with TLS and a file that says who may do what, each told by its name", () => {
    const text = problems({ ...dir, ...everywhere, CONTENDER_CONTROL_HTTP: "[::]:7411" });
    assert.match(text, /^CONTENDER_CONTROL_LISTEN: other machines reach 0\.0\.0\.0:7410: want CONTENDER_CONTROL_TLS/m);
    assert.match(
      text,
      /^CONTENDER_CONTROL_HTTP: other machines reach \[::\]:7411: want .*CONTENDER_CONTROL_PLAINTEXT/m,
    );
    assert.match(text, /^CONTENDER_ACCESS: is missing: by CONTENDER_CONTROL_LISTEN and CONTENDER_CONTROL_HTTP other/m);
    assert.equal(text.split("\n").length, 3);
  });

  it("do not ask for certificates of callers whom nobody knows", () => {
    assert.match(
      problems({ ...dir, ...files }),
      /^CONTENDER_ACCESS: is missing: with CONTENDER_CONTROL_TLS_CERT callers/,
    );
    assert.ok(parseControlSettings({ ...dir, ...files, CONTENDER_ACCESS: "access.yaml" }).ok);
  });

  it("never do without that file, whether TLS is spoken or plain text is asked for", () => {
    for (const more of [files, { CONTENDER_CONTROL_PLAINTEXT: "true" }]) {
      assert.match(problems({ ...dir, ...everywhere, ...more }), /^CONTENDER_ACCESS: is missing/);
      assert.ok(parseControlSettings({ ...dir, ...everywhere, ...more, CONTENDER_ACCESS: "access.yaml" }).ok);
    }
  });

  it("mind no setting of a sidecar, and a sidecar none of theirs", () => {
    assert.ok(parseControlSettings({ ...dir, CONTENDER_LISTEN: "x", CONTENDER_LIMIT_MAX_FRAME_BYTES: "y" }).ok);
    const theirs = { ...dir, CONTENDER_STORE_USER: "u", CONTENDER_LEASE: "never", CONTENDER_ACCESS: "a" };
    assert.ok(parseSettings(theirs).ok);
  });
});
