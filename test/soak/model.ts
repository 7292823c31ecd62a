/**
 * A model server of the soak, in a process of its own: real answers over real sockets, ended by SIGTERM in order, by SIGKILL
 * without a word, and as moody as the soak tells it to be.
 *
 * `model.ts NAME PORT`
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { systemClock } from "../../src/base/clock.ts";
import { ByteBudget } from "../../src/http2/byte-budget.ts";
import type { ConnectionHandler } from "../../src/http2/connection-handler.ts";
import { HeaderBlock, HeaderField } from "../../src/http2/header-block.ts";
import { resolveHttp2Options } from "../../src/http2/options.ts";
import type { H2Stream } from "../../src/http2/stream.ts";
import { FlushLoop } from "../../src/transport/flush-loop.ts";
import { Link } from "../../src/transport/link.ts";
import { lengthAt, orderField, streamMessage } from "./kinds.ts";
import { answer } from "./messages.ts";
import { AnswerTemplate } from "./predictions.ts";

/** How a shadow may be: all but the first are how shadows go wrong. */
export type Mood = "well" | "hanging" | "resetting" | "flooding";

const [name = "", port = "0"] = process.argv.slice(2);
const answers = new AnswerTemplate(name);
const links = new Set<Link>();
let mood: Mood = "well";

const field = (key: string, value: string): HeaderField => new HeaderField(key, value);
function block(...fields: readonly HeaderField[]): HeaderBlock {
  const made = new HeaderBlock();
  for (const each of fields) made.add(each);
  return made;
}
const grpc = [field(":status", "200"), field("content-type", "application/grpc")];
const head = block(...grpc);
const ok = block(field("grpc-status", "0"));
const refused = block(...grpc, field("grpc-status", "5"), field("grpc-message", "no such row"));
const early = block(field("grpc-status", "9"));

/** A call as the model sees it. */
class Work {
  readonly method: string;
  readonly id: number;
  readonly count: number;
  readonly bytes: number;
  readonly what: string;
  pieces: Buffer[] = [];
  crc = 0;
  got = 0;
  gone = false;
  cancel: () => void = () => undefined;

  constructor(request: HeaderBlock) {
    let path = "";
    let order = "";
    for (let i = 0; i < request.count; i++) {
      const { name: key, value } = request.fields[i] as HeaderField;
      if (key === ":path") path = value;
      else if (key === orderField) order = value;
    }
    this.method = path.slice(path.lastIndexOf("/") + 1);
    const [what = "", id, count, bytes] = order.split(",");
    this.what = what;
    this.id = Number(id);
    this.count = Number(count);
    this.bytes = Number(bytes);
  }
}

function send(stream: H2Stream, bytes: Buffer): void {
  stream.sendData(bytes, 0, bytes.length, false);
}

function finish(stream: H2Stream, message: Buffer): void {
  stream.sendHeaders(head, false);
  send(stream, message);
  stream.sendTrailers(ok);
}

function begin(stream: H2Stream, work: Work): void {
  if (mood === "resetting") return stream.reset(2);
  if (mood === "flooding") {
    stream.sendHeaders(head, false);
    return send(stream, Buffer.alloc(500_000));
  }
  if (work.method === "Talk") stream.sendHeaders(head, false);
  if (work.method === "Early") {
    stream.sendHeaders(head, false);
    stream.sendTrailers(early);
  }
}

function complete(stream: H2Stream, work: Work): void {
  if (mood !== "well") return;
  switch (work.method) {
    case "Predict": {
      if (work.what === "refused") return stream.sendHeaders(refused, true);
      const message = answers.make(work.pieces.length === 1 ? (work.pieces[0] as Buffer) : Buffer.concat(work.pieces));
      work.pieces = [];
      if (work.what !== "late") return finish(stream, message);
      work.cancel = systemClock.after(work.count, () => finish(stream, message));
      return;
    }
    case "Download":
      stream.sendHeaders(head, false);
      for (let i = 0; i < work.count; i++) send(stream, streamMessage(work.id, i, lengthAt(i, work.bytes)));
      return stream.sendTrailers(ok);
    case "Upload":
      return finish(stream, answer.upload(work.id, work.got, work.crc));
    case "Talk":
      return stream.sendTrailers(ok);
    default: // Hang
  }
}

function take(stream: H2Stream, work: Work, bytes: Buffer): void {
  if (work.method === "Predict") work.pieces.push(Buffer.from(bytes));
  else if (work.method === "Upload") {
    work.crc = crc32(bytes, work.crc);
    work.got += bytes.length;
  } else if (work.method === "Talk") send(stream, Buffer.from(bytes));
}

const workOf = (stream: H2Stream): Work => stream.owner as Work;
const handler: ConnectionHandler = {
  onRequest: (stream, request, end) => {
    const work = new Work(request);
    stream.owner = work;
    begin(stream, work);
    if (end && !stream.closed) complete(stream, work);
  },
  onData: (stream, buf, start, end, last) => {
    const work = workOf(stream);
    if (end > start) take(stream, work, buf.subarray(start, end));
    stream.consumed(end - start);
    if (last) complete(stream, work);
  },
  onTrailers: () => undefined,
  onResponse: () => undefined,
  onReset: (stream) => workOf(stream).cancel(),
  onDelivered: () => undefined,
  onReady: () => undefined,
  onCapacity: () => undefined,
  onGoaway: () => undefined,
  onClosed: () => undefined,
};

const options = resolveHttp2Options();
const loop = new FlushLoop(systemClock);
const budget = new ByteBudget(1 << 30);
const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket: Socket) => {
  const link: Link = new Link(socket, "server", options, handler, budget, loop, systemClock, () => links.delete(link));
  links.add(link);
  socket.on("data", (chunk: Buffer) => link.receive(chunk));
});
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");

/** How long open calls may take once the process has been asked to end. */
const graceMs = 300;
process.once("SIGTERM", () => {
  server.close();
  for (const { connection } of links) connection.shutdown();
  const finished = setInterval(() => {
    for (const { connection } of links) connection.finishShutdown();
  }, 50);
  setTimeout(() => {
    clearInterval(finished);
    process.exit(0);
  }, graceMs);
});
process.on("message", (message: { readonly mood?: Mood }) => {
  mood = message.mood ?? mood;
});
// Whoever started it is gone: nobody else would end it.
process.once("disconnect", () => process.exit(0));
process.send?.({ event: "ready" });
