/** Everything that a scene is made of, and what faults do with it: change weights, wait, and see everybody agree. */
import { setTimeout } from "node:timers/promises";
import { parseVersion } from "../../src/api/version.ts";
import type { Intent } from "../../src/model/administration.ts";
import { Worker } from "../soak/worker.ts";
import { start } from "../support/command.ts";
import { routeDocument } from "../support/route-document.ts";
import type { FromCaller, ToCaller } from "./caller.ts";
import { Meters } from "./meters.ts";
import type { Replica } from "./replica.ts";
import { Service } from "./service.ts";
import { Sidecar } from "./sidecars.ts";
import { Truth } from "./truth.ts";
import type { Verdicts } from "./verdicts.ts";

export const users = 500;
/** Two sidecars live as long as their scene; the third is killed again and again, and has a route of its own. */
export const routes = ["steady", "mortal"] as const;
const names = ["v41", "v42", "v43"] as const;

/** How long sidecars may take to notice that their service is silent: three heartbeats of a second, on a busy machine. */
const noticeMs = 15_000;
/** How long everybody may take to have the newest weights once all is well again. */
export const convergeMs = 20_000;

const intent = (reason: string): Intent => ({ reason, expectedRevision: 0, dryRun: false });

export interface WorldOptions {
  readonly folder: string;
  readonly built: string;
  readonly etcd: string | undefined;
  readonly rate: number;
  readonly seed: number;
  readonly random: () => number;
  readonly verdicts: Verdicts;
}

export class World {
  readonly service: Service;
  readonly sidecars: readonly Sidecar[];
  readonly truth = new Truth(users);
  readonly verdicts: Verdicts;
  readonly meters = new Meters();
  /** From spawn to the first good answer, with the service away. */
  readonly starts: { readonly wallMs: number; readonly ownMs: number }[] = [];
  changes = 0;
  readonly #random: () => number;
  readonly #caller: Worker;
  readonly #models: Worker;
  readonly #saved = new Map<string, string>();
  readonly #stopped = Promise.withResolvers<void>();

