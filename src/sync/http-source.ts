/**
 * Routes from an HTTP server, polled: what is there is asked for by its ETag, so that an answer without news has no body.
 *
 * An answer counts where it is whole and says 200, or 304 to what was asked for by an ETag. Redirects are not followed: whoever may
 * change where routes come from should have to change the setting. What is cut off, too long or no routes changes nothing.
 *
 * A config service's answer has its version in it. Contents say whether something has changed, since anybody may serve such an answer
 * with contents of their own; the version says which of two came first, so that one of several replicas that lags behind, or a
 * cache, takes nobody back. What is in force is named in every question, also where something else was refused since: by it the
 * service learns that its store was put back, and gives it a new id.
 */
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from "node:http";
import { parseVersion } from "../api/version.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import type { PemPaths } from "../base/pem.ts";
import { effectiveRoutes, loadEffective, redactedProblems } from "../config/effective-routes.ts";
import { loadTexts } from "../config/files.ts";
import type { Surroundings } from "../config/route-rules.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { SourceStatus } from "../config/source-status.ts";
import { readUsablePem } from "../config/sources/pem-files.ts";
import { readSecret } from "../config/sources/secret-file.ts";
import { largestTextBytes } from "../config/yaml.ts";
import { type ApplyTexts, AskedFailure, type AskedSource, type Held, type Texts } from "./asked-source.ts";
import { backwards } from "./judge.ts";

/** What one answer may take: a few hundred KiB at most, from a server that is near. */
const requestMs = 5_000;
/** What pauses grow to where nothing comes, unless the poll itself is slower. */
const longestPauseMs = 60_000;

export interface HttpSourceOptions {
  readonly url: string;
  /** As snapshots name it. */
  readonly name: string;
  readonly pollMs: number;
  /** Of TLS; their problems are told by the name of their kind. */
  readonly pem: PemPaths;
  readonly tokenFile: string | undefined;
  readonly around: Surroundings;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly status: SourceStatus;
  readonly apply: ApplyTexts;
}

interface Answer {
  /** Of the two that were asked by, 304 says which one it is. */
  readonly etag: string | undefined;
  /** Undefined where nothing has changed. */
  readonly text: string | undefined;
}

export class HttpSource implements AskedSource {
  readonly #options: HttpSourceOptions;
  /** Of what is in force. */
  #etag: string | undefined = undefined;
  /** Version of the contents that are in force. */
  #version: string | undefined = undefined;
  /** As the config service that they are from names them; undefined where they are from elsewhere. */
  #ordered: string | undefined = undefined;
  /** Of contents that were refused, so that they are told once for as long as they are there. */
  #refused: { readonly text: string; readonly etag: string | undefined } | undefined = undefined;
  #failures = 0;
  #cancelPoll: () => void = () => undefined;
  #abort: (() => void) | undefined = undefined;
  #polling: Promise<unknown> | undefined = undefined;
  #closed = false;

  constructor(options: HttpSourceOptions) {
    this.#options = options;
  }

  get status(): SourceStatus {
    return this.#options.status;
  }

  async open(): Promise<readonly Problem[]> {
    const problems = await this.#poll(true);
    if (problems.length === 0) this.#schedule();
    return problems;
  }

  begin(): void {
    // It has begun: what is asked for costs a start nothing more.
  }

  follow({ texts, version }: Held): void {
    this.#inForce(version, orderedBy(texts), undefined);
    this.#polling = this.#poll(false).finally(() => this.#schedule());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPoll();
    this.#abort?.();
    await this.#polling;
  }

  #schedule(): void {
    if (this.#closed) return;
    const { chance, clock, pollMs } = this.#options;
    const longest = Math.max(pollMs, longestPauseMs);
    const pauseMs = Math.min(pollMs * 2 ** Math.min(this.#failures, 20), longest) * (0.9 + 0.2 * chance.next());
    this.#cancelPoll = clock.after(pauseMs, () => {
      this.#polling = this.#poll(false).finally(() => this.#schedule());
    });
  }

