/**
 * `ConfigService`: every sidecar's stream, each told of its own view of the routes and asked what became of it.
 *
 * Ten thousand streams are walked through in slices, a turn of the event loop each, so that acknowledgements and reports are read in
 * between; bytes of a snapshot are shared by all that get it.
 */
import { type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { durationMs, type FetchRequest, type NodeMessage, type WatchRequest } from "../../api/messages.ts";
import { parseVersion } from "../../api/version.ts";
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import type { AnyCall, Callers, SidecarCaller } from "../access/callers.ts";
import { Limited } from "../counts/limited.ts";
import { Rate } from "../counts/rate.ts";
import type { Fleet, SidecarInfo, SidecarState } from "../fleet/fleet.ts";
import { refusal } from "../ports/refusal.ts";
import type { RouteSet } from "../routes/route-set.ts";
import { type Viewer, viewerOf } from "./choices.ts";
import type { Claimant } from "./claims.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Member } from "./member.ts";
import { type View, Views } from "./views.ts";
import { describedFault, nodeFault, type ReadRequest, watchBounds } from "./watch-bounds.ts";
import { fetched, WatchMessages } from "./watch-messages.ts";

export interface WatchPorts {
  readonly clock: Clock;
  readonly callers: Callers;
  readonly fleet: Fleet;
  /** How often a stream hears of us at least. */
  readonly heartbeatMs: number;
  /** A sidecar says that it has a later revision of this store than there is. */
  ahead(version: { readonly store: string; readonly revision: number }, by: Claimant): void;
  /** For the metrics. */
  counted(what: "snapshot" | "label" | "ack" | "nack"): void;
}

type Stream = ServerDuplexStream<ReadRequest, Buffer>;

interface Watcher {
  readonly stream: Stream;
  readonly node: NodeMessage;
  caller: SidecarCaller;
  readonly member: Member;
  viewer: Viewer;
  view: View;
  /** What its view was chosen by. */
  order: object;
  /** Answers in a row that answered nothing. */
  strays: number;
}

/**
 * Of a round through all streams, what is done in one turn of the event loop. A round of ten thousand in one turn would hold up
 * acknowledgements and changes for a fifth of a second; with rounds that are interrupted, and rest, a hundred changes in a row come to a
 * few rounds.
 */
const turnMs = 4;
const longestRestMs = 1_000;

/** Of one identity. What is asked for but once is chosen and encoded anew: ten milliseconds where there are hundreds of routes. */
export const fetchRate = { perSecond: 10, burst: 100 } as const;

export class WatchService {
  readonly #ports: WatchPorts;
  /** By instance: a sidecar that comes back before its old stream is seen to be dead takes its place. */
  readonly #watchers = new Map<string, Watcher>();
  #views: Views;
  #set: RouteSet;
  /** Another one whenever sidecars may get something else than before. */
  #order: object = {};
  #walking: Iterator<Watcher> | undefined = undefined;
  #walkAgain = false;
  /** When the round under way began. */
  #roundMs = 0;
  /** The next turn of a round, or the next round, has its time. */
  #waiting = false;
  #cancelWalk: () => void = () => undefined;
  readonly #messages: WatchMessages;
  readonly #heartbeats: Heartbeats<Watcher>;
  readonly #fetches: Rate;
  #closed = false;

  constructor(ports: WatchPorts, set: RouteSet) {
    this.#ports = ports;
    this.#set = set;
    this.#views = new Views(set);
    this.#messages = new WatchMessages(ports.heartbeatMs);
    this.#fetches = new Rate(ports.clock, { everyMs: 1_000 / fetchRate.perSecond, burst: fetchRate.burst });
    this.#heartbeats = new Heartbeats(ports.clock, ports.heartbeatMs, (watcher) => this.#beat(watcher));
  }

  /** Other routes are in force. */
  use(set: RouteSet): void {
    this.#set = set;
    this.#views = new Views(set);
    this.reorder();
  }

  /** Others may be among the first of a route now. */
  reorder(): void {
    this.#order = {};
    this.walk();
  }

  /** Looks at every stream, and sends what it has not got. */
  walk(): void {
    if (this.#closed) return;
    this.#walkAgain = true;
    if (this.#walking === undefined && !this.#waiting) this.#walk();
  }

  /** Nothing is sent from now on. That streams end is the server's doing, and no news of their sidecars, which go to another replica. */
  close(): void {
    this.#closed = true;
    this.#heartbeats.close();
    this.#cancelWalk();
  }

  /** Who may do what has changed: each sidecar is asked anew who it is, and whoever is nobody any more is ended. */
  recheck(): void {
    for (const watcher of this.#watchers.values()) this.#recheck(watcher);
    this.walk();
  }

  readonly watch = (stream: Stream): void => {
    let watcher: Watcher | undefined;
    let over = false;
    const end = (code: number, text: string): void => {
      over = true;
      if (watcher !== undefined) this.#left(watcher);
      fail(stream, code, `contender: ${text}`);
    };
    const cancel = this.#ports.clock.after(watchBounds.firstMessageMs, () => {
      if (!over) end(status.DEADLINE_EXCEEDED, "the first message of a stream did not come");
    });
    stream.on("data", (request: ReadRequest) => {
      if (over || this.#closed) return;
      cancel();
      const fault = "fault" in request ? request.fault : watcher === undefined ? nodeFault(request.node) : undefined;
      if (fault !== undefined) end(status.INVALID_ARGUMENT, fault);
      else if (watcher === undefined) {
        watcher = this.#joined(stream, request as WatchRequest);
        over = watcher === undefined;
      } else if (!this.#answered(watcher, request as WatchRequest))
        end(status.INVALID_ARGUMENT, "these are answers to what was not sent");
    });
    stream.once("close", cancel);
    // A reset is no news: the end says it.
    stream.on("error", () => undefined);
    stream.on("end", () => stream.end());
    stream.on("cancelled", () => watcher && this.#left(watcher));
    stream.on("close", () => watcher && this.#left(watcher));
    stream.on("finish", () => watcher && this.#left(watcher));
  };

  readonly fetch = (call: ServerUnaryCall<FetchRequest, Buffer>, answer: sendUnaryData<Buffer>): void => {
    try {
      const { node } = call.request;
      const asked = node ?? emptyNode;
      const fault = describedFault(asked);
      if (fault !== undefined) throw new ContenderError("CONFIG_INVALID", fault);
      const { identity, labels, sees } = this.#ports.callers.sidecar(call as AnyCall, "fetch", asked);
      // Where nobody proves anything it would be one budget for everybody.
      const waitMs = identity === "" ? 0 : this.#fetches.ask(identity);
      if (waitMs > 0)
        throw new Limited(`${fetchRate.perSecond} calls of Fetch a second are answered to one identity`, waitMs);
      const viewer = viewerOf(labels, asked.instance, asked.capabilities);
      const view = this.#views.once(viewer, (route) => this.#ports.fleet.amongFirst(route, asked.instance));
      answer(null, fetched(this.#views.shown(view, sees)));
    } catch (reason) {
      answer(refusal(reason));
    }
  };

  #joined(stream: Stream, { node, version }: WatchRequest): Watcher | undefined {
    if (node === null) return undefined;
    let caller: SidecarCaller;
    try {
      caller = this.#ports.callers.sidecar(stream as unknown as AnyCall, "watch", node);
    } catch (reason) {
      const { code, details } = refusal(reason);
      fail(stream, code, details);
      return undefined;
    }
    const { instance } = node;
    const before = this.#watchers.get(instance);
    const member = new Member(version);
    const viewer = viewerOf(caller.labels, instance, node.capabilities);
    const view = this.#viewOf(viewer, version);
    const watcher: Watcher = { stream, node, caller, member, viewer, view, order: this.#order, strays: 0 };
    this.#watchers.set(instance, watcher);
    this.#heartbeats.add(watcher);
    if (before !== undefined) {
      this.#heartbeats.remove(before);
      before.stream.end();
    }
    const had = parseVersion(version);
    if (had !== undefined && had.store === this.#set.id && had.revision > this.#set.revision) {
      this.#ports.ahead(had, { instance, identity: caller.identity });
    }
    if (!this.#send(watcher)) this.#heartbeat(watcher);
    this.#note(watcher);
    return watcher;
  }

  /** @returns whether it may go on. */
  #answered(watcher: Watcher, { nonce, problems }: WatchRequest): boolean {
    if (!watcher.member.answer(nonce, problems, this.#ports.clock.nowMs())) {
      return ++watcher.strays <= watchBounds.strayAnswers;
    }
    watcher.strays = 0;
    this.#ports.counted(problems.length === 0 ? "ack" : "nack");
    this.#note(watcher);
    // Not at once: while changes go on, the newest goes out with the next round.
    if (watcher.order !== this.#order || watcher.member.version !== watcher.view.version) this.walk();
    return true;
  }

  /** @returns whether it may go on. */
  #recheck(watcher: Watcher): boolean {
    const { stream, node, caller } = watcher;
    try {
      const now = this.#ports.callers.sidecar(stream as unknown as AnyCall, "watch", node);
      if (JSON.stringify(now) === JSON.stringify(caller)) return true;
      watcher.caller = now;
      watcher.viewer = viewerOf(now.labels, node.instance, node.capabilities);
      watcher.view = this.#viewOf(watcher.viewer);
      this.#note(watcher);
      return true;
    } catch (reason) {
      const { code, details } = refusal(reason);
      this.#left(watcher);
      fail(stream, code, details);
      return false;
    }
  }

  #left(watcher: Watcher): void {
    const { instance } = watcher.node;
    this.#heartbeats.remove(watcher);
    if (this.#watchers.get(instance) !== watcher) return;
    this.#watchers.delete(instance);
    if (!this.#closed) this.#note(watcher, "gone");
  }

  /** @param version that the sidecar has: while others may be on their way, who is among the first stays so, and who is not, too. */
  #viewOf(viewer: Viewer, version = ""): View {
    const { fleet } = this.#ports;
    const had = fleet.complete ? undefined : parseVersion(version)?.digest;
    for (const among of had === undefined ? [] : [true, false]) {
      const view = this.#views.of(viewer, () => among);
      if (parseVersion(view.version)?.digest === had) return view;
    }
    return this.#views.of(viewer, (route) => fleet.amongFirst(route, viewer.instance));
  }

  /** @returns whether there was something to send. */
  #send(watcher: Watcher): boolean {
    const { member, view, stream } = watcher;
    const offer = member.offer(view, this.#ports.clock.nowMs());
    if (offer === undefined) return false;
    const whole = offer === "whole";
    this.#ports.counted(whole ? "snapshot" : "label");
    stream.write(this.#messages.of(view)[offer]);
    return true;
  }

  #heartbeat(watcher: Watcher): void {
    const { stream, member } = watcher;
    if (stream.writableLength < watchBounds.unread) stream.write(this.#messages.heartbeat(member.version));
    else {
      this.#left(watcher);
      fail(stream, status.DEADLINE_EXCEEDED, "contender: the stream takes no messages");
    }
  }

  #beat(watcher: Watcher): void {
    // A certificate that has ended to be valid since is nobody's.
    if (this.#recheck(watcher) && !this.#send(watcher)) this.#heartbeat(watcher);
  }

  #walk(): void {
    const { clock } = this.#ports;
    const beginMs = clock.nowMs();
    if (this.#walking === undefined) {
      this.#walkAgain = false;
      this.#walking = this.#watchers.values();
      this.#roundMs = beginMs;
    }
    for (;;) {
      const next = this.#walking.next();
      if (next.done === true) {
        this.#walking = undefined;
        break;
      }
      const watcher = next.value;
      const others = watcher.order !== this.#order;
      if (others) {
        watcher.order = this.#order;
        watcher.view = this.#viewOf(watcher.viewer, watcher.member.version);
      }
      if (this.#send(watcher) || (others && this.#stands(watcher))) this.#note(watcher);
      if (clock.nowMs() - beginMs > turnMs) break;
    }
    if (this.#walking !== undefined) this.#later(0);
    // Others are to have as much time as a round took: while changes go on, they are what sidecars are told in rounds.
    else if (this.#walkAgain) this.#later(Math.min(clock.nowMs() - this.#roundMs, longestRestMs));
  }

  #later(delayMs: number): void {
    this.#waiting = true;
    this.#cancelWalk = this.#ports.clock.after(delayMs, () => {
      this.#waiting = false;
      this.#walk();
    });
  }

  /** Whether it stands otherwise than is known though nothing is sent: it has what is new already, or refuses it by another name. */
  #stands(watcher: Watcher): boolean {
    const state = stateOf(watcher);
    return (
      state === "rejected" || state === "unrouted" || state !== this.#ports.fleet.get(watcher.node.instance)?.state
    );
  }

  #note(watcher: Watcher, gone?: "gone"): void {
    const { node, caller, member, view } = watcher;
    const state = gone ?? stateOf(watcher);
    const refuses = member.version !== view.version && member.refuses(view);
    const sidecar: SidecarInfo = {
      instance: node.instance,
      labels: caller.labels,
      identity: caller.identity,
      release: node.release,
      // Of one that is gone nobody asks.
      capabilities: gone === undefined ? node.capabilities : [],
      startedAtMs: durationMs(node.startedAt) ?? 0,
      state,
      version: member.version,
      revision: 0,
      problems: refuses ? member.problems : [],
      refused: refuses ? view.version : "",
      withheld: view.withheld,
      lastSeenMs: this.#ports.clock.wallMs(),
    };
    this.#ports.fleet.note(sidecar);
  }
}

function stateOf({ member, view }: Watcher): Exclude<SidecarState, "gone"> {
  // It refuses to serve nothing, and that is as it should be.
  if (view.routes.length === 0) return "unrouted";
  if (member.version === view.version) return "current";
  return member.refuses(view) ? "rejected" : "pending";
}

const emptyNode: NodeMessage = {
  instance: "",
  startedAt: null,
  namespace: "",
  workload: "",
  pod: "",
  release: "",
  capabilities: [],
};

function fail(stream: Stream, code: number, details: string): void {
  stream.emit("error", { code, details });
}
