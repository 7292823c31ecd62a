/**
 * The workers of one primary: started, given connections, replaced when they end, asked together, and ended.
 *
 * A worker that ends takes its own calls along and nobody else's. Its place is filled after a pause that grows while it
 * keeps ending; meanwhile the others get its share of new connections.
 */
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Snapshot } from "../model/route.ts";
import type { BreakerOptions } from "../resilience/breaker.ts";
import { breakersOf } from "../runtime/breakers.ts";
import { type Backoff, newBackoff, nextPauseMs } from "../transport/backoff.ts";
import type { RawHandle } from "../transport/door.ts";
import { resolveTransportOptions } from "../transport/options.ts";
import { type BreakerChange, BreakersOfRecord } from "./breakers-of-record.ts";
import { HandOut } from "./hand-out.ts";
import type { ToPrimary, WarmupCopies, WorkerSettings } from "./messages.ts";
import { type Program, WorkerProcess } from "./worker-process.ts";

export interface GroupPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly program: Program;
  settingsOf(worker: number): WorkerSettings;
  /** A line that a worker wrote to its standard output. */
  onLine(line: string): void;
  onEvent(event: GroupEvent): void;
  onBreaker(change: BreakerChange): void;
  /** A worker has ended; what it counted, where it could still say so. */
  onGone(worker: number, last: LastWords | undefined): void;
  /** Counts a connection for which there is no room. */
  onRefused(): void;
}

/** What a worker counted until its end. */
export type LastWords = Pick<ToPrimary & { kind: "drained" }, "clean" | "metrics" | "counts">;

export type GroupEvent =
  | { readonly kind: "worker_started"; readonly worker: number; readonly pid: number | undefined }
  | {
      readonly kind: "worker_ended";
      readonly worker: number;
      readonly pid: number | undefined;
      readonly how: string;
      readonly restartInMs: number;
    }
  | { readonly kind: "worker_silent"; readonly worker: number; readonly pid: number | undefined }
  | { readonly kind: "connections_lost"; readonly worker: number; readonly count: number };

export interface GroupOptions {
  readonly workers: number;
  readonly breaker: BreakerOptions;
  /** Connections of callers at once, of all workers together. */
  readonly maxConnections: number;
  /** Of one worker: more would leave it without descriptors, also where the others have ended. */
  readonly maxConnectionsPerWorker: number;
  /** Connections that wait while no worker can take them. */
  readonly maxWaiting: number;
}

/** Longest start of a worker. A sidecar takes a fraction of a second; a machine may be busy. */
const startTimeoutMs = 30_000;
/** How often each worker has to answer. */
const pingMs = 1_000;
/** Answers in a row that may be missing: a worker that says nothing for so long serves nobody. */
const pingsMissed = 10;
/** A worker that lived for so long ended for a reason of its own: the pauses begin anew. */
const settledMs = 60_000;
/** Beyond the time that workers have to end; those that have not by then are made to. */
const endSlackMs = 1_000;

interface Place {
  worker: WorkerProcess;
  readonly backoff: Backoff;
  startedMs: number;
  missed: number;
  /** Set once it has told of its end. */
  end: LastWords | undefined;
}

export class Group {
  readonly breakers: BreakersOfRecord;
  readonly #ports: GroupPorts;
  readonly #options: GroupOptions;
  readonly #places: Place[] = [];
  readonly #handOut: HandOut;
  readonly #waiting: RawHandle[] = [];
  #snapshot: Snapshot | undefined;
  #restarts = 0;
  #draining = false;
  #clean = true;
  /** Settles the start, once all are ready or it can't come to that any more. */
  readonly #started = Promise.withResolvers<void>();
  #ended: () => void = () => undefined;
  #stopPings: () => void = () => undefined;

  constructor(ports: GroupPorts, options: GroupOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#handOut = new HandOut(options.maxConnectionsPerWorker);
    this.#started.promise.catch(() => undefined); // nobody may have asked for a start yet
    this.breakers = new BreakersOfRecord({
      clock: ports.clock,
      tell: (to, word) => {
        for (const { worker } of this.#places) {
          if (to === "all" || to === worker.number) worker.send({ kind: "breakers", words: [word] });
        }
      },
      recall: (to, key, epoch) => this.#places[to - 1]?.worker.send({ kind: "recall", key, epoch }),
      onChange: (change) => ports.onBreaker(change),
    });
  }

