/**
 * Asks a Node process for its heap, by the protocol that debuggers speak: the sidecar needs nothing in it for that. It is
 * started with `--inspect` on a port of this machine.
 */

interface Reply {
  readonly id?: number;
  readonly result?: Readonly<Record<string, number>>;
  readonly error?: { readonly message: string };
}

export interface Heap {
  /** Bytes in use once all garbage has been collected. */
  readonly usedBytes: number;
  /** Memory of buffers, which lies outside of the heap. */
  readonly buffersBytes: number;
}

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    socket.addEventListener("close", () => {
      for (const answer of this.#waiting.values()) answer({ error: { message: "the process is gone" } });
      this.#waiting.clear();
    });
  }

  static async connect(port: number): Promise<Inspector> {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await response.json()) as [{ readonly webSocketDebuggerUrl: string }];
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error(`no inspector at port ${port}`)), { once: true });
    });
    return new Inspector(socket);
  }

  async #ask(method: string): Promise<Readonly<Record<string, number>>> {
    const id = this.#nextId++;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method }));
    });
    if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result ?? {};
  }

  async heap(): Promise<Heap> {
    await this.#ask("HeapProfiler.collectGarbage");
    const { usedSize = Number.NaN, backingStorageSize = Number.NaN } = await this.#ask("Runtime.getHeapUsage");
    return { usedBytes: usedSize, buffersBytes: backingStorageSize };
  }

  close(): void {
    this.#socket.close();
  }
}
