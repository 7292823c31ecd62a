import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askAdmin } from "../../../src/admin/client.ts";
import type { Address } from "../../../src/base/address.ts";
import { ContenderError } from "../../../src/base/errors.ts";
import { Authority } from "../../support/certificates.ts";

describe("askAdmin", () => {
  const servers: Server[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });

  async function serve(listener: RequestListener, path?: string): Promise<Address> {
    const server = createServer(listener);
    servers.push(server);
    server.listen(path ?? { host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    if (path !== undefined) return { kind: "unix", path };
    return { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  }

  const unreachable = (text: RegExp) => (reason: unknown) =>
    reason instanceof ContenderError && reason.code === "UPSTREAM_UNREACHABLE" && text.test(reason.message);

  it("gives status and body, whatever the status", async () => {
    const address = await serve((request, response) => {
      response.writeHead(503);
      response.end(`${request.method} ${request.url}`);
    });
    assert.deepEqual(await askAdmin(address, "POST", "/drain", 1_000), { status: 503, body: "POST /drain" });
  });

  it("goes through a unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "contender-"));
    try {
      const address = await serve((_, response) => response.end("ok"), join(folder, "admin.sock"));
      assert.deepEqual(await askAdmin(address, "GET", "/healthz", 1_000), { status: 200, body: "ok" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("keeps letters whole that are cut between two packets", async () => {
    const address = await serve((_, response) => {
      const [before, after] = [Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1)];
      response.write(before, () => response.end(after));
    });
    assert.equal((await askAdmin(address, "GET", "/", 1_000)).body, "é");
  });

  it("says so where nobody listens", async () => {
    const address = await serve(() => undefined);
    const [server] = servers.splice(0);
    assert.ok(server !== undefined);
    server.close();
    await once(server, "close");
    await assert.rejects(askAdmin(address, "GET", "/", 1_000), unreachable(/does not answer: .*ECONNREFUSED/));
  });

  it("tells of a port that speaks TLS how it is asked", async () => {
    const { cert, key } = await (await Authority.create()).sign({ dns: ["localhost"] });
    const server = createSecureServer({ cert, key });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const asked = askAdmin({ kind: "tcp", host: "127.0.0.1", port }, "GET", "/readyz", 1_000);
    await assert.rejects(
      asked,
      unreachable(new RegExp(`ask by https: curl --cacert PATH https://127\\.0\\.0\\.1:${port}/readyz$`)),
    );
    server.close();
  });

  it("gives up on one that listens and says nothing", async () => {
    const address = await serve(() => undefined);
    await assert.rejects(askAdmin(address, "GET", "/", 20), unreachable(/no answer within 20 ms/));
  });

  it("gives up on an answer that breaks off", async () => {
    const address = await serve((_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half", () => response.destroy());
    });
    await assert.rejects(askAdmin(address, "GET", "/", 1_000), unreachable(/does not answer/));
  });
});
