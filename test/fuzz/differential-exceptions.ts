/**
 * Where our codec and nghttp2 part on purpose, each with the reason. A difference that no row explains is a bug of one of
 * the two, and fails the test.
 *
 * A row is as narrow as it can be: the step that made the difference, and the words of it. `RFC 9113` is meant where only a
 * section is named.
 */
import type { Role } from "../../src/http2/connection.ts";
import { frameType } from "../../src/http2/constants.ts";
import type { Difference } from "./differential-compare.ts";
import { goodRequest, type HeadersStep, type Step } from "./differential-script.ts";

export interface Exception {
  readonly what: string;
  readonly why: string;
  readonly role?: Role;
  applies(difference: Difference): boolean;
}

const isStep =
  <K extends Step["step"]>(...kinds: readonly K[]) =>
  ({ step }: Difference): boolean =>
    (kinds as readonly string[]).includes(step.step);

/** What one line says, for any stream: `reset: ours "PROTOCOL_ERROR", theirs none`. */
function says(difference: Difference, what: string, ours: string, theirs: string): boolean {
  const text = (value: string) => (value === "none" || value === "true" ? value : JSON.stringify(value));
  const wanted = `${what}: ours ${text(ours)}, theirs ${text(theirs)}`;
  return difference.lines.some((line) => line.replace(/^stream \d+ /, "") === wanted);
}

function connection(difference: Difference, ours: string, theirs: string): boolean {
  return says(difference, "connection", ours, theirs);
}

function headersOf({ step }: Difference): HeadersStep | undefined {
  return step.step === "headers" ? step : undefined;
}

/** A field with one of these names, or one whose value passes `test`. */
function hasField(difference: Difference, test: (name: string, value: string) => boolean): boolean {
  return headersOf(difference)?.fields.some(([name, value]) => test(name, value)) ?? false;
}

/** A step of any frame at all, of this type. */
function isFrame({ step }: Difference, type: number): boolean {
  return step.step === "frame" && step.type === type;
}

function isAck({ step }: Difference): boolean {
  return (
    step.step === "settings ack" ||
    (step.step === "frame" && step.type === frameType.SETTINGS && (step.flags & 1) !== 0)
  );
}

function isGoaway(difference: Difference): boolean {
  return difference.step.step === "goaway" || isFrame(difference, frameType.GOAWAY);
}

/** HEADERS or DATA. */
function isMessagePart(difference: Difference): boolean {
  return (
    isStep("headers", "block", "data")(difference) ||
    isFrame(difference, frameType.DATA) ||
    isFrame(difference, frameType.HEADERS)
  );
}

function isError(connection: string): boolean {
  return connection.startsWith("GOAWAY ") && connection !== "GOAWAY NO_ERROR";
}

/** We end the stream, they take the message (perhaps without one of its fields). */
function weReset(difference: Difference): boolean {
  return says(difference, "reset", "PROTOCOL_ERROR", "none");
}

function theyReset(difference: Difference): boolean {
  return says(difference, "reset", "none", "PROTOCOL_ERROR");
}

/** Of a request's fields: they name an authority, and all that name one are plain. */
function isAuthority(fields: readonly (readonly [string, string])[]): boolean {
  const named = fields.filter(([name]) => name === ":authority" || name === "host");
  return named.length > 0 && named.every(([, value]) => /^[a-z.]+$/.test(value));
}

/** The fields of the list that was delivered to us alone: where tables had changed, not those that the step was made of. */
function onlyOurs({ ours, theirs }: Difference): [string, string][] {
  const [, only] =
    Object.entries(ours.streams).find(
      ([id, { head }]) => head !== undefined && theirs.streams[Number(id)]?.head === undefined,
    ) ?? [];
  return (only?.head ?? [":authority: as.sent"]).map(fieldOf);
}

/** A field of a delivered list, `name: value`; the names of some begin with a colon. */
function fieldOf(field: string): [name: string, value: string] {
  const colon = field.indexOf(": ", 1);
  return [field.slice(0, colon), field.slice(colon + 2)];
}

/** A stream whose head has not come has ended with an error of ours. */
function resetHeadless({ ours, before }: Difference): boolean {
  return Object.entries(ours.streams).some(
    ([id, { reset, head }]) =>
      reset !== undefined && head === undefined && before.streams[Number(id)]?.reset === undefined,
  );
}

/** Trailers were delivered to us, and to them were not. */
function onlyWeTookTrailers({ ours, theirs }: Difference): boolean {
  return Object.entries(ours.streams).some(
    ([id, { trailers }]) => trailers !== undefined && theirs.streams[Number(id)]?.trailers === undefined,
  );
}

