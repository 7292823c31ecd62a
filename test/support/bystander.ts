/**
 * Calls that somebody else makes while a sidecar is under attack: on a connection of their own, small ones and ones that
 * need credit, each answer checked to the byte.
 *
 * How long they take is told in processor time of this process, in which sidecar, callers and servers all live: an attack
 * that keeps the loop busy shows there, and what else the machine is busy with does not.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ClientPeer, type Fields, type PeerStream } from "./h2-peer.ts";
import { collectingMs } from "./held-memory.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "./predict.ts";

/** More than a stream's window, both ways. */
const longBytes = 300_000;

/** What an honest model answers: it depends on all bytes of the request, and is as long. */
export function answerTo(request: Buffer): { message: Buffer; trailers: Fields } {
  const digest = createHash("sha256").update(request).digest();
  const message = framed(Buffer.concat([tfResponse([(digest[0] ?? 0) / 256]), digest, request]));
  return {
    message,
    trailers: [
      ["grpc-status", "0"],
      ["x-digest-bin", digest.toString("base64")],
    ],
  };
}

/** An honest model server's part, for `ServerPeer.start`. */
export function honest(stream: PeerStream): void {
  void stream.done().then(() => {
    if (stream.reset !== undefined) return;
    const { message, trailers } = answerTo(stream.body);
    stream.answer(message, trailers);
  });
}

export interface Took {
  readonly calls: number;
  /** Of the slowest call. */
  readonly worstMs: number;
  /** Of the slowest call, in processor time of this process. */
  readonly worstCpuMs: number;
}

const requests = [100, 20_000, longBytes].map((bytes) => framed(tfRequest({ inputs: { text: ["x".repeat(bytes)] } })));
const expected = requests.map(answerTo);

export class Bystander {
  readonly #client: ClientPeer;
  readonly #fields: Fields;
  #stopped = false;
  #running: Promise<Took> | undefined = undefined;

  private constructor(client: ClientPeer, fields: Fields) {
    this.#client = client;
    this.#fields = fields;
  }

  static async connect(address: string, fields: Fields = []): Promise<Bystander> {
    return new Bystander(await ClientPeer.connect(address), fields);
  }

  /** So many calls, one after the other. */
  async calls(count: number): Promise<Took> {
    let left = count;
    return await this.#loop(() => left-- > 0);
  }

  /** Calls without end, until `stop`. */
  start(): void {
    this.#stopped = false;
    this.#running = this.#loop(() => !this.#stopped);
    this.#running.catch(() => undefined); // it is told by `stop`
  }

  async stop(): Promise<Took> {
    this.#stopped = true;
    return await (this.#running ?? assert.fail("not started"));
  }

  async #loop(goesOn: () => boolean): Promise<Took> {
    let calls = 0;
    let worstMs = 0;
    let worstCpuMs = 0;
    while (goesOn()) {
      const which = calls % requests.length;
      const began = performance.now();
      const cpu = process.cpuUsage();
      const collecting = collectingMs();
      const answer = await this.#client.unary(tfPredict, requests[which] ?? assert.fail(), this.#fields);
      const { user, system } = process.cpuUsage(cpu);
      worstMs = Math.max(worstMs, performance.now() - began);
      worstCpuMs = Math.max(worstCpuMs, (user + system) / 1_000 - (collectingMs() - collecting));
      const { message, trailers } = expected[which] ?? assert.fail();
      assert.ok(
        answer.body.equals(message),
        `a bystander's answer of ${answer.bytes} bytes is not what the model said`,
      );
      assert.deepEqual(answer.trailers, trailers, "a bystander's trailers are not what the model said");
      calls++;
    }
    return { calls, worstMs, worstCpuMs };
  }

  close(): void {
    this.#client.close();
  }
}
