/**
 * What goes on around the sidecar while it works: weights that change, models that are restarted in order and killed, a
 * shadow that is well, hangs, resets, floods and is not there.
 *
 * The timetable is fixed. The periods have no common divisor to speak of, so that everything meets everything else.
 */
import { ConfigMap } from "../support/config-map.ts";
import type { Mood } from "./model.ts";
import { type Addresses, routeFile } from "./routes.ts";
import type { Step } from "./weights.ts";
import { Worker } from "./worker.ts";

const file = "routes.yaml";

const weightsMs = 1_000;
const challengerMs = 9_000;
const championMs = 37_000;
const shadowMs = 4_300;
/** How long a model that was killed stays away; one that ends in order is back at once. */
const awayMs = 600;

const moods: readonly (Mood | "dead")[] = ["well", "hanging", "well", "dead", "well", "resetting", "well", "flooding"];

/** One model server, started again and again at the same address. */
class Model {
  readonly #name: string;
  readonly #port: string;
  #worker: Worker;

  constructor(name: string, address: string) {
    this.#name = name;
    this.#port = address.split(":")[1] ?? "";
    this.#worker = this.#fork();
  }

  #fork(): Worker {
    return new Worker("model.ts", [this.#name, this.#port]);
  }

  async ready(): Promise<void> {
    await this.#worker.ready();
  }

  async restart(signal: NodeJS.Signals, pauseMs: number): Promise<void> {
    await this.#worker.signal(signal);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    this.#worker = this.#fork();
    await this.#worker.ready();
  }

  be(mood: Mood): void {
    this.#worker.send({ mood });
  }

  async end(): Promise<void> {
    await this.#worker.signal("SIGKILL");
  }
}

export class Unrest {
  /** How often each thing happened. */
  readonly counts: Record<string, number> = {};
  readonly #models: readonly [champion: Model, challenger: Model, shadow: Model];
  readonly #addresses: Addresses;
  readonly #steps: readonly Step[];
  #map: ConfigMap | undefined = undefined;
  readonly #fail: (error: unknown) => void;
  #timers: NodeJS.Timeout[] = [];
  #step = 0;
  #mood = 0;
  /** Models that are being restarted: each finishes before it is ended. */
  readonly #busy = new Set<Promise<void>>();

  /** @param fail is told what the soak itself could not do. */
  constructor(addresses: Addresses, steps: readonly Step[], fail: (error: unknown) => void) {
    this.#addresses = addresses;
    this.#steps = steps;
    this.#fail = fail;
    const { v41, v42, v43 } = addresses;
    this.#models = [new Model("v41", v41), new Model("v42", v42), new Model("v43", v43)];
  }

  get routes(): string {
    return this.#map?.path(file) ?? "";
  }

  /** Champion's weight that was written last. */
  get champion(): number {
    return this.#steps[this.#step]?.champion ?? 100;
  }

  async prepare(): Promise<void> {
    this.#map = await ConfigMap.create({ [file]: this.#text(0) });
    await Promise.all(this.#models.map((model) => model.ready()));
  }

  /** @param announce is told of a step before it can be in force. */
  begin(announce: (step: number) => void): void {
    const [champion, challenger, shadow] = this.#models;
    let kill = false;
    const restart = (name: string, model: Model): void => {
      kill = !kill;
      this.#count(`${name} ${kill ? "killed" : "restarted in order"}`);
      this.#start(model.restart(kill ? "SIGKILL" : "SIGTERM", kill ? awayMs : 0));
    };
    this.#every(weightsMs, () => {
      this.#step = (this.#step + 1) % this.#steps.length;
      this.#count("weights changed");
      announce(this.#step);
      this.#start(this.#map?.swap({ [file]: this.#text(this.#step) }) ?? Promise.resolve());
    });
    this.#every(challengerMs, () => restart("challenger", challenger));
    this.#every(championMs, () => restart("champion", champion));
    this.#every(shadowMs, () => {
      this.#mood = (this.#mood + 1) % moods.length;
      const mood = moods[this.#mood] ?? "well";
      this.#count(`shadow ${mood}`);
      if (mood === "dead") this.#start(shadow.restart("SIGKILL", shadowMs / 2));
      else shadow.be(mood);
    });
  }

  /** Leaves everything as it is, and well. */
  async calm(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    await Promise.allSettled(this.#busy);
    this.#models[2].be("well");
  }

  async end(): Promise<void> {
    await this.calm();
    await Promise.all(this.#models.map((model) => model.end()));
    await this.#map?.remove();
  }

  #every(periodMs: number, fn: () => void): void {
    this.#timers.push(setInterval(fn, periodMs));
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #start(work: Promise<void>): void {
    const watched = work.catch(this.#fail).finally(() => this.#busy.delete(watched));
    this.#busy.add(watched);
  }

  #text(step: number): string {
    return routeFile(this.#addresses, this.#steps[step]?.champion ?? 100);
  }
}
