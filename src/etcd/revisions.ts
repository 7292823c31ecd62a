/**
 * Puts what a watch brings together by revision. etcd splits an answer that is too large into fragments, anywhere: a revision
 * is whole once a later one has begun, or an answer has come that no fragment follows.
 */
import type { WatchEvent } from "./protos.ts";

export type TellRevision = (revision: number, events: readonly WatchEvent[]) => void;

export class Revisions {
  #last: number;
  #revision = 0;
  #events: WatchEvent[] = [];
  readonly #tell: TellRevision;

  /** @param last what has been told already; what is not above it is dropped. */
  constructor(last: number, tell: TellRevision) {
    this.#last = last;
    this.#tell = tell;
  }

  /** The last revision that was told whole. */
  get last(): number {
    return this.#last;
  }

  /** @param more whether a fragment follows. */
  add(events: readonly WatchEvent[], more: boolean): void {
    for (const event of events) {
      const revision = Number(event.kv.mod_revision);
      if (revision <= this.#last) continue;
      if (revision !== this.#revision) this.#flush();
      this.#revision = revision;
      this.#events.push(event);
    }
    if (!more) this.#flush();
  }

  /** Nothing else has changed up to this revision. */
  passed(revision: number): void {
    if (this.#events.length === 0) this.#last = Math.max(this.#last, revision);
  }

  /** Forgets a revision of which a part has come: whoever sent it is gone. */
  drop(): void {
    this.#events = [];
  }

  #flush(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    // Before it is told: whoever is told may throw, or close the watch.
    this.#last = this.#revision;
    this.#tell(this.#revision, events);
  }
}
