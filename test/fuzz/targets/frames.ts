/**
 * Bytes of a peer to a connection of either role, with an owner that answers, echoes, resets or does not read.
 *
 * What must hold: the same bytes make the same events and the same output wherever reads end; what comes out is legal; nothing
 * held grows beyond what the peer paid for, and nothing is left when the connection is gone.
 */
import assert from "node:assert/strict";
import { ByteBudget } from "../../../src/http2/byte-budget.ts";
import { Connection, type Role } from "../../../src/http2/connection.ts";
import { preface } from "../../../src/http2/constants.ts";
import { type Http2Options, resolveHttp2Options } from "../../../src/http2/options.ts";
import type { H2Stream } from "../../../src/http2/stream.ts";
import {
  continuation,
  data,
  goaway,
  headers,
  ping,
  priority,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../../support/h2-frames.ts";
import { LegalityJudge } from "../../support/h2-legality.ts";
import { pattern } from "../../support/h2-pair.ts";
import { requestFields, responseFields, trailerFields } from "../../support/h2-raw.ts";
import { Recorder } from "../../support/h2-recorder.ts";
import { blockOf } from "../../support/hpack.ts";
import { IndexingEncoder } from "../../support/indexing-encoder.ts";
import { Random } from "../random.ts";
import type { ByteTarget } from "../target.ts";
import { mutateFrames } from "../wire-mutator.ts";

/** Of an input: where reads end, what the owner does, and which limits are in force; the peer's bytes follow. */
const headBytes = 3;
/** Calls that a client under test has open. */
const openCalls = 3;

/** What owners send: more than a window, so that some of it has to wait. */
const payload = pattern(100_000);

/** Limits that short inputs can reach, and those of life. */
const limits: readonly Http2Options[] = [
  {},
  {
    streamWindowBytes: 1_024,
    connectionWindowBytes: 65_535,
    maxConcurrentStreams: 2,
    maxHeaderListBytes: 1_024,
    maxHeaderBlockBytes: 1_024,
    maxContinuations: 2,
    resetBurst: 4,
    controlBurst: 20,
    maxSettings: 4,
    decoderTableBytes: 100,
    encoderTableBytes: 64,
    sliceBytes: 2_048,
  },
];

interface Setup {
  readonly role: Role;
  readonly options: Http2Options;
  readonly answerBytes: number;
  /** Answers as soon as there is a request, not at its end. */
  readonly early: boolean;
  readonly resets: boolean;
  readonly shutsDown: boolean;
}

function setupOf(role: Role, how: number, which: number): Setup {
  return {
    role,
    options: limits[which & 1] ?? {},
    answerBytes: [0, 10, 3_000, 100_000][how & 3] as number,
    early: (how & 4) !== 0,
    resets: (how & 8) !== 0,
    shutsDown: (how & 16) !== 0,
  };
}

/** One connection that is fed, with an owner who does what the setup says. */
class Fed {
  readonly recorder: Recorder;
  readonly connection: Connection;
  readonly budget = new ByteBudget();
  readonly output: Buffer[] = [];
  readonly #setup: Setup;
  /** Bytes that the owner gave to be sent. */
  given = 0;

  constructor(setup: Setup, reading: boolean) {
    this.#setup = setup;
    this.recorder = new Recorder(reading);
    this.connection = new Connection(
      setup.role,
      resolveHttp2Options(setup.options),
      this.recorder,
      this.budget,
      () => undefined,
    );
    this.recorder.onEvent = (event, stream) => this.#onEvent(event, stream);
  }

  /** @param flushing whether the socket takes what there is after every read. */
  feed(pieces: Iterable<Buffer>, flushing: boolean): void {
    for (const piece of pieces) {
      this.connection.receive(piece);
      if (flushing) this.flush();
    }
    this.flush();
  }

  flush(): void {
    while (this.connection.output.bytes > 0) {
      this.output.push(Buffer.concat(this.connection.output.take()));
      this.connection.sender.pump();
    }
  }

  #onEvent(event: string, stream: H2Stream | undefined): void {
    const { role, early, resets, shutsDown } = this.#setup;
    if (event === "ready" && role === "client") this.#open();
    if (stream === undefined) return;
    const ended = event.endsWith(" end") || event.startsWith("trailers");
    // At once: how much of a message is there depends on where reads end.
    if (resets && stream.id % 4 === 3 && event.startsWith("re")) stream.reset();
    else if (role === "server" && (early ? event.startsWith("request") : ended)) this.#answer(stream);
    if (shutsDown && stream.id === 3) this.connection.shutdown();
  }

  #answer(stream: H2Stream): void {
    const { answerBytes } = this.#setup;
    stream.sendHeaders(blockOf(responseFields), false);
    stream.sendData(payload, 0, answerBytes, false);
    stream.sendTrailers(blockOf(trailerFields));
    this.given += answerBytes + 200;
  }

  #open(): void {
    for (let i = 0; i < openCalls && this.connection.hasCapacity; i++) {
      const stream = this.connection.openStream(undefined);
      this.recorder.streams.set(stream.id, stream);
      stream.sendHeaders(blockOf(requestFields), i === 0);
      if (i > 0) stream.sendData(payload, 0, this.#setup.answerBytes, i === 1);
      this.given += this.#setup.answerBytes + 300;
    }
  }
}

