/** The config service as a process with certificates and a file of who may do what, and those who come to it. */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import type { KeyPair } from "../../support/certificates.ts";
import { type Ended, start } from "../../support/command.ts";
import { ControlProcess } from "../../support/control-process.ts";
import { accessText, hashOf } from "../../support/known-callers.ts";
import { Owned } from "../../support/owned.ts";
import { SidecarProcess } from "../../support/sidecar-process.ts";
import { TestTls } from "../../support/tls.ts";
import { until } from "../../support/until.ts";

const tokens = { admin: "a".repeat(32), operator: "o".repeat(32), reader: "r".repeat(32), pod: "p".repeat(32) };

const access = (...more: readonly string[]): string =>
  accessText([
    `{ name: root, role: admin, namespaces: ["*"], token: "${hashOf(tokens.admin)}" }`,
    `{ name: olga, role: operate, namespaces: [ml], token: "${hashOf(tokens.operator)}" }`,
    `{ name: rita, role: read, namespaces: [ml], token: "${hashOf(tokens.reader)}" }`,
    `{ name: pods, role: sidecar, certificate: "spiffe://test/ns/{namespace}/sa/{workload}" }`,
    `{ name: old-pods, role: sidecar, token: "${hashOf(tokens.pod)}", namespace: ml, workload: old }`,
    ...more,
  ]);

const route = (name: string, namespace: string): string => `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  variants: { v41: { address: local }, v42: { address: "127.0.0.1:8501" } }
  champion: v41
  weights: { v41: 90, v42: 10 }
`;

