/**
 * A worker: the data plane alone. Routes, connections, the state of breakers and the word to end come from the primary;
 * log lines and records go to its pipe, counts where it asks.
 */
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import { type Problem, problemLine } from "../base/parsed.ts";
import { ReportStore } from "../observe/report-store.ts";
import type { Plan } from "../plan/plan.ts";
import type { Sidecar } from "../runtime/sidecar.ts";
import type { RawHandle } from "../transport/door.ts";
import { afterTurns } from "../transport/turns.ts";
import type { BreakerWord, ParentPort, Question, ToWorker, WarmupCopies } from "../workers/messages.ts";
import { RemoteBreakers } from "../workers/remote-breakers.ts";
import { WarmupReports } from "../workers/warmup-reports.ts";
import { type DataPlane, openDataPlane } from "./data-plane.ts";
import { keepYoungGenerationSmall, logCloseMs, type ProcessPorts } from "./ports.ts";
import { refuseTls } from "./tls.ts";

/** Characters of an exposition in one message: about a tenth of a millisecond, between which calls go on. */
const pieceLength = 65_536;

export async function runWorker(ports: ProcessPorts): Promise<number> {
  const { parent } = ports;
  if (parent === undefined) {
    throw new ContenderError("SETTINGS_INVALID", "a worker is started by contender sidecar --workers, not by hand");
  }
  // A terminal's Ctrl-C and a service manager's signal reach all processes at once; what they mean is the primary's to say.
  ports.onStop(() => undefined);
  return await new Promise((resolve) => {
    let worker: Worker | undefined;
    parent.onMessage((message, handle) => {
      if (message.kind === "start") worker = new Worker(message, parent, ports, resolve);
      else worker?.hear(message, handle);
    });
    parent.onDisconnect(() => {
      if (worker === undefined) resolve(0);
      else worker.orphaned();
    });
    parent.send({ kind: "hello" });
  });
}

interface Prepared {
  readonly plan: Plan;
  readonly breakers: readonly BreakerWord[];
}

class Worker {
  readonly #start: ToWorker & { kind: "start" };
  readonly #parent: ParentPort;
  readonly #ended: (code: number) => void;
  readonly #err: (text: string) => void;
  readonly #plane: DataPlane;
  readonly #breakers: RemoteBreakers;
  readonly #sidecar: Sidecar;
  readonly #counts: ReportStore | undefined;
  #prepared: Prepared | undefined = undefined;
  /** Connections that have gone since the primary was told. */
  #gone = 0;
  #ending = false;

