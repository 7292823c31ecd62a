/**
 * The composition root: which parts make which command, and nothing else. What only one command needs is loaded by that
 * command, so that a sidecar starts without the demo's weight.
 */
import { askAdmin } from "./admin/client.ts";
import { type Address, formatAddress } from "./base/address.ts";
import { systemChance } from "./base/chance.ts";
import { systemClock } from "./base/clock.ts";
import { ContenderError } from "./base/errors.ts";
import { keyFromText } from "./base/hash.ts";
import { problemLine } from "./base/parsed.ts";
import { trusts } from "./base/trust.ts";
import type { Handlers } from "./cli/handlers.ts";
import { loadTexts } from "./config/files.ts";
import { pemFiles } from "./config/sources/pem-files.ts";
import { demoDefaults } from "./demo/options.ts";
import type { TrialSidecar } from "./init/options.ts";
import type { RouteSpec } from "./model/route.ts";
import { Metrics } from "./observe/metrics.ts";
import { SidecarProcess } from "./processes/alone.ts";
import type { ProcessPorts } from "./processes/ports.ts";
import { explain } from "./router/explain.ts";
import { compileAssigner } from "./router/route-assigner.ts";
import { Sidecar } from "./runtime/sidecar.ts";

export function handlers(ports: ProcessPorts): Handlers {
  return {
    version: ports.version,
    sidecar: async (settings) => {
      if (settings.workers === 1) return await new SidecarProcess(settings, ports).run();
      const { PrimaryProcess } = await import("./processes/primary.ts");
      return await new PrimaryProcess(settings, ports).run();
    },
    worker: async () => {
      const { runWorker } = await import("./processes/worker.ts");
      return await runWorker(ports);
    },
    control: async (settings) => {
      const { runControl } = await import("./processes/control.ts");
      return await runControl(settings, ports);
    },
    administration: async (control, { actor, timeoutMs }) => {
      const { AdminClient } = await import("./api/admin-client.ts");
      return new AdminClient({ control, actor, timeoutMs, clock: systemClock, openPem: pemFiles(systemClock) });
    },
    explain: explainKey,
    askAdmin,
    init: async (options) => {
      const { runInit } = await import("./init/run.ts");
      const startSidecar = (routeText: string) => startTrial(routeText, ports);
      return await runInit(options, { ...ports, clock: systemClock, startSidecar });
    },
    demo: {
      defaults: demoDefaults,
      run: async (options) => {
        const { runDemo } = await import("./demo/run.ts");
        const { out, screen, demoEnv: env, onStop: onInterrupt } = ports;
        return await runDemo(options, { out, screen, env, clock: systemClock, chance: systemChance, onInterrupt });
      },
    },
  };
}

function explainKey(route: RouteSpec, key: string): ReturnType<Handlers["explain"]> {
  const assigner = compileAssigner(route);
  if (!assigner.ok) {
    throw new ContenderError("CONFIG_INVALID", assigner.problems.map(problemLine).join("\n"));
  }
  return explain(assigner.value, keyFromText(key));
}

/** A sidecar for `init` to measure: in this process, on a free port of loopback, with the limits that any other has. */
async function startTrial(routeText: string, { version, nodeVersion }: ProcessPorts): Promise<TrialSidecar> {
  const local: Address = { kind: "tcp", host: "127.0.0.1", port: 8500 };
  const loaded = loadTexts("init", [{ name: "route", text: routeText }], { local: formatAddress(local) });
  const sidecar = new Sidecar({
    clock: systemClock,
    chance: systemChance,
    metrics: new Metrics({ clock: systemClock, version, node: nodeVersion }),
    local,
    trustsHop: trusts([]),
    onEvent: () => undefined,
    openPem: pemFiles(systemClock),
  });
  const applied = loaded.ok ? sidecar.apply(loaded.value) : loaded;
  if (!applied.ok) throw new ContenderError("INTERNAL", applied.problems.map(problemLine).join("\n"));
  return {
    address: await sidecar.listen({ kind: "tcp", host: "127.0.0.1", port: 0 }),
    async close() {
      const drained = sidecar.drain(0, 0);
      sidecar.force();
      await drained;
    },
  };
}
