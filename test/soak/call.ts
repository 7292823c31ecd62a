/** One call of a soak, from the caller's side: it sends what its kind sends, checks all that comes, and ends once. */
import { HeaderBlock, HeaderField, headerId } from "../../src/http2/header-block.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import { type Kind, lengthAt, orderField, streamMessage, unavailable } from "./kinds.ts";
import { answer, ExpectedStream, uploadChecksum } from "./messages.ts";
import { AnswerTemplate, type RequestTemplate } from "./predictions.ts";
import type { Outcome } from "./tally.ts";

/** What a call is to be, drawn before it begins. */
export interface Order {
  readonly kind: Kind;
  readonly id: number;
  readonly user: number;
  /** Messages of the streaming side; with `late`, milliseconds. */
  readonly count: number;
  /** Bytes of each of them, or of a prediction's input. */
  readonly bytes: number;
  readonly request: RequestTemplate | undefined;
  /** After how long the caller resets the call, in milliseconds; -1 for never, 0 at the first byte of its answer. */
  readonly cancelMs: number;
  /** `grpc-timeout` in milliseconds; 0 for none. */
  readonly timeoutMs: number;
  /** How long the caller reads nothing, in milliseconds. */
  readonly pauseMs: number;
}

/** What the calls need of whoever makes them. */
export interface CallPorts {
  nowMs(): number;
  after(delayMs: number, fn: () => void): () => void;
  /** Takes the end of a call, with the reason where it is wrong. */
  ended(call: SoakCall, outcome: Outcome, why: string): void;
  mayHave(variant: string, order: Order, beganMs: number, endedMs: number): boolean;
}

const head = new HeaderBlock();
const fixed = [
  new HeaderField(":method", "POST"),
  new HeaderField(":scheme", "http"),
  new HeaderField(":authority", "models.soak"),
  new HeaderField("te", "trailers"),
  new HeaderField("content-type", "application/grpc"),
];
const answers = new Map(["v41", "v42", "v43"].map((name) => [name, new AnswerTemplate(name)]));