describe("a config service that asks who calls", function () {
  this.timeout(60_000);
  const owned = new Owned();
  const open = new Owned();
  let tls: TestTls;
  let control: ControlProcess;
  let accessFile: string;
  after(() => owned.close());
  afterEach(() => open.close());

  before(async () => {
    tls = await TestTls.create(owned);
    for (const [name, token] of Object.entries(tokens)) tls.file(`${name}.token`, token);
  });

  beforeEach(async () => {
    accessFile = tls.file("access.yaml", access());
    tls.write({ cert: tls.server.cert, key: tls.server.key });
    control = open.add(
      await ControlProcess.start({
        CONTENDER_ACCESS: accessFile,
        CONTENDER_CONTROL_TLS_CERT: tls.path("cert"),
        CONTENDER_CONTROL_TLS_KEY: tls.path("key"),
        CONTENDER_CONTROL_TLS_CLIENT_CA: tls.path("ca"),
        CONTENDER_HEARTBEAT: "1s",
      }),
    );
    const files = [tls.file("ml.yaml", route("fraud", "ml")), tls.file("shop.yaml", route("offers", "shop"))];
    const applied = await as("admin", "route", "apply", "-f", ...files);
    assert.equal(applied.code, 0, applied.err);
  });

  const service = () => ({ CONTENDER_CONTROL: `tls://${control.grpc}`, CONTENDER_CONTROL_CA: tls.path("ca") });

  function as(who: keyof typeof tokens | undefined, ...argv: readonly string[]): Promise<Ended> {
    const token = who === undefined ? {} : { CONTENDER_CONTROL_TOKEN_FILE: tls.file(`${who}.token`, tokens[who]) };
    return start(argv, { ...service(), ...token }).ended();
  }

  async function sidecar(env: Readonly<Record<string, string>>): Promise<SidecarProcess> {
    return open.add(await SidecarProcess.start({ ...service(), CONTENDER_CONTROL_WAIT: "5s", ...env }));
  }

  async function withCertificate(uri: string, more: Readonly<Record<string, string>> = {}): Promise<SidecarProcess> {
    return await sidecar({ ...pair(await tls.authority.sign({ uri: [uri] })), ...more });
  }

  function pair({ cert, key }: KeyPair, name = "pod"): Record<string, string> {
    return {
      CONTENDER_CONTROL_CERT: tls.file(`${name}-cert.pem`, cert),
      CONTENDER_CONTROL_KEY: tls.file(`${name}-key.pem`, key),
    };
  }

  const routesOf = async (running: SidecarProcess): Promise<string[]> => {
    const { routes } = (await running.config()) as unknown as { routes: { metadata: { name: string } }[] };
    return routes.map(({ metadata }) => metadata.name);
  };

  it("gives a sidecar the routes of the namespace in its certificate, whatever it says of itself", async () => {
    const running = await withCertificate("spiffe://test/ns/ml/sa/fraud", { CONTENDER_NAMESPACE: "shop" });
    assert.deepEqual(await routesOf(running), ["fraud"]);
    const { out } = await as("admin", "fleet", "--json");
    const { sidecars } = JSON.parse(out) as { sidecars: { namespace: string; workload: string; identity: string }[] };
    assert.deepEqual(
      sidecars.map(({ namespace, workload, identity }) => [namespace, workload, identity]),
      [["ml", "fraud", "pods"]],
    );
  });

  it("knows a sidecar by its token", async () => {
    const running = await sidecar({ CONTENDER_CONTROL_TOKEN_FILE: tls.file("pod.token", tokens.pod) });
    assert.deepEqual(await routesOf(running), ["fraud"]);
  });

  it("gives nothing to who is nobody, and says so in its audit", async () => {
    const running = await withCertificate("spiffe://elsewhere/ns/ml/sa/fraud", { CONTENDER_CONTROL_WAIT: "200ms" });
    assert.deepEqual(await routesOf(running), ["default"]);
    const line = () => control.lines.find(({ event, verdict }) => event === "audit" && verdict === "unknown");
    await until(() => line() !== undefined, "it is audited");
    assert.equal(line()?.action, "watch");
    assert.deepEqual(await routesOf(running), ["default"]);
  });

  it("lets a reader read, an operator change weights in their namespace, and an administrator everything", async () => {
    const weights = ["route", "weights", "fraud", "v41=50,v42=50"] as const;
    const read = await as("reader", "route", "list", "--json");
    assert.deepEqual(
      (JSON.parse(read.out) as { routes: { name: string }[] }).routes.map(({ name }) => name),
      ["fraud"],
    );
    const refused = await as("reader", ...weights);
    assert.equal(refused.code, 77);
    assert.match(refused.err, /\[FORBIDDEN\].*rita has the role read; weights takes operate/);
    assert.equal((await as("operator", ...weights, "--reason", "half")).code, 0);
    assert.equal((await as("operator", "route", "delete", "fraud")).code, 77);
    assert.equal((await as(undefined, "route", "list")).code, 77);
    const audited = control.lines.filter(({ event }) => event === "audit");
    const done = audited.findLast(({ verdict }) => verdict === "done");
    assert.deepEqual([done?.who, done?.how, done?.action, done?.reason], ["olga", "token", "weights", "half"]);
    assert.ok(audited.some(({ verdict, who }) => verdict === "denied" && who === "rita"));
  });

  it("says of a route of another namespace what it says of one that is not there", async () => {
    for (const [who, what] of [
      ["reader", "get"],
      ["operator", "undo"],
    ] as const) {
      const ask = (name: string) => as(who, "route", what, name);
      const [hidden, missing] = await Promise.all([ask("offers"), ask("nothing")]);
      assert.equal(hidden.code, missing.code, what);
      assert.equal(hidden.err.replaceAll("offers", "nothing"), missing.err);
    }
  });

  it("does not let a route reach into another namespace without a grant there", async () => {
    const reaching = route("reach", "ml").replace(
      "spec:",
      "spec:\n  selector: { namespace: shop }\n  match: { models: [x] }",
    );
    writeFileSync(
      accessFile,
      access(`{ name: ada, role: admin, namespaces: [ml], token: "${hashOf(tokens.operator.toUpperCase())}" }`),
    );
    await until(() => control.lines.some(({ event }) => event === "access_applied"), "the new file is in force");
    const file = tls.file("reach.yaml", reaching);
    const env = { ...service(), CONTENDER_CONTROL_TOKEN_FILE: tls.file("ada.token", tokens.operator.toUpperCase()) };
    const refused = await start(["route", "apply", "-f", file], env).ended();
    assert.equal(refused.code, 77);
    assert.match(refused.err, /takes it in the namespace shop/);
  });

  it("ends the stream of a sidecar that may not come any more, which keeps what it has", async () => {
    const running = await withCertificate("spiffe://test/ns/ml/sa/fraud");
    writeFileSync(`${accessFile}.new`, access().replace(/^ +- \{ name: pods.*$/m, ""));
    renameSync(`${accessFile}.new`, accessFile);
    await until(() => running.event("config_source_lost") !== undefined, "it was shut out");
    assert.equal(running.event("config_source_lost")?.reason, "forbidden");
    assert.deepEqual(await routesOf(running), ["fraud"]);
    writeFileSync(`${accessFile}.new`, access());
    renameSync(`${accessFile}.new`, accessFile);
    await until(
      () => running.lines.filter(({ event }) => event === "config_source_connected").length === 2,
      "it is back",
      30_000,
    );
  });

  it("takes new certificates of its own, and of sidecars, while they follow", async () => {
    const running = await withCertificate("spiffe://test/ns/ml/sa/fraud");
    const [server, client] = await Promise.all([
      tls.authority.sign({ dns: ["localhost"], ip: ["127.0.0.1"] }),
      tls.authority.sign({ uri: ["spiffe://test/ns/ml/sa/fraud"] }),
    ]);
    tls.write({ key: server.key });
    tls.write({ cert: server.cert });
    pair(client);
    await until(() => control.lines.some(({ event }) => event === "tls_reloaded"), "it has the new certificate");
    const done = await as("operator", "route", "weights", "fraud", "v41=20,v42=80", "--wait=20s");
    assert.equal(done.code, 0, done.err);
    assert.equal(running.exit, undefined);
  });

  it("shows metrics and routes by HTTP to who may read, and its health to everybody", async () => {
    const ask = (path: string, token?: string) => control.get(path, tls.authority.cert, token);
    assert.equal(await ask("/healthz"), 200);
    assert.equal(await ask("/readyz"), 200);
    assert.equal(await ask("/metrics"), 403);
    assert.equal(await ask("/metrics", tokens.reader), 200);
    assert.equal(await ask("/metrics", tokens.pod), 403);
    assert.equal(await ask("/v1/routes", tokens.pod), 200);
    assert.equal(await ask("/v1/routes?namespace=ml", tokens.reader), 200);
    assert.equal(await ask("/v1/routes?namespace=shop", tokens.reader), 403);
    assert.equal(await ask("/v1/routes"), 403);
  });
});

describe("a config service on other machines' side", () => {
  const refused = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const { code, err } = await start(["control"], { CONTENDER_STORE: "dir:/nowhere", ...env }).ended();
    assert.equal(code, 64);
    return err;
  };

  it("does not start in plain text, or without knowing who may do what, and says what to set", async () => {
    const err = await refused({ CONTENDER_CONTROL_LISTEN: "0.0.0.0:0" });
    assert.match(
      err,
      /CONTENDER_CONTROL_LISTEN: other machines reach .*CONTENDER_CONTROL_TLS_CERT.*CONTENDER_CONTROL_PLAINTEXT=true/,
    );
    assert.match(err, /CONTENDER_ACCESS: is missing/);
  });
});
