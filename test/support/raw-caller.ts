/** A caller that writes its frames by hand, its first request in the same bytes as its greeting. */

import { preface } from "../../src/http2/constants.ts";
import { continuation, data, headers, say, settings } from "./h2-frames.ts";
import { connectTo } from "./h2-peer.ts";
import type { Pair } from "./hpack.ts";
import { until } from "./until.ts";
import { Wire } from "./wire.ts";

const frameBytes = 16_384;

export class RawCaller {
  readonly #wire: Wire;

  constructor(address: string) {
    this.#wire = new Wire(connectTo(address), false);
  }

  /** Greets and sends a request's head on stream 1, which stays open. */
  greetAndAsk(fields: readonly Pair[]): this {
    const block = this.#wire.block(fields);
    const frames = [headers(1, block.subarray(0, frameBytes), { last: block.length <= frameBytes })];
    for (let at = frameBytes; at < block.length; at += frameBytes) {
      frames.push(continuation(1, block.subarray(at, at + frameBytes), at + frameBytes >= block.length));
    }
    this.#wire.send(preface, settings(), ...frames);
    return this;
  }

  /** A whole request on another stream. */
  ask(id: number, fields: readonly Pair[], body: Buffer): this {
    this.#wire.send(headers(id, this.#wire.block(fields)));
    return this.data(id, body);
  }

  /** The rest of a request. */
  data(id: number, body: Buffer): this {
    this.#wire.send(data(id, body, true));
    return this;
  }

  /** What it was told but for the greeting. */
  get said(): string[] {
    return this.#wire.frames.map(say).filter((line) => !/^(SETTINGS|WINDOW_UPDATE|PING)/.test(line));
  }

  async hears(pattern: RegExp): Promise<void> {
    await until(() => this.said.some((line) => pattern.test(line)), `the caller hears ${pattern}, not ${this.said}`);
  }

  close(): void {
    this.#wire.close();
  }
}
