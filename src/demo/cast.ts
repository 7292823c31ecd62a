/** Who takes part in the demo: three model servers, the config service and the sidecar, each a process of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../base/clock.ts";
import { contenderBin, demoModule, modelFile } from "./assets.ts";
import { Child } from "./children.ts";
import { type RanCommand, type RunningCommand, runCommand } from "./commands.ts";
import { modelName, routeFile } from "./routes.ts";

export interface CastOptions {
  readonly weights: readonly [number, number];
  readonly salt: string | undefined;
  /** Where the route file and the service's store go. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Told of every process as soon as it exists, ready or not: who ends the demo ends them. */
  readonly onStart: (child: Child) => void;
  readonly onCommand: (command: RunningCommand) => void;
}

/** Where everybody listens, as `HOST:PORT`. */
export interface Cast {
  readonly models: readonly [string, string, string];
  /** Where the route file and the service's store are. */
  readonly folder: string;
  /** Of the config service: for sidecars and commands, and the HTTP port. */
  readonly control: { readonly grpc: string; readonly http: string };
  readonly sidecar: string;
  readonly admin: string;
  /** How the service got its routes. */
  readonly applied: RanCommand;
  /** Runs `contender` with these arguments as one would in another terminal. */
  readonly command: (args: readonly string[]) => Promise<RanCommand>;
}

/** A model server compiles 14 MB of WebAssembly first, which on a busy machine takes its time. */
const startTimeoutMs = 30_000;

const routesFile = "routes.yaml";

/** Starts them all. Rejects where one does not come up, and says why in its own last words. */
export async function startCast(given: CastOptions): Promise<Cast> {
  // What is set in the shell that started the demo is meant for others.
  const others = Object.entries(given.env).filter(([name]) => !name.startsWith("CONTENDER_"));
  const options = { ...given, env: Object.fromEntries(others) };
  const [control, ...models] = await Promise.all([
    startControl(options),
    ...([startModel(1, options), startModel(2, options), startModel(3, options)] as const),
  ]);
  const { weights, salt, folder, onCommand } = options;
  await writeFile(join(folder, routesFile), routeFile({ addresses: models, weights, salt }));
  const env = { ...options.env, CONTENDER_CONTROL: control.grpc };
  const command = (args: readonly string[]) => runCommand({ args, folder, env, onStart: onCommand });
  const applied = await command(["route", "apply", "-f", routesFile]);
  const { listen, admin } = await startSidecar(control.grpc, options);
  return { folder, models, control, applied, command, sidecar: listen, admin };
}

async function startModel(version: number, options: CastOptions): Promise<string> {
  const ready = await start(`model server v${version}`, options, {}, [
    fileURLToPath(demoModule("model-server")),
    ...["--model", modelFile(version), "--version", `${version}`, "--name", modelName],
  ]);
  return `127.0.0.1:${ready.port}`;
}

async function startControl(options: CastOptions): Promise<Cast["control"]> {
  const settings = {
    CONTENDER_STORE: `dir:${join(options.folder, "store")}`,
    CONTENDER_CONTROL_LISTEN: "127.0.0.1:0",
    CONTENDER_CONTROL_HTTP: "127.0.0.1:0",
  };
  const ready = await start("the config service", options, settings, contender("control"));
  return { grpc: String(ready.grpc), http: String(ready.http) };
}

async function startSidecar(control: string, options: CastOptions): Promise<{ listen: string; admin: string }> {
  const settings = {
    CONTENDER_CONTROL: control,
    CONTENDER_LISTEN: "127.0.0.1:0",
    CONTENDER_ADMIN: "127.0.0.1:0",
    // No balancer has to notice that this one goes.
    CONTENDER_DRAIN_DELAY: "0s",
    CONTENDER_GRACE_PERIOD: "2s",
  };
  const ready = await start("the sidecar", options, settings, contender("sidecar"));
  return { listen: String(ready.listen), admin: String(ready.admin) };
}

const contender = (command: string) => ["--import", demoModule("end-with-parent").href, contenderBin, command];

function start(title: string, options: CastOptions, settings: Record<string, string>, args: readonly string[]) {
  const env = { ...options.env, ...settings };
  const child = new Child({ title, args, env, clock: options.clock, startTimeoutMs });
  options.onStart(child);
  return child.ready;
}
