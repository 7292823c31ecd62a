/** What came of a script, told alike for both implementations: what was delivered, and what the wire says. */
import { errorCodeNames, frameType, preface } from "../../src/http2/constants.ts";
import { cutFrames, flag } from "../support/h2-frames.ts";

export interface StreamOutcome {
  /** The header list as it was delivered; absent where none was. */
  head?: readonly string[];
  body?: string;
  trailers?: readonly string[];
  /** The message ended as its sender meant it to. */
  ended?: true;
  /** Code of the first RST_STREAM that the side under test sent. */
  reset?: string;
  /** Whoever owns the stream was told that it failed. */
  failed?: true;
  /** Header lists that the side under test sent. */
  sent?: number;
}

export interface Outcome {
  /** `open`, `closed` without a word of why, or the code of a GOAWAY. */
  connection: string;
  /** Acknowledgements that the side under test sent. */
  settings: number;
  pings: number;
  streams: Record<number, StreamOutcome>;
}

/** Reads what one side says, as far as scripts compare it. */
export class Watcher {
  readonly outcome: Outcome = { connection: "open", settings: 0, pings: 0, streams: {} };
  #rest = Buffer.alloc(0);
  #skip: number;

  constructor(role: "server" | "client") {
    this.#skip = role === "client" ? preface.length : 0;
  }

  stream(id: number): StreamOutcome {
    this.outcome.streams[id] ??= {};
    return this.outcome.streams[id];
  }

  head(id: number, list: readonly string[]): void {
    this.stream(id).head = list;
  }

  data(id: number, bytes: Buffer): void {
    const stream = this.stream(id);
    stream.body = (stream.body ?? "") + bytes.toString("latin1");
  }

  trailers(id: number, list: readonly string[]): void {
    this.stream(id).trailers = list;
  }

  ended(id: number): void {
    this.stream(id).ended = true;
  }

  failed(id: number): void {
    this.stream(id).failed = true;
  }

  /** The side under test wrote this. */
  wrote(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes]);
    const skipped = Math.min(this.#skip, all.length);
    this.#skip -= skipped;
    const { frames, rest } = cutFrames(all.subarray(skipped));
    this.#rest = Buffer.from(rest);
    for (const { type, flags, id, payload } of frames) {
      const ack = (flags & flag.ACK) !== 0;
      if (type === frameType.SETTINGS && ack) this.outcome.settings++;
      else if (type === frameType.PING && ack) this.outcome.pings++;
      else if (type === frameType.RST_STREAM) this.stream(id).reset ??= codeName(payload.readUInt32BE());
      else if (type === frameType.GOAWAY) this.outcome.connection = `GOAWAY ${codeName(payload.readUInt32BE(4))}`;
      else if (type === frameType.HEADERS) this.stream(id).sent = (this.stream(id).sent ?? 0) + 1;
    }
  }

  /** The side under test has ended the connection. */
  closed(): void {
    if (this.outcome.connection === "open") this.outcome.connection = "closed";
  }
}

export function codeName(code: number): string {
  return errorCodeNames[code] ?? String(code);
}
