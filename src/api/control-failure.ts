/** What a call to the config service came to, as an error that people and scripts know. */
import { status as codes, type Metadata } from "@grpc/grpc-js";
import { ContenderError, type ErrorCode, errorTable } from "../base/errors.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import type { ProblemMessage } from "./messages.ts";
import { problemsKey } from "./metadata-keys.ts";
import { messageType } from "./protos.ts";

/**
 * What became of what was asked for: the service has refused it, it was not sent to anybody, or nobody knows: the answer was lost, or the
 * service does not know itself what its store has done.
 */
export type Outcome = "refused" | "unsent" | "unknown";

/** What the service, or the way to it, answered in place of what was asked for. */
export class ControlFailure extends ContenderError {
  /** By their paths in what was sent; empty where the service named none. */
  readonly problems: readonly Problem[];
  /** gRPC's own code. */
  readonly grpcCode: number;
  readonly outcome: Outcome;

  constructor(code: ErrorCode, text: string, said: Said) {
    super(code, text, { cause: said.cause });
    this.grpcCode = said.grpcCode;
    this.problems = said.problems;
    this.outcome = said.outcome;
  }
}

interface Said {
  readonly grpcCode: number;
  readonly outcome: Outcome;
  readonly problems: readonly Problem[];
  readonly cause: unknown;
}

/** Said by gRPC's library before it has sent anything. */
export const unsent = /^(No connection established|Name resolution failed)/;
/** Said by the service of a store whose answer was lost. */
const unsure = /it may have been done/;

const errorCodes: Readonly<Partial<Record<number, ErrorCode>>> = {
  [codes.UNAUTHENTICATED]: "FORBIDDEN",
  [codes.PERMISSION_DENIED]: "FORBIDDEN",
  [codes.ABORTED]: "CONFLICT",
  [codes.ALREADY_EXISTS]: "CONFLICT",
  [codes.INVALID_ARGUMENT]: "CONFIG_INVALID",
  [codes.NOT_FOUND]: "ROUTE_UNKNOWN",
  [codes.RESOURCE_EXHAUSTED]: "LIMIT_REACHED",
};

/** @param where as the setting has it: `127.0.0.1:7410`, `tls://control.ml:7410` */
export function controlFailure(reason: unknown, where: string): ContenderError {
  if (reason instanceof ContenderError) return reason;
  const { code, details = "", metadata } = reason as { code?: unknown; details?: string; metadata?: Metadata };
  if (typeof code !== "number") return ContenderError.from(reason);
  const problems = problemsOf(metadata);
  // A service of ours says itself which of our errors it is: a store that is away is no service that is away.
  const [, named = "", own] = /^contender: \[([A-Z_]+)\] ([\s\S]*)$/.exec(details) ?? [];
  const errorCode = own !== undefined && Object.hasOwn(errorTable, named) ? (named as ErrorCode) : errorCodes[code];
  if (errorCode === undefined) {
    const text = `${where} does not answer as a config service: ${codes[code] ?? code}: ${details}. Does contender control run there, and speak TLS where CONTENDER_CONTROL begins with tls://?`;
    const outcome = unsent.test(details) ? "unsent" : code === codes.UNIMPLEMENTED ? "refused" : "unknown";
    return new ControlFailure("CONTROL_UNREACHABLE", text, { grpcCode: code, outcome, problems, cause: reason });
  }
  const said = (own ?? details).split("\n");
  const more = problems.map(problemLine).filter((line) => !said.includes(line));
  const text = [...said, ...more].filter((line) => line !== "").join("\n");
  const outcome = unsure.test(details) ? "unknown" : "refused";
  const told = text === "" ? `${where} says ${codes[code]}` : text;
  return new ControlFailure(errorCode, told, { grpcCode: code, outcome, problems, cause: reason });
}

function problemsOf(metadata: Metadata | undefined): Problem[] {
  const [bytes] = metadata?.get(problemsKey) ?? [];
  if (!(bytes instanceof Buffer)) return [];
  try {
    const { problems } = messageType<{ problems: readonly ProblemMessage[] }>("Problems").decode(bytes);
    return problems.map(readProblem);
  } catch {
    return []; // what the refusal's own text says has to do
  }
}

/** A problem as it came over the wire, where what is not said is empty. */
export function readProblem({ path, message, where }: ProblemMessage): Problem {
  return where === "" ? { path, message } : { path, message, where };
}
