/**
 * A connection to a model server, or to the sidecar before it: one request, one answer, and never an exception for what a
 * server says, since being told "no" is most of what finding out is about.
 */
import { Client, type ClientUnaryCall, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { MethodDefinition } from "@grpc/proto-loader";
import type { Clock } from "../base/clock.ts";
import { grpcStatus, grpcStatusNames } from "../grpc/status.ts";
import { healthOf } from "./health.ts";
import { listServicesRequest, reflectionPaths, servicesOf } from "./reflection.ts";
import { printable } from "./text.ts";

export type Answer<T> = { readonly ok: true; readonly value: T } | Refusal;

export interface Refusal {
  readonly ok: false;
  /** A gRPC status. */
  readonly code: number;
  /** `NOT_FOUND: no such model`, fit to be printed. */
  readonly text: string;
}

export interface RawAnswer {
  readonly message: Buffer;
  /** `x-contender-variant`, where a sidecar set it. */
  readonly variant: string | undefined;
}

const same = (bytes: Buffer): Buffer => bytes;

export class ModelServer {
  readonly address: string;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #open = new Set<{ cancel(): void }>();

  /** @param address as `formatAddress` writes it, which is how grpc-js reads it too. */
  constructor(address: string, timeoutMs: number, clock: Clock) {
    this.address = address;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#client = new Client(address, credentials.createInsecure(), {
      // A proxy from the environment is meant for the internet, and the sidecar takes none either.
      "grpc.enable_http_proxy": 0,
      // What is measured and reported is one attempt.
      "grpc.enable_retries": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
  }

  /** Asks with a message of the dialect's definitions. */
  async ask<T>(method: MethodDefinition<object, object>, request: object): Promise<Answer<T>> {
    const answer = await this.askRaw(method.path, method.requestSerialize(request));
    if (!answer.ok) return answer;
    try {
      return { ok: true, value: method.responseDeserialize(answer.value.message) as T };
    } catch {
      return refusal(grpcStatus.INTERNAL, "the answer is not what the protocol says");
    }
  }

  /** Asks with bytes. */
  askRaw(path: string, message: Buffer): Promise<Answer<RawAnswer>> {
    return new Promise((resolve) => {
      let variant: string | undefined;
      const done = (error: ServiceError | null, answer?: Buffer) => {
        this.#open.delete(call);
        if (answer !== undefined) resolve({ ok: true, value: { message: answer, variant } });
        else resolve(refusal(error?.code ?? grpcStatus.UNKNOWN, error?.details ?? ""));
      };
      const call: ClientUnaryCall = this.#client.makeUnaryRequest(
        path,
        same,
        same,
        message,
        new Metadata(),
        this.#deadline(),
        done,
      );
      call.on("metadata", (metadata: Metadata) => {
        variant = metadata.get("x-contender-variant")[0]?.toString();
      });
      this.#open.add(call);
    });
  }

  /** The services that the server's reflection lists; undefined where it has none. */
  async services(): Promise<readonly string[] | undefined> {
    for (const path of reflectionPaths) {
      const answer = await this.#reflect(path);
      const services = answer === undefined ? undefined : servicesOf(answer);
      if (services !== undefined) return services;
    }
    return undefined;
  }

  /** What the standard health service says of the server as a whole; undefined where it has none. */
  async health(): Promise<string | undefined> {
    const answer = await this.askRaw("/grpc.health.v1.Health/Check", Buffer.alloc(0));
    return answer.ok ? healthOf(answer.value.message) : undefined;
  }

  /** Cancels what is under way. */
  close(): void {
    for (const call of this.#open) call.cancel();
    this.#client.close();
  }

  /** The first answer of a reflection stream; undefined for a refusal. */
  #reflect(path: string): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const stream = this.#client.makeBidiStreamRequest(path, same, same, new Metadata(), this.#deadline());
      this.#open.add(stream);
      const done = (answer?: Buffer) => {
        this.#open.delete(stream);
        stream.cancel();
        resolve(answer);
      };
      stream.on("data", done);
      stream.on("error", () => done());
      stream.on("end", () => done());
      stream.write(listServicesRequest);
    });
  }

  #deadline(): { deadline: number } {
    return { deadline: this.#clock.wallMs() + this.#timeoutMs };
  }
}

function refusal(code: number, details: string): Refusal {
  const name = grpcStatusNames[code] ?? `status ${code}`;
  return { ok: false, code, text: details === "" ? name : `${name}: ${printable(details)}` };
}
