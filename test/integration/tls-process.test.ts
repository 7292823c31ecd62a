/** TLS as users set it up: by settings and files, with one process or several. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import { valueAt } from "../support/exposition.ts";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { Owned } from "../support/owned.ts";
import { routeDocument } from "../support/route-document.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { TestTls } from "../support/tls.ts";
import { until } from "../support/until.ts";

const own = new Owned();

/** Settings of a sidecar with mutual TLS on both sides. */
async function secured() {
  const tls = await TestTls.create(own);
  const server = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer(true)));
  const env = {
    CONTENDER_CHAMPION: `tls://${server.address}`,
    CONTENDER_UPSTREAM_TLS_CA: tls.path("ca"),
    CONTENDER_UPSTREAM_TLS_CERT: tls.path("cert"),
    CONTENDER_UPSTREAM_TLS_KEY: tls.path("key"),
    CONTENDER_TLS_CERT: tls.path("cert"),
    CONTENDER_TLS_KEY: tls.path("key"),
    CONTENDER_TLS_CLIENT_CA: tls.path("ca"),
    CONTENDER_TLS_ALLOWED_NAMES: "spiffe://test/ns/ml/*",
    CONTENDER_DRAIN_DELAY: "0s",
    CONTENDER_ACCESS_LOG: "1",
  };
  return { tls, env };
}

/** The serial number of the certificate that a new caller is shown. */
function shown(sidecar: SidecarProcess, tls: TestTls): Promise<string> {
  return new Promise((resolve, reject) => {
    const { cert, key } = tls.client;
    const port = Number(sidecar.address.split(":")[1]);
    const options = { port, host: "127.0.0.1", servername: "localhost", ca: tls.authority.cert, cert, key };
    const socket = connect({ ...options, ALPNProtocols: ["h2"] }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

for (const workers of [1, 2]) {
  describe(`contender sidecar with TLS, and ${workers} ${workers === 1 ? "process" : "workers"}`, function () {
    this.timeout(40_000);
    afterEach(() => own.close());

    it("serves calls, takes new certificates, tells when they end, and no secret", async () => {
      const { tls, env } = await secured();
      const sidecar = own.add(await SidecarProcess.start({ ...env, CONTENDER_WORKERS: String(workers) }));
      assert.equal(sidecar.event("ready")?.tls, "mutual");
      const clients = Array.from({ length: workers }, () => {
        return own.add(new GrpcClient(sidecar.address, {}, tls.caller(tls.client)));
      });
      const call = async (client: GrpcClient): Promise<void> => {
        const { messages, status: end } = await client.unary(echo.unary, Buffer.from("x"));
        assert.deepEqual([end.code, messages.map(String)], [status.OK, ["x"]]);
      };
      for (const client of clients) await call(client);
      await until(() => sidecar.event("call") !== undefined, "the call is in the log");
      assert.equal(sidecar.event("call")?.identity, "spiffe://test/ns/ml/sa/caller");

      const next = await tls.authority.sign({ dns: ["localhost"], ip: ["127.0.0.1"], toDays: 9 });
      tls.write({ cert: next.cert, key: next.key });
      // Each process reads the files for itself, for either side.
      const reloads = () => sidecar.lines.filter(({ event }) => event === "tls_reloaded").length;
      await until(() => reloads() >= 2 * workers, "all know the new certificate", 15_000);
      for (let i = 0; i < workers; i++) assert.equal(await shown(sidecar, tls), next.serial);
      for (const client of clients) await call(client);
      const metrics = await sidecar.metrics();
      const labels = { side: "downstream", path: tls.path("cert") };
      const notAfter = valueAt(metrics, "contender_tls_certificate_not_after_timestamp_seconds", labels) ?? 0;
      assert.ok(Math.abs(notAfter - Date.now() / 1000 - 9 * 86_400) < 600, String(notAfter));

      const config = await (await fetch(`${sidecar.admin}/config`)).text();
      const told = JSON.stringify(sidecar.lines) + config + sidecar.errors;
      const secret = tls.server.key.split("\n")[1] ?? "";
      assert.ok(secret.length > 20 && !told.includes(secret) && !told.includes(next.key.split("\n")[1] ?? secret));
      assert.ok(config.includes(tls.path("key")));
      sidecar.signal("SIGTERM");
      await until(() => sidecar.exit !== undefined, "it has ended", 15_000);
      assert.deepEqual(sidecar.exit, { code: 0, signal: null });
    });

    it("does not start with files that are no good, and says everything that is wrong with them", async () => {
      const { tls, env } = await secured();
      const other = await tls.authority.sign({ dns: ["localhost"] });
      const run = (more: Readonly<Record<string, string>>) => {
        const { PATH = "" } = process.env;
        const ports = { CONTENDER_LISTEN: "127.0.0.1:0", CONTENDER_ADMIN: "127.0.0.1:0" };
        return spawnSync(process.execPath, ["bin/contender.js", "sidecar"], {
          cwd: fileURLToPath(new URL("../..", import.meta.url)),
          env: { PATH, ...ports, ...env, CONTENDER_WORKERS: String(workers), ...more },
          encoding: "utf8",
          timeout: 20_000,
        });
      };
      const key = tls.file("other.pem", other.key);
      const listener = run({ CONTENDER_TLS_KEY: key, CONTENDER_TLS_CLIENT_CA: "/nowhere/ca.crt" });
      assert.equal(listener.status, 64);
      assert.match(listener.stderr, /CONTENDER_TLS_CLIENT_CA: \/nowhere\/ca\.crt can't be read: there is no such file/);
      const pair = run({ CONTENDER_TLS_KEY: key });
      assert.match(pair.stderr, /CONTENDER_TLS_KEY: .*other\.pem: is not the key of the certificate in .*cert\.pem/);
      const upstream = run({ CONTENDER_UPSTREAM_TLS_CA: "/nowhere/ca.crt" });
      assert.equal(upstream.status, 64);
      assert.match(upstream.stderr, /default\.variants\.champion\.tls\.ca: \/nowhere\/ca\.crt can't be read/);
    });

    it("takes routes that were refused once the file that they name has come, and told of it once", async () => {
      const tls = await TestTls.create(own);
      const v41 = { address: "127.0.0.1:1" };
      const later = join(dirname(tls.path("ca")), "later.pem");
      const named = { address: "tls://localhost:2", tls: { ca: later } };
      const path = tls.file("route.json", routeDocument("fraud", { variants: { v41 }, champion: "v41" }));
      const sidecar = own.add(
        await SidecarProcess.start({ CONTENDER_WORKERS: String(workers), CONTENDER_CONFIG: path }),
      );
      const told = (name: string): number => sidecar.lines.filter(({ event }) => event === name).length;
      tls.file("route.json", routeDocument("fraud", { variants: { v41, v42: named }, champion: "v41" }));
      await until(() => told("config_rejected") === 1, "the routes are refused");
      assert.match((await sidecar.config()).rejected?.[0]?.message ?? "", /later\.pem can't be read/);
      tls.file("later.pem", tls.authority.cert);
      await until(() => told("config_applied") === 1, "the routes are in force");
      assert.equal((await sidecar.config()).rejected, undefined);
      assert.equal(valueAt(await sidecar.metrics(), "contender_config_rejected_total"), 1);
      assert.equal(told("config_rejected"), 1);
    });
  });
}
