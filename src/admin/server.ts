/**
 * The admin port's HTTP server: node:http with every limit named, and one way in for every request.
 *
 * It runs on the event loop of the data path, so what it may cost is bounded: connections, bytes, time. Nothing that
 * comes in by the network throws out of here.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { type Address, formatAddress } from "../base/address.ts";
import type { Clock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type IsNear, isLocalAsker, isLoopback } from "../base/local-asker.ts";
import { type AdminPort, type Answer, endpoints, refusalOf, text } from "./endpoints.ts";
import { type AdminOptions, resolveAdminOptions } from "./options.ts";
import { PerPeer } from "./per-peer.ts";

/**
 * Not by `import`: that reads every export of the module, and some of node:http's load all of Node's fetch first, a
 * tenth of a second on a slow machine, in a process that must be ready in less than half of one.
 */
const { createServer } = process.getBuiltinModule("node:http");

/**
 * Bytes of an oversized body that are still read and dropped, so that the client gets to see the 413: closing on a
 * client that writes makes its system drop the answer. Beyond that the connection is cut.
 */
const maxDroppedBytes = 1_048_576;

export class AdminServer {
  readonly #server: Server;
  readonly #port: AdminPort;
  readonly #clock: Clock;
  readonly #limits: Required<AdminOptions>;
  readonly #isNear: IsNear;
  /** Whether it listens on a unix socket. */
  #unix = false;
  #closing: Promise<void> | undefined;

  /** @param isNear which addresses are this machine's own */
  constructor(port: AdminPort, clock: Clock, options: AdminOptions = {}, isNear: IsNear = isLoopback) {
    this.#port = port;
    this.#isNear = isNear;
    this.#clock = clock;
    this.#limits = resolveAdminOptions(options);
    const { headersTimeoutMs, keepAliveTimeoutMs, maxConnections, maxHeaderBytes, requestTimeoutMs, stalledTimeoutMs } =
      this.#limits;
    this.#server = createServer({
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Node looks for late requests only this often; its 30 s would make the limits above idle words.
      connectionsCheckingInterval: Math.min(headersTimeoutMs, requestTimeoutMs),
      keepAliveTimeout: keepAliveTimeoutMs,
    });
    this.#server.maxConnections = maxConnections;
    this.#server.setTimeout(stalledTimeoutMs);
    this.#server.on("request", (request, response) => this.#receive(request, response));
    // Without this Node invites any body before our limit was asked.
    this.#server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      if (declaredBytes(request) <= this.#limits.maxBodyBytes) response.writeContinue();
      this.#receive(request, response);
    });
    const perPeer = new PerPeer(this.#limits.maxConnectionsPerPeer, isNear);
    this.#server.on("connection", (socket) => perPeer.take(socket));
    this.#server.on("drop", () => this.#server.closeIdleConnections());
  }

  /**
   * Binds the address; port 0 takes any free one.
   * @returns the address bound
   * @throws ContenderError ADDRESS_IN_USE where it can't be had
   */
  listen(address: Address): Promise<Address> {
    const server = this.#server;
    this.#unix = address.kind === "unix";
    return new Promise((resolve, reject) => {
      server.once("error", (reason: NodeJS.ErrnoException) => {
        const why = reason.code === "EADDRINUSE" ? "it is taken, by a sidecar that still runs perhaps" : reason.message;
        const message = `the admin port ${formatAddress(address)} can't be opened: ${why}; CONTENDER_ADMIN, --admin, chooses another`;
        reject(new ContenderError("ADDRESS_IN_USE", message, { cause: reason }));
      });
      const listening = (): void => {
        server.removeAllListeners("error");
        // After binding, errors are those of single accepts (no file descriptors left): the port stays open.
        server.on("error", (reason) => this.#port.failed?.("listener", reason));
        const bound = server.address();
        const port = typeof bound === "object" && bound !== null ? bound.port : 0;
        resolve(address.kind === "tcp" ? { ...address, port } : address);
      };
      if (address.kind === "unix") server.listen(address.path, listening);
      else server.listen(address.port, address.host, listening);
    });
  }

  /** Stops accepting, closes idle connections, lets open requests finish for a moment, then cuts them. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const cancel = this.#clock.after(this.#limits.closeTimeoutMs, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        cancel();
        resolve();
      });
    });
    return this.#closing;
  }

  /** Waits for the end of a small body, refuses a large one, then answers. */
  #receive(request: IncomingMessage, response: ServerResponse): void {
    // Connections fail all the time, and there is nobody left to tell.
    request.on("error", () => request.destroy());
    response.on("error", () => response.destroy());
    if (declaredBytes(request) > this.#limits.maxBodyBytes) {
      this.#refuseBody(request, response);
      return;
    }
    let received = 0;
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received > this.#limits.maxBodyBytes && !response.headersSent) this.#refuseBody(request, response);
    });
    request.on("end", () => {
      if (!response.headersSent) void this.#answer(request, response);
    });
  }

  #refuseBody(request: IncomingMessage, response: ServerResponse): void {
    this.#send(request, response, text(413, `want a body of at most ${this.#limits.maxBodyBytes} bytes`));
    let dropped = 0;
    request.on("data", (chunk: Buffer) => {
      dropped += chunk.length;
      if (dropped > maxDroppedBytes) request.destroy();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "", ...rest] = (request.url ?? "").split("?");
    const query = rest.join("?");
    const endpoint = endpoints.get(path);
    if (endpoint === undefined) {
      this.#send(request, response, text(404, "nothing here; GET / lists what there is"));
      return;
    }
    const method = request.method === "HEAD" ? "GET" : request.method;
    if (method !== endpoint.method) {
      const allowed = endpoint.method === "GET" ? "GET, HEAD" : endpoint.method;
      response.setHeader("allow", allowed);
      this.#send(request, response, text(405, `${path} takes ${allowed}`));
      return;
    }
    const peer = request.socket.remoteAddress;
    if (endpoint.local && !isLocalAsker(peer, request.headers, this.#unix, this.#isNear)) {
      this.#send(request, response, refusalOf(path));
      return;
    }
    try {
      this.#send(request, response, await this.#inTime(endpoint.answer(this.#port, query)));
    } catch (reason) {
      this.#port.failed?.(path, reason);
      this.#send(request, response, text(500, "this failed; the log says why"));
    }
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: Answer): void {
    if (response.destroyed || response.headersSent) return;
    if (this.#closing !== undefined) response.setHeader("connection", "close");
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": bytes.length,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  }

  /** The answer, or a 503 where it takes too long; what it comes to later is dropped. */
  async #inTime(answer: Promise<Answer> | Answer): Promise<Answer> {
    let cancel: (() => void) | undefined;
    const late = new Promise<Answer>((resolve) => {
      cancel = this.#clock.after(this.#limits.answerTimeoutMs, () => resolve(text(503, "this took too long")));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      cancel?.();
    }
  }
}

/** Bytes that the request says its body has; 0 where it does not say. */
function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? 0);
}