/** Pieces of a few bytes to many, drawn by a seed. */
function* cut(bytes: Buffer, seed: number): Generator<Buffer> {
  const random = new Random(seed);
  const most = random.pick([1, 2, 9, 10, 40, 1_000]);
  for (let at = 0; at < bytes.length; ) {
    const count = 1 + random.below(most);
    yield bytes.subarray(at, at + count);
    at += count;
  }
}

/**
 * Neighbouring pieces of one stream's data as one: where reads end is not the owner's business. Of a stream that is reset for
 * what came on it, how much was handed on before is nobody's: a frame that breaks its `content-length` is known to when its
 * last byte is here, and not before.
 */
function joined(events: readonly string[]): string[] {
  const broken = new Set(events.flatMap((event) => /^reset (\d+) \S+ protocol$/.exec(event)?.[1] ?? []));
  const out: string[] = [];
  for (const event of events) {
    const [what, id, count, end] = event.split(" ");
    if (what === "data" && broken.has(id ?? "")) continue;
    const [before, beforeId, beforeCount, beforeEnd] = out.at(-1)?.split(" ") ?? [];
    if (what === "data" && before === "data" && id === beforeId && beforeEnd === undefined) {
      out[out.length - 1] = `data ${id} ${Number(beforeCount) + Number(count)}${end === undefined ? "" : " end"}`;
    } else {
      out.push(event);
    }
  }
  // An end of stream may come with the last bytes or after them.
  return out.filter((event) => !/^data \d+ 0$/.test(event));
}

/** Each stream is begun once, ends once, and is silent afterwards; the connection ends once, at the end. */
function checkOrder(events: readonly string[], role: Role): void {
  const state = new Map<string, "begun" | "ended" | "gone">();
  for (const [at, event] of events.entries()) {
    const [what = "", id = ""] = event.split(" ");
    if (what === "closed") assert.equal(at, events.length - 1, "nothing is told after the end");
    if (!["request", "response", "data", "trailers", "reset"].includes(what)) continue;
    const before = state.get(id);
    const ends = event.endsWith(" end") || what === "trailers";
    if (what === "request" || what === "response") assert.equal(before, undefined, `${event}: begins once`);
    else if (what === "reset") assert.notEqual(before, "gone", `${event}: once`);
    else assert.equal(before, "begun", `${event}: between begin and end`);
    if (what === "reset" && role === "server")
      assert.notEqual(before, undefined, `${event}: of a stream that was told`);
    state.set(id, what === "reset" ? "gone" : ends ? "ended" : "begun");
  }
}

function runFrames(role: Role, input: Buffer): void {
  const [seed = 0, how = 0, which = 0] = input;
  const setup = setupOf(role, how, which);
  const wire = input.subarray(Math.min(headBytes, input.length));
  const greeting =
    role === "server" && (which & 2) === 0 ? [preface, settings()] : (which & 2) === 0 ? [settings()] : [];
  const bytes = Buffer.concat([...greeting, wire]);

  const whole = new Fed(setup, false);
  whole.feed([bytes], false);
  const inPieces = new Fed(setup, false);
  inPieces.feed(cut(bytes, seed), false);
  assert.deepEqual(joined(inPieces.recorder.events), joined(whole.recorder.events), "events do not depend on reads");
  assert.ok(Buffer.concat(inPieces.output).equals(Buffer.concat(whole.output)), "output does not depend on reads");
  assert.deepEqual(inPieces.recorder.lists, whole.recorder.lists, "header lists do not depend on reads");

  const reading = new Fed(setup, true);
  reading.feed(cut(bytes, seed + 1), true);
  for (const fed of [whole, reading]) judge(fed, role, bytes, setup);
}

