/** What a connection tells its owner, as lines of text in their order, with the bytes of every stream kept beside them. */
import type { StreamFault } from "../../src/base/connection-ends.ts";
import type { Connection } from "../../src/http2/connection.ts";
import type { ConnectionHandler, ResetHow } from "../../src/http2/connection-handler.ts";
import { errorCodeNames } from "../../src/http2/constants.ts";
import { streamFaultOf } from "../../src/http2/faults.ts";
import type { HeaderBlock } from "../../src/http2/header-block.ts";
import type { H2Stream } from "../../src/http2/stream.ts";

export class Recorder implements ConnectionHandler {
  /** `request 1 /path end`, `response 1 200`, `data 1 5 end`, `trailers 1`, `reset 1 CANCEL peer`, `sent 1 5`, and so on. */
  events: string[] = [];
  /** Every stream that this side got to know, by its id. */
  readonly streams = new Map<number, H2Stream>();
  /** Header lists as they came, by `head N` and `trailers N`. */
  readonly lists = new Map<string, string[]>();
  readonly #bodies = new Map<number, Buffer[]>();
  /** What streams were reset for. */
  readonly blamed: StreamFault[] = [];
  /** Whether delivered bytes are credited to the peer at once. */
  readonly reading: boolean;
  /** Runs after the event was noted; for what an owner does within it. */
  onEvent: (event: string, stream: H2Stream | undefined) => void = () => undefined;

  constructor(reading = true) {
    this.reading = reading;
  }

  /** The events since the last call. */
  take(): string[] {
    const events = this.events;
    this.events = [];
    return events;
  }

  /** All that came on a stream. */
  body(id: number): Buffer {
    return Buffer.concat(this.#bodies.get(id) ?? []);
  }

  stream(id: number): H2Stream {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`stream ${id} was never reported`);
    return stream;
  }

  onRequest(stream: H2Stream, block: HeaderBlock, endStream: boolean): void {
    this.streams.set(stream.id, stream);
    this.#keep("head", stream, block);
    const path = block.named(":path")?.value;
    this.#note(`request ${stream.id} ${path}${block.tooLarge ? " too large" : ""}${end(endStream)}`, stream);
  }

  onResponse(stream: H2Stream, block: HeaderBlock, status: number, endStream: boolean): void {
    this.#keep("head", stream, block);
    this.#note(`response ${stream.id} ${status}${end(endStream)}`, stream);
  }

  onInterim(stream: H2Stream, _block: HeaderBlock, status: number): void {
    this.#note(`interim ${stream.id} ${status}`, stream);
  }

  onStreamFault(code: number): void {
    this.blamed.push(streamFaultOf(code));
  }

  onTrailers(stream: H2Stream, block: HeaderBlock): void {
    this.#keep("trailers", stream, block);
    this.#note(`trailers ${stream.id}`, stream);
  }

  onData(stream: H2Stream, buf: Buffer, start: number, to: number, endStream: boolean): void {
    const pieces = this.#bodies.get(stream.id) ?? [];
    pieces.push(Buffer.from(buf.subarray(start, to)));
    this.#bodies.set(stream.id, pieces);
    this.#note(`data ${stream.id} ${to - start}${end(endStream)}`, stream);
    if (this.reading) stream.consumed(to - start);
  }

  onReset(stream: H2Stream, code: number, how: ResetHow): void {
    this.#note(`reset ${stream.id} ${errorCodeNames[code] ?? code} ${how}`, stream);
  }

  onDelivered(stream: H2Stream, bytes: number): void {
    this.#note(`sent ${stream.id} ${bytes}`, stream);
  }

  onReady(_connection: Connection): void {
    this.#note("ready", undefined);
  }

  onCapacity(_connection: Connection): void {
    this.#note("capacity", undefined);
  }

  onGoaway(_connection: Connection, code: number): void {
    this.#note(`goaway ${errorCodeNames[code]}`, undefined);
  }

  onClosed(_connection: Connection): void {
    this.#note("closed", undefined);
  }

  #keep(what: string, stream: H2Stream, block: HeaderBlock): void {
    const list = block.fields.slice(0, block.count).map(({ name, value }) => `${name}: ${value}`);
    this.lists.set(`${what} ${stream.id}`, list);
  }

  #note(event: string, stream: H2Stream | undefined): void {
    this.events.push(event);
    this.onEvent(event, stream);
  }
}

function end(endStream: boolean): string {
  return endStream ? " end" : "";
}
