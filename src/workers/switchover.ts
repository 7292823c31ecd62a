/**
 * A configuration put in force in all workers, or in none.
 *
 * First each plans it and keeps the plan at hand; only when all have done so is the word given to switch. The word and what
 * it takes to obey it are a millisecond or two, and that is how far apart two workers may be. A worker that ends meanwhile
 * does not matter: whoever takes its place begins with what is in force then.
 */
import type { Problem } from "../base/parsed.ts";
import type { Snapshot } from "../model/route.ts";
import type { BreakerOptions } from "../resilience/breaker.ts";
import { breakersOf } from "../runtime/breakers.ts";
import type { Group } from "./group.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** A worker that can't plan a configuration within this does not serve either: it is ended, and another begins. */
const planTimeoutMs = 10_000;

export interface WorkerVersion {
  readonly worker: number;
  readonly pid: number | undefined;
  readonly config: string;
}

export class Switchover {
  readonly #group: Group;
  readonly #breaker: BreakerOptions;
  /** What each process said that it has in force. */
  readonly #versions = new WeakMap<WorkerProcess, string>();
  /** What each new worker begins with. */
  #begun = "";

  constructor(group: Group, breaker: BreakerOptions) {
    this.#group = group;
    this.#breaker = breaker;
  }

  /** The first configuration: workers begin with it. */
  async start(snapshot: Snapshot): Promise<void> {
    this.#begun = snapshot.version;
    await this.#group.start(snapshot);
  }

  /** @returns what the workers that refuse have to say, and then nothing has changed; else nothing. */
  async apply(snapshot: Snapshot, inForce: Snapshot): Promise<Problem[]> {
    const { breakers } = this.#group;
    breakers.add(breakersOf(snapshot, this.#breaker));
    const words = breakers.words();
    const asked = this.#group.begun;
    const answers = await Promise.all(
      asked.map(async (worker) => {
        try {
          return await worker.ask({ kind: "prepare", snapshot, breakers: words }, planTimeoutMs);
        } catch {
          worker.kill();
          return [];
        }
      }),
    );
    const problems = answers.flatMap((each, i) =>
      each.map(({ path, message }) => ({ path, message: `worker ${asked[i]?.number}: ${message}` })),
    );
    if (problems.length > 0) {
      this.#group.use(inForce);
      return problems;
    }
    this.#begun = snapshot.version;
    // One that began meanwhile has the configuration before: it gets both words now, and the channel keeps their order.
    for (const worker of this.#group.begun) {
      if (!asked.includes(worker)) void this.#prepare(worker, snapshot);
    }
    this.#group.use(snapshot);
    await Promise.all(this.#group.begun.map((worker) => this.#commit(worker)));
    return [];
  }

  /** What is in force goes by another version from now on, in those that have it and in those that are yet to begin. */
  adopt(snapshot: Snapshot, before: string): void {
    for (const worker of this.#group.begun) {
      worker.send({ kind: "rename", before, version: snapshot.version });
      if (this.#versions.get(worker) === before) this.#versions.set(worker, snapshot.version);
    }
    this.#begun = snapshot.version;
    this.#group.use(snapshot);
  }

  /** What each worker has in force now. */
  versions(): WorkerVersion[] {
    return this.#group.begun.map((worker) => {
      return { worker: worker.number, pid: worker.pid, config: this.#versions.get(worker) ?? this.#begun };
    });
  }

  /** One that says no to what the others have taken ends too: another begins with it. */
  async #prepare(worker: WorkerProcess, snapshot: Snapshot): Promise<void> {
    const breakers = this.#group.breakers.words();
    try {
      const problems = await worker.ask({ kind: "prepare", snapshot, breakers }, planTimeoutMs);
      if (problems.length > 0) worker.kill();
    } catch {
      worker.kill();
    }
  }

  async #commit(worker: WorkerProcess): Promise<void> {
    try {
      this.#versions.set(worker, await worker.ask({ kind: "commit" }, planTimeoutMs));
    } catch {
      worker.kill();
    }
  }
}
