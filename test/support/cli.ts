/** The command line without a process: what it prints and returns, and what it was asked to do. */
import type { Handlers } from "../../src/cli/handlers.ts";
import { run } from "../../src/cli/program.ts";
import type { Strings } from "../../src/config/settings.ts";
import { demoDefaults } from "../../src/demo/options.ts";
import { explain } from "../../src/router/explain.ts";
import { compileAssigner } from "../../src/router/route-assigner.ts";
import { ManualClock } from "./manual-clock.ts";
import { parsedValue } from "./parsed.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What the handlers were called with, in order. */
  readonly calls: readonly { readonly name: string; readonly given: unknown }[];
}

export interface Surroundings {
  readonly env?: Strings;
  readonly stdin?: string;
  readonly handlers?: Partial<Handlers>;
  /** Of the terminal; none by default. */
  readonly columns?: number;
  readonly drawsProgress?: boolean;
  readonly clock?: ManualClock;
  /** Is handed what a signal calls. */
  readonly onStop?: (fn: () => void) => void;
}

/** Runs one command line. */
export async function contender(argv: readonly string[], given: Surroundings = {}): Promise<Ran> {
  const written = { out: "", err: "" };
  const calls: { name: string; given: unknown }[] = [];
  const note = (name: string) => (what: unknown) => {
    calls.push({ name, given: what });
    return Promise.resolve(0);
  };
  const handlers: Handlers = {
    version: "1.2.3",
    sidecar: note("sidecar"),
    control: note("control"),
    administration: () => Promise.reject(new Error("no config service in this test")),
    worker: () => note("worker")(undefined),
    init: note("init"),
    demo: {
      defaults: demoDefaults,
      run: note("demo"),
    },
    explain: (route, key) => explain(parsedValue(compileAssigner(route)), key),
    askAdmin: () => Promise.reject(new Error("no admin port in this test")),
    ...given.handlers,
  };
  const clock = given.clock ?? new ManualClock();
  const code = await run(argv, handlers, {
    clock,
    // Time passes for who waits, and for nobody else.
    pause: (ms) => {
      clock.advance(ms);
      return new Promise(setImmediate);
    },
    who: "ana@laptop",
    columns: given.columns,
    drawsProgress: given.drawsProgress ?? false,
    onStop: (fn) => {
      given.onStop?.(fn);
      return () => undefined;
    },
    env: given.env ?? {},
    stdin: () => Promise.resolve(given.stdin ?? ""),
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
  });
  return { code, ...written, calls };
}