function judge(fed: Fed, role: Role, bytes: Buffer, setup: Setup): void {
  const { connection, recorder, budget } = fed;
  const legality = new LegalityJudge(role);
  legality.heard(bytes);
  for (const piece of fed.output) legality.wrote(piece);
  legality.end();
  const most = role === "client" ? openCalls : resolveHttp2Options(setup.options).maxConcurrentStreams;
  assert.ok(connection.streamCount <= most, `${connection.streamCount} streams are open, at most ${most}`);
  assert.ok(budget.held <= fed.given, "no more is held than was given");
  const written = fed.output.reduce((sum, piece) => sum + piece.length, 0);
  const paid = 300 + 2 * bytes.length + fed.given;
  assert.ok(written <= paid, `${written} bytes came out, ${paid} were paid for`);
  connection.lost();
  assert.equal(connection.streamCount, 0, "no stream outlives its connection");
  assert.equal(budget.held, 0, "nothing is held for a connection that is gone");
  assert.equal(recorder.events.filter((event) => event === "closed").length, 1, "the end is told once");
  checkOrder(joined(recorder.events), role);
}

const block = (fields: readonly (readonly [string, string, ...unknown[]])[]): Buffer =>
  new IndexingEncoder().encode(fields.map(([name, value]) => ({ name, value })));
const request = block(requestFields);
const response = block(responseFields);
const trailers = block([...trailerFields, ["x-a", "b"]]);
const cases = [Buffer.from([0, 0, 0]), Buffer.from([7, 3, 1]), Buffer.from([1, 6, 0]), Buffer.from([3, 26, 1])];

function seedsOf(streams: readonly Buffer[]): Buffer[] {
  return [...cases, ...streams.map((stream, i) => Buffer.concat([cases[i % cases.length] as Buffer, stream]))];
}

const common = [
  Buffer.concat([
    ping(),
    settings({ INITIAL_WINDOW_SIZE: 100, MAX_FRAME_SIZE: 20_000 }),
    settingsAck(),
    windowUpdate(0, 1_000),
  ]),
  goaway(1, 2, "bye"),
];

export const framesServer: ByteTarget = {
  kind: "bytes",
  name: "frames-server",
  about: "a caller's bytes to a connection: the same wherever reads end, legal output, bounded memory",
  replay: (input) => runFrames("server", input),
  mutate: (input, random, other) => mutateFrames(input, headBytes, random, other),
  seeds: () =>
    seedsOf([
      Buffer.concat([headers(1, request), data(1, 20, false, 3), data(1, 5, true)]),
      Buffer.concat([
        headers(1, request, { end: true }),
        windowUpdate(1, 5_000),
        headers(3, request),
        headers(3, trailers, { end: true }),
      ]),
      Buffer.concat([
        headers(1, request.subarray(0, 9), { last: false }),
        continuation(1, request.subarray(9)),
        rstStream(1, 8),
      ]),
      Buffer.concat([
        headers(1, request, { padding: 4, dependsOn: 3 }),
        priority(1, 3),
        headers(3, block([...requestFields, ["content-length", "3"]])),
        data(3, 3, true),
      ]),
      Buffer.concat([
        headers(1, request),
        data(1, 900),
        data(1, 900),
        headers(3, request),
        data(3, 10, true),
        headers(5, request),
        headers(7, request),
      ]),
      ...common,
    ]),
};

export const framesClient: ByteTarget = {
  kind: "bytes",
  name: "frames-client",
  about: "an upstream's bytes to a connection with three calls open: as above",
  replay: (input) => runFrames("client", input),
  mutate: (input, random, other) => mutateFrames(input, headBytes, random, other),
  seeds: () =>
    seedsOf([
      Buffer.concat([headers(1, response), data(1, 20, false, 3), headers(1, trailers, { end: true })]),
      Buffer.concat([
        headers(1, block([[":status", "103"]])),
        headers(1, response, { end: true }),
        windowUpdate(3, 100),
        windowUpdate(0, 9),
      ]),
      Buffer.concat([
        headers(3, response.subarray(0, 4), { last: false }),
        continuation(3, response.subarray(4)),
        rstStream(3, 7),
        rstStream(5, 0),
      ]),
      Buffer.concat([headers(5, block([...responseFields, ["content-length", "3"]])), data(5, 3, true), goaway(3, 0)]),
      ...common,
    ]),
};
