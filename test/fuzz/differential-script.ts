/**
 * What a hostile or honest peer sends, as plain values: fast-check draws and shrinks them, a file of the corpus holds them
 * as JSON, and `bytesOf` makes the same bytes of them for whoever is tested.
 *
 * Half of the steps are what a good peer does: a script of errors alone would end at its first one, and show nothing of the
 * states that calls go through.
 */
import fc from "fast-check";
import type { Role } from "../../src/http2/connection.ts";
import { frameType } from "../../src/http2/constants.ts";
import { continuation, data, frame, goaway, headers, number32, priority } from "../support/h2-frames.ts";
import { IndexingEncoder, type PeerField } from "../support/indexing-encoder.ts";

/** Which stream a step is about: the next one, one that was used before (counted back), or an id that nobody may use. */
export type Ref = "new" | "skip" | "idle" | "even" | "zero" | number;

export type Fields = readonly (readonly [string, string])[];

export interface HeadersStep {
  readonly step: "headers";
  readonly on: Ref;
  readonly fields: Fields;
  readonly as: "inserted" | "plain" | "never";
  readonly end: boolean;
  /** Into how many frames the block is cut. */
  readonly frames: number;
  readonly padding?: number | undefined;
  /** `self`: depends on itself. */
  readonly priority?: "root" | "self" | undefined;
  /** The block begins with the size that the peer's table has from now on. */
  readonly table?: number | undefined;
}

export type Step =
  | HeadersStep
  /** A header block of any bytes. */
  | { readonly step: "block"; readonly on: Ref; readonly hex: string; readonly end: boolean }
  | {
      readonly step: "data";
      readonly on: Ref;
      readonly bytes: number;
      readonly end: boolean;
      readonly padding?: number;
    }
  | { readonly step: "reset"; readonly on: Ref; readonly code: number }
  | { readonly step: "window"; readonly on: Ref; readonly by: number }
  | { readonly step: "settings"; readonly values: readonly (readonly [number, number])[] }
  | { readonly step: "settings ack" }
  | { readonly step: "ping"; readonly ack: boolean }
  | { readonly step: "goaway"; readonly last: number; readonly code: number }
  | { readonly step: "priority"; readonly on: Ref; readonly self: boolean }
  | { readonly step: "continuation"; readonly on: Ref; readonly last: boolean }
  | { readonly step: "push"; readonly on: Ref }
  /** Any frame at all. */
  | { readonly step: "frame"; readonly type: number; readonly flags: number; readonly on: Ref; readonly hex: string }
  /** A client under test opens a stream; no byte is sent to it. */
  | { readonly step: "open"; readonly end: boolean };

/** Turns steps into bytes; keeps the peer's header table and the ids that it used. */
export class ScriptWriter {
  readonly #encoder = new IndexingEncoder();
  readonly #used: number[] = [];
  readonly #role: Role;
  #next = 1;

  /** @param role of the side under test; where that is a client, the peer opens nothing. */
  constructor(role: Role) {
    this.#role = role;
  }

  /** A client under test has opened a stream. */
  opened(): number {
    const id = this.#next;
    this.#next += 2;
    this.#used.push(id);
    return id;
  }