  constructor(
    start: ToWorker & { kind: "start" },
    parent: ParentPort,
    ports: ProcessPorts,
    ended: (code: number) => void,
  ) {
    const { settings, snapshot, breakers } = start;
    this.#start = start;
    this.#parent = parent;
    this.#ended = ended;
    this.#err = (text) => ports.err(text);
    this.#breakers = new RemoteBreakers(systemClock, (outcomes) => parent.send({ kind: "outcomes", outcomes }));
    const warmups = new WarmupReports((copies) => parent.send({ kind: "warmups", copies }));
    // The file of a prediction log is the primary's, who finds records among the lines.
    const predictionLog = settings.predictionLog ? "stdout" : undefined;
    this.#counts = settings.counts ? new ReportStore() : undefined;
    this.#plane = openDataPlane({ ...settings, predictionLog }, { worker: settings.worker }, ports, {
      counts: this.#counts,
      makeBreaker: ({ key }) => this.#breakers.make(key),
      onWarmupCopy: (key, answered) => warmups.note(key, answered),
    });
    this.#sidecar = this.#plane.sidecar;
    this.#breakers.hear(breakers);
    const applied = this.#sidecar.apply(snapshot);
    if (!applied.ok) throw new ContenderError("INTERNAL", applied.problems.map(problemLine).join("\n"));
    const secured = settings.tls === undefined ? undefined : this.#sidecar.secure(settings.tls);
    if (secured?.ok === false) refuseTls(secured.problems);
    this.#sidecar.open();
    parent.send({ kind: "ready" });
    keepYoungGenerationSmall();
  }

  hear(message: ToWorker, handle: RawHandle | undefined): void {
    if (message.kind === "connection") this.#adopt(message.id, handle);
    else if (message.kind === "ask") void this.#answer(message.id, message.question);
    else if (message.kind === "breakers") this.#breakers.hear(message.words);
    else if (message.kind === "rename") this.#rename(message.before, message.version);
    else if (message.kind === "warmups") this.#hearWarmups(message.copies);
    else if (message.kind === "recall") this.#breakers.recall(message.key, message.epoch);
    else if (message.kind === "drain") void this.#drain(message.graceMs);
    else if (message.kind === "force") this.#sidecar.force();
  }

  /** The primary is gone, and with it the port: calls in flight finish, then there is nothing left to do. */
  orphaned(): void {
    // Log lines go by the primary.
    this.#err(
      `contender: the primary of worker ${this.#start.settings.worker} has ended; its calls finish, then it ends too\n`,
    );
    void this.#drain(this.#start.settings.gracePeriodMs);
  }

  #adopt(id: number, handle: RawHandle | undefined): void {
    if (handle === undefined) return; // lost on the way, which the primary finds out
    this.#sidecar.adopt(handle, this.#start.settings.unix, () => this.#connectionGone());
    this.#parent.send({ kind: "taken", id });
  }

  #rename(before: string, version: string): void {
    if (this.#sidecar.generation?.version === before) this.#sidecar.rename(version);
  }

  #hearWarmups(copies: readonly WarmupCopies[]): void {
    for (const { key, answered, tried } of copies) this.#sidecar.hearWarmup(key, answered, tried);
  }

  #connectionGone(): void {
    if (this.#gone++ === 0) afterTurns(1, () => this.#sayGone());
  }

  #sayGone(): void {
    if (this.#gone > 0) this.#parent.send({ kind: "gone", count: this.#gone });
    this.#gone = 0;
  }

  async #answer(id: number, question: Question): Promise<void> {
    const reply = (value: string | readonly string[] | readonly Problem[] | null, more = false): void =>
      this.#parent.send({ kind: "answer", id, value, more });
    this.#sayGone(); // what an answer tells is not to be ahead of what the primary counts
    if (question.kind === "ping") reply(null);
    else if (question.kind === "readiness") reply(this.#sidecar.routesWithoutChampion());
    else if (question.kind === "prepare") reply(this.#prepare(question));
    else if (question.kind === "commit") reply(this.#commit());
    else {
      const text = question.kind === "counts" ? this.#countsSince(question.acknowledged) : await this.#exposition();
      for (let from = 0; from < text.length; from += pieceLength) {
        const more = from + pieceLength < text.length;
        reply(text.slice(from, from + pieceLength), more);
        if (more) await new Promise<void>((resolve) => afterTurns(1, resolve));
      }
    }
  }

  #exposition(): Promise<string> {
    return this.#plane.metrics.exposition();
  }

  #countsSince(acknowledged: number): string {
    this.#counts?.acknowledge(acknowledged);
    return JSON.stringify(this.#counts?.read() ?? { id: 0, versions: [], series: [] });
  }

  #prepare({ snapshot, breakers }: Question & { kind: "prepare" }): readonly Problem[] {
    const plan = this.#sidecar.prepare(snapshot);
    this.#prepared = plan.ok ? { plan: plan.value, breakers } : undefined;
    return plan.ok ? [] : plan.problems;
  }

  /** @returns the version in force. */
  #commit(): string {
    if (this.#prepared !== undefined) {
      this.#breakers.learn(this.#prepared.breakers);
      this.#sidecar.use(this.#prepared.plan);
      this.#prepared = undefined;
    }
    return this.#sidecar.generation?.version ?? "";
  }

  async #drain(graceMs: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    // What was handed over just before may have said something already: it is read first, and so not cut off as silent.
    await new Promise<void>((resolve) => afterTurns(2, resolve));
    const clean = await this.#sidecar.drain(0, graceMs);
    await this.#plane.stdout.close(logCloseMs);
    const metrics = await this.#exposition();
    const counts = this.#counts?.read();
    await new Promise<void>((resolve) => this.#parent.send({ kind: "drained", clean, metrics, counts }, resolve));
    this.#ended(0);
  }
}
