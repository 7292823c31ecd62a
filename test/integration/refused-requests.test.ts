/** Requests that are no gRPC calls are answered by their head alone; what follows it is still held to HTTP/2's rules. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { preface } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { cutFrames, data, headers, rstStream, say, settings, windowUpdate } from "../support/h2-frames.ts";
import { connectTo } from "../support/h2-peer.ts";
import { encode, type Pair } from "../support/hpack.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const own = new Owned();

const get: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
];
const answer = ["HEADERS 1", "DATA 1 79 bytes END_STREAM"];

/** A caller that writes its frames by hand. */
class Caller {
  readonly #socket: Socket;
  readonly #encoder = new HpackEncoder();
  #bytes = Buffer.alloc(0);

  constructor(address: string) {
    this.#socket = own.add(Object.assign(connectTo(address), { close: () => this.#socket.destroy() }));
    this.#socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
    this.send(preface, settings());
  }

  send(...bytes: readonly Uint8Array[]): this {
    this.#socket.write(Buffer.concat(bytes));
    return this;
  }

  get(fields: readonly Pair[] = get): this {
    return this.send(headers(1, encode(this.#encoder, fields)));
  }

  /** What came but for the greeting. */
  get said(): string[] {
    const lines = cutFrames(this.#bytes).frames.map(say);
    return lines.filter((line) => !/^(SETTINGS|WINDOW_UPDATE)/.test(line));
  }

  async says(...lines: readonly string[]): Promise<void> {
    await until(() => this.said.length >= lines.length, `the caller got ${lines.join(", ")}`);
    assert.deepEqual(this.said, lines);
  }
}

async function start(clock = new ManualClock()): Promise<Caller> {
  const snapshot = snapshotOf({ variants: { v41: "127.0.0.1:1" } });
  const sidecar = own.add(await TestSidecar.listen(snapshot, { clock }));
  return new Caller(sidecar.address);
}

describe("a request that was refused by its head", () => {
  afterEach(() => own.close());

  it("may come to its end, and is not reset", async () => {
    const caller = (await start()).get();
    await caller.says(...answer);
    caller.send(data(1, 5), data(1, 5, true), data(1, 1));
    await caller.says(...answer, "GOAWAY 1 STREAM_CLOSED");
  });

  for (const [what, bytes, says] of [
    ["DATA after its own reset", Buffer.concat([rstStream(1, 8), data(1, 1)]), "GOAWAY 1 STREAM_CLOSED"],
    ["a second head", headers(1, Buffer.from([0x82])), "RST_STREAM 1 PROTOCOL_ERROR"],
    ["a pseudo-header in its trailers", headers(1, Buffer.from([0x82]), { end: true }), "RST_STREAM 1 PROTOCOL_ERROR"],
    ["a window that is too large", windowUpdate(1, 2 ** 31 - 1), "RST_STREAM 1 FLOW_CONTROL_ERROR"],
  ] as const) {
    it(`is held to HTTP/2: ${what} is an error`, async () => {
      const caller = (await start()).get();
      await caller.says(...answer);
      caller.send(bytes);
      await caller.says(...answer, says);
    });
  }

  it("is held to its content-length", async () => {
    const caller = (await start()).get([...get, ["content-length", "3"]]);
    await caller.says(...answer);
    caller.send(data(1, 4));
    await caller.says(...answer, "RST_STREAM 1 PROTOCOL_ERROR");
  });

  it("is told to stop when it goes on for more than a second", async () => {
    const clock = new ManualClock();
    const caller = (await start(clock)).get();
    await caller.says(...answer);
    clock.advance(900);
    assert.equal(caller.said.length, answer.length);
    clock.advance(200);
    await caller.says(...answer, "RST_STREAM 1 NO_ERROR");
  });
});
