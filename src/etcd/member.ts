/**
 * One member of etcd: a connection that is made when it is needed, and the versions that are refused.
 *
 * Time limits are ours, on the monotonic clock; those of the library go by the wall clock. Whether a member can be reached, and
 * what it is, is asked by a call that changes nothing before any other is sent to it: what fails there has done nothing, which
 * can't be said of a commit.
 */
import { ChannelCredentials, Client, type ClientDuplexStream, connectivityState, Metadata } from "@grpc/grpc-js";
import { ContenderError } from "../base/errors.ts";
import { EtcdFailure } from "./failure.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Method, Services } from "./protos.ts";

/** Lose what was committed, or hold members that differ, after a kill under load (etcd's "v3.5 data inconsistency" of 2022). */
const refusedVersions = /^3\.5\.[0-2](?:\D|$)/;

const channelOptions = {
  // etcd counts PINGs less than 5 s apart as strikes; this finds connections that lead nowhere, while a stream is open.
  "grpc.keepalive_time_ms": 6_000,
  "grpc.keepalive_timeout_ms": 2_000,
  // Tries have seconds in all, so a member that is back must be found within them.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 500,
  // A page of ours (range.ts) is half of it at most; of a watch, etcd splits what is above 2 MiB.
  "grpc.max_receive_message_length": 67_108_864,
  "grpc.max_send_message_length": -1,
  // The members are told to us; nobody else's channel or proxy is in between.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
};

export class Member {
  readonly endpoint: string;
  readonly #options: ResolvedOptions;
  readonly #services: Services;
  readonly #client: Client;
  #checked = false;

  constructor(endpoint: string, options: ResolvedOptions, services: Services) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#services = services;
    const { protocol, host } = new URL(endpoint);
    const { ca = null, key = null, cert = null } = options.tls ?? {};
    const credentials =
      protocol === "https:" ? ChannelCredentials.createSsl(ca, key, cert) : ChannelCredentials.createInsecure();
    // A URL leaves the protocol's own port out.
    const port = host.endsWith("]") || !host.includes(":") ? `:${protocol === "https:" ? 443 : 80}` : "";
    this.#client = new Client(`dns:${host}${port}`, credentials, channelOptions);
  }

  /** @throws EtcdFailure where it can't be reached, ContenderError STORE_UNSUPPORTED where it must not be used. */
  async check(timeoutMs: number): Promise<void> {
    const ready = this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
    // A connection that was lost may be followed by one to another version.
    if (ready && this.#checked) return;
    this.#checked = false;
    const version = await this.#version(timeoutMs);
    if (refusedVersions.test(version)) {
      throw new ContenderError(
        "STORE_UNSUPPORTED",
        `etcd ${version} at ${this.endpoint} may lose what it has confirmed when it is killed; upgrade it to 3.5.3 or later`,
      );
    }
    this.#checked = true;
  }

  async #version(timeoutMs: number): Promise<string> {
    try {
      return (await this.call(this.#services.status, {}, new Metadata(), timeoutMs)).version;
    } catch (reason) {
      // Where authentication is on, members that tell it to administrators only answer so; all of them are newer than 3.5.2.
      if (reason instanceof EtcdFailure && reason.kind === "token") return "newer";
      throw reason;
    }
  }

  /** @throws EtcdFailure. */
  call<Request, Answer>(
    method: Method<Request, Answer>,
    request: Request & object,
    metadata: Metadata,
    timeoutMs: number,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        {},
        (error, answer) => {
          stop();
          if (error === null && answer !== undefined) resolve(answer);
          else reject(EtcdFailure.from(error));
        },
      );
      const stop = this.#options.clock.after(timeoutMs, () => {
        reject(tooLate(timeoutMs));
        call.cancel();
      });
    });
  }

  /** As `call`, for a method with streams, of which we want one answer. */
  callOnce<Request, Answer>(
    method: Method<Request, Answer>,
    request: Request & object,
    metadata: Metadata,
    timeoutMs: number,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.stream(method, metadata);
      const end = (settle: () => void) => {
        stop();
        settle();
        stream.cancel();
      };
      const stop = this.#options.clock.after(timeoutMs, () => end(() => reject(tooLate(timeoutMs))));
      stream.on("data", (answer: Answer) => end(() => resolve(answer)));
      stream.on("error", (error) => end(() => reject(EtcdFailure.from(error))));
      stream.on("end", () => end(() => reject(new EtcdFailure("away", "ended without an answer"))));
      stream.write(request);
    });
  }

  stream<Request, Answer>(
    method: Method<Request, Answer>,
    metadata: Metadata,
  ): ClientDuplexStream<Request & object, Answer & object> {
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
    );
  }

  close(): void {
    this.#client.close();
  }
}

const tooLate = (timeoutMs: number) => new EtcdFailure("away", `no answer within ${Math.round(timeoutMs)} ms`);
