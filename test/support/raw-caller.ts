/** A caller over a real socket that writes its frames by hand, its first request in the same bytes as its greeting. */

import type { Socket } from "node:net";
import { preface } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { continuation, cutFrames, data, headers, say, settings } from "./h2-frames.ts";
import { connectTo } from "./h2-peer.ts";
import { encode, type Pair } from "./hpack.ts";
import { until } from "./until.ts";

const frameBytes = 16_384;

export class RawCaller {
  readonly #socket: Socket;
  readonly #encoder = new HpackEncoder();
  #bytes = Buffer.alloc(0);

  constructor(address: string) {
    this.#socket = connectTo(address);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
  }

  /** Greets and sends a request's head on stream 1, which stays open. */
  greetAndAsk(fields: readonly Pair[]): this {
    const block = encode(this.#encoder, fields);
    const frames = [headers(1, block.subarray(0, frameBytes), { last: block.length <= frameBytes })];
    for (let at = frameBytes; at < block.length; at += frameBytes) {
      frames.push(continuation(1, block.subarray(at, at + frameBytes), at + frameBytes >= block.length));
    }
    this.#socket.write(Buffer.concat([preface, settings(), ...frames]));
    return this;
  }

  /** A whole request on another stream. */
  ask(id: number, fields: readonly Pair[], body: Buffer): this {
    this.#socket.write(headers(id, encode(this.#encoder, fields)));
    return this.data(id, body);
  }

  /** The rest of a request. */
  data(id: number, body: Buffer): this {
    this.#socket.write(data(id, body, true));
    return this;
  }

  /** What it was told but for the greeting. */
  get said(): string[] {
    const lines = cutFrames(this.#bytes).frames.map(say);
    return lines.filter((line) => !/^(SETTINGS|WINDOW_UPDATE|PING)/.test(line));
  }

  async hears(pattern: RegExp): Promise<void> {
    await until(() => this.said.some((line) => pattern.test(line)), `the caller hears ${pattern}, not ${this.said}`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
