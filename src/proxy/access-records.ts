/** The access log: a line for a share of all calls that got a variant, whatever they were. Off unless asked for. */
import type { Chance } from "../base/chance.ts";
import { grpcStatusNames } from "../grpc/status.ts";
import type { AssignmentReason, LocalReplyReason } from "../model/call.ts";
import { peerOf } from "../transport/listener.ts";
import type { Call } from "./call.ts";
import { fieldsOf, pathOf, roundedMs, shortened } from "./call-text.ts";
import type { CallRecords } from "./ports.ts";

export interface AccessLine {
  readonly route: string;
  /** The variant that the call counts for. */
  readonly variant: string;
  /** The variant that was asked in its place. */
  readonly answeredBy: string | undefined;
  readonly reason: AssignmentReason;
  readonly method: string;
  readonly status: string;
  /** Set where the status is our own. */
  readonly localReply: LocalReplyReason | undefined;
  readonly latencyMs: number;
  /** Undefined over a unix socket. */
  readonly peer: string | undefined;
  /** The name of its certificate that let the caller in; undefined where none was asked for. */
  readonly identity: string | undefined;
}

export class AccessRecords implements CallRecords {
  readonly #ratio: number;
  readonly #chance: Chance;
  readonly #write: (line: AccessLine) => void;

  /** @param ratio share of calls that get a line, 0 to 1; by chance, as nobody joins these lines with anything. */
  constructor(ratio: number, chance: Chance, write: (line: AccessLine) => void) {
    this.#ratio = ratio;
    this.#chance = chance;
    this.#write = write;
  }

  add(call: Call, code: number, nowMs: number): void {
    if (this.#chance.next() >= this.#ratio) return;
    const { assigned, target } = call;
    const { address: peer, identity } = peerOf(call.down.connection);
    this.#write({
      route: call.route.spec.name,
      variant: assigned.name,
      answeredBy: target === assigned ? undefined : target.name,
      reason: call.reason,
      method: pathOf(fieldsOf(call)),
      status: grpcStatusNames[code] ?? "UNKNOWN",
      localReply: call.failure,
      latencyMs: roundedMs(nowMs - call.startMs),
      peer,
      identity: shortened(identity),
    });
  }
}
