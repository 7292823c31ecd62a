/**
 * The HTTP port of a config service: what probes, scrapers and sidecars without gRPC ask for. It changes nothing, so it takes GET alone.
 *
 * By node:http rather than a framework: half a dozen paths need no router, and what a framework brings would be most of what a
 * production install has.
 */
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecure, type Server as SecureServer } from "node:https";
import { type Address, formatAddress } from "../../base/address.ts";
import { cannotListen } from "../../base/cannot-listen.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import { bound, connectionBounds, shareOf } from "./connection-bounds.ts";
import type { TlsOptions } from "./tls-options.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** A function where it takes work that is not done for who has these contents already. */
  readonly body: string | (() => string);
  /** Names these contents: who has them already is told so, and nothing else. */
  readonly etag?: string;
}

export interface HttpEndpoint {
  readonly about: string;
  answer(request: IncomingMessage, query: URLSearchParams): Promise<HttpAnswer> | HttpAnswer;
}

const limits = {
  /** A scraper or two, probes, some thousands of sidecars that poll. */
  maxConnections: 16_384,
  maxHeaderSize: 16_384,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  keepAliveMs: 75_000,
  handshakeTimeoutMs: 10_000,
  closeMs: 2_000,
} as const;

export function plain(status: number, body: string): HttpAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${body}\n` };
}

/** @param body of JSON, made where it is asked for */
export function json(body: () => string, etag: string): HttpAnswer {
  return { status: 200, contentType: "application/json; charset=utf-8", body, etag };
}

/** While the store is waited for. */
const beginning: ReadonlyMap<string, HttpEndpoint> = new Map<string, HttpEndpoint>([
  ["/healthz", { about: "200 while the process lives", answer: () => plain(200, "ok") }],
  [
    "/readyz",
    { about: "503 until the store was read", answer: () => plain(503, "not ready\n- the store was not read yet") },
  ],
]);

/** What `contender drain` prints that was sent here, where it is a sidecar's. */
const drainText =
  "this is a config service, and SIGTERM is its drain: streams and waiting commands go elsewhere, calls under way finish. Kubernetes sends it without a preStop hook";

export class ControlHttp {
  readonly #server: Server;
  #endpoints: ReadonlyMap<string, HttpEndpoint> = beginning;
  readonly #clock: Clock;
  readonly #failed: (path: string, reason: unknown) => void;
  readonly #sockets = new Set<IncomingMessage["socket"]>();
  /** Requests that are being answered. */
  #underWay = 0;
  /** Nothing is under way any more. */
  #idle: () => void = () => undefined;

  constructor(clock: Clock, failed: (path: string, reason: unknown) => void, tls?: TlsOptions) {
    this.#clock = clock;
    this.#failed = failed;
    const options = {
      maxHeaderSize: limits.maxHeaderSize,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.headersTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
    };
    const receive = (request: IncomingMessage, response: ServerResponse): void => {
      this.#begun(response);
      void this.#receive(request, response);
    };
    this.#server =
      tls === undefined
        ? createPlain(options, receive)
        : createSecure(
            {
              ...options,
              ...tls,
              handshakeTimeout: limits.handshakeTimeoutMs,
              // Who shows no certificate may have a token.
              ...(tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
            },
            receive,
          );
    // Also those that have not asked yet, and TLS handshakes: node:http tells neither from a request under way.
    this.#server.on("connection", (socket: IncomingMessage["socket"]) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    const { connections } = connectionBounds();
    const most = Math.min(limits.maxConnections, connections);
    bound(this.#server, { connections: most, perAddress: shareOf(most) });
  }

  /** @returns the address bound. @throws ContenderError ADDRESS_IN_USE. */
  listen(address: Extract<Address, { kind: "tcp" }>): Promise<string> {
    return new Promise((resolve, reject) => {
      const refused = (reason: Error): void => reject(cannotListen("CONTENDER_CONTROL_HTTP", address, reason));
      this.#server.once("error", refused);
      this.#server.listen(address.port, address.host, () => {
        this.#server.off("error", refused);
        this.#server.on("error", (reason) => this.#failed("listener", reason));
        const bound = this.#server.address();
        resolve(formatAddress({ ...address, port: typeof bound === "object" && bound !== null ? bound.port : 0 }));
      });
    });
  }

  /** Answers these from now on; before it, that the process lives and is not ready. */
  serve(endpoints: ReadonlyMap<string, HttpEndpoint>): void {
    this.#endpoints = endpoints;
  }

  /** New certificates, for connections that come from now on. */
  secure(tls: TlsOptions): void {
    (this.#server as Partial<SecureServer>).setSecureContext?.(tls);
  }

  /** Requests under way are answered, for a while; whoever has asked for nothing is not waited for. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const cut = (): void => {
        for (const socket of this.#sockets) socket.destroy();
      };
      const cancel = this.#clock.after(limits.closeMs, cut);
      this.#server.close(() => {
        cancel();
        resolve();
      });
      this.#idle = cut;
      if (this.#underWay === 0) cut();
    });
  }

  /** Until its answer is out, or its connection gone. */
  #begun(response: ServerResponse): void {
    this.#underWay++;
    response.once("close", () => {
      if (--this.#underWay === 0) this.#idle();
    });
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Connections fail all the time, and there is nobody left to tell.
    request.on("error", () => request.destroy());
    response.on("error", () => response.destroy());
    request.resume();
    const [path = "", ...rest] = (request.url ?? "").split("?");
    try {
      send(request, response, await this.#answer(path, request, new URLSearchParams(rest.join("?"))));
    } catch (reason) {
      if (reason instanceof ContenderError && reason.code === "FORBIDDEN")
        send(request, response, plain(403, reason.message));
      else {
        this.#failed(path, reason);
        send(request, response, plain(500, "this failed; the log says why"));
      }
    }
  }

  #answer(path: string, request: IncomingMessage, query: URLSearchParams): Promise<HttpAnswer> | HttpAnswer {
    if (path === "/drain") return plain(405, drainText);
    if (request.method !== "GET" && request.method !== "HEAD") return plain(405, `${path} takes GET, HEAD`);
    if (path === "/") {
      const lines = Array.from(this.#endpoints, ([name, { about }]) => `GET  ${name.padEnd(12)} ${about}`);
      return plain(200, `contender control\n\n${lines.join("\n")}`);
    }
    const endpoint = this.#endpoints.get(path);
    return endpoint === undefined
      ? plain(404, "nothing here; GET / lists what there is")
      : endpoint.answer(request, query);
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, contentType, body, etag }: HttpAnswer,
): void {
  if (response.destroyed || response.headersSent) return;
  const quoted = etag === undefined ? undefined : `"${etag}"`;
  const same = quoted !== undefined && (request.headers["if-none-match"] ?? "").split(/\s*,\s*/).includes(quoted);
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff", ...(quoted && { etag: quoted }) };
  if (same) response.writeHead(304, headers).end();
  else {
    const bytes = Buffer.from(typeof body === "string" ? body : body());
    response.writeHead(status, { ...headers, "content-type": contentType, "content-length": bytes.length });
    response.end(request.method === "HEAD" ? undefined : bytes);
  }
}
