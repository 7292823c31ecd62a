/**
 * Replicas tell each other what they hear, each every other one: reports, and how sidecars stand.
 *
 * What is told can be told again in any order without changing anything (reports are cumulative, of a sidecar the latest word stands),
 * so there is nothing to agree on and nothing to repair: a replica that comes is told everything, and then what is new. A report is
 * acknowledged to its sidecar when every replica that is connected has it, so that the death of any one of them loses nothing that
 * was acknowledged.
 */
import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import { type DurationMessage, durationMs, type ProblemMessage, type ReportRequest } from "../api/messages.ts";
import type { Clock } from "../base/clock.ts";
import { sidecarMessage } from "./admin-service.ts";
import type { AnyCall, Callers } from "./callers.ts";
import { type Counts, type ReadReport, written } from "./counts.ts";
import type { Fleet, SidecarInfo, SidecarState } from "./fleet.ts";
import type { Replica } from "./leadership.ts";
import { refusal } from "./refusal.ts";
import { Turns } from "./turns.ts";

export interface ShareRequest {
  readonly replica: string;
  readonly number: number;
  readonly report?: ReportRequest;
  readonly sidecar?: SidecarMessage;
  readonly caughtUp?: boolean;
  /** Whose the report is. */
  readonly owner: string;
}

export interface ShareResponse {
  readonly number: number;
}

interface SidecarMessage {
  readonly instance: string;
  readonly namespace: string;
  readonly workload: string;
  readonly pod: string;
  readonly identity: string;
  readonly release: string;
  readonly state: string;
  readonly version: string;
  readonly problems: readonly ProblemMessage[];
  readonly withheld: readonly { readonly route: string; readonly capabilities: readonly string[] }[];
  readonly lastSeen: DurationMessage | null;
  readonly startedAt: DurationMessage | null;
  /** Not there where an earlier release tells. */
  readonly refusedVersion?: string;
}

type ToldStream = ServerDuplexStream<ShareRequest, ShareResponse>;
export type ShareStream = ClientDuplexStream<object, ShareResponse>;

export interface PeersPorts {
  readonly clock: Clock;
  readonly self: string;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly callers: Callers;
  /** Opens a stream to a replica. */
  dial(address: string): { readonly stream: ShareStream; close(): void };
  /** A replica could not be reached, or its stream has ended. */
  failed(replica: string, why: string): void;
  /** Another replica has told us everything that it knew. */
  toldAll(): void;
}

/** Between two tries to reach a replica. */
const retryMs = 1_000;
/** A replica that takes longer to answer holds nobody's report up; it is told all the same. */
const answerMs = 1_000;
/** Messages that a replica has not acknowledged; beyond it the stream is ended and begun anew, with everything. */
const mostUnanswered = 50_000;
/** How long sidecars of a replica that is gone are not counted as gone: they come back to another one within it. */
const graceMs = 60_000;

/** How often a certificate is looked at that was good when a stream began: it may have ended since. */
const lookMs = 30_000;