  private constructor(
    service: Service,
    sidecars: readonly Sidecar[],
    models: Worker,
    caller: Worker,
    { random, verdicts }: WorldOptions,
  ) {
    this.service = service;
    this.sidecars = sidecars;
    this.verdicts = verdicts;
    this.#random = random;
    this.#models = models;
    this.#caller = caller;
    caller.onMessage((message) => {
      const said = message as FromCaller;
      if ("done" in said) verdicts.take(said.done);
      else this.#stopped.resolve();
    });
    void caller.ended.then(() => this.#stopped.reject(new Error(`the callers ended: ${caller.errors}`)));
    this.#stopped.promise.catch(() => undefined);
  }

  static async start(options: WorldOptions): Promise<World> {
    const { folder, built, etcd, rate, seed } = options;
    const models = new Worker("../chaos/models.ts", names);
    const addresses = await new Promise<Readonly<Record<string, string>>>((resolve) => {
      models.onMessage((said) => resolve((said as { addresses: Record<string, string> }).addresses));
    });
    const service = await Service.start(folder, built, etcd);
    const sidecars: Sidecar[] = [];
    for (const [index, route] of [routes[0], routes[0], routes[1]].entries()) {
      const env: Record<string, string> = index === 1 ? { CONTENDER_WORKERS: "2" } : {};
      sidecars.push(await Sidecar.create(index, route, built, folder, env));
    }
    const texts = routes.map((name) => ({ name, text: document(name, addresses) }));
    await service.replicas[0]?.admin.apply(texts, intent("the first"));
    await Promise.all(sidecars.map((sidecar) => sidecar.start(service.front.address)));
    const caller = new Worker("../chaos/caller.ts");
    await caller.ready();
    const world = new World(service, sidecars, models, caller, options);
    await world.learn();
    world.tell({ rate, users, seed });
    for (const { index } of sidecars) world.callOn(index);
    return world;
  }

  tell(message: ToCaller): void {
    this.#caller.send(message);
  }

  callOn(index: number): void {
    const { life, address, path } = this.sidecar(index);
    this.tell({ on: { sidecar: index, life, address, path } });
  }

  sidecar(index: number): Sidecar {
    const sidecar = this.sidecars[index];
    if (sidecar === undefined) throw new Error(`no sidecar ${index}`);
    return sidecar;
  }

  between(leastMs: number, mostMs: number): number {
    return leastMs + this.#random() * (mostMs - leastMs);
  }

  /** One of them. */
  any<T>(these: readonly T[]): T {
    const one = these[Math.floor(this.#random() * these.length)];
    if (one === undefined) throw new Error("none to choose from");
    return one;
  }

  async wait(leastMs: number, mostMs = leastMs): Promise<void> {
    await setTimeout(this.between(leastMs, mostMs));
  }

  /** Takes in what the service tells of the past. */
  async learn(): Promise<void> {
    const replica = this.service.replicas.find(({ program }) => program?.alive === true) ?? this.service.leader;
    await this.truth.learn(replica, routes);
  }

  /** Changes weights of every route, by a replica or by the command. @throws where that did not work; it may have been done all the same */
  async change(replica: Replica = this.any(this.service.replicas), byCommand = this.#random() < 0.2): Promise<void> {
    for (const route of routes) {
      const weights = names.map((name) => [name, Math.round(this.between(0, 1000)) / 10 + 0.1] as const);
      if (byCommand) {
        const pairs = weights.map(([name, weight]) => `${name}=${weight}`).join(",");
        const { code, err } = await start(["route", "weights", route, pairs], {
          CONTENDER_CONTROL: replica.address,
        }).ended();
        if (code !== 0) throw new Error(err);
      } else await replica.admin.setWeights(route, weights, intent("chaos"));
      this.changes++;
    }
  }

  /** In the middle of a fault a change may be refused; one that is made must be known. */
  async tryChange(replica?: Replica): Promise<boolean> {
    try {
      await this.change(replica, false);
      await this.learn();
      return true;
    } catch {
      return false;
    }
  }

  /** Versions in force, one a sidecar. */
  get versions(): readonly string[] {
    return this.sidecars.map(({ state }) => state?.versions.join(" and ") ?? "");
  }

  /** Waits until every sidecar has noticed that the service is away, and sees that each goes on with what it had. */
  async away(before: readonly string[]): Promise<void> {
    const endMs = performance.now() + noticeMs;
    const connected = (): readonly Sidecar[] => this.sidecars.filter(({ state }) => state?.connected !== false);
    while (connected().length > 0 && performance.now() < endMs) await setTimeout(50);
    for (const { index } of connected())
      this.verdicts.problem(`sidecar ${index} does not say that its service is away`);
    await this.wait(500, 2_000);
    this.keep(before);
    for (const sidecar of this.sidecars) {
      const value = await sidecar.metric("contender_config_source_connected").catch(() => Number.NaN);
      if (value !== 0)
        this.verdicts.problem(`contender_config_source_connected of sidecar ${sidecar.index} is ${value}`);
    }
  }

  /** Every sidecar still has what it had. */
  keep(before: readonly string[]): void {
    for (const [index, version] of this.versions.entries()) {
      if (version !== before[index]) {
        this.verdicts.problem(`sidecar ${index} left ${before[index]} for ${version} while nothing good was said`);
      }
    }
  }

  /** Waits until every sidecar says that what it was given is wrong. */
  async refused(before: readonly string[]): Promise<void> {
    const endMs = performance.now() + noticeMs;
    const unaware = (): readonly Sidecar[] => this.sidecars.filter(({ state }) => state?.rejected !== true);
    while (unaware().length > 0 && performance.now() < endMs) await setTimeout(50);
    for (const { index } of unaware()) this.verdicts.problem(`sidecar ${index} does not say what is wrong`);
    await this.wait(300);
    this.keep(before);
  }

  /** Keeps a copy of the store, which nobody may have open. */
  async save(name: string): Promise<void> {
    await this.service.save(name);
    this.#saved.set(name, this.#digests);
  }

  /** Waits until every sidecar has what is in a store that was put back, before anybody changes it. */
  async taken(name: string): Promise<void> {
    const wanted = this.#saved.get(name) ?? "";
    const endMs = performance.now() + convergeMs;
    while (this.#digests !== wanted && performance.now() < endMs) await setTimeout(50);
    if (this.#digests === wanted) return;
    this.verdicts.problem(
      `sidecars have ${this.versions.join(", ")} ${convergeMs} ms after the store was put back to contents of ${wanted}`,
    );
  }

  /** Of what is in force, which a store that is put back brings under another version. */
  get #digests(): string {
    return this.versions.map((version) => parseVersion(version)?.digest).join(" ");
  }

  /** All is well again: weights are changed once more, and everybody must have them soon. @returns how long it took */
  async converge(): Promise<number> {
    const beganMs = performance.now();
    const left = (): number => beganMs + convergeMs - performance.now();
    let changed = false;
    let why = "";
    while (!changed && left() > 0) {
      try {
        await this.change();
        changed = true;
      } catch (error) {
        why = String(error);
        await setTimeout(100);
      }
    }
    if (!changed) this.verdicts.problem(`weights could not be changed within ${convergeMs} ms: ${why}`);
    let behind = await this.#behind();
    while (behind !== "" && left() > 0) {
      await setTimeout(50);
      behind = await this.#behind();
    }
    if (behind !== "") this.verdicts.problem(`not all have the newest weights within ${convergeMs} ms: ${behind}`);
    const tookMs = performance.now() - beganMs;
    await this.learn().catch((error: unknown) => this.verdicts.problem(`the history can't be read: ${String(error)}`));
    await setTimeout(1_000); // what was in force at the last calls is seen
    this.verdicts.judge(this.sidecars, this.truth);
    for (const { running } of this.service.replicas) await this.meters.take(running);
    return tookMs;
  }

  /** Who has not got the newest weights, or does not know of others that have; "" where all is well. */
  async #behind(): Promise<string> {
    try {
      for (const route of routes) {
        const [version = "", ...others] = await Promise.all(this.service.replicas.map((each) => each.version(route)));
        if (others.some((other) => other !== version)) return `replicas have ${version} and ${others.join()}`;
        for (const sidecar of this.sidecars.filter((each) => each.route === route)) {
          const { versions, connected, rejected } = await sidecar.look();
          if (versions.join() !== version) return `sidecar ${sidecar.index} has ${versions.join()}, and not ${version}`;
          if (!connected || rejected) return `sidecar ${sidecar.index} is ${connected ? "refusing" : "alone"}`;
          const revision = parseVersion(version)?.revision;
          for (const { admin, address } of this.service.replicas) {
            const { sidecars } = await admin.sidecars({ route, waitForRevision: 0, waitAtMostMs: 0 });
            const known = sidecars.find(({ pod }) => pod === sidecar.pod);
            if (known?.state !== "current" || known.revision !== revision) {
              return `${address} knows ${sidecar.pod} as ${known?.state} at ${known?.revision}, and not ${revision}`;
            }
          }
        }
      }
      return "";
    } catch (error) {
      return String(error);
    }
  }

  /** Ends the calls, and waits for their last answers. */
  async stopCalls(): Promise<void> {
    this.tell({ stop: true });
    await this.#stopped.promise;
    await setTimeout(1_000);
    this.verdicts.judge(this.sidecars, this.truth);
  }

  async end(): Promise<void> {
    await Promise.all(this.sidecars.map((sidecar) => sidecar.end()));
    await this.service.end();
    await Promise.all([this.#caller, this.#models].map((worker) => worker.signal("SIGKILL")));
  }
}

function document(route: string, addresses: Readonly<Record<string, string>>): string {
  return routeDocument(route, {
    selector: { workload: route },
    match: { services: [`${route}.Model`] },
    key: { from: [{ metadata: "x-user-id" }] },
    variants: Object.fromEntries(Object.entries(addresses).map(([name, address]) => [name, { address }])),
    champion: "v41",
    weights: { v41: 60, v42: 30, v43: 10 },
  });
}
