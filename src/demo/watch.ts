/** Shows how the demo goes while it runs: the report so far, once a second. */
import type { Clock } from "../base/clock.ts";
import { formatChange } from "./change-report.ts";
import type { Ledger } from "./ledger.ts";
import type { DemoOptions } from "./options.ts";
import type { ProgressView } from "./progress.ts";
import { formatReport } from "./report.ts";
import { routeTitles } from "./routes.ts";
import { summarise } from "./summary.ts";
import type { Tally } from "./tally.ts";

const refreshMs = 1000;

export interface Watched {
  readonly ledger: Ledger;
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly view: ProgressView;
  readonly clock: Clock;
}

/**
 * Shows it until stopped. A look that fails is left out: should a process be gone, another watch tells. The books are kept by
 * these looks, also where nothing is drawn.
 */
export function watch({ ledger, tallies, view, clock }: Watched, { once, seconds }: DemoOptions) {
  const startMs = clock.nowMs();
  let stopped = false;
  let cancel: (() => void) | undefined;
  let under: Promise<void> = Promise.resolve();
  const refresh = async () => {
    const samples = await ledger.look().catch(() => undefined);
    if (stopped) return;
    const report = summarise(samples ?? [], tallies, ledger.changes);
    const last = report.changes.at(-1);
    const shown = [formatReport(report, routeTitles), ...(last === undefined ? [] : [formatChange(last)])];
    view.show({
      elapsedMs: clock.nowMs() - startMs,
      totalMs: once ? seconds * 1000 : undefined,
      calls: report.calls.answered + report.calls.failed,
      errors: report.calls.failed,
      table: samples === undefined ? "" : shown.join("\n"),
    });
    next();
  };
  const next = () => {
    cancel = clock.after(refreshMs, () => {
      under = refresh();
    });
  };
  next();
  return {
    stop(): Promise<void> {
      stopped = true;
      cancel?.();
      return under;
    },
  };
}