export class Peers {
  readonly #ports: PeersPorts;
  readonly #links = new Map<string, Link>();
  readonly #cancels = new Map<string, () => void>();
  /** Streams by which replicas tell us, by their names. */
  readonly #open = new Map<string, number>();
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
      if (!this.#links.has(name)) this.#links.set(name, new Link(replica, this.#ports));
    }
  }

  /** A replica that has lost its lease, and not its sidecars, still tells us of them: it is gone when its stream is, too. */
  #letGo(name: string): void {
    this.#cancels.get(name)?.();
    const cancel = this.#ports.clock.after(graceMs, () => {
      this.#cancels.delete(name);
      if (!this.#links.has(name) && !this.#open.has(name)) this.#ports.fleet.lost(name);
    });
    this.#cancels.set(name, cancel);
  }

  /** Resolves when every replica that is connected has it, or has been given the time. */
  async share({ report }: ReadReport, owner: string): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.tell({ report, owner })));
  }

  news(sidecar: SidecarInfo): void {
    for (const link of this.#links.values()) void link.tell({ sidecar: sidecarMessage(sidecar) });
  }

  /** Replicas that have been told everything. */
  get caughtUp(): number {
    return [...this.#links.values()].filter(({ caughtUp }) => caughtUp).length;
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
        this.#open.set(replica, (this.#open.get(replica) ?? 0) + 1);
      }
      if (request.report !== undefined) this.#ports.counts.take(written(request.report), request.owner);
      if (request.sidecar !== undefined) this.#ports.fleet.note(sidecarOf(request.sidecar), replica);
      if (request.caughtUp === true) this.#ports.toldAll();
      stream.write({ number: request.number });
    });
    let ended = false;
    const end = (): void => {
      this.#told.delete(stream);
      if (ended || replica === "") return;
      ended = true;
      const left = (this.#open.get(replica) ?? 1) - 1;
      if (left > 0) this.#open.set(replica, left);
      else this.#open.delete(replica);
      if (left === 0 && !this.#links.has(replica) && !this.#closed) this.#letGo(replica);
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
}

type Line = ReturnType<PeersPorts["dial"]>;

/** Our stream to one replica. */
class Link {
  readonly #replica: Replica;
  readonly #ports: PeersPorts;
  readonly #unanswered = new Map<number, () => void>();
  #line: Line | undefined = undefined;
  #number = 0;
  #caughtUpBy = Number.POSITIVE_INFINITY;
  #caughtUp = false;
  #cancelRetry: () => void = () => undefined;
  /** Why it could not be reached, until it answers: told once, and tried all the time. */
  #failure: string | undefined = undefined;
  #closed = false;

  constructor(replica: Replica, ports: PeersPorts) {
    this.#replica = replica;
    this.#ports = ports;
    this.#open();
  }

  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  tell(news: object): Promise<void> {
    if (this.#line === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const number = this.#write(news);
      const cancel = this.#ports.clock.after(answerMs, resolve);
      this.#unanswered.set(number, () => {
        cancel();
        resolve();
      });
      if (this.#unanswered.size > mostUnanswered) this.#broke("it does not answer");
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#end();
  }

  #open(): void {
    const { self } = this.#ports;
    const line = this.#dial();
    if (line === undefined) return;
    this.#line = line;
    const { stream } = line;
    stream.on("data", ({ number }: ShareResponse) => {
      this.#failure = undefined;
      this.#unanswered.get(number)?.();
      this.#unanswered.delete(number);
      if (number >= this.#caughtUpBy) this.#caughtUp = true;
    });
    stream.on("error", (reason) => this.#line === line && this.#broke(reason.message));
    stream.on("end", () => this.#line === line && this.#broke("it ended the stream"));
    this.#write({ replica: self });
    void this.#tellAll(line);
  }

  async #tellAll(line: Line): Promise<void> {
    const turns = new Turns(this.#ports.clock);
    for (const news of everything(this.#ports)) {
      this.#write(news);
      if (turns.over) await turns.next();
      if (this.#line !== line) return;
    }
    this.#caughtUpBy = this.#write({ caughtUp: true });
  }

  /** What another replica wrote of itself, or files of ours, may be no good: that is its trouble, and told. */
  #dial(): ReturnType<PeersPorts["dial"]> | undefined {
    try {
      return this.#ports.dial(this.#replica.address);
    } catch (reason) {
      this.#broke(reason instanceof Error ? reason.message : String(reason));
      return undefined;
    }
  }

  #write(news: object): number {
    const number = ++this.#number;
    this.#line?.stream.write({ number, ...news });
    return number;
  }

  #broke(why: string): void {
    if (why !== this.#failure) this.#ports.failed(this.#replica.name, why);
    this.#failure = why;
    this.#end();
    if (!this.#closed) this.#cancelRetry = this.#ports.clock.after(retryMs, () => this.#open());
  }

  #end(): void {
    const line = this.#line;
    this.#line = undefined;
    this.#caughtUp = false;
    this.#caughtUpBy = Number.POSITIVE_INFINITY;
    line?.close();
    for (const done of this.#unanswered.values()) done();
    this.#unanswered.clear();
  }
}

/** Read where its turn comes, so that nothing older is told behind what is new. */
function* everything({ counts, fleet }: PeersPorts): Iterable<object> {
  yield* counts.owned();
  for (const sidecar of fleet.own()) yield { sidecar: sidecarMessage(sidecar) };
}

const states: Readonly<Record<string, SidecarState>> = {
  SIDECAR_STATE_CURRENT: "current",
  SIDECAR_STATE_PENDING: "pending",
  SIDECAR_STATE_REJECTED: "rejected",
  SIDECAR_STATE_UNROUTED: "unrouted",
};

function sidecarOf(message: SidecarMessage): SidecarInfo {
  const { instance, namespace, workload, pod, identity, release, version, problems, withheld } = message;
  const said = (text: string): string | undefined => (text === "" ? undefined : text);
  return {
    instance,
    labels: { namespace: said(namespace), workload: said(workload), pod: said(pod) },
    identity,
    release,
    state: states[message.state] ?? "gone",
    version,
    revision: 0,
    refused: message.refusedVersion ?? "",
    problems: problems.map(({ path, message: text, where }) => ({
      path,
      message: text,
      ...(where === "" ? {} : { where }),
    })),
    withheld: withheld.map(({ route, capabilities }) => ({ route, missing: capabilities })),
    lastSeenMs: durationMs(message.lastSeen) ?? 0,
    startedAtMs: durationMs(message.startedAt) ?? 0,
  };
}
