import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { lent } from "../../../src/http2/read-memory.ts";
import { readSecure } from "../../../src/transport/socket-reader.ts";
import { Authority } from "../../support/certificates.ts";
import { Owned } from "../../support/owned.ts";
import { until } from "../../support/until.ts";

const own = new Owned();

describe("reading an accepted TLS socket", () => {
  afterEach(() => own.close());

  it("goes into lent memory, of which every byte comes once and in order", async () => {
    const { cert, key } = await (await Authority.create()).sign({ dns: ["localhost"] });
    const server = createServer({ cert, key }).listen(0, "127.0.0.1");
    own.add({ close: () => server.close() });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    own.add({ close: () => client.destroy() });
    const [socket] = (await once(server, "secureConnection")) as [TLSSocket];
    own.add({ close: () => socket.destroy() });
    const got: Buffer[] = [];
    let borrowed = 0;
    const reader = readSecure(socket, (bytes, end) => {
      if (lent.memoryOf(bytes) !== undefined) borrowed++;
      got.push(Buffer.from(bytes.subarray(0, end)));
    });
    reader.resume();
    const sent = Buffer.from(Uint32Array.from({ length: 100_000 }, (_, index) => index).buffer);
    client.end(sent);
    await until(() => got.reduce((sum, { length }) => sum + length, 0) === sent.length, "all is here");
    assert.ok(Buffer.concat(got).equals(sent));
    assert.equal(borrowed, got.length);
    assert.equal(reader.listenerCount("data"), 0);
  });
});
