/**
 * The gRPC port of a config service: its services, health and reflection, with every limit named.
 *
 * The listener is our own, and hands its connections on: the library's has a queue of 511 for connections that are not accepted yet, and
 * when ten thousand sidecars come back at once, the kernel drops what does not fit, to be sent again after 1, 3 and 7 s.
 */
import { createServer, type Server as Listener, type Socket } from "node:net";
import { createServer as createSecureServer, type Server as SecureListener } from "node:tls";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { HealthImplementation, protoPath as healthProto } from "grpc-health-check";
import { definitions } from "../../api/protos.ts";
import { reflectionOf } from "../../api/reflection.ts";
import { type Address, formatAddress } from "../../base/address.ts";
import { cannotListen } from "../../base/cannot-listen.ts";
import type { Clock } from "../../base/clock.ts";
import type { Control } from "../control.ts";
import { CallsUnderWay, type UnaryAnswer } from "./calls-under-way.ts";
import { bound, connectionBounds } from "./connection-bounds.ts";
import { ending, refusal } from "./refusal.ts";
import type { TlsOptions } from "./tls-options.ts";

export interface ServerOptions {
  /** How long a stream may be silent before its peer is asked whether it is there, and how long it has to answer. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Age at which a connection is ended gracefully, so that sidecars spread over replicas that came later. */
  readonly maxConnectionAgeMs: number;
  /** What is still open so long after that, and streams of sidecars always are, is cut: else no sidecar would ever go elsewhere. */
  readonly maxConnectionAgeGraceMs: number;
  /** Largest message that is taken. */
  readonly maxMessageBytes: number;
  /** Of a request that needs no proof of who asks: to health and reflection. */
  readonly maxOpenBytes: number;
  /** Calls at a time over one connection; who has more opens another one, as proxies do by themselves. */
  readonly maxStreams: number;
}

export const serverDefaults: ServerOptions = {
  /** A sidecar that lost its machine is shown as gone within a minute and a half. */
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: 3_600_000,
  /** The longest that a call is held for whoever waits for sidecars. */
  maxConnectionAgeGraceMs: 600_000,
  /** A report of 64 versions and a dozen variants is a few hundred kilobytes. */
  maxMessageBytes: 4_194_304,
  /** A name, of a service or of a file. */
  maxOpenBytes: 16_384,
  /** A sidecar has two; a mesh may bring many over one connection. */
  maxStreams: 100,
};

type Service = ReturnType<Control["services"]>[number];
type Stream = ServerDuplexStream<object, object> | ServerWritableStream<object, object>;

/** How long connections have to take what was written when every call is over: their peers close them at once, or don't at all. */
const flushMs = 500;

/** Connections that the kernel holds until they are accepted; it takes the least of this and net.core.somaxconn. */
const backlog = 16_384;

export class ControlServer {
  readonly #server: Server;
  readonly #health = new HealthImplementation({ "": "NOT_SERVING" });
  readonly #clock: Clock;
  /** Open streams, whoever's they are. */
  readonly #streams = new Set<Stream>();
  readonly #calls = new CallsUnderWay();
  readonly #sockets = new Set<Socket>();
  /** Resolves when the end has begun and no connection is left. */
  readonly #empty = Promise.withResolvers<void>();
  /** Resolves where the end is cut short. */
  readonly #forced = Promise.withResolvers<false>();
  #listener: Listener | undefined = undefined;
  #closing = false;

  constructor(control: Control, clock: Clock, options: ServerOptions = serverDefaults) {
    this.#clock = clock;
    this.#server = new Server({
      interceptors: [this.#calls.interceptor, control.admission],
      "grpc.keepalive_time_ms": options.keepaliveMs,
      "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.max_connection_age_ms": options.maxConnectionAgeMs,
      "grpc.max_connection_age_grace_ms": options.maxConnectionAgeGraceMs,
      "grpc.max_receive_message_length": options.maxMessageBytes,
      "grpc.max_concurrent_streams": options.maxStreams,
      // Its bookkeeping is for people with a debugger, and costs a kilobyte and more for each of thousands of connections.
      "grpc.enable_channelz": 0,
    });
    const adding = { addService: (...service: Service) => this.#add(...service) };
    for (const service of control.services()) adding.addService(...service);
    const open = {
      addService: (...service: Service) => this.#add(short(service[0], options.maxOpenBytes), service[1]),
    };
    this.#health.addToServer(open as Server);
    reflectionOf({ ...loadSync(healthProto), ...definitions() }).addToServer(open as Server);
  }

