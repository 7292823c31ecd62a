/** Real TCP sockets of this machine, two ends of one connection at a time. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * Both ends of a connection. `ours` is what a listener would have accepted; `theirs` keeps its half open until told.
 * What was read on `theirs` is gathered in `got` once `read` was called; until then it reads nothing.
 */
export class SocketPair {
  readonly ours: Socket;
  readonly theirs: Socket;
  #got: Buffer[] = [];

  private constructor(ours: Socket, theirs: Socket) {
    this.ours = ours;
    this.theirs = theirs;
    theirs.on("error", () => undefined);
  }

  static async open(): Promise<SocketPair> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const theirs = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const [[ours]] = (await Promise.all([once(server, "connection"), once(theirs, "connect")])) as [[Socket], unknown];
    server.close();
    theirs.pause();
    return new SocketPair(ours, theirs);
  }

  /** From now on what comes is read. */
  read(): this {
    if (this.theirs.listenerCount("data") === 0) this.theirs.on("data", (chunk: Buffer) => this.#got.push(chunk));
    this.theirs.resume();
    return this;
  }

  get got(): Buffer {
    const all = Buffer.concat(this.#got);
    this.#got = [all];
    return all;
  }

  close(): void {
    this.ours.destroy();
    this.theirs.destroy();
  }
}

/** TCP sockets that keep this process alive. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}
