/**
 * A TCP relay of which a test decides what it does to a connection: pass bytes, pass them one at a time, hold them for as
 * long as the test likes, reset, or close one half. After toxiproxy's toxics, without their clocks: a latency is a hold
 * that the test ends.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

type Way = "pass" | "slice" | "hold";

/** One direction of one connection. */
class Pipe {
  readonly #to: Socket;
  readonly #relay: ToxicRelay;
  readonly #waiting: Buffer[] = [];
  #busy = false;
  #ended = false;

  constructor(from: Socket, to: Socket, relay: ToxicRelay) {
    this.#to = to;
    this.#relay = relay;
    from.on("data", (chunk: Buffer) => {
      this.#waiting.push(chunk);
      void this.run();
    });
    from.on("end", () => {
      this.#ended = true;
      void this.run();
    });
  }

  /** Passes on what waits, in the way that the relay has now. */
  async run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      if (this.#relay.way === "pass") this.#to.write(chunk);
      else {
        for (const byte of chunk) {
          this.#to.write(Buffer.of(byte));
          await turn();
        }
      }
    }
    this.#busy = false;
    if (this.#ended && this.#waiting.length === 0) this.#to.end();
  }

  #next(): Buffer | undefined {
    return this.#relay.way === "hold" ? undefined : this.#waiting.shift();
  }
}

interface Passing {
  readonly near: Socket;
  readonly far: Socket;
  readonly pipes: readonly Pipe[];
}

export class ToxicRelay {
  way: Way = "pass";
  readonly address: string;
  /** Connections that were made, those that are over included. */
  accepted = 0;
  readonly #server: Server;
  readonly #open = new Set<Passing>();

  private constructor(server: Server, target: () => string) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (near) => this.#accept(near, target()));
  }

  /** @param target is asked for each connection, so that it may be known later. */
  static async start(target: () => string): Promise<ToxicRelay> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ToxicRelay(server, target);
  }

  #accept(near: Socket, target: string): void {
    this.accepted++;
    const [host = "", port] = target.split(":");
    const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    const passing = { near, far, pipes: [new Pipe(near, far, this), new Pipe(far, near, this)] };
    this.#open.add(passing);
    for (const socket of [near, far]) {
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#open.delete(passing);
        near.destroy();
        far.destroy();
      });
    }
  }

  /** From now on bytes go this way; those that were held go first. */
  be(way: Way): void {
    this.way = way;
    for (const { pipes } of this.#open) for (const pipe of pipes) void pipe.run();
  }

  /** Resets every connection, at both ends. */
  reset(): void {
    for (const { near, far } of [...this.#open]) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Ends the half towards whoever connected (`near`) or towards the target (`far`); the other half stays. */
  halfClose(end: "near" | "far"): void {
    for (const passing of this.#open) passing[end].end();
  }

  async close(): Promise<void> {
    for (const { near } of [...this.#open]) near.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
