/**
 * A channel to the config service: how it is secured, who we are, and when a service that says nothing is given up.
 *
 * Tokens are read for each call and certificates when they change, so that neither has to outlive what issues them: calls that
 * begin after a change go by another connection, those under way stay where they are. Time limits are ours, on the monotonic
 * clock; those of the library go by the wall clock.
 */
import { ChannelCredentials, Client, type ClientDuplexStream, type ClientOptions, Metadata } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Parsed, type Problem, problemLine } from "../base/parsed.ts";
import type { OpenPem, PemSource, PemTexts } from "../base/pem.ts";
import { readPemTexts } from "../base/pem-texts.ts";
import { type ControlClient, controlClientSettings, formatControl, formatHostPort } from "../config/control-client.ts";
import { readSecret } from "../config/sources/secret-file.ts";
import { targetOf } from "./address-list.ts";
import { ControlFailure, controlFailure } from "./control-failure.ts";
import { actorKey } from "./metadata-keys.ts";
import { type Failed, neverConnected, whyUnreachable } from "./unreachable.ts";

/** What of a method a call takes. */
export interface Callable<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export interface ChannelPorts {
  readonly clock: Clock;
  readonly openPem: OpenPem;
  /** Who says that they are asking: kept with a change where the service asks nobody for a proof. */
  readonly actor?: string;
  /** Settings that the files are named by, where they are not those of a client. */
  readonly names?: FileNames;
}

/** By their kinds. */
export type FileNames = Readonly<Record<"ca" | "cert" | "key" | "token", string>>;

const options: ClientOptions = {
  // A service that is paused, or behind a partition, is noticed within 15 s, whatever is being waited for.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  // Pauses are the caller's business: a call that is made is tried at once.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // Of the replicas behind a name, or in a list, each sidecar asks another first, and goes to the next where one can't be reached.
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] }),
  // A thousand routes with their tables are some megabytes.
  "grpc.max_receive_message_length": 67_108_864,
  "grpc.max_send_message_length": -1,
  // A connection of its own, that nobody else's options shape, without a proxy in between and without a DNS query more.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
};

/** What a person waits for a service that answers in milliseconds. */
export const callTimeoutMs = 10_000;

const clientNames: FileNames = {
  ca: controlClientSettings.controlCa.env,
  cert: controlClientSettings.controlCert.env,
  key: controlClientSettings.controlKey.env,
  token: controlClientSettings.controlTokenFile.env,
};

export class ControlChannel {
  /** As people write it. */
  readonly where: string;
  readonly #control: ControlClient;
  readonly #clock: Clock;
  readonly #actor: string | undefined;
  readonly #names: FileNames;
  readonly #pem: PemSource | undefined;
  #texts: Parsed<PemTexts>;
  #client: Client | undefined = undefined;

  constructor(control: ControlClient, { clock, openPem, actor, names = clientNames }: ChannelPorts) {
    this.#control = control;
    this.#actor = actor;
    this.#names = names;
    this.#clock = clock;
    this.where = formatControl(control.target);
    const { tls } = control;
    this.#pem =
      tls &&
      openPem({ ca: tls.ca, cert: tls.cert, key: tls.key }, (texts) => {
        this.#texts = texts;
        // Files that are wrong now are told to whoever asks next; who is connected stays so.
        if (texts.ok) this.renew();
      });
    this.#texts = this.#pem?.first ?? { ok: true, value: {} };
  }

  /** @throws ControlFailure, ContenderError SETTINGS_INVALID where a file of ours is no good. */
  async call<Request extends object, Response extends object>(
    method: Callable<Request, Response>,
    request: Request,
    timeoutMs = callTimeoutMs,
  ): Promise<Response> {
    const metadata = this.#metadata();
    const client = this.#connected();
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      {},
      (error, response) => {
        if (error === null && response !== undefined) resolve(response);
        else void this.#failure(error).then(reject);
      },
    );
    const stop = this.#clock.after(timeoutMs, () => {
      const text = `${this.where} does not answer within ${timeoutMs} ms. Does contender control run there, and speak TLS where CONTENDER_CONTROL begins with tls://?`;
      reject(new ContenderError("CONTROL_UNREACHABLE", text));
      call.cancel();
      this.renew();
    });
    return await promise.finally(stop);
  }

  /** @throws ContenderError SETTINGS_INVALID where a file of ours is no good; whatever else fails is the stream's. */
  stream<Request extends object, Response extends object>(
    method: Callable<Request, Response>,
  ): ClientDuplexStream<Request, Response> {
    const metadata = this.#metadata();
    return this.#connected().makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
    );
  }

  /** What a failed stream is told by: what keeps a connection from being made, in our words. Never rejects. */
  async why(failed: Failed): Promise<string> {
    const texts = this.#texts.ok ? this.#texts.value : {};
    return neverConnected(failed)
      ? await whyUnreachable(failed, this.#control, texts, this.#clock)
      : (failed.details ?? "");
  }

  async #failure(reason: unknown): Promise<ContenderError> {
    const failed = reason as Failed;
    if (!neverConnected(failed)) return controlFailure(reason, this.where);
    const said = { grpcCode: Number(failed.code), outcome: "unsent", problems: [], cause: reason } as const;
    return new ControlFailure("CONTROL_UNREACHABLE", await this.why(failed), said);
  }

  /** The next call goes by another connection, to whichever address answers then; those under way stay. */
  renew(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  close(): void {
    this.#pem?.close();
    this.renew();
  }

  #connected(): Client {
    if (this.#client !== undefined) return this.#client;
    const { serverName } = this.#control.tls ?? {};
    const name = serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName };
    const target = targetOf(this.#control.target.addresses.map(formatHostPort));
    this.#client = new Client(target, this.#credentials(), { ...options, ...name });
    return this.#client;
  }

  #credentials(): ChannelCredentials {
    if (this.#control.tls === undefined) return ChannelCredentials.createInsecure();
    const texts = this.#texts;
    if (!texts.ok) throw this.#noGood(texts.problems);
    const read = readPemTexts(texts.value, this.#control.tls);
    if (!read.ok) throw this.#noGood(read.problems);
    const { ca, cert, key } = texts.value;
    const bytes = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
    try {
      return ChannelCredentials.createSsl(bytes(ca), bytes(key), bytes(cert));
    } catch (reason) {
      const { ca: ofCa, cert: ofCert, key: ofKey } = this.#names;
      const text = `${ofCa}, ${ofCert}, ${ofKey}: no TLS can be spoken with these files: ${String(reason)}`;
      throw new ContenderError("SETTINGS_INVALID", text, { cause: reason });
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    // A header has printable ASCII only, and names of people and machines may have more.
    if (this.#actor !== undefined) metadata.set(actorKey, this.#actor.replace(/[^\x21-\x7e]/g, "?"));
    const { tokenFile } = this.#control;
    if (tokenFile === undefined) return metadata;
    const token = readSecret(tokenFile);
    if (!token.ok) {
      throw new ContenderError("SETTINGS_INVALID", `${this.#names.token}: ${token.message}`);
    }
    metadata.set("authorization", `Bearer ${token.value}`);
    return metadata;
  }

  #noGood(problems: readonly Problem[]): ContenderError {
    const names: Readonly<Record<string, string>> = this.#names;
    const lines = problems.map(({ path, message }) => problemLine({ path: names[path] ?? path, message }));
    return new ContenderError("SETTINGS_INVALID", lines.join("\n"));
  }
}
