/** Changes the weights of a route while traffic flows: once, by the command that a person would type. */
import type { Clock } from "../base/clock.ts";
import { commandText, type RanCommand } from "./commands.ts";
import type { Ledger } from "./ledger.ts";
import { changedRoute, weightsCommand } from "./routes.ts";

/** When, as a part of `seconds`: with the demo's defaults that is when each user was met. */
const changeAt = 0.6;

export interface DirectorOptions {
  readonly seconds: number;
  /** Undefined changes nothing. */
  readonly nextWeights: readonly [number, number] | undefined;
  readonly clock: Clock;
  /** Keeps the books while the command runs. */
  readonly during: Ledger["during"];
  readonly command: (args: readonly string[]) => Promise<RanCommand>;
  /** Told what is done, and what came of it. */
  readonly say: (text: string) => void;
}

export interface Director {
  /** Resolves when the change is made, or is not to be made. Rejects with the command's words where it fails. */
  readonly done: Promise<void>;
  /** Makes no change any more. One that is under way ends with its process, and is then no failure. */
  stop(): void;
}

export function startDirector({ seconds, nextWeights, clock, during, command, say }: DirectorOptions): Director {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  if (nextWeights === undefined) {
    resolve();
    return { done, stop: () => undefined };
  }
  let stopped = false;
  const change = async () => {
    const args = [...weightsCommand(changedRoute, nextWeights), "--wait", "--reason", "v2 looks good"];
    await during(async () => {
      if (stopped) throw new Error("stopped");
      say(`$ ${commandText(args)}`);
      const ran = await command(args);
      say(`${ran.printed}\n`);
      return ran;
    });
  };
  const cancel = clock.after(seconds * 1000 * changeAt, () => {
    change().then(resolve, (reason: unknown) => (stopped ? resolve() : reject(reason)));
  });
  return {
    done,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
