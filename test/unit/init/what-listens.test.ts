import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { systemClock } from "../../../src/base/clock.ts";
import { type Listening, whatListens } from "../../../src/init/what-listens.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const own = new Owned();
/** Longer than any of these servers takes; none of the tests waits for it. */
const timeoutMs = 8_000;

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  own.add(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const at = (port: number) => ({ kind: "tcp", host: "127.0.0.1", port }) as const;

async function found(server: Server): Promise<Listening> {
  return await whatListens(at(await listening(server)), timeoutMs, systemClock);
}

/** A server that does this with each connection's first bytes. */
function raw(answer: (socket: Socket, first: Buffer) => void): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (first: Buffer) => answer(socket, first));
  });
}

describe("what listens at an address", () => {
  afterEach(() => own.close());

  it("is HTTP/2 where it greets in HTTP/2", async () => {
    assert.deepEqual(await found(createHttp2()), { kind: "http2" });
  });

  it("is found at a unix socket too", async () => {
    const path = own.add(new TempFolder()).at("model.sock");
    const server = own.add(createHttp2());
    server.listen(path);
    await once(server, "listening");
    assert.deepEqual(await whatListens({ kind: "unix", path }, timeoutMs, systemClock), { kind: "http2" });
  });

  it("is HTTP/2 also where the greeting comes byte by byte", async () => {
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const server = raw((socket) => {
      socket.setNoDelay();
      for (const byte of settings) socket.write(Buffer.of(byte));
    });
    assert.deepEqual(await found(server), { kind: "http2" });
  });

  it("is HTTP/1 where it answers in a status line", async () => {
    assert.deepEqual(await found(createHttp()), { kind: "http1" });
  });

  it("is HTTP/1 where it hangs up on HTTP/2 and answers a request of its own version", async () => {
    const server = raw((socket, first) => {
      if (first.toString().startsWith("GET ")) socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
      else socket.destroy();
    });
    assert.deepEqual(await found(server), { kind: "http1" });
  });

  it("is HTTP/1 where it answers in a page without a head, as Python's http.server does", async () => {
    assert.deepEqual(await found(raw((socket) => socket.end("<!DOCTYPE HTML>\n<html>"))), { kind: "http1" });
  });

  it("is TLS where it answers in an alert", async () => {
    assert.deepEqual(await found(createTls()), { kind: "tls" });
  });

  it("is TLS where it hangs up on all that is no handshake", async () => {
    const server = raw((socket, first) => {
      // A handshake record; the answer is an alert: handshake_failure.
      if (first[0] === 0x16) socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40]));
      else socket.destroy();
    });
    assert.deepEqual(await found(server), { kind: "tls" });
  });

  it("is unknown where it answers in something else, or hangs up on everything", async () => {
    assert.deepEqual(await found(raw((socket) => socket.end("220 mail ready\r\n"))), { kind: "unknown" });
    assert.deepEqual(await found(raw((socket) => socket.destroy())), { kind: "unknown" });
  });

  it("is nothing where nothing listens", async () => {
    const server = createServer();
    const port = await listening(server);
    await own.close();
    assert.deepEqual(await whatListens(at(port), timeoutMs, systemClock), { kind: "unreachable", why: "ECONNREFUSED" });
    const path = "/no/such/socket";
    const socket = await whatListens({ kind: "unix", path }, timeoutMs, systemClock);
    assert.deepEqual(socket, { kind: "unreachable", why: "ENOENT" });
  });

  it("is silent where nothing is said in time, and the connection is closed", async () => {
    const clock = new ManualClock();
    let open = 0;
    let greeted = false;
    const server = createServer((socket) => {
      open++;
      socket.on("data", () => {
        greeted = true;
      });
      socket.on("close", () => open--);
    });
    const asked = whatListens(at(await listening(server)), timeoutMs, clock);
    await until(() => greeted, "the server was greeted");
    clock.advance(timeoutMs);
    assert.deepEqual(await asked, { kind: "silent" });
    assert.equal(clock.pending, 0);
    await until(() => open === 0, "the connection is closed");
  });
});
