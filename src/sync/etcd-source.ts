/**
 * Routes from keys of etcd: documents that anybody put there, or what a config service keeps of its routes, tables included.
 *
 * Whatever wakes us, all of them are read anew, as of one revision: no mixture of two changes is ever seen. A watch wakes us when
 * something has changed; that it goes on by itself through members that die also means that nobody hears of etcd's absence by it,
 * so etcd is asked now and then all the same.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import type { Problem } from "../base/parsed.ts";
import { problemLine } from "../base/parsed.ts";
import type { PemPaths } from "../base/pem.ts";
import type { Surroundings } from "../config/route-rules.ts";
import type { SourceFailure, SourceStatus } from "../config/source-status.ts";
import { readUsablePem } from "../config/sources/pem-files.ts";
import { readSecret } from "../config/sources/secret-file.ts";
import { EtcdClient } from "../etcd/client.ts";
import { type Found, readPrefix } from "../etcd/range.ts";
import { EtcdWatch } from "../etcd/watch.ts";
import { type ApplyTexts, AskedFailure, type AskedSource, type Held } from "./asked-source.ts";
import { loadKeys, routeKeys } from "./etcd-contents.ts";

export interface EtcdSourceOptions {
  readonly endpoints: readonly string[];
  /** With its slash. */
  readonly prefix: string;
  /** As snapshots name it. */
  readonly name: string;
  /** How often it is asked whether it is there. */
  readonly pollMs: number;
  readonly pem: PemPaths;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly around: Surroundings;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly status: SourceStatus;
  readonly apply: ApplyTexts;
}

export class EtcdSource implements AskedSource {
  readonly #options: EtcdSourceOptions;
  readonly #key: Buffer;
  #client: EtcdClient | undefined = undefined;
  #watch: EtcdWatch | undefined = undefined;
  /** Version of the contents in force. */
  #version: string | undefined = undefined;
  /** Why contents were refused, so that they are told once for as long as they are there. */
  #refused: string | undefined = undefined;
  #reading: Promise<unknown> | undefined = undefined;
  #readAgain = false;
  #cancelPoll: () => void = () => undefined;
  #closed = false;

  constructor(options: EtcdSourceOptions) {
    this.#options = options;
    this.#key = Buffer.from(`${options.prefix}${routeKeys}`);
  }

  get status(): SourceStatus {
    return this.#options.status;
  }

  async open(): Promise<readonly Problem[]> {
    const problems = await this.#read(true);
    if (problems.length === 0) this.#schedule();
    return problems;
  }

  begin(): void {
    // It has begun.
  }

  follow({ version }: Held): void {
    this.#version = this.#options.status.version = version;
    this.#wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPoll();
    await this.#reading;
    this.#drop();
  }

  #schedule(): void {
    this.#cancelPoll();
    if (this.#closed) return;
    const { chance, clock, pollMs } = this.#options;
    this.#cancelPoll = clock.after(pollMs * (0.9 + 0.2 * chance.next()), () => this.#wake());
  }

  /** One read at a time; what wakes us meanwhile is one more afterwards. */
  #wake(): void {
    this.#readAgain = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
      this.#schedule();
    });
  }

  async #readAll(): Promise<void> {
    while (this.#readAgain && !this.#closed) {
      this.#readAgain = false;
      await this.#read(false);
    }
  }

  /** @returns why what is there is not in force. */
  async #read(first: boolean): Promise<readonly Problem[]> {
    const { name, status } = this.#options;
    let found: Found;
    try {
      found = await this.#ask();
    } catch (caught) {
      const message = caught instanceof Error ? caught.message : String(caught);
      // The next try begins with the files as they are then, and with whichever member answers.
      this.#drop();
      if (!this.#closed) status.lost(caught instanceof AskedFailure ? caught.reason : reasonOf(caught), message);
      return [{ path: name, message }];
    }
    if (this.#closed) return [];
    status.contact();
    const problems = await this.#take(found, first);
    if (problems.length === 0 || !first) this.#follow(found.revision);
    return problems;
  }

  async #ask(): Promise<Found> {
    if (this.#client === undefined) {
      const client = this.#connect();
      this.#client = client;
      await client.open();
    }
    return await readPrefix(this.#client, this.#key);
  }

  #connect(): EtcdClient {
    const { chance, clock, endpoints, passwordFile, pem, user } = this.#options;
    const texts = readUsablePem(pem);
    if (!texts.ok) throw new AskedFailure("settings", texts.problems.map(problemLine).join("; "));
    const password = passwordFile === undefined ? undefined : readSecret(passwordFile);
    if (password?.ok === false) throw new AskedFailure("settings", password.message);
    const { ca, cert, key } = texts.value;
    const tls = {
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
    };
    const who = user === undefined || password === undefined ? {} : { user: { name: user, password: password.value } };
    return new EtcdClient({ endpoints, clock, chance, tls, ...who });
  }

  #follow(revision: number): void {
    const client = this.#client;
    if (this.#watch !== undefined || client === undefined || this.#closed) return;
    const watch = new EtcdWatch(client, this.#key, revision, {
      changed: () => this.#wake(),
      lost: () => {
        if (this.#watch !== watch) return;
        this.#watch = undefined;
        this.#wake();
      },
      resumed: () => this.#wake(),
    });
    this.#watch = watch;
  }

  #drop(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#client?.close();
    this.#client = undefined;
  }

  async #take(found: Found, first: boolean): Promise<readonly Problem[]> {
    const { apply, around, name, prefix, status } = this.#options;
    const texts = found.kvs.map(({ key, value }) => ({
      name: key.toString().slice(prefix.length),
      text: value.toString(),
    }));
    const loaded = loadKeys(name, texts, { around, prefix });
    if (loaded.ok && loaded.value.version === this.#version) {
      this.#refused = undefined;
      status.rejected = [];
      return [];
    }
    const refused = loaded.ok ? undefined : JSON.stringify(loaded.problems);
    if (refused !== undefined && refused === this.#refused) return status.rejected;
    const problems = await apply(loaded, first, texts);
    status.rejected = problems;
    this.#refused = refused;
    if (problems.length === 0 && loaded.ok) this.#version = status.version = loaded.value.version;
    return problems;
  }
}

function reasonOf(caught: unknown): SourceFailure {
  if (!(caught instanceof ContenderError)) return "garbage";
  if (caught.code === "STORE_UNAVAILABLE") return "unreachable";
  return caught.code === "FORBIDDEN" ? "forbidden" : "garbage";
}
