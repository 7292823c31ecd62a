import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdminPort } from "../../src/admin/endpoints.ts";
import type { AdminOptions } from "../../src/admin/options.ts";
import { AdminServer } from "../../src/admin/server.ts";
import type { Address } from "../../src/base/address.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { until } from "../support/until.ts";

const anyPort: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** A sidecar's insides as the admin port sees them, each to be replaced by a test. */
function insides(given: Partial<AdminPort> = {}): AdminPort & { readonly failures: string[]; drains: number } {
  const port = {
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    failures: [] as string[],
    drains: 0,
    metrics: () => "up 1\n",
    readiness: () => ({ ready: true, missing: [] }),
    config: (): unknown => ({ version: "7", routes: [] }),
    drain: () => {
      port.drains++;
    },
    failed: (endpoint: string, reason: unknown) => {
      port.failures.push(`${endpoint}: ${String(reason)}`);
    },
    ...given,
  };
  return port;
}

describe("admin port", () => {
  const servers: AdminServer[] = [];
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function start(
    port: AdminPort,
    options: AdminOptions = {},
    clock = systemClock,
    isNear?: (peer: string) => boolean,
  ): Promise<{ url: string; port: number; server: AdminServer }> {
    const server = new AdminServer(port, clock, options, isNear);
    servers.push(server);
    const bound = await server.listen(anyPort);
    assert.equal(bound.kind, "tcp");
    const number = bound.kind === "tcp" ? bound.port : 0;
    return { url: `http://127.0.0.1:${number}`, port: number, server };
  }

  /** Sends bytes as they are and gives what came back until the server closed. */
  async function raw(port: number, ...parts: (string | Buffer)[]): Promise<string> {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.on("error", () => undefined);
    for (const part of parts) socket.write(part);
    // Not `once`, which an error in between would end: how the server closes is not what is asked.
    await new Promise((resolve) => socket.on("close", resolve));
    return answer;
  }

  describe("answers", () => {
    it("/metrics with the registry's text and content type", async () => {
      const metrics = new Metrics({ clock: systemClock, version: "1.2.3", node: "v24" });
      const { url } = await start(insides({ contentType: metrics.contentType, metrics: () => metrics.exposition() }));
      const response = await fetch(`${url}/metrics`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
      assert.match(await response.text(), /^contender_build_info\{version="1\.2\.3",node="v24"\} 1$/m);
    });

    it("/healthz with 200 also while it is not ready", async () => {
      const { url } = await start(insides({ readiness: () => ({ ready: false, missing: ["all"] }) }));
      const response = await fetch(`${url}/healthz`);
      assert.deepEqual([response.status, await response.text()], [200, "ok\n"]);
    });

    it("/healthz with 503 and why, where what stands behind the process has failed", async () => {
      const { url } = await start(insides({ failing: () => "every worker has ended" }));
      const response = await fetch(`${url}/healthz`);
      assert.deepEqual([response.status, await response.text()], [503, "every worker has ended\n"]);
    });

    it("/metrics for each process where that is asked for, and for nothing else that is", async () => {
      const asked: boolean[] = [];
      const metrics = (byWorker: boolean) => `up ${asked.push(byWorker)}\n`;
      const { url } = await start(insides({ metrics }));
      for (const query of ["", "?by=worker", "?by=", "?x=1&by=worker", "?by=worker?"])
        await fetch(`${url}/metrics${query}`);
      assert.deepEqual(asked, [false, true, false, true, false]);
    });

    it("/readyz with 200 when ready, else 503 and a line for each thing missing", async () => {
      let missing: string[] = [];
      const { url } = await start(insides({ readiness: () => ({ ready: missing.length === 0, missing }) }));
      const ready = await fetch(`${url}/readyz`);
      assert.deepEqual([ready.status, await ready.text()], [200, "ready\n"]);
      missing = ["draining", "no champion"];
      const not = await fetch(`${url}/readyz`);
      assert.deepEqual([not.status, await not.text()], [503, "not ready\n- draining\n- no champion\n"]);
    });

    it("/config with the configuration as JSON, secrets taken out", async () => {
      const variants = [{ name: "v41", metadata: [["authorization", "Bearer abc"]] }];
      const { url } = await start(insides({ config: () => ({ version: "7", routes: [{ name: "fraud", variants }] }) }));
      const response = await fetch(`${url}/config`);
      assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
      assert.deepEqual(await response.json(), {
        version: "7",
        routes: [{ name: "fraud", variants: [{ name: "v41", metadata: [["authorization", "[redacted]"]] }] }],
      });
    });

    it("/config with 503 before there is one", async () => {
      const { url } = await start(insides({ config: () => undefined }));
      assert.equal((await fetch(`${url}/config`)).status, 503);
    });

    it("POST /drain with 202, having begun the drain", async () => {
      const port = insides();
      const { url } = await start(port);
      const response = await fetch(`${url}/drain`, { method: "POST" });
      assert.deepEqual([response.status, await response.text(), port.drains], [202, "draining\n", 1]);
    });

    it("a page's POST /drain with 403, draining nothing", async () => {
      const port = insides();
      const { url } = await start(port);
      const response = await fetch(`${url}/drain`, { method: "POST", headers: { origin: "http://evil.example" } });
      assert.deepEqual([response.status, port.drains], [403, 0]);
    });

    it("a page's GET /config with 403, also where its name resolves to this machine", async () => {
      const { url, port: number } = await start(insides());
      assert.equal((await fetch(`${url}/config`, { headers: { origin: "http://evil.example" } })).status, 403);
      const rebound = await raw(number, "GET /config HTTP/1.1\r\nHost: evil.example:7401\r\nConnection: close\r\n\r\n");
      assert.match(rebound, /^HTTP\/1\.1 403 /);
    });

    it("/ with every endpoint and its method", async () => {
      const { url } = await start(insides());
      const listing = await (await fetch(url)).text();
      const lines = listing.split("\n").flatMap((line) => /^(GET|POST) +(\/\w*)/.exec(line)?.slice(1).join(" ") ?? []);
      assert.deepEqual(lines, ["GET /", "GET /metrics", "GET /healthz", "GET /readyz", "GET /config", "POST /drain"]);
    });

    it("HEAD as GET without the body", async () => {
      const { url } = await start(insides());
      const response = await fetch(`${url}/metrics`, { method: "HEAD" });
      assert.deepEqual([response.status, response.headers.get("content-length")], [200, "5"]);
      assert.equal(await response.text(), "");
    });

    it("a path with a query as the path", async () => {
      const { url } = await start(insides());
      assert.equal((await fetch(`${url}/healthz?verbose=1`)).status, 200);
    });

    it("so that nobody keeps or guesses at it", async () => {
      const { url } = await start(insides());
      const { headers } = await fetch(`${url}/config`);
      assert.deepEqual([headers.get("cache-control"), headers.get("x-content-type-options")], ["no-store", "nosniff"]);
    });
  });

  describe("refuses", () => {
    for (const path of ["/nothing", "/metrics/", "/..%2fetc/passwd", "//healthz", "/Healthz"]) {
      it(`${path} with 404`, async () => {
        const { url } = await start(insides());
        assert.equal((await fetch(`${url}${path}`)).status, 404);
      });
    }

    it("a method that an endpoint does not take with 405 and those it takes", async () => {
      const port = insides();
      const { url } = await start(port);
      for (const [method, path, allowed] of [
        ["GET", "/drain", "POST"],
        ["HEAD", "/drain", "POST"],
        ["POST", "/metrics", "GET, HEAD"],
        ["DELETE", "/config", "GET, HEAD"],
        ["OPTIONS", "/healthz", "GET, HEAD"],
      ] as const) {
        const response = await fetch(`${url}${path}`, { method });
        assert.deepEqual([response.status, response.headers.get("allow")], [405, allowed], `${method} ${path}`);
      }
      assert.equal(port.drains, 0);
    });

    it("a body over the limit with 413, declared or not, begins no drain, and goes on with the connection", async () => {
      const port = insides();
      const { port: number } = await start(port);
      const body = "x".repeat(2_000);
      const head = "POST /drain HTTP/1.1\r\nHost: a\r\n";
      const next = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
      const declared = await raw(number, `${head}Content-Length: 2000\r\n\r\n${body}`, next);
      const chunked = await raw(number, `${head}Transfer-Encoding: chunked\r\n\r\n7d0\r\n${body}\r\n0\r\n\r\n`, next);
      for (const answer of [declared, chunked]) {
        assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 413", "HTTP/1.1 200"]);
      }
      assert.equal(port.drains, 0);
    });

    it("a large body before the client sends it, where the client asks first", async () => {
      const { port: number } = await start(insides());
      const socket = connect(number, "127.0.0.1");
      sockets.push(socket);
      socket.write("POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n");
      const [first] = (await once(socket, "data")) as [Buffer];
      assert.match(first.toString(), /^HTTP\/1\.1 413 .*\r\nconnection: close\r\n/is);
    });

    it("to read a body without end: the connection is cut", async () => {
      // Far more time than the test has: only the bytes can end it.
      const { port: number } = await start(insides(), { requestTimeoutMs: 60_000, stalledTimeoutMs: 60_000 });
      const head = "POST /drain HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n\r\n";
      const answer = await raw(number, head, Buffer.alloc(4_000_000));
      assert.match(answer, /^HTTP\/1\.1 413 |^$/);
    });

    it("headers over the limit with 431", async () => {
      const { port: number } = await start(insides());
      const answer = await raw(number, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(9_000)}\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 431 /);
    });

    it("what is not HTTP with 400, and goes on", async () => {
      const { url, port: number } = await start(insides());
      assert.match(await raw(number, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), /^HTTP\/1\.1 400 |^$/);
      assert.match(await raw(number, "\x16\x03\x01 TLS hello\r\n\r\n"), /^HTTP\/1\.1 400 /);
      assert.match(await raw(number, "GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /); // no Host
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
    });

    it("headers that never come to an end, and connections that say nothing, with 408 in time", async () => {
      const { port: number } = await start(insides(), { headersTimeoutMs: 60, requestTimeoutMs: 120 });
      const answers = await Promise.all([raw(number, "GET / HTTP/1.1\r\nHost: a\r\n"), raw(number)]);
      for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 408 |^$/);
    });
  });

  describe("to another machine", () => {
    /** Only 127.0.0.1 counts as this machine: what comes from the next address is another. */
    const isNear = (peer: string): boolean => peer === "127.0.0.1";
    const elsewhere = "127.0.0.2";

    async function ask(number: number, method: string, path: string, headers = {}): Promise<number> {
      const asked = httpRequest({
        host: "127.0.0.1",
        port: number,
        method,
        path,
        headers,
        localAddress: elsewhere,
        agent: false,
      });
      asked.end();
      const [response] = await once(asked, "response");
      response.resume();
      return response.statusCode;
    }

    for (const [method, path, status] of [
      ["GET", "/metrics", 200],
      ["GET", "/healthz", 200],
      ["GET", "/readyz", 200],
      ["HEAD", "/metrics", 200],
      ["GET", "/config", 403],
      ["HEAD", "/config", 403],
      ["POST", "/drain", 403],
      ["GET", "/drain", 405],
      ["GET", "/config/../config", 404],
      ["GET", "/metrics/..;/config", 404],
      ["GET", "/%63onfig", 404],
      ["GET", "//config", 404],
    ] as const) {
      it(`answers ${method} ${path} with ${status}`, async () => {
        const port = insides();
        const { port: number } = await start(port, {}, systemClock, isNear);
        assert.deepEqual([await ask(number, method, path), port.drains], [status, 0]);
      });
    }

    it("believes no header that says it were this one", async () => {
      const { port: number } = await start(insides(), {}, systemClock, isNear);
      const headers = {
        host: "127.0.0.1",
        "x-forwarded-for": "127.0.0.1",
        forwarded: "for=127.0.0.1",
        "x-real-ip": "::1",
      };
      assert.equal(await ask(number, "GET", "/config", headers), 403);
    });

    it("gives a part of its connections: one that opens all and says nothing leaves room for others", async () => {
      const { url, port: number } = await start(insides(), { maxConnectionsPerPeer: 3 }, systemClock, isNear);
      const greedy = Array.from({ length: 8 }, () =>
        connect({ host: "127.0.0.1", port: number, localAddress: elsewhere }),
      );
      sockets.push(...greedy);
      let closed = 0;
      for (const socket of greedy) socket.on("error", () => undefined).on("close", () => closed++);
      await until(() => closed === 5, "those beyond its share are closed");
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
      for (const socket of greedy) socket.destroy();
      await until(() => closed === 8, "all have gone");
      assert.equal(await ask(number, "GET", "/healthz"), 200);
    });
  });

  describe("stays up", () => {
    it("with 500 and a word to the log where something behind it throws, telling the asker nothing more", async () => {
      const thrown = (): never => {
        throw new Error("secret detail");
      };
      const port = insides({
        metrics: () => Promise.reject(new Error("secret detail")),
        config: thrown,
        readiness: thrown,
      });
      const { url } = await start(port);
      for (const path of ["/metrics", "/config", "/readyz"]) {
        const response = await fetch(`${url}${path}`);
        assert.equal(response.status, 500, path);
        assert.doesNotMatch(await response.text(), /secret/);
      }
      assert.deepEqual(port.failures, [
        "/metrics: Error: secret detail",
        "/config: Error: secret detail",
        "/readyz: Error: secret detail",
      ]);
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
    });

    it("with 500 for a configuration that can't be written as JSON", async () => {
      const { url } = await start(insides({ config: () => ({ revision: 7n }) }));
      assert.equal((await fetch(`${url}/config`)).status, 500);
    });

    it("with 503 for metrics that never come", async () => {
      const clock = new ManualClock();
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      const metrics = (): Promise<string> => {
        resolve();
        return Promise.withResolvers<string>().promise;
      };
      const { url } = await start(insides({ metrics }), { answerTimeoutMs: 500 }, clock);
      const answer = fetch(`${url}/metrics`);
      await asked;
      clock.advance(500);
      assert.equal((await answer).status, 503);
      assert.equal(clock.pending, 0);
    });

    it("without a timer left behind by an answer in time", async () => {
      const clock = new ManualClock();
      const { url } = await start(insides(), {}, clock);
      await (await fetch(`${url}/metrics`)).text();
      assert.equal(clock.pending, 0);
    });

    it("when askers leave in the middle of an answer", async () => {
      const { promise: text, resolve } = Promise.withResolvers<string>();
      const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
      const metrics = (): Promise<string> => {
        wasAsked();
        return text;
      };
      const port = insides({ metrics });
      const { url, port: number } = await start(port);
      const socket = connect(number, "127.0.0.1");
      socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
      await asked;
      socket.resetAndDestroy();
      await once(socket, "close");
      resolve("x".repeat(1_000_000));
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
      assert.deepEqual(port.failures, []);
    });

    it("for new askers when idle connections use up all places", async () => {
      const { url, port: number } = await start(insides(), { maxConnections: 2 });
      const idle = [connect(number, "127.0.0.1"), connect(number, "127.0.0.1")];
      sockets.push(...idle);
      for (const socket of idle) {
        socket.on("error", () => undefined);
        socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        await once(socket, "data");
      }
      // The first is refused and makes the idle ones go; whoever asks again gets in.
      await assert.rejects(fetch(`${url}/healthz`));
      await Promise.all(idle.map((socket) => socket.closed || once(socket, "close")));
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
    });
  });

  describe("listens and closes", () => {
    it("with a clear error where the address is taken", async () => {
      const { port: number } = await start(insides());
      const second = new AdminServer(insides(), systemClock);
      await assert.rejects(second.listen({ kind: "tcp", host: "127.0.0.1", port: number }), {
        code: "ADDRESS_IN_USE",
        message: new RegExp(`admin port 127\\.0\\.0\\.1:${number} can't be opened`),
      });
    });

    it("on a unix socket, whose askers are local", async () => {
      const folder = mkdtempSync(join(tmpdir(), "contender-admin-"));
      try {
        const port = insides();
        const server = new AdminServer(port, systemClock);
        servers.push(server);
        const path = join(folder, "admin.sock");
        assert.deepEqual(await server.listen({ kind: "unix", path }), { kind: "unix", path });
        const asked = httpRequest({ socketPath: path, path: "/drain", method: "POST", agent: false });
        asked.end();
        const [response] = await once(asked, "response");
        response.resume();
        assert.deepEqual([response.statusCode, port.drains], [202, 1]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("letting the request under way finish, and closing its connection", async () => {
      const { promise: text, resolve } = Promise.withResolvers<string>();
      const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
      const metrics = (): Promise<string> => {
        wasAsked();
        return text;
      };
      const { url, server } = await start(insides({ metrics }));
      const answer = fetch(`${url}/metrics`);
      await asked;
      const closed = server.close();
      resolve("late 1\n");
      const response = await answer;
      assert.deepEqual([await response.text(), response.headers.get("connection")], ["late 1\n", "close"]);
      await closed;
      await assert.rejects(fetch(`${url}/healthz`));
    });

    it("cutting what has not finished in time", async () => {
      const clock = new ManualClock();
      const { promise: asked, resolve: wasAsked } = Promise.withResolvers<void>();
      const metrics = (): Promise<string> => {
        wasAsked();
        return Promise.withResolvers<string>().promise;
      };
      const { url, server } = await start(insides({ metrics }), { closeTimeoutMs: 1_000 }, clock);
      const answer = assert.rejects(fetch(`${url}/metrics`));
      await asked;
      const closed = server.close();
      clock.advance(1_000);
      await Promise.all([closed, answer]);
      assert.equal(server.close(), closed);
    });
  });
});
