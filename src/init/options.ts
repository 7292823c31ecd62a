/** What `init` is asked for and what it needs of the rest of the program. */
import type { Clock } from "../base/clock.ts";

export interface InitOptions {
  /** Of the model server, in the form of `formatAddress`. */
  readonly address: string;
  /** Where the route file goes; `-` is standard output. */
  readonly output: string;
  /** Replace a file that is there. */
  readonly force: boolean;
  /** Name of the route; undefined takes the model's. */
  readonly route: string | undefined;
  /** Which of several models; undefined takes the only one. */
  readonly model: string | undefined;
  /** Calls sent each way to measure the added latency; 0 sends none. */
  readonly calls: number;
  /** Of each request to the model server. */
  readonly timeoutMs: number;
}

/** A sidecar on loopback that serves one route file until it is closed. */
export interface TrialSidecar {
  /** `HOST:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface InitPorts {
  readonly clock: Clock;
  /** The result. */
  out(text: string): void;
  /** Progress, and whatever went wrong. */
  err(text: string): void;
  /** Calls `fn` at every signal that asks to end; the returned function ends that. */
  onStop(fn: (signal: string) => void): () => void;
  /** Starts a sidecar with these routes on a free port of loopback. */
  startSidecar(routeText: string): Promise<TrialSidecar>;
}
