/**
 * When each stream is to hear of us: once in a heartbeat, whatever other streams do.
 *
 * A heartbeat is a ring of places, and one place after the other has its turn. A stream is given the emptiest place when it comes and
 * keeps it until it goes, so that others, who come and go by thousands, neither delay it nor bring it forward, and all of them are spread
 * evenly. A timer for each stream would be ten thousand timers that fire together after all sidecars came back together.
 */
import type { Clock } from "../../base/clock.ts";

/** Of ten thousand streams a turn has some three hundred, of which each is asked anew who it is. */
const places = 30;

export class Heartbeats<Stream> {
  readonly #clock: Clock;
  readonly #stepMs: number;
  readonly #beat: (stream: Stream) => void;
  readonly #ring: readonly Set<Stream>[] = Array.from({ length: places }, () => new Set());
  readonly #placeOf = new Map<Stream, Set<Stream>>();
  #beganMs: number;
  /** Turns that were had. */
  #turns = 0;
  #cancel: () => void;

  /** @param beat is called once per heartbeat for each stream, and may remove it, or others. */
  constructor(clock: Clock, heartbeatMs: number, beat: (stream: Stream) => void) {
    this.#clock = clock;
    this.#stepMs = heartbeatMs / places;
    this.#beat = beat;
    this.#beganMs = clock.nowMs();
    this.#cancel = this.#next();
  }

  add(stream: Stream): void {
    this.remove(stream);
    // From the turn that is last to come: it has heard of us just now.
    let emptiest: Set<Stream> | undefined;
    for (let ahead = places - 1; ahead >= 0; ahead--) {
      const place = this.#ring[(this.#turns + ahead) % places];
      if (place !== undefined && (emptiest === undefined || place.size < emptiest.size)) emptiest = place;
    }
    if (emptiest === undefined) return;
    emptiest.add(stream);
    this.#placeOf.set(stream, emptiest);
  }

  remove(stream: Stream): void {
    this.#placeOf.get(stream)?.delete(stream);
    this.#placeOf.delete(stream);
  }

  close(): void {
    this.#cancel();
  }

  /** By the time since the beginning, not since the last turn: a loop that is late now and then does not fall behind for good. */
  #next(): () => void {
    const lateMs = this.#clock.nowMs() - this.#beganMs - (this.#turns + 1) * this.#stepMs;
    // A machine that slept does not make up for it.
    if (lateMs > places * this.#stepMs) this.#beganMs += lateMs;
    return this.#clock.after(Math.max(0, -lateMs), () => this.#turn());
  }

  #turn(): void {
    const place = this.#ring[this.#turns % places] ?? [];
    this.#turns++;
    this.#cancel = this.#next();
    // As they were: who takes the place of another while this goes on has heard of us.
    for (const stream of [...place]) if (this.#placeOf.get(stream) === place) this.#beat(stream);
  }
}
