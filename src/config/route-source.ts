/** A source of routes as the process has it, wherever they come from. */
import type { Problem } from "../base/parsed.ts";
import type { Loaded } from "./snapshot.ts";
import type { SourceStatus } from "./source-status.ts";

/**
 * Puts routes in force. Called for one after the other.
 * @param first nothing was in force of this source before: whoever asked for it hears of its problems, so nobody else has to
 * @returns why they are not in force; empty where they are
 */
export type Apply = (loaded: Loaded, first: boolean) => readonly Problem[] | Promise<readonly Problem[]>;

export interface RouteSource {
  /** Undefined where nobody is asked over a network. */
  readonly status: SourceStatus | undefined;
  /** Puts in force what there is now. @returns why nothing is; empty where something is. */
  open(): Promise<readonly Problem[]>;
  /** Calls are served now: what can wait until then begins, and who waits for word that routes are in force gets it. */
  begin(): void;
  /** Nothing is put in force afterwards. */
  close(): Promise<void>;
}
