/** A sidecar's side of a config service over real connections, with everything else in a test's hands: time, routes, the disk. */

import { ControlChannel } from "../../src/api/channel.ts";
import type { SnapshotMessage } from "../../src/api/messages.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Problem } from "../../src/base/parsed.ts";
import { parseControlClient } from "../../src/config/control-client.ts";
import type { Apply, RouteSource } from "../../src/config/route-source.ts";
import type { Loaded } from "../../src/config/snapshot.ts";
import { type SourceEvent, SourceStatus } from "../../src/config/source-status.ts";
import { pemFiles } from "../../src/config/sources/pem-files.ts";
import type { Snapshot } from "../../src/model/route.ts";
import { planSnapshot } from "../../src/plan/plan.ts";
import { LastGoodFile } from "../../src/sync/last-good.ts";
import { ServiceSource } from "../../src/sync/service-source.ts";
import { watchOver } from "../../src/sync/watch-stream.ts";
import { ManualClock } from "./manual-clock.ts";
import { parsedValue } from "./parsed.ts";

export interface FollowerOptions {
  readonly address: string;
  /** Where last good routes are kept. */
  readonly directory?: string;
  /** What is beside the service. */
  readonly fallback?: Loaded;
  readonly clock?: ManualClock;
}

export class Follower {
  readonly clock: ManualClock;
  readonly events: SourceEvent[] = [];
  readonly status: SourceStatus;
  readonly source: ServiceSource;
  /** Why what comes next can't be put in force. */
  problems: readonly Problem[] = [];
  inForce: Snapshot | undefined = undefined;
  /** What was put in force, or refused, in order. */
  readonly applied: Loaded[] = [];
  /** Of the fallback, once it is opened. */
  applyFallback: Apply | undefined = undefined;
  fallbackClosed = false;
  readonly #channel: ControlChannel;

  constructor({ address, clock = new ManualClock(), directory, fallback }: FollowerOptions) {
    this.clock = clock;
    this.status = new SourceStatus(address, clock, (event) => this.events.push(event));
    const control = parsedValue(parseControlClient({ CONTENDER_CONTROL: address }));
    this.#channel = new ControlChannel(control, { clock: systemClock, openPem: pemFiles(systemClock) });
    const owner = { service: address, namespace: "", workload: "" };
    const lastGood: LastGoodFile<SnapshotMessage> | undefined =
      directory === undefined
        ? undefined
        : new LastGoodFile<SnapshotMessage>(directory, owner, (version, failed) =>
            this.status.wrote(directory, version, failed),
          );
    this.source = new ServiceSource({
      clock,
      chance: { next: () => 0 },
      status: this.status,
      open: watchOver(this.#channel),
      node: {
        instance: "i",
        startedAt: null,
        namespace: "ml",
        workload: "fraud",
        pod: "p",
        release: "1",
        capabilities: ["ttl"],
      },
      around: { local: "127.0.0.1:8500" },
      apply: (loaded) => this.#apply(loaded),
      adopt: (version) => {
        if (this.inForce !== undefined) this.inForce = { ...this.inForce, version };
      },
      lastGood,
      fallback: (apply) => this.#fallback(apply, fallback),
      waitMs: 2_000,
    });
  }

  /** Of `v2` in the first route. */
  get weight(): number | undefined {
    return this.inForce?.routes[0]?.weights.v2;
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  async close(): Promise<void> {
    await this.source.close();
    this.#channel.close();
  }

  #apply(loaded: Loaded): readonly Problem[] {
    this.applied.push(loaded);
    if (!loaded.ok) return loaded.problems;
    const plan = planSnapshot(loaded.value);
    if (!plan.ok) return plan.problems;
    if (this.problems.length > 0) return this.problems;
    this.inForce = loaded.value;
    return [];
  }

  #fallback(apply: Apply, loaded: Loaded | undefined): RouteSource {
    this.applyFallback = apply;
    return {
      status: undefined,
      open: async () => (loaded === undefined ? [{ path: "", message: "nothing" }] : await apply(loaded, true)),
      begin: () => undefined,
      close: () => {
        this.fallbackClosed = true;
        return Promise.resolve();
      },
    };
  }
}