  /** Starts all, and resolves when each can take connections. @throws Error where one ends first, or all are told to. */
  async start(snapshot: Snapshot): Promise<void> {
    this.use(snapshot);
    for (let number = 1; number <= this.#options.workers; number++) {
      const backoff = newBackoff();
      this.#places.push({ worker: this.#fork(number), backoff, startedMs: this.#now, missed: 0, end: undefined });
    }
    await this.#started.promise;
    this.#ping();
  }

  /** What workers that start from now on serve. */
  use(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    const needs = breakersOf(snapshot, this.#options.breaker);
    this.breakers.add(needs);
    this.breakers.keep(needs);
  }

  /** All that have not ended. */
  get alive(): WorkerProcess[] {
    return this.#places.map(({ worker }) => worker).filter(({ gone }) => !gone);
  }

  /** Those that know what to serve, or are about to: whom a change concerns. */
  get begun(): WorkerProcess[] {
    return this.alive.filter(({ begun }) => begun);
  }

  /** Those that can take connections. */
  get serving(): WorkerProcess[] {
    return this.alive.filter(({ ready }) => ready);
  }

  /** How many can take connections. */
  get ready(): number {
    return this.serving.length;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Gives a connection to a worker, or keeps it until there is one; beyond the limits it is closed. */
  hand(handle: RawHandle): void {
    const open = this.#waiting.length + this.alive.reduce((sum, worker) => sum + worker.connections, 0);
    if (open >= this.#options.maxConnections) this.#refuse(handle);
    else this.#seat(handle);
  }

  /** Ends all: calls in flight get `graceMs`. @returns whether every worker's calls came to their own end. */
  async drain(graceMs: number): Promise<boolean> {
    this.#stop();
    for (const handle of this.#waiting.splice(0)) handle.close();
    for (const worker of this.alive) {
      // Before its start a worker has no ears for this, and no calls either.
      if (worker.begun) worker.send({ kind: "drain", graceMs });
      else worker.kill();
    }
    const cancel = this.#ports.clock.after(graceMs + endSlackMs, () => this.#killAll());
    await new Promise<void>((resolve) => {
      this.#ended = resolve;
      this.#judge();
    });
    cancel();
    this.breakers.close();
    return this.#clean;
  }

  /** Cuts a drain short. */
  force(): void {
    for (const worker of this.alive) worker.send({ kind: "force" });
    this.#ports.clock.after(endSlackMs, () => this.#killAll());
  }

  /** Ends all at once, where there is nothing to drain. */
  close(): void {
    this.#stop();
    this.#killAll();
    this.breakers.close();
  }

  get #now(): number {
    return this.#ports.clock.nowMs();
  }

  /** Nothing begins any more: what waits for a start is told at once, and pings end. */
  #stop(): void {
    this.#draining = true;
    this.#stopPings();
    this.#started.reject(new Error("the workers were told to end before all were ready"));
  }

  /** Whether all have come to what is waited for. */
  #judge(): void {
    const ended = this.#places.find(({ worker }) => worker.gone);
    if (ended !== undefined) this.#started.reject(new Error(`worker ${ended.worker.number} ended before it was ready`));
    else if (this.ready === this.#options.workers) this.#started.resolve();
    if (this.alive.length === 0) this.#ended();
  }

  #killAll(): void {
    for (const worker of this.alive) worker.kill();
  }

  #seat(handle: RawHandle): void {
    const at = this.#handOut.pick(this.#places.map(({ worker }) => worker));
    const place = this.#places[at];
    if (place !== undefined) place.worker.hand(handle);
    else if (this.#draining || this.ready > 0)
      this.#refuse(handle); // those that are left have all they can take
    else if (this.#waiting.length >= this.#options.maxWaiting) this.#refuse(handle);
    else this.#waiting.push(handle);
  }

  #refuse(handle: RawHandle): void {
    handle.close();
    if (!this.#draining) this.#ports.onRefused();
  }

  #fork(number: number): WorkerProcess {
    const worker: WorkerProcess = new WorkerProcess(number, this.#ports.program, {
      clock: this.#ports.clock,
      onMessage: (message) => this.#hear(worker, message),
      onLine: (line) => this.#ports.onLine(line),
      onGone: (how, orphans) => this.#gone(worker, how, orphans),
      onLost: (handles) => {
        this.#ports.onEvent({ kind: "connections_lost", worker: number, count: handles.length });
        this.#reseat(handles);
      },
    });
    this.#ports.clock.after(startTimeoutMs, () => {
      if (!worker.ready && !worker.gone && !this.#draining) worker.kill();
    });
    return worker;
  }

  #hear(worker: WorkerProcess, message: ToPrimary): void {
    if (message.kind === "hello") this.#begin(worker);
    else if (message.kind === "ready") this.#ready(worker);
    else if (message.kind === "outcomes") this.breakers.hear(worker.number, message.outcomes);
    else if (message.kind === "warmups") this.#passOn(worker, message.copies);
    else if (message.kind === "drained") {
      const place = this.#places[worker.number - 1] as Place;
      place.end = message;
    }
  }

  /** A server that several workers warm up gets warm by all their copies. */
  #passOn(from: WorkerProcess, copies: readonly WarmupCopies[]): void {
    for (const worker of this.begun) if (worker !== from) worker.send({ kind: "warmups", copies });
  }

  #begin(worker: WorkerProcess): void {
    if (this.#draining) return worker.kill();
    const settings = this.#ports.settingsOf(worker.number);
    const breakers = this.breakers.words();
    worker.begun = true;
    worker.send({ kind: "start", settings, snapshot: this.#snapshot as Snapshot, breakers });
  }

  #ready(worker: WorkerProcess): void {
    worker.ready = !this.#draining;
    this.#ports.onEvent({ kind: "worker_started", worker: worker.number, pid: worker.pid });
    this.#reseat(this.#waiting.splice(0));
    this.#judge();
  }

  #gone(worker: WorkerProcess, how: string, orphans: readonly RawHandle[]): void {
    const { number, pid } = worker;
    const place = this.#places[number - 1];
    this.breakers.forget(number);
    this.#ports.onGone(number, place?.end);
    if (place === undefined) return;
    if (this.#draining) {
      if (worker.begun) this.#clean &&= place.end?.clean === true;
      for (const handle of orphans) handle.close();
    } else {
      const restartInMs = this.#replace(place, number);
      this.#ports.onEvent({ kind: "worker_ended", worker: number, pid, how, restartInMs });
      this.#reseat(orphans);
    }
    this.#judge();
  }

  #reseat(handles: readonly RawHandle[]): void {
    for (const handle of handles) this.#seat(handle);
  }

  /** @returns after how many milliseconds. */
  #replace(place: Place, number: number): number {
    const { clock, chance } = this.#ports;
    if (this.#now - place.startedMs > settledMs) place.backoff.failures = 0;
    const pauseMs = Math.round(nextPauseMs(place.backoff, resolveTransportOptions(), chance));
    this.#restarts++;
    clock.after(pauseMs, () => {
      if (!this.#draining) this.#refill(place, number);
    });
    return pauseMs;
  }

  #refill(place: Place, number: number): void {
    place.startedMs = this.#now;
    place.missed = 0;
    try {
      place.worker = this.#fork(number);
    } catch (reason) {
      // No memory for another process, say: that is one more that ended, and the next attempt comes later.
      const how = String(reason);
      const restartInMs = this.#replace(place, number);
      this.#ports.onEvent({ kind: "worker_ended", worker: number, pid: undefined, how, restartInMs });
    }
  }

  #ping(): void {
    this.#stopPings = this.#ports.clock.after(pingMs, () => {
      for (const place of this.#places) if (place.worker.ready) this.#pingOne(place);
      this.#ping();
    });
  }

  #pingOne(place: Place): void {
    const { worker } = place;
    worker.ask({ kind: "ping" }, pingMs).then(
      () => {
        place.missed = 0;
      },
      () => {
        if (worker.gone || ++place.missed < pingsMissed) return;
        this.#ports.onEvent({ kind: "worker_silent", worker: worker.number, pid: worker.pid });
        worker.kill();
      },
    );
  }
}
