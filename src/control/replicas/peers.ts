/**
 * Replicas tell each other what they hear, each every other one: reports, and how sidecars stand.
 *
 * What is told can be told again in any order without changing anything (reports are cumulative, of a sidecar the latest word stands),
 * so there is nothing to agree on and nothing to repair: a replica that comes is told everything, and then what is new. A report is
 * acknowledged to its sidecar when every replica that is connected has it, so that the death of any one of them loses nothing that
 * was acknowledged.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { ReportRequest } from "../../api/messages.ts";
import type { Clock } from "../../base/clock.ts";
import type { AnyCall, Callers } from "../access/callers.ts";
import { type Counts, type ReadReport, written } from "../counts/counts.ts";
import { processId } from "../counts/ended-counts.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { refusal } from "../ports/refusal.ts";
import type { Replica } from "./leadership.ts";
import { type Line, type News, PeerLink, type ShareResponse } from "./peer-link.ts";
import { type CapabilitiesMessage, type SidecarMessage, sidecarMessage, sidecarOf } from "./peer-sidecar.ts";

export interface ShareRequest {
  readonly replica: string;
  readonly number: number;
  readonly report?: ReportRequest;
  readonly sidecar?: SidecarMessage;
  readonly caughtUp?: boolean;
  /** Whose the report is. */
  readonly owner: string;
  /** What the sidecar can do; an earlier release does not tell. */
  readonly capabilities?: CapabilitiesMessage | null;
}

type ToldStream = ServerDuplexStream<ShareRequest, ShareResponse>;

export interface PeersPorts {
  readonly clock: Clock;
  readonly self: string;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly callers: Callers;
  /** Opens a stream to a replica. */
  dial(address: string): Line;
  /** A replica could not be reached, or its stream has ended. */
  failed(replica: string, why: string): void;
  /** Another replica has told us everything that it knew. */
  toldAll(): void;
}

/** How long sidecars of a replica that is gone are not counted as gone: they come back to another one within it. */
const graceMs = 60_000;
/** About what is said of a sidecar. */
const sidecarBytes = 512;

/** By what is told goes in the links, by its first character. */
const names = {
  report: (id: string): string => `r${id}`,
  sidecar: (instance: string): string => `s${instance}`,
} as const;

/** A replica that tells us. */
interface Teller {
  streams: number;
  /** Whether it has told everything by one of them. */
  toldAll: boolean;
}

/** How often a certificate is looked at that was good when a stream began: it may have ended since. */
const lookMs = 30_000;

export class Peers {
  readonly #ports: PeersPorts;
  readonly #links = new Map<string, PeerLink>();
  readonly #cancels = new Map<string, () => void>();
  readonly #tellers = new Map<string, Teller>();
  readonly #told = new Set<ToldStream>();
  #cancelLook: () => void;
  #closed = false;

  constructor(ports: PeersPorts) {
    this.#ports = ports;
    this.#cancelLook = this.#lookAgain();
  }

