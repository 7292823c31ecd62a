/** An HTTP server of routes that answers as a test tells it to, and keeps what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Closable } from "./owned.ts";

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** The same to everybody. */
export const text =
  (body: string, headers: Record<string, string> = {}): Serve =>
  (_, response) => {
    response.writeHead(200, headers).end(body);
  };

/** Over TLS where that is given. */
export class HttpRoutes implements Closable {
  serve: Serve;
  readonly requests: IncomingMessage[] = [];
  readonly #server;
  readonly #scheme: string;

  constructor(serve: Serve, tls?: object) {
    this.serve = serve;
    const answer: Serve = (request, response) => {
      this.requests.push(request);
      this.serve(request, response);
    };
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/routes.yaml`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