  /** @returns why what is there is not in force. */
  async #poll(first: boolean): Promise<readonly Problem[]> {
    const { status } = this.#options;
    let answer: Answer;
    try {
      answer = await this.#ask();
    } catch (caught) {
      const { reason = "unreachable", message } = caught as Partial<AskedFailure> & Error;
      if (this.#closed) return [];
      this.#failures++;
      status.lost(reason, message);
      return [{ path: this.#options.name, message }];
    }
    this.#failures = 0;
    status.contact();
    if (answer.text !== undefined) return await this.#take(answer.text, answer.etag, first);
    this.#unchanged(answer.etag);
    return [];
  }

  /** What is in force is there, or what was refused still is. */
  #unchanged(etag: string | undefined): void {
    const refused = this.#refused;
    if (refused?.etag === undefined || (etag !== undefined && strong(etag) === strong(this.#asEtag ?? ""))) {
      this.#refused = undefined;
      this.#options.status.rejected = [];
    } else if (etag === undefined && this.#asEtag !== undefined) this.#refused = { ...refused, etag: undefined };
  }

  /** A config service names contents by their version: so those are named that came from disk. */
  get #asEtag(): string | undefined {
    return this.#etag ?? (this.#ordered === undefined ? undefined : `"${this.#ordered}"`);
  }

  async #take(text: string, etag: string | undefined, first: boolean): Promise<readonly Problem[]> {
    const { apply, name, status } = this.#options;
    const texts = [{ name, text }];
    const ordered = orderedBy(texts);
    const loaded = this.#load(texts, ordered);
    if (loaded.ok && loaded.value.version === this.#version) {
      this.#inForce(this.#version, ordered, etag);
      this.#refused = undefined;
      status.rejected = [];
      return [];
    }
    // Contents that can't be read are refused once; those that could not be put in force are tried again.
    const known = this.#refused;
    this.#refused = loaded.ok ? undefined : { text, etag };
    if (!loaded.ok && known?.text === text) return loaded.problems;
    const problems = this.#closed ? [] : await apply(loaded, first, texts);
    status.rejected = problems;
    if (problems.length === 0 && loaded.ok) this.#inForce(loaded.value.version, ordered, etag);
    return problems;
  }

  #inForce(version: string, ordered: string | undefined, etag: string | undefined): void {
    this.#etag = etag;
    this.#version = version;
    this.#ordered = ordered;
    this.#options.status.version = ordered ?? version;
  }

  #load(texts: Texts, ordered: string | undefined): Loaded {
    const { around, name } = this.#options;
    const back = ordered === undefined ? undefined : backwards(this.#ordered, ordered);
    return back === undefined ? loadAnswer(name, texts, around) : { ok: false, problems: [back], warnings: [] };
  }

  #ask(): Promise<Answer> {
    const { clock, pem, tokenFile, url } = this.#options;
    const secure = url.startsWith("https:");
    const texts = secure ? readUsablePem(pem) : undefined;
    if (texts?.ok === false) throw new AskedFailure("settings", texts.problems.map(problemLine).join("; "));
    const token = tokenFile === undefined ? undefined : readSecret(tokenFile);
    if (token?.ok === false) throw new AskedFailure("settings", token.message);
    const known = [this.#refused?.etag, this.#asEtag].filter((etag) => etag !== undefined);
    const options: RequestOptions & PemPaths = {
      agent: false,
      headers: {
        accept: "application/yaml, application/json, text/plain, */*",
        "accept-encoding": "identity",
        ...(known.length === 0 ? {} : { "if-none-match": known.join(", ") }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token.value}` }),
      },
      ...texts?.value,
    };
    // Not by `import`, which loads all of Node's fetch too.
    const { request } = process.getBuiltinModule(secure ? "node:https" : "node:http");
    let stop: () => void = () => undefined;
    const answered = new Promise<Answer>((resolve, reject) => {
      const fail = (reason: unknown): void =>
        reject(reason instanceof AskedFailure ? reason : new AskedFailure("unreachable", messageOf(reason)));
      const asked = request(url, options, (answer) => {
        if (answer.statusCode !== 304 || known.length > 0) return readAnswer(answer, resolve, fail);
        answer.destroy();
        fail(new AskedFailure("garbage", "it answers 304, unchanged, to a request that names nothing to compare with"));
      });
      this.#abort = () => asked.destroy(new Error("the sidecar ends"));
      stop = clock.after(requestMs, () =>
        asked.destroy(new AskedFailure("silent", `no whole answer within ${requestMs} ms`)),
      );
      asked.on("error", fail);
      asked.end();
    });
    return answered.finally(() => stop());
  }
}

/** Routes of an answer: documents, or what `/config` and a config service show. */
export function loadAnswer(name: string, texts: Texts, around: Surroundings): Loaded {
  const text = texts[0]?.text ?? "";
  const effective = effectiveRoutes(text);
  if (effective === undefined) return loadTexts(name, texts, around);
  const blanked = redactedProblems(text);
  return blanked.length > 0 ? { ok: false, problems: blanked, warnings: [] } : loadEffective(name, effective, around);
}

/** The version by which a config service orders an answer. */
function orderedBy(texts: Texts): string | undefined {
  const { version = "" } = effectiveRoutes(texts[0]?.text ?? "") ?? {};
  return parseVersion(version) === undefined ? undefined : version;
}

function readAnswer(answer: IncomingMessage, resolve: (answer: Answer) => void, fail: (reason: unknown) => void): void {
  const { headers, statusCode = 0 } = answer;
  const wrong = refusalOf(statusCode, headers);
  if (wrong !== undefined) {
    answer.destroy();
    fail(wrong);
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= largestTextBytes) chunks.push(chunk);
    else answer.destroy(new AskedFailure("garbage", `want at most ${largestTextBytes} bytes`));
  });
  answer.on("error", (reason) => fail(answer.complete || reason instanceof AskedFailure ? reason : cutOff()));
  answer.on("end", () => {
    if (!answer.complete) fail(cutOff());
    else {
      const text = statusCode === 304 ? undefined : Buffer.concat(chunks).toString("utf8");
      resolve({ etag: headers.etag, text });
    }
  });
}

/** A proxy that packs an answer makes its ETag a weak one. */
const strong = (etag: string): string => etag.replace(/^W\//, "");

const cutOff = (): AskedFailure => new AskedFailure("garbage", "the answer was cut off");

function refusalOf(status: number, headers: IncomingHttpHeaders): AskedFailure | undefined {
  const { location, "content-encoding": encoding, "content-length": length, "transfer-encoding": transfer } = headers;
  if (status === 304) return undefined;
  if (status === 401 || status === 403) return new AskedFailure("forbidden", `it answers ${status}`);
  if (status >= 300 && status < 400) {
    return new AskedFailure("garbage", `it answers ${status}, and redirects are not followed: ${location ?? ""}`);
  }
  if (status >= 500) return new AskedFailure("unreachable", `it answers ${status}`);
  if (status !== 200) return new AskedFailure("garbage", `it answers ${status}`);
  if (encoding !== undefined && encoding !== "identity") {
    return new AskedFailure("garbage", `want no content-encoding, got ${encoding}`);
  }
  // What ends with its connection may have been cut off anywhere, and half a document may be a good one.
  if (length === undefined && transfer === undefined)
    return new AskedFailure("garbage", "want content-length, or chunks");
  return undefined;
}

const messageOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));
