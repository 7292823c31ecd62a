/** Who takes part in the demo: three model servers and the sidecar before them, each a process of its own. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../base/clock.ts";
import { contenderBin, demoModule, modelFile } from "./assets.ts";
import { Child } from "./children.ts";
import { modelName, routeFile } from "./routes.ts";

export interface CastOptions {
  readonly weights: readonly [number, number];
  readonly salt: string | undefined;
  /** Where the route file goes. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Told of every process as soon as it exists, ready or not: who ends the demo ends them. */
  readonly onStart: (child: Child) => void;
}

/** Where everybody listens, as `HOST:PORT`. */
export interface Cast {
  readonly models: readonly [string, string, string];
  readonly routesFile: string;
  readonly sidecar: string;
  readonly admin: string;
}

/** A model server compiles 14 MB of WebAssembly first, which on a busy machine takes its time. */
const startTimeoutMs = 30_000;

/** Starts them all. Rejects where one does not come up, and says why in its own last words. */
export async function startCast(options: CastOptions): Promise<Cast> {
  const models = await Promise.all([startModel(1, options), startModel(2, options), startModel(3, options)]);
  const routesFile = join(options.folder, "routes.yaml");
  await writeFile(routesFile, routeFile({ addresses: models, weights: options.weights, salt: options.salt }));
  const { listen, admin } = await startSidecar(routesFile, options);
  return { models, routesFile, sidecar: listen, admin };
}

async function startModel(version: number, options: CastOptions): Promise<string> {
  const ready = await start(`model server v${version}`, options, options.env, [
    fileURLToPath(demoModule("model-server")),
    ...["--model", modelFile(version), "--version", `${version}`, "--name", modelName],
  ]);
  return `127.0.0.1:${ready.port}`;
}

async function startSidecar(routesFile: string, options: CastOptions): Promise<{ listen: string; admin: string }> {
  // What is set in the shell that started the demo is meant for another sidecar, or would contradict the route file.
  const others = Object.entries(options.env).filter(([name]) => !name.startsWith("CONTENDER_"));
  const env = {
    ...Object.fromEntries(others),
    CONTENDER_CONFIG: routesFile,
    CONTENDER_LISTEN: "127.0.0.1:0",
    CONTENDER_ADMIN: "127.0.0.1:0",
    // No balancer has to notice that this one goes.
    CONTENDER_DRAIN_DELAY: "0s",
    CONTENDER_GRACE_PERIOD: "2s",
  };
  const endWithParent = demoModule("end-with-parent").href;
  const ready = await start("the sidecar", options, env, ["--import", endWithParent, contenderBin, "sidecar"]);
  return { listen: String(ready.listen), admin: String(ready.admin) };
}

function start(title: string, options: CastOptions, env: NodeJS.ProcessEnv, args: readonly string[]) {
  const child = new Child({ title, args, env, clock: options.clock, startTimeoutMs });
  options.onStart(child);
  return child.ready;
}