  /**
   * @param tls what TLS is spoken with; in plain text without it. Who shows no certificate, or one that nobody vouches for, is let in as
   *   somebody without one: a token may say who it is.
   * @returns the address bound.
   * @throws ContenderError ADDRESS_IN_USE.
   */
  listen(address: Address, tls?: TlsOptions, bounds = connectionBounds()): Promise<string> {
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const listener = tls === undefined ? createServer({ noDelay: true }) : secureListener(tls);
    bound(listener, bounds);
    listener.on(tls === undefined ? "connection" : "secureConnection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#gone(socket));
      injector.injectConnection(socket);
    });
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      const refused = (reason: Error): void => reject(cannotListen("CONTENDER_CONTROL_LISTEN", address, reason));
      listener.once("error", refused);
      const where = address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
      listener.listen({ ...where, backlog }, () => {
        listener.off("error", refused);
        // A single connection that can't be accepted, no descriptor left say, is its peer's to try again.
        listener.on("error", () => undefined);
        const bound = listener.address();
        const port = typeof bound === "object" && bound !== null ? bound.port : 0;
        resolve(formatAddress(address.kind === "tcp" ? { ...address, port } : address));
      });
    });
  }

  /** From now on its health service says that it serves; it does so as soon as it listens. */
  ready(): void {
    if (!this.#closing) this.#health.setStatus("", "SERVING");
  }

  /** New certificates, for connections that come from now on. */
  secure(tls: TlsOptions): void {
    const listener = this.#listener as Partial<SecureListener> | undefined;
    listener?.setSecureContext?.(tls);
  }

  /** Cuts a `close` short. */
  force(): void {
    this.#forced.resolve(false);
  }

  /**
   * Stops accepting, and sends every stream elsewhere. Calls under way finish, and new ones are refused; what is open still after a while
   * is cut.
   * @returns whether all calls have come to their end
   */
  async close(graceMs: number): Promise<boolean> {
    this.#closing = true;
    this.#health.setStatus("", "NOT_SERVING");
    this.#listener?.close();
    const cancel = this.#clock.after(graceMs, () => this.#forced.resolve(false));
    // Each connection has its GOAWAY by it; of connections that were handed to it it waits for none.
    this.#server.tryShutdown(() => undefined);
    // Who comes back does so by another one.
    for (const stream of this.#streams) stream.emit("error", refusal(ending()));
    const clean = await Promise.race([this.#calls.close().then(() => true), this.#forced.promise]);
    cancel();
    this.#look();
    if (clean) await this.#flushed();
    // The library knows only those connections that it has accepted itself.
    for (const socket of this.#sockets) socket.destroy();
    return clean;
  }

  /** When every connection is closed, or has had the time. */
  async #flushed(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(flushMs, late.resolve);
    await Promise.race([this.#empty.promise, late.promise, this.#forced.promise]);
    cancel();
  }

  #gone(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#look();
  }

  #look(): void {
    if (this.#closing && this.#sockets.size === 0) this.#empty.resolve();
  }

  /**
   * A service whose calls are known while they are under way, and its streams while they are open: a sidecar's, a replica's, a probe's
   * ends by itself never.
   */
  #add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    const known: UntypedServiceImplementation = { ...implementation };
    for (const [name, { requestStream, responseStream, originalName = name }] of Object.entries(definition)) {
      const key = implementation[name] === undefined ? originalName : name;
      const handler = implementation[key];
      if (handler === undefined) continue;
      if (!(requestStream || responseStream)) known[key] = this.#calls.unary(handler as UnaryAnswer);
      if (!responseStream) continue;
      const answer = handler as (stream: Stream) => void;
      known[key] = (stream: Stream): void => {
        this.#open(stream);
        answer(stream);
        if (this.#closing) stream.emit("error", refusal(ending()));
      };
    }
    this.#server.addService(definition, known);
  }

  #open(stream: Stream): void {
    this.#streams.add(stream);
    const over = (): void => void this.#streams.delete(stream);
    for (const event of ["cancelled", "close", "finish"]) stream.on(event, over);
  }
}

/** A service whose longer requests are not read. */
function short(definition: ServiceDefinition, mostBytes: number): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      if (bytes.length > mostBytes) throw new Error(`a request of ${bytes.length} bytes, want at most ${mostBytes}`);
      return method.requestDeserialize(bytes);
    };
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(methods) as ServiceDefinition;
}

/** A peer that does not finish its handshake is gone after it. */
const handshakeTimeout = 10_000;

function secureListener(tls: TlsOptions): SecureListener {
  return createSecureServer({
    ...tls,
    noDelay: true,
    handshakeTimeout,
    ALPNProtocols: ["h2"],
    ...(tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
  }).on("tlsClientError", (_, socket) => socket.destroy());
}
