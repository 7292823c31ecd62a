/**
 * Reads what one side of a connection writes as a strict peer would, with code of its own, and throws at what is illegal in it,
 * whatever the other side has sent (RFC 9113).
 *
 * Of what the other side allows (windows, sizes) it knows the most that was ever allowed, which is enough to find a sender
 * that goes beyond it.
 */
import hpack from "hpack.js";
import type { Role } from "../../src/http2/connection.ts";
import { frameType, preface, settingId } from "../../src/http2/constants.ts";
import { cutFrames, type Frame, flag } from "./h2-frames.ts";

const defaultWindow = 65_535;
const defaultFrame = 16_384;
const largestWindow = 0x7fff_ffff;

type Sent = "open" | "ended" | "reset";

export class LegalityJudge {
  /** Frames that were read. */
  frames = 0;
  readonly #role: Role;
  #rest: Buffer = Buffer.alloc(0);
  #prefaceLeft: number;
  #gone = false;
  /** The header block under way. */
  #block: Buffer[] = [];
  #blockId = 0;
  #blockEnds = false;
  readonly #sent = new Map<number, Sent>();
  readonly #decoder = hpack.decompressor.create({ table: { maxSize: 4_096 } });
  /** What the other side allows, at most. */
  #frameLimit = defaultFrame;
  #streamWindow = defaultWindow;
  #window = defaultWindow;
  readonly #windows = new Map<number, number>();
  #settings = 0;
  #pings = 0;
  readonly #began = new Set<number>();
  #highest = 0;
  readonly #dataBytes = new Map<number, number>();
  #allBytes = 0;

  /** @param role of the side that writes. */
  constructor(role: Role) {
    this.#role = role;
    this.#prefaceLeft = role === "client" ? preface.length : 0;
  }

  /** All that the other side has sent so far, legal or not. */
  heard(bytes: Buffer): void {
    const from = this.#role === "server" && bytes.subarray(0, preface.length).equals(preface) ? preface.length : 0;
    for (const { type, flags, id: given, payload } of cutFrames(bytes.subarray(from)).frames) {
      const id = given & largestWindow;
      if (type === frameType.SETTINGS && (flags & flag.ACK) === 0) this.#heardSettings(payload);
      else if (type === frameType.PING && (flags & flag.ACK) === 0) this.#pings++;
      else if (type === frameType.HEADERS) {
        this.#began.add(id);
        this.#highest = Math.max(this.#highest, id);
      } else if (type === frameType.WINDOW_UPDATE && payload.length === 4) {
        const more = payload.readUInt32BE() & largestWindow;
        if (id === 0) this.#window += more;
        else this.#windows.set(id, (this.#windows.get(id) ?? 0) + more);
      }
    }
  }