/** Nothing but delivered lists differ, and those are the same without the fields whose values pass `test`. */
function sameBut({ lines, ours, theirs }: Difference, test: (value: string, name: string) => boolean): boolean {
  if (!lines.every((line) => /^stream \d+ (head|trailers):/.test(line))) return false;
  const without = (list: readonly string[] = []) =>
    list.filter((field) => {
      const [name, value] = fieldOf(field);
      return !test(value, name);
    });
  return Object.entries(ours.streams).every(([id, { head, trailers }]) => {
    const other = theirs.streams[Number(id)];
    return (
      without(head).join("\n") === without(other?.head).join("\n") &&
      without(trailers).join("\n") === without(other?.trailers).join("\n")
    );
  });
}

/** The peer has said that streams begin with a window of nearly nothing. */
function hasNoWindow({ script, at }: Difference): boolean {
  return script
    .slice(0, at)
    .some((one) => one.step === "settings" && one.values.some(([id, value]) => id === 4 && value <= 1));
}

/** A stream has ended with an error of ours, and its message had a `content-length`, or a status that has no body. */
function saysMore({ ours, before }: Difference): boolean {
  return Object.entries(ours.streams).some(
    ([id, stream]) =>
      stream.reset === "PROTOCOL_ERROR" &&
      before.streams[Number(id)]?.reset === undefined &&
      (stream.head ?? []).some((field) => /^(content-length: |:status: (204|304))/.test(field)),
  );
}

/** Of a block of any bytes, or one that refers to what such a block left in the table, they delivered fewer fields than it was made of. */
function lostField({ step, ours, theirs }: Difference): boolean {
  if (step.step !== "block" && step.step !== "headers") return false;
  const { length } = step.step === "block" ? goodRequest : step.fields;
  return Object.entries(theirs.streams).some(
    ([id, { head }]) => head !== undefined && ours.streams[Number(id)]?.head === undefined && head.length < length,
  );
}

/** Characters that HTTP does not want in a value and does not forbid: all of C0 but NUL, CR, LF and the tab, and DEL. */
function hasControls(value: string): boolean {
  return [...value].some((char) => (char < " " && !"\0\t\n\r".includes(char)) || char === "\u007f");
}

/** At an end of it. */
const hasSpaces = (value: string): boolean => /^[ \t]|[ \t]$/.test(value);