  bytesOf(step: Step): Buffer {
    switch (step.step) {
      case "headers":
        return this.#headers(step);
      case "block":
        return headers(this.#id(step.on), Buffer.from(step.hex, "hex"), { end: step.end });
      case "data":
        return data(this.#id(step.on), step.bytes, step.end, step.padding);
      case "reset":
        return frame(frameType.RST_STREAM, 0, this.#id(step.on), number32(step.code));
      case "window":
        return frame(frameType.WINDOW_UPDATE, 0, this.#id(step.on), number32(step.by));
      case "settings":
        return frame(frameType.SETTINGS, 0, 0, settingsOf(step.values));
      case "settings ack":
        return frame(frameType.SETTINGS, 1, 0);
      case "ping":
        return frame(frameType.PING, step.ack ? 1 : 0, 0, Buffer.from("script 8"));
      case "goaway":
        return goaway(step.last, step.code);
      case "priority": {
        const id = this.#id(step.on);
        return priority(id, step.self ? id : 0);
      }
      case "continuation":
        return continuation(this.#id(step.on), Buffer.from([0x82]), step.last);
      case "push":
        return frame(frameType.PUSH_PROMISE, 4, this.#id(step.on), Buffer.from([0, 0, 0, 2, 0x82, 0x87, 0x84]));
      case "frame":
        return frame(step.type, step.flags, this.#id(step.on), Buffer.from(step.hex, "hex"));
      case "open":
        return Buffer.alloc(0);
    }
  }

  #headers(step: HeadersStep): Buffer {
    const id = this.#id(step.on);
    const resized = step.table === undefined ? Buffer.alloc(0) : this.#encoder.resize(step.table);
    const fields = step.fields.map(([name, value]): PeerField => ({ name, value, as: step.as }));
    const block = Buffer.concat([resized, this.#encoder.encode(fields)]);
    const size = Math.max(1, Math.ceil(block.length / step.frames));
    const dependsOn = step.priority === undefined ? {} : { dependsOn: step.priority === "self" ? id : 0 };
    const padding = step.padding === undefined ? {} : { padding: step.padding };
    const last = size >= block.length;
    const out = [headers(id, block.subarray(0, size), { end: step.end, last, ...padding, ...dependsOn })];
    for (let at = size; at < block.length; at += size) {
      out.push(continuation(id, block.subarray(at, at + size), at + size >= block.length));
    }
    return Buffer.concat(out);
  }

  #id(on: Ref): number {
    if (typeof on === "string" && this.#role === "client" && on !== "even" && on !== "zero") return this.#next + 10;
    switch (on) {
      case "new":
        return this.opened();
      case "skip":
        this.#next += 4;
        return this.opened();
      case "idle":
        return this.#next + 10;
      case "even":
        return 2;
      case "zero":
        return 0;
      default:
        return this.#used.at(-1 - (on % Math.max(1, this.#used.length))) ?? 1;
    }
  }
}

function settingsOf(values: readonly (readonly [number, number])[]): Buffer {
  return Buffer.concat(
    values.map(([id, value]) => {
      const entry = Buffer.alloc(6);
      entry.writeUInt16BE(id);
      entry.writeUInt32BE(value, 2);
      return entry;
    }),
  );
}

export const goodRequest: Fields = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/s/m"],
  [":authority", "models.test"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];
export const goodResponse: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** Fields to add to a good list, or in place of one of its fields: each bends or breaks one rule of HTTP. */
const bends: Fields = [
  ["x-a", "b"],
  ["x-empty", ""],
  ["x-bin", "\u00c3\u0028\u00e2\u0082"],
  ["cookie", "a=b"],
  ["cookie", "c=d"],
  ["host", "models.test"],
  ["host", "other.test"],
  ["content-length", "0"],
  ["content-length", "5"],
  ["content-length", "05"],
  ["content-length", "-1"],
  ["content-length", "5, 5"],
  ["content-length", ""],
  ["content-length", "99999999999999999999"],
  ["te", "gzip"],
  ["te", "Trailers"],
  ["connection", "close"],
  ["connection", ""],
  ["keep-alive", "1"],
  ["proxy-connection", "close"],
  ["transfer-encoding", "chunked"],
  ["upgrade", "h2c"],
  ["http2-settings", "AAAA"],
  ["X-Upper", "a"],
  ["", "empty name"],
  ["a b", "space in the name"],
  ["a:b", "colon in the name"],
  ["a\u0000b", "NUL in the name"],
  ["a\u00e9", "Latin-1 in the name"],
  ["x-nul", "a\u0000b"],
  ["x-crlf", "a\r\nb"],
  ["x-lf", "a\nb"],
  ["x-del", "a\u007fb"],
  ["x-ctl", "a\u0001b"],
  ["x-tab", "a\tb"],
  ["x-lead", " a"],
  ["x-trail", "a "],
  ["x-tabs", "\ta\t"],
  [":path", ""],
  [":path", "*"],
  [":path", "no-slash"],
  [":path", "/with space"],
  [":path", "/\u00e9"],
  [":path", "/\u0000"],
  [":path", "/a#b"],
  [":method", ""],
  [":method", "GET"],
  [":method", "OPTIONS"],
  [":method", "CONNECT"],
  [":method", "P OST"],
  [":method", "post"],
  [":scheme", ""],
  [":scheme", "https"],
  [":scheme", "ht tp"],
  [":scheme", "HTTP"],
  [":authority", ""],
  [":authority", "user@host"],
  [":authority", "a b"],
  [":status", "200"],
  [":status", "204"],
  [":status", "100"],
  [":status", "101"],
  [":status", "103"],
  [":status", "099"],
  [":status", "20"],
  [":status", "2000"],
  [":status", "abc"],
  [":status", ""],
  [":status", "999"],
  [":protocol", "websocket"],
  [":unknown", "a"],
  [":", "a"],
  [":Path", "/"],
];

const bend = fc.constantFrom(...bends);

/** A good list with up to two bends: a field added at any place, put in place of another, or one left out. */
function bent(good: Fields): fc.Arbitrary<Fields> {
  const change = fc.record({
    how: fc.constantFrom("add", "add", "replace", "drop", "twice"),
    at: fc.nat(8),
    field: bend,
  });
  return fc.array(change, { minLength: 1, maxLength: 2 }).map((changes) => {
    const list = [...good];
    for (const { how, at, field } of changes) {
      const place = at % (list.length + 1);
      const same = list.findIndex(([name]) => name === field[0]);
      if (how === "add") list.splice(place, 0, field);
      else if (how === "replace") list.splice(same < 0 ? place : same, 1, field);
      else if (how === "drop") list.splice(place, 1);
      else if (list[place] !== undefined) list.push(list[place]);
    }
    return list;
  });
}

const padding = fc.option(fc.nat(8), { freq: 4, nil: undefined });
const someOf = <T>(value: T | undefined, key: string): object => (value === undefined ? {} : { [key]: value });

function headersStep(on: fc.Arbitrary<Ref>, fields: fc.Arbitrary<Fields>, plain: boolean): fc.Arbitrary<Step> {
  return fc
    .record({
      on,
      fields,
      as: fc.constantFrom("inserted", "plain", "never" as const),
      end: fc.boolean(),
      frames: plain ? fc.constant(1) : fc.constantFrom(1, 1, 2, 5),
      padding: plain ? fc.constant(undefined) : padding,
      priority: plain
        ? fc.constant(undefined)
        : fc.constantFrom(undefined, undefined, "root" as const, "self" as const),
      table: plain
        ? fc.constant(undefined)
        : fc.option(fc.constantFrom(0, 60, 4_096, 4_097), { freq: 8, nil: undefined }),
    })
    .map(
      ({ padding: pad, priority: depends, table, ...rest }) =>
        ({
          step: "headers",
          ...rest,
          ...someOf(pad, "padding"),
          ...someOf(depends, "priority"),
          ...someOf(table, "table"),
        }) as Step,
    );
}

/** A good block with some of its bytes changed, or any bytes. */
function blockStep(on: fc.Arbitrary<Ref>, good: Fields): fc.Arbitrary<Step> {
  const encoded = new IndexingEncoder().encode(good.map(([name, value]) => ({ name, value })));
  const changes = fc.array(fc.tuple(fc.nat(encoded.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
  const changed = changes.map((all) => {
    const bytes = Buffer.from(encoded);
    for (const [at, value] of all) bytes[at] = value;
    return bytes.toString("hex");
  });
  const cut = fc.nat(encoded.length).map((end) => encoded.toString("hex", 0, end));
  const any = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("hex"));
  const hex = fc.oneof({ weight: 4, arbitrary: changed }, cut, any);
  return fc.record({ step: fc.constant("block" as const), on, hex, end: fc.boolean() });
}

const known = fc.nat(3);
const anyRef: fc.Arbitrary<Ref> = fc.oneof(
  { weight: 6, arbitrary: known },
  { weight: 2, arbitrary: fc.constantFrom<Ref>("new", "skip", "idle", "even", "zero") },
);

function dataStep(on: fc.Arbitrary<Ref>): fc.Arbitrary<Step> {
  const bytes = fc.oneof(fc.constantFrom(0, 1, 5), fc.nat(300));
  return fc
    .record({ on, bytes, end: fc.boolean(), padding })
    .map(({ padding: pad, ...rest }) => ({ step: "data", ...rest, ...someOf(pad, "padding") }) as Step);
}

const setting = fc.oneof(
  fc.tuple(fc.constant(1), fc.constantFrom(0, 100, 4_096, 0xffff_ffff)),
  fc.tuple(fc.constant(2), fc.constantFrom(0, 1, 2)),
  fc.tuple(fc.constant(3), fc.constantFrom(0, 1, 100, 0xffff_ffff)),
  fc.tuple(fc.constant(4), fc.constantFrom(0, 1, 65_535, 0x7fff_ffff, 0x8000_0000)),
  fc.tuple(fc.constant(5), fc.constantFrom(0, 16_383, 16_384, 16_777_215, 16_777_216)),
  fc.tuple(fc.constant(6), fc.constantFrom(0, 100, 0xffff_ffff)),
  fc.tuple(fc.constantFrom(7, 8, 9, 0x1234), fc.constantFrom(0, 1, 2)),
);
/** Settings that leave both sides as they are, more or less: what is answered must stay comparable. */
const mildSetting = fc.constantFrom<readonly [number, number]>([1, 4_096], [3, 100], [4, 65_535], [5, 16_384], [99, 1]);

const honest: fc.Arbitrary<Step>[] = [
  dataStep(known),
  fc.record({
    step: fc.constant("window" as const),
    on: fc.oneof(known, fc.constant("zero" as const)),
    by: fc.nat(1_000).map((n) => n + 1),
  }),
  fc.record({ step: fc.constant("settings" as const), values: fc.array(mildSetting, { maxLength: 2 }) }),
  fc.record({ step: fc.constant("ping" as const), ack: fc.constant(false) }),
  fc.record({ step: fc.constant("reset" as const), on: known, code: fc.constantFrom(0, 7, 8) }),
];

const hostile: fc.Arbitrary<Step>[] = [
  dataStep(anyRef),
  fc.record({
    step: fc.constant("reset" as const),
    on: anyRef,
    code: fc.constantFrom(0, 1, 2, 7, 8, 13, 99, 0xffff_ffff),
  }),
  fc.record({
    step: fc.constant("window" as const),
    on: anyRef,
    by: fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  }),
  fc.record({ step: fc.constant("settings" as const), values: fc.array(setting, { maxLength: 3 }) }),
  fc.constant({ step: "settings ack" as const }),
  fc.record({ step: fc.constant("ping" as const), ack: fc.boolean() }),
  fc.record({
    step: fc.constant("goaway" as const),
    last: fc.constantFrom(0, 1, 3, 0x7fff_ffff),
    code: fc.constantFrom(0, 1, 11),
  }),
  fc.record({ step: fc.constant("priority" as const), on: anyRef, self: fc.boolean() }),
  fc.record({ step: fc.constant("continuation" as const), on: anyRef, last: fc.boolean() }),
  fc.record({ step: fc.constant("push" as const), on: anyRef }),
  fc.record({
    step: fc.constant("frame" as const),
    type: fc.oneof(fc.nat(9), fc.constantFrom(10, 16, 255)),
    flags: fc.oneof(fc.constant(0), fc.nat(255)),
    on: anyRef,
    hex: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  }),
];

function script(role: Role, start: fc.Arbitrary<Step>[], good: Fields): fc.Arbitrary<Step[]> {
  const on: fc.Arbitrary<Ref> = role === "server" ? fc.constant("new" as const) : known;
  const wellFormed = headersStep(on, fc.constant(good), true);
  const step = fc.oneof(
    ...start.map((arbitrary) => ({ weight: 6, arbitrary })),
    { weight: 6, arbitrary: wellFormed },
    { weight: 3, arbitrary: headersStep(on, fc.constant(good), false) },
    { weight: 4, arbitrary: headersStep(on, bent(good), false) },
    {
      weight: 2,
      arbitrary: headersStep(known, fc.constantFrom<Fields>([["grpc-status", "0"]], [], [["x-a", "b"]]), false),
    },
    { weight: 1, arbitrary: headersStep(anyRef, bent([["grpc-status", "0"]]), false) },
    { weight: 1, arbitrary: blockStep(on, good) },
    ...honest.map((arbitrary) => ({ weight: 3, arbitrary })),
    ...hostile.map((arbitrary) => ({ weight: 1, arbitrary })),
  );
  return fc.array(step, { minLength: 1, maxLength: 14, size: "max" });
}

/** What a client sends to a server under test. */
export const serverScript: fc.Arbitrary<Step[]> = script("server", [], goodRequest);

/** What a client under test is asked to do, and what a server sends to it. */
export const clientScript: fc.Arbitrary<Step[]> = script(
  "client",
  [fc.record({ step: fc.constant("open" as const), end: fc.boolean() })],
  goodResponse,
);
