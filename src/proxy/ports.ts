/** What a call needs of its surroundings: one object for all calls, made by the composition root. */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { ByteBudget } from "../http2/byte-budget.ts";
import type { Connection } from "../http2/connection.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Overload } from "../resilience/overload.ts";
import type { Admission } from "./admission.ts";
import type { Call } from "./call.ts";
import type { Generation } from "./generation.ts";
import type { Insurance } from "./insurance.ts";
import type { ProxyOptions } from "./options.ts";
import type { Shadows } from "./shadows.ts";

/** Takes a line for some of the calls that ended. */
export interface CallRecords {
  add(call: Call, code: number, nowMs: number): void;
}

export interface ProxyPorts {
  readonly clock: Clock;
  /** When the socket read began that brought what is being dealt with. */
  readonly reads: { readonly readMs: number };
  readonly chance: Chance;
  readonly wheel: TimerWheel;
  /** What the process holds in all. */
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  readonly options: Required<ProxyOptions>;
  readonly insurance: Insurance;
  readonly admission: Admission;
  readonly overload: Overload;
  readonly shadows: Shadows;
  readonly records: CallRecords | undefined;
  /** Whether requests that are no gRPC calls are passed on, and not refused. */
  readonly forwardsPlain: boolean;
  /** The configuration that new calls begin with. */
  generation(): Generation;
  /** Whether this peer's word counts that it has split the call already. */
  trustsHop(peer: string | undefined): boolean;
  /** A caller's connection was ended because of what it did. */
  onCallerFault(connection: Connection): void;
}
