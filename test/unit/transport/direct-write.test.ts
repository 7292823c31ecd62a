import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { writeDirectly } from "../../../src/transport/direct-write.ts";
import { pattern } from "../../support/h2-pair.ts";
import { Owned } from "../../support/owned.ts";
import { SocketPair } from "../../support/sockets.ts";
import { turns, until } from "../../support/until.ts";

const own = new Owned();
const piece = Buffer.from("a piece");

describe("writing directly", () => {
  afterEach(() => own.close());

  it("gives the kernel all that it takes, and says how much that was", async () => {
    const sockets = own.add(await SocketPair.open());
    assert.equal(writeDirectly(sockets.ours, piece), piece.length);
    assert.equal(sockets.ours.writableLength, 0);
    await until(() => sockets.read().got.equals(piece), "it has arrived");
  });

  it("stops where the kernel takes no more, and goes on in the stream without a gap", async () => {
    const sockets = own.add(await SocketPair.open());
    const sent: Buffer[] = [];
    let written: number;
    do {
      const bytes = pattern(65_536, sent.length);
      sent.push(bytes);
      written = writeDirectly(sockets.ours, bytes);
      if (written < bytes.length) sockets.ours.write(bytes.subarray(written));
    } while (written === 65_536);
    assert.ok(sent.length > 1);
    const last = pattern(100, 9);
    assert.equal(writeDirectly(sockets.ours, last), 0, "never before what waits in the stream");
    sockets.ours.write(last);
    const all = Buffer.concat([...sent, last]);
    await until(() => sockets.read().got.length === all.length, "all has arrived");
    assert.ok(sockets.got.equals(all));
  });

  it("writes nothing while the socket is being connected", async () => {
    const server = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect(server.address() as { port: number });
    own.add({
      close: () => {
        socket.destroy();
        server.close();
      },
    });
    assert.equal(writeDirectly(socket, piece), 0);
    await once(socket, "connect");
    assert.equal(writeDirectly(socket, piece), piece.length);
  });

  it("writes nothing to a socket that is gone, whoever has its number now", async () => {
    const [gone, other] = [own.add(await SocketPair.open()), own.add(await SocketPair.open())];
    gone.ours.destroy();
    const next = own.add(await SocketPair.open());
    assert.equal(writeDirectly(gone.ours, piece), 0);
    for (const pair of [other, next]) {
      pair.ours.write("end");
      await until(() => pair.read().got.toString() === "end", "nothing else has arrived");
    }
  });

  it("destroys a socket that its peer has reset, with the reason", async () => {
    const { ours, theirs } = own.add(await SocketPair.open());
    ours.pause(); // whoever reads would be told first
    const errors: string[] = [];
    let closed = false;
    ours.on("error", (error) => errors.push(String(error)));
    ours.on("close", () => {
      closed = true;
    });
    theirs.resetAndDestroy();
    await until(() => writeDirectly(ours, piece) === piece.length && ours.destroyed, "the reset is noticed");
    await until(() => closed, "it is closed");
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? "", /ECONNRESET|EPIPE/);
    assert.equal(writeDirectly(ours, piece), 0);
  });

  it("writes nothing past a TLS socket's encryption, nor to what is no socket of the system", async () => {
    const sockets = own.add(await SocketPair.open());
    const tls = new TLSSocket(sockets.ours, { isServer: true });
    tls.on("error", () => undefined);
    assert.equal(writeDirectly(tls, piece), 0);
    const plain = { writableLength: 0, connecting: false } as unknown as Socket;
    assert.equal(writeDirectly(plain, piece), 0);
    await turns(3);
    assert.equal(sockets.read().got.length, 0);
    tls.destroy();
  });
});