  /** These replicas there are. */
  use(replicas: readonly Replica[]): void {
    const others = new Map(replicas.filter(({ name }) => name !== this.#ports.self).map((each) => [each.name, each]));
    for (const [name, link] of this.#links) {
      if (others.has(name)) continue;
      link.close();
      this.#links.delete(name);
      this.#letGo(name);
    }
    for (const [name, replica] of others) {
      this.#cancels.get(name)?.();
      this.#cancels.delete(name);
      if (!this.#links.has(name)) this.#links.set(name, this.#link(replica));
    }
  }

  #link({ name, address }: Replica): PeerLink {
    const { clock, self, counts, fleet, dial, failed } = this.#ports;
    return new PeerLink({
      clock,
      greeting: { replica: self },
      dial: () => dial(address),
      failed: (why) => failed(name, why),
      *everything() {
        for (const id of counts.ids()) yield names.report(id);
        for (const instance of fleet.own()) yield names.sidecar(instance);
      },
      // Who has lost us for long counts our sidecars as gone.
      *perishable() {
        for (const instance of fleet.own()) yield names.sidecar(instance);
      },
      read: (what) => this.#news(what),
    });
  }

  #news(name: string): News | undefined {
    const { counts, fleet } = this.#ports;
    const key = name.slice(1);
    if (name.startsWith("r")) {
      const message = counts.get(key);
      return message && { message, bytes: counts.bytesOf(key)?.length ?? 0 };
    }
    const sidecar = fleet.ownWord(key);
    if (sidecar === undefined) return undefined;
    const { capabilities } = sidecar;
    const can = capabilities === undefined ? {} : { capabilities: { names: capabilities } };
    return { message: { sidecar: sidecarMessage(sidecar), ...can }, bytes: sidecarBytes };
  }

  /** A replica that has lost its lease, and not its sidecars, still tells us of them: it is gone when its stream is, too. */
  #letGo(name: string): void {
    this.#cancels.get(name)?.();
    const cancel = this.#ports.clock.after(graceMs, () => {
      this.#cancels.delete(name);
      if (!this.#links.has(name) && !this.#tellers.has(name)) this.#ports.fleet.lost(name);
    });
    this.#cancels.set(name, cancel);
  }

  /** Resolves when every replica that is connected has it, or has been given the time. */
  async share({ report }: ReadReport): Promise<void> {
    const name = names.report(processId(report));
    await Promise.all([...this.#links.values()].map((link) => link.tell(name)));
  }

  news(instance: string): void {
    for (const link of this.#links.values()) void link.tell(names.sidecar(instance));
  }

  /** Replicas that have been told everything. */
  get caughtUp(): number {
    return [...this.#links.values()].filter(({ caughtUp }) => caughtUp).length;
  }

  /** Other replicas that have not told us everything, or would not tell us what is new. */
  get untold(): string[] {
    const others = new Set([...this.#links.keys(), ...this.#tellers.keys()]);
    return [...others].filter((name) => this.#tellers.get(name)?.toldAll !== true);
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook();
    for (const link of this.#links.values()) link.close();
    for (const cancel of this.#cancels.values()) cancel();
    this.#links.clear();
  }

  /** The other end: what a replica tells us. */
  readonly listen = (stream: ToldStream): void => {
    this.#told.add(stream);
    if (!this.#admitted(stream)) return;
    let replica = "";
    stream.on("data", (request: ShareRequest) => {
      if (!this.#told.has(stream)) return;
      if (replica === "" && request.replica !== "") {
        replica = request.replica;
        const teller = this.#tellers.get(replica);
        this.#tellers.set(replica, { streams: (teller?.streams ?? 0) + 1, toldAll: teller?.toldAll ?? false });
      }
      if (request.report !== undefined) this.#ports.counts.note(written(request.report), request.owner);
      if (request.sidecar !== undefined)
        this.#ports.fleet.note(sidecarOf(request.sidecar, request.capabilities), replica);
      if (request.caughtUp === true) this.#toldAll(replica);
      stream.write({ number: request.number });
    });
    let ended = false;
    const end = (): void => {
      this.#told.delete(stream);
      if (ended || replica === "") return;
      ended = true;
      const teller = this.#tellers.get(replica);
      if (teller !== undefined && --teller.streams > 0) return;
      this.#tellers.delete(replica);
      if (!this.#links.has(replica) && !this.#closed) this.#letGo(replica);
    };
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
    for (const event of ["end", "cancelled", "close", "finish"]) stream.on(event, end);
  };

  /** Who may do what has changed, or time has passed: who is no replica any more tells us nothing more. */
  recheck(): void {
    for (const stream of this.#told) this.#admitted(stream);
  }

  #admitted(stream: ToldStream): boolean {
    try {
      this.#ports.callers.replica(stream as unknown as AnyCall);
      return true;
    } catch (reason) {
      this.#told.delete(stream);
      stream.emit("error", refusal(reason));
      return false;
    }
  }

  #lookAgain(): () => void {
    return this.#ports.clock.after(lookMs, () => {
      this.recheck();
      this.#cancelLook = this.#lookAgain();
    });
  }

  #toldAll(replica: string): void {
    const teller = this.#tellers.get(replica);
    if (teller !== undefined) teller.toldAll = true;
    this.#ports.toldAll();
  }
}