export const exceptions: readonly Exception[] = [
  {
    what: "a HEADERS or PRIORITY frame by which a stream depends on itself",
    why: "RFC 7540, 5.3.1 makes it an error of the stream; nghttp2 ends the connection for HEADERS, and lets the rest pass.",
    applies: (d) =>
      (headersOf(d)?.priority === "self" && (connection(d, "open", "GOAWAY PROTOCOL_ERROR") || weReset(d))) ||
      (d.step.step === "priority" && d.step.self && weReset(d)),
  },
  {
    what: "PRIORITY on stream 0",
    why: "6.3 makes it an error of the connection; nghttp2 no longer looks at PRIORITY.",
    applies: (d) =>
      (d.step.step === "priority" || isFrame(d, frameType.PRIORITY)) && connection(d, "GOAWAY PROTOCOL_ERROR", "open"),
  },
  {
    what: "PRIORITY of a wrong length",
    why: "6.3 makes it an error of the stream; nghttp2 ends the connection.",
    applies: (d) => isFrame(d, frameType.PRIORITY) && connection(d, "open", "GOAWAY FRAME_SIZE_ERROR"),
  },
  {
    what: "an acknowledgement of SETTINGS that nobody sent",
    why: "The protocol is silent; it changes nothing here, as limits only get what we asked for.",
    applies: (d) => isStep("settings ack", "frame")(d) && connection(d, "open", "GOAWAY PROTOCOL_ERROR") && isAck(d),
  },
  {
    what: "an answer to a PING that nobody sent",
    why: "The protocol is silent, nghttp2 lets it pass; it is Node that ends the connection.",
    applies: (d) =>
      (d.step.step === "ping" || isFrame(d, frameType.PING)) && connection(d, "open", "GOAWAY INTERNAL_ERROR"),
  },
  {
    what: "GOAWAY with a last stream that can't be ours",
    why: "6.8 asks for no check of the number: a server opens no streams, and a client's streams below it are served or not.",
    applies: (d) =>
      isGoaway(d) &&
      (connection(d, "open", "GOAWAY PROTOCOL_ERROR") || connection(d, "closed", "GOAWAY PROTOCOL_ERROR")),
  },
  {
    what: "GOAWAY, and what becomes of the connection",
    why: "Node begins to close its session when it hears one and says so; we take calls until the peer goes, or go quietly.",
    applies: (d) =>
      isGoaway(d) &&
      d.lines.length === 1 &&
      ["open", "closed"].includes(d.ours.connection) &&
      ["closed", "GOAWAY NO_ERROR"].includes(d.theirs.connection),
  },
  {
    what: "a frame on a stream that has ended",
    why: "5.1 allows to end the connection (STREAM_CLOSED), and only a broken peer gets there; nghttp2 forgets streams and lets it pass.",
    applies: (d) =>
      (isMessagePart(d) || isStep("continuation")(d)) &&
      (connection(d, "GOAWAY STREAM_CLOSED", "open") || says(d, "reset", "STREAM_CLOSED", "none")),
  },
  {
    what: "DATA on streams that are gone, beyond what their windows allowed",
    why: "What may still be on its way is bounded by the windows the peer had; nghttp2 forgets streams and lets all of it pass.",
    role: "server",
    applies: (d) => isMessagePart(d) && connection(d, "GOAWAY FLOW_CONTROL_ERROR", "open"),
  },
  {
    what: "a frame after END_STREAM while our half is open",
    why: "5.1, half-closed (remote), makes it an error of the stream; nghttp2 ends the connection.",
    role: "client",
    applies: (d) => isMessagePart(d) && connection(d, "open", "GOAWAY STREAM_CLOSED"),
  },
  {
    what: "a new stream with a lower number than one before",
    why: "5.1.1: an unexpected number ends the connection; nghttp2 takes it for a stream that it has forgotten.",
    role: "server",
    applies: (d) =>
      (isStep("headers", "block")(d) || isFrame(d, frameType.HEADERS)) &&
      connection(d, "GOAWAY PROTOCOL_ERROR", "open"),
  },
  {
    what: "DATA before the answer's head",
    why: "A malformed message is an error of the stream (8.1.1); nghttp2 ends the connection, and lets empty frames pass after an interim answer.",
    role: "client",
    applies: (d) =>
      (d.step.step === "data" || isFrame(d, frameType.DATA)) &&
      (connection(d, "open", "GOAWAY PROTOCOL_ERROR") ||
        (resetHeadless(d) && (connection(d, "open", "GOAWAY INTERNAL_ERROR") || weReset(d)))),
  },
  {
    what: "RST_STREAM with NO_ERROR before the answer has ended",
    why: "Node takes it for an end; the call has no status, and gRPC counts it as INTERNAL.",
    role: "client",
    applies: (d) => d.step.step === "reset" && d.step.code === 0 && says(d, "failed", "true", "none"),
  },
  {
    what: "WINDOW_UPDATE of 0, or beyond the largest window, on a stream",
    why: "6.9 and 6.9.1 make it an error of the stream; nghttp2 ends the connection, or has forgotten the stream.",
    applies: (d) =>
      (d.step.step === "window" || (d.step.step === "frame" && d.step.type === frameType.WINDOW_UPDATE)) &&
      d.step.on !== "zero" &&
      (connection(d, "open", "GOAWAY PROTOCOL_ERROR") ||
        connection(d, "open", "GOAWAY FLOW_CONTROL_ERROR") ||
        weReset(d)),
  },
  {
    what: "SETTINGS of extensions (RFC 8441, RFC 9218)",
    why: "We implement neither, and unknown settings are to be ignored (6.5.2).",
    applies: (d) =>
      d.step.step === "settings" &&
      d.step.values.some(([id]) => id === 8 || id === 9) &&
      connection(d, "open", "GOAWAY PROTOCOL_ERROR"),
  },
  {
    what: "a setting that is given twice, first with an illegal value",
    why: "6.5.3: values are processed in the order in which they appear; nghttp2 looks at the last one only.",
    applies: (d) =>
      d.step.step === "settings" &&
      new Set(d.step.values.map(([id]) => id)).size < d.step.values.length &&
      (connection(d, "GOAWAY PROTOCOL_ERROR", "open") || connection(d, "GOAWAY FLOW_CONTROL_ERROR", "open")),
  },
  {
    what: "a frame, or settings, with two errors",
    why: "Which of them is found first is nobody's rule; the connection ends either way.",
    applies: (d) =>
      isStep("frame", "settings", "window", "headers", "data", "block", "priority", "push", "continuation")(d) &&
      isError(d.ours.connection) &&
      isError(d.theirs.connection),
  },
  {
    what: "frames of extensions that nghttp2 knows",
    why: "ALTSVC and ORIGIN are unknown types here, and those are ignored (5.5).",
    role: "client",
    applies: (d) => [10, 12].some((type) => isFrame(d, type)) && d.ours.connection === "open",
  },
  {
    what: "a request without an authority, with an empty one, or one with odd characters",
    why: "gRPC leaves it out at will (PROTOCOL-HTTP2.md: `[Authority]`), and it is never passed on: each upstream has its own.",
    role: "server",
    applies: (d) => {
      const good = isAuthority(headersOf(d)?.fields ?? []) && isAuthority(onlyOurs(d));
      return (!good && theyReset(d)) || sameBut(d, (value, name) => name === "host" && !/^[a-z.]+$/.test(value));
    },
  },
  {
    what: "a scheme, method or path with odd characters",
    why: "Scheme and method must be gRPC's to get further than the sidecar's own 405 and 415; paths pass as they came.",
    role: "server",
    applies: (d) =>
      theyReset(d) &&
      hasField(
        d,
        (name, value) =>
          (name === ":path" && !/^\/[!-~]*$/.test(value)) ||
          (name === ":method" && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)) ||
          (name === ":scheme" && !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(value)),
      ),
  },
  {
    what: "a field that HTTP forbids",
    why: "8.2.1: the message is malformed, and that is an error of the stream; nghttp2 leaves the field out and goes on.",
    applies: (d) =>
      weReset(d) &&
      (lostField(d) ||
        hasField(d, (name, value) => !/^:?[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) || /[\0\r\n]/.test(value))),
  },
  {
    what: "a value that begins or ends with a space or a tab",
    why: "gRPC allows it (src/http2/header-rules.ts has the argument); nghttp2 leaves the field out.",
    applies: (d) => sameBut(d, hasSpaces),
  },
  {
    what: "`host` given twice",
    why: "It never gets further than here: an upstream is told its own authority.",
    role: "server",
    applies: (d) => theyReset(d) && (headersOf(d)?.fields.filter(([name]) => name === "host").length ?? 0) > 1,
  },
  {
    what: "more DATA than `content-length` says",
    why: "A malformed message is an error of the stream (8.1.1); it is Node that ends the connection.",
    applies: (d) => isMessagePart(d) && connection(d, "open", "GOAWAY INTERNAL_ERROR") && saysMore(d),
  },
  {
    what: "less DATA than `content-length` says, at its end",
    why: "The stream is reset either way (8.1.1); we do so before its last bytes are delivered, nghttp2 after.",
    applies: (d) => isMessagePart(d) && d.lines.every((line) => / body: ours (none|")/.test(line)) && saysMore(d),
  },
  {
    what: "`content-length` in trailers",
    why: "It has no meaning there (RFC 9110, 6.5.1), so it is held against nothing, and passes like any other trailer.",
    role: "client",
    applies: (d) => hasField(d, (name) => name === "content-length") && theyReset(d) && onlyWeTookTrailers(d),
  },
  {
    what: "padding that is longer than its frame, or missing, on a stream that has ended",
    why: "6.1 makes it an error of the connection; nghttp2 does not look into frames of streams that it has forgotten.",
    applies: (d) =>
      isFrame(d, frameType.DATA) &&
      (connection(d, "GOAWAY PROTOCOL_ERROR", "open") || connection(d, "GOAWAY FRAME_SIZE_ERROR", "open")),
  },
  {
    what: "CONNECT",
    why: "Nobody tunnels through a sidecar: with a path it is refused like every method but POST (405), without one it is malformed.",
    role: "server",
    applies: (d) =>
      hasField(d, (name, value) => name === ":method" && value === "CONNECT") && (theyReset(d) || weReset(d)),
  },
  {
    what: "a header block that is wrong before it is whole",
    why: "We decode blocks whole, nghttp2 frame by frame: it finds the error one frame earlier.",
    applies: (d) =>
      isFrame(d, frameType.HEADERS) && (connection(d, "open", "GOAWAY COMPRESSION_ERROR") || theyReset(d)),
  },
  {
    what: "trailers for a peer whose windows are 0",
    why: "Node sends an empty DATA frame before trailers and waits for a window with it; trailers themselves need none.",
    role: "server",
    applies: (d) => d.lines.every((line) => / sent: ours 2, theirs 1$/.test(line)) && hasNoWindow(d),
  },
  {
    what: "control characters in a value",
    why: "8.2.1 forbids NUL, CR and LF; the rest passes as it came, as metadata does. nghttp2 leaves the field out.",
    // A list may have spaces at an end of a value as well.
    applies: (d) => sameBut(d, (value) => hasControls(value) || hasSpaces(value)),
  },
];

/** The row that explains a difference, or, where no row explains all of it, the rows that explain a line of it each. */
export function explain(role: Role, difference: Difference): readonly Exception[] {
  const rows = exceptions.filter((row) => row.role === undefined || row.role === role);
  const whole = rows.find((row) => row.applies(difference));
  if (whole !== undefined) return [whole];
  const each = difference.lines.map((line) => rows.find((row) => row.applies({ ...difference, lines: [line] })));
  return each.includes(undefined) ? [] : (each as Exception[]);
}