  /** The side's next bytes. @throws Error for the first thing that is illegal. */
  wrote(bytes: Buffer): void {
    let all = Buffer.concat([this.#rest, bytes]);
    if (this.#prefaceLeft > 0) {
      const from = preface.length - this.#prefaceLeft;
      const count = Math.min(all.length, this.#prefaceLeft);
      this.#must(
        preface.subarray(from, from + count).equals(all.subarray(0, count)),
        "a client begins with its preface",
      );
      this.#prefaceLeft -= count;
      all = all.subarray(count);
    }
    const { frames, rest } = cutFrames(all);
    this.#rest = Buffer.from(rest);
    for (const frame of frames) this.#frame(frame);
  }

  /** Nothing more comes. */
  end(): void {
    this.#must(this.#rest.length === 0, "the last frame is whole");
    this.#must(this.#blockId === 0, "the last header block is whole");
  }

  #must(holds: boolean, what: string): void {
    if (!holds) throw new Error(`illegal output: ${what}`);
  }

  #heardSettings(payload: Buffer): void {
    this.#settings++;
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      if (payload.readUInt16BE(at) === settingId.MAX_FRAME_SIZE) this.#frameLimit = Math.max(this.#frameLimit, value);
      if (payload.readUInt16BE(at) === settingId.INITIAL_WINDOW_SIZE) {
        this.#streamWindow = Math.max(this.#streamWindow, value);
      }
    }
  }

  #frame(frame: Frame): void {
    const { type, flags, id, payload } = frame;
    this.#must(!this.#gone, "nothing follows the GOAWAY of an error");
    this.#must(this.frames > 0 || (type === frameType.SETTINGS && (flags & flag.ACK) === 0), "SETTINGS come first");
    this.#must(payload.length <= this.#frameLimit, "a frame is no longer than the peer allows");
    this.#must(id <= largestWindow, "the reserved bit is 0");
    this.#must(
      this.#blockId === 0 || (type === frameType.CONTINUATION && id === this.#blockId),
      "a header block is not interrupted",
    );
    this.frames++;
    switch (type) {
      case frameType.DATA:
        return this.#data(frame);
      case frameType.HEADERS:
        return this.#headers(frame);
      case frameType.CONTINUATION:
        return this.#continuation(frame);
      case frameType.RST_STREAM:
        this.#must(payload.length === 4 && id !== 0 && this.#exists(id), "RST_STREAM is for a stream that there is");
        this.#sent.set(id, "reset");
        return;
      case frameType.SETTINGS:
        this.#must(id === 0 && payload.length % 6 === 0, "SETTINGS have their form");
        if ((flags & flag.ACK) !== 0) this.#must(--this.#settings >= 0, "each SETTINGS is acknowledged once");
        return;
      case frameType.PING:
        this.#must(id === 0 && payload.length === 8, "PING has its form");
        if ((flags & flag.ACK) !== 0) this.#must(--this.#pings >= 0, "each PING is answered once");
        return;
      case frameType.GOAWAY:
        this.#must(id === 0 && payload.length >= 8, "GOAWAY has its form");
        this.#gone = payload.readUInt32BE(4) !== 0;
        return;
      case frameType.WINDOW_UPDATE:
        this.#must(
          payload.length === 4 && payload.readUInt32BE() > 0 && payload.readUInt32BE() <= largestWindow,
          "WINDOW_UPDATE has its form",
        );
        this.#must(
          id === 0 || (this.#exists(id) && this.#sent.get(id) !== "reset"),
          "WINDOW_UPDATE is for a stream that there is",
        );
        return;
      default:
        this.#must(false, `a frame of type ${type} is never sent`);
    }
  }

  #exists(id: number): boolean {
    return this.#role === "client" ? this.#sent.has(id) : id <= this.#highest;
  }

  #data({ flags, id, payload }: Frame): void {
    this.#must(this.#sent.get(id) === "open", "DATA follows headers, and nothing that ends the stream");
    this.#must((flags & flag.PADDED) === 0, "DATA is not padded");
    this.#allBytes += payload.length;
    this.#must(this.#allBytes <= this.#window, "DATA stays within the connection's window");
    const bytes = (this.#dataBytes.get(id) ?? 0) + payload.length;
    this.#dataBytes.set(id, bytes);
    this.#must(bytes <= this.#streamWindow + (this.#windows.get(id) ?? 0), "DATA stays within its stream's window");
    if ((flags & flag.END_STREAM) !== 0) this.#sent.set(id, "ended");
  }

  #headers({ flags, id, payload }: Frame): void {
    this.#must((flags & (flag.PADDED | flag.PRIORITY)) === 0, "HEADERS are neither padded nor weighed");
    const state = this.#sent.get(id);
    this.#must(state === undefined || state === "open", "HEADERS do not follow what ends the stream");
    if (this.#role === "server") this.#must(this.#began.has(id), "a server answers streams that were begun");
    else this.#must(id % 2 === 1, "a client's streams are odd");
    this.#blockEnds = (flags & flag.END_STREAM) !== 0;
    this.#must(state === undefined || this.#blockEnds, "trailers end the stream");
    this.#sent.set(id, "open");
    this.#block = [payload];
    this.#blockId = id;
    if ((flags & flag.END_HEADERS) !== 0) this.#blockDone();
  }

  #continuation({ flags, id, payload }: Frame): void {
    this.#must(this.#blockId === id && id !== 0, "CONTINUATION continues a header block");
    this.#block.push(payload);
    if ((flags & flag.END_HEADERS) !== 0) this.#blockDone();
  }

  #blockDone(): void {
    const block = Buffer.concat(this.#block);
    this.#decoder.write(block);
    this.#decoder.execute();
    for (let field = this.#decoder.read(); field !== null; field = this.#decoder.read()) {
      this.#must(field.name === field.name.toLowerCase() && field.name !== "", "names of fields are lower case");
    }
    if (this.#blockEnds) this.#sent.set(this.#blockId, "ended");
    this.#blockId = 0;
  }
}
