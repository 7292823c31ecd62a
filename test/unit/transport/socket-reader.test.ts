import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Borrower, lent, type ReadMemory } from "../../../src/http2/read-memory.ts";
import { type Reader, readAccepted, readInto } from "../../../src/transport/socket-reader.ts";
import { pattern } from "../../support/h2-pair.ts";
import { Owned } from "../../support/owned.ts";
import { until } from "../../support/until.ts";

/** Plays the socket: puts these bytes where the reader wants them. @returns the memory that they are in. */
function feed(reader: Reader, bytes: Buffer): Buffer {
  const { buffer, callback } = reader;
  assert.ok(typeof buffer === "function");
  const into = buffer() as Buffer;
  bytes.copy(into);
  assert.equal(callback(bytes.length, into), true);
  return into;
}

describe("a socket's reader", () => {
  it("hands on each read", () => {
    const got: Buffer[] = [];
    const reader = readInto((bytes, end) => got.push(Buffer.from(bytes.subarray(0, end))));
    const reads = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 + ((i * 997) % 16_000), i));
    for (const bytes of reads) feed(reader, bytes);
    assert.ok(Buffer.concat(got).equals(Buffer.concat(reads)));
  });

  it("reads into the same memory again, and not into memory that is held until it is given back", () => {
    let held: ReadMemory | undefined;
    const reader = readInto((bytes, end) => {
      if (end !== 5) return;
      held = lent.memoryOf(bytes);
      held?.hold();
    });
    const first = feed(reader, Buffer.from("a"));
    assert.equal(feed(reader, Buffer.from("holds")), first);
    const second = feed(reader, Buffer.from("b"));
    assert.notEqual(second, first);
    assert.equal(first.toString("latin1", 0, 5), "holds");
    held?.release();
    assert.equal(feed(reader, Buffer.from("holds")), second);
    assert.equal(feed(reader, Buffer.from("c")), first, "what was given back is used before anything new is made");
  });

  it("lends what it read for the time of the read, whatever becomes of it", () => {
    const owned: string[] = [];
    let bytesThen: Buffer | undefined;
    const reader = readInto((bytes, end) => {
      bytesThen = bytes;
      const borrower: Borrower = { own: () => owned.push(bytes.toString("latin1", 0, end)) };
      lent.borrow(borrower);
      throw new Error("the test's own");
    });
    const { buffer, callback } = reader;
    assert.ok(typeof buffer === "function");
    const into = buffer() as Buffer;
    into.write("xyz");
    assert.throws(() => callback(3, into), /the test's own/);
    assert.deepEqual(owned, ["xyz"]);
    assert.equal(lent.memoryOf(bytesThen as Buffer), undefined);
  });
});

const own = new Owned();

/** A server whose sockets are read by `readAccepted`; `dress` gets each of them first. */
async function serve(dress: (accepted: Socket) => void = () => undefined) {
  const sockets: Socket[] = [];
  const got: Buffer[] = [];
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    dress(accepted);
    const socket = readAccepted(accepted, (bytes, end) => got.push(Buffer.from(bytes.subarray(0, end))));
    socket.resume();
    sockets.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const theirs = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  own.add({
    close: () => {
      for (const socket of [theirs, ...sockets]) socket.destroy();
      server.close();
    },
  });
  await until(() => sockets.length === 1, "the socket is accepted");
  return { server, theirs, socket: sockets[0] as Socket, got: () => Buffer.concat(got) };
}

/** As another version of Node might have it. */
function withoutHandle(accepted: Socket): void {
  const handle = (accepted as unknown as { _handle: object })._handle;
  Object.defineProperty(accepted, "_handle", {
    value: new Proxy(handle, {
      has: (target, name) => name !== "useUserBuffer" && Reflect.has(target, name),
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
      set: (target, name, value) => Reflect.set(target, name, value, target),
    }),
    writable: true,
  });
}

describe("an accepted socket", () => {
  afterEach(() => own.close());

  for (const [how, dress] of [
    ["is read into memory of ours", undefined],
    ["is read as Node does where its handle is of another kind", withoutHandle],
  ] as const) {
    it(`${how}, both ways and to its end`, async () => {
      const { server, theirs, socket, got } = await serve(dress);
      assert.equal(socket.remoteAddress, "127.0.0.1");
      const sent = pattern(3_000_000);
      const ended = once(socket, "end");
      theirs.end(sent);
      await ended;
      assert.ok(got().equals(sent));
      const back: Buffer[] = [];
      theirs.on("data", (chunk: Buffer) => back.push(chunk));
      const over = once(theirs, "end");
      socket.end(sent);
      await over;
      assert.ok(Buffer.concat(back).equals(sent));
      const closed = once(server, "close");
      server.close();
      await closed;
    });
  }

  it("counts for its server until it is gone", async () => {
    const { server, socket } = await serve();
    let closed = false;
    server.close(() => {
      closed = true;
    });
    const count = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, connections) => resolve(connections)));
    assert.equal(await count(), 1);
    assert.equal(closed, false);
    socket.destroy();
    await until(() => closed, "the server has closed");
  });

  it("reads nothing while it is paused", async () => {
    const { theirs, socket, got } = await serve();
    socket.pause();
    theirs.write("later");
    await until(() => theirs.bytesWritten === 5 && theirs.writableLength === 0, "it is sent");
    assert.equal(got().length, 0);
    socket.resume();
    await until(() => got().toString() === "later", "it is read");
  });
});