export class SoakCall {
  readonly order: Order;
  readonly beganMs: number;
  readonly #ports: CallPorts;
  stream: H2Stream | undefined = undefined;
  over = false;
  #request: Buffer | undefined = undefined;
  #expected: ExpectedStream | undefined = undefined;
  #upload: { readonly bytes: number; readonly checksum: number } | undefined = undefined;
  #sent = 0;
  #pieces: Buffer[] = [];
  #status = -1;
  #text = "";
  #variant = "";
  #reading: boolean;
  #uncredited = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(order: Order, ports: CallPorts) {
    this.order = order;
    this.#ports = ports;
    this.beganMs = ports.nowMs();
    this.#reading = order.pauseMs === 0;
  }

  /** Opens the stream that it is given, and sends what can be sent at once. */
  begin(stream: H2Stream): void {
    this.stream = stream;
    const { order } = this;
    const { kind, id, count, bytes, user, timeoutMs } = order;
    head.clear();
    head.add(new HeaderField(":path", kind.path));
    for (const field of fixed) head.add(field);
    head.add(new HeaderField("x-user-id", `user-${user}`));
    head.add(new HeaderField("x-request-id", `9b1deb4d-3b7d-4bad-9bdd-${id}`));
    head.add(new HeaderField(orderField, `${kind.name},${id},${count},${bytes}`));
    if (timeoutMs > 0) head.add(new HeaderField("grpc-timeout", `${timeoutMs}m`, false, headerId["grpc-timeout"]));
    stream.sendHeaders(head, false);
    this.#sendBody(stream);
    if (order.cancelMs > 0) this.#cancelTimer = this.#ports.after(order.cancelMs, () => this.#cancel());
    if (order.pauseMs > 0) this.#ports.after(order.pauseMs, () => this.#read());
  }

  #sendBody(stream: H2Stream): void {
    const { kind, id, count, bytes, request } = this.order;
    if (request !== undefined) {
      this.#request = request.make(id);
      return send(stream, this.#request, true);
    }
    switch (kind.path) {
      case "/soak.Model/Upload": {
        const messages = Array.from({ length: count }, (_, i) => streamMessage(id, i, lengthAt(i, bytes)));
        this.#upload = uploadChecksum(messages);
        for (const message of messages) send(stream, message, false);
        return send(stream, Buffer.alloc(0), true);
      }
      case "/soak.Model/Talk":
        this.#expected = new ExpectedStream(id, count, bytes);
        return this.#talk(stream);
      case "/soak.Model/Early":
        return send(stream, streamMessage(id, 0, bytes), false);
      default:
        if (kind.path === "/soak.Model/Download") this.#expected = new ExpectedStream(id, count, bytes);
        return send(stream, streamMessage(id, 0, bytes), true);
    }
  }

  /** The next message of a conversation, once the one before has come back. */
  #talk(stream: H2Stream): void {
    const { id, count, bytes } = this.order;
    if (this.#sent > (this.#expected?.messages ?? 0) || this.#sent >= count || stream.closed) return;
    const message = streamMessage(id, this.#sent, lengthAt(this.#sent, bytes));
    this.#sent++;
    send(stream, message, this.#sent === count);
  }

  onHead(block: HeaderBlock, endStream: boolean): void {
    if (this.over) return;
    this.#note(block);
    if (endStream) this.#complete();
  }

  onData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return;
    if (this.#reading) this.stream?.consumed(end - start);
    else this.#uncredited += end - start;
    if (this.#expected === undefined) this.#pieces.push(Buffer.from(buf.subarray(start, end)));
    else this.#expected.push(buf, start, end);
    if (this.order.cancelMs === 0) return this.#cancel();
    if (endStream) return this.#complete();
    if (this.order.kind.name === "talk" && this.stream !== undefined) this.#talk(this.stream);
  }

  onTrailers(block: HeaderBlock): void {
    if (this.over) return;
    this.#note(block);
    this.#complete();
  }

  onReset(code: number, how: string): void {
    // The sidecar may end the half that we still had open, once it has answered.
    this.end("lost", `ended by a reset (${how}, code ${code}) without a status`);
  }

  /** Its connection is about to be cut by the caller. */
  cut(): void {
    this.end("cut", "");
  }

  end(outcome: Outcome, why: string): void {
    if (this.over) return;
    this.over = true;
    this.#cancelTimer();
    this.#pieces = [];
    this.#request = undefined;
    this.#ports.ended(this, outcome, why);
  }

  #cancel(): void {
    if (this.over) return;
    this.stream?.reset();
    this.end("cancelled", "");
  }

  #read(): void {
    this.#reading = true;
    if (!this.over) this.stream?.consumed(this.#uncredited);
  }

  #note(block: HeaderBlock): void {
    for (let i = 0; i < block.count; i++) {
      const { name, value } = block.fields[i] as HeaderField;
      if (name === "grpc-status") this.#status = Number(value);
      else if (name === "grpc-message") this.#text = value;
      else if (name === "x-contender-variant") this.#variant = value;
    }
  }

  #complete(): void {
    const why = this.#problem();
    if (why === "") this.end(this.#status, "");
    else this.end(this.#status < 0 ? "lost" : "wrong", why);
  }

  /** Why the answer is not what it has to be; "" where it is. */
  #problem(): string {
    const { order } = this;
    const status = this.#status;
    if (status < 0) return "ended without a grpc-status";
    // An answer of the sidecar's own may come before a variant was found.
    if (this.#variant === "" && status > 0 && this.#text.startsWith("contender:")) return this.#wrongStatus(status);
    if (!this.#ports.mayHave(this.#variant, order, this.beganMs, this.#ports.nowMs())) {
      return `answered by ${this.#variant}, which user ${order.user} does not have`;
    }
    if (this.#expected?.right === false) return "a message of its answer is not the one that was sent";
    if (status !== 0) return this.#wrongStatus(status);
    return order.kind.codes.includes(0) ? this.#bodyProblem() : "OK, which its kind never is";
  }

  /** UNAVAILABLE is right where the sidecar says it: models are being restarted. */
  #wrongStatus(status: number): string {
    const right = status === unavailable ? this.#text.startsWith("contender:") : this.order.kind.codes.includes(status);
    return right ? "" : `status ${status} (${this.#text})`;
  }

  #bodyProblem(): string {
    const { id, kind } = this.order;
    if (this.#expected !== undefined) {
      return this.#expected.complete ? "" : `OK after ${this.#expected.messages} of ${this.order.count} messages`;
    }
    const body = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const wanted =
      this.#request === undefined
        ? answer.upload(id, this.#upload?.bytes ?? -1, this.#upload?.checksum ?? 0)
        : answers.get(this.#variant)?.make(this.#request);
    if (wanted?.equals(body) === true) return "";
    return `${kind.name}: the answer's bytes are not right (${body.length} of ${wanted?.length})`;
  }
}

function send(stream: H2Stream, bytes: Buffer, end: boolean): void {
  stream.sendData(bytes, 0, bytes.length, end);
}
