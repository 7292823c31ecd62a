/**
 * What a sidecar adds to a call's latency: the same request, directly and through it, in pairs.
 *
 * Paired and by turns, so that whatever slows the machine down for a while slows down both, and only their difference
 * counts. One call at a time: this measures the way, not the load that it bears.
 */
import type { Clock } from "../base/clock.ts";
import type { Answer, RawAnswer, Refusal } from "./model-server.ts";

/** Whom the calls go to; a `ModelServer` is one. */
export interface Callee {
  askRaw(path: string, message: Buffer): Promise<Answer<RawAnswer>>;
}

export interface TrialOptions {
  readonly path: string;
  readonly request: Buffer;
  /** Pairs of calls. */
  readonly calls: number;
  readonly clock: Clock;
  /** Ends the trial between two pairs. */
  readonly signal: AbortSignal;
}

export interface Trial {
  /** Milliseconds of each pair in which both were answered, in order. */
  readonly directMs: number[];
  readonly sidecarMs: number[];
  /** Calls that failed, and how the last of them did. */
  directFailed: number;
  sidecarFailed: number;
  failure: Refusal | undefined;
  /** Who answered, as the sidecar says. */
  variant: string | undefined;
}

/**
 * Pairs that are not counted: connections open and code is compiled in the first ones. Measured without them, half of what
 * a sidecar seems to add is that.
 */
export const warmUpCalls = 50;
/** A slow model must not make anybody wait: after this long no further pair begins, and warming up ends sooner. */
export const longestTrialMs = 20_000;
const longestWarmUpMs = 2_000;

/** Failed pairs after which the rest would tell nothing new. */
const mostFailures = 10;

/** Makes the calls. Never rejects for what a server says. */
export async function tryOut(direct: Callee, sidecar: Callee, options: TrialOptions): Promise<Trial> {
  if (options.calls > 0) await pairs(direct, sidecar, { ...options, calls: warmUpCalls }, longestWarmUpMs);
  return await pairs(direct, sidecar, options, longestTrialMs);
}

async function pairs(direct: Callee, sidecar: Callee, options: TrialOptions, longestMs: number): Promise<Trial> {
  const { path, request, calls, clock, signal } = options;
  const trial: Trial = {
    ...{ directMs: [], sidecarMs: [], directFailed: 0, sidecarFailed: 0 },
    ...{ failure: undefined, variant: undefined },
  };
  const timed = async (callee: Callee): Promise<Timed> => {
    const startMs = clock.nowMs();
    const answer = await callee.askRaw(path, request);
    return { ms: clock.nowMs() - startMs, answer };
  };
  const endMs = clock.nowMs() + longestMs;
  for (let i = 0; i < calls && !signal.aborted; i++) {
    if (i > 0 && clock.nowMs() >= endMs) break;
    if (Math.max(trial.directFailed, trial.sidecarFailed) >= mostFailures) break;
    // Who goes first changes: the second finds warmer caches.
    const first = await timed(i % 2 === 0 ? direct : sidecar);
    const second = await timed(i % 2 === 0 ? sidecar : direct);
    if (i % 2 === 0) note(trial, first, second);
    else note(trial, second, first);
  }
  return trial;
}

interface Timed {
  readonly ms: number;
  readonly answer: Answer<RawAnswer>;
}

function note(trial: Trial, direct: Timed, sidecar: Timed): void {
  if (sidecar.answer.ok) trial.variant = sidecar.answer.value.variant;
  if (direct.answer.ok && sidecar.answer.ok) {
    trial.directMs.push(direct.ms);
    trial.sidecarMs.push(sidecar.ms);
    return;
  }
  if (!direct.answer.ok) {
    trial.directFailed++;
    trial.failure = direct.answer;
  }
  if (!sidecar.answer.ok) {
    trial.sidecarFailed++;
    trial.failure = sidecar.answer;
  }
}
