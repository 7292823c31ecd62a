/** `AdminService` as a command asks it: each answer in the words of `model/`, each failure as an error that says what to do. */
import { ContenderError } from "../base/errors.ts";
import type { Problem } from "../base/parsed.ts";
import type { ControlClient } from "../config/control-client.ts";
import type {
  Administration,
  Author,
  Changed,
  FleetQuestion,
  HistoryEntry,
  Intent,
  Move,
  RouteChange,
  RouteState,
  Share,
  SidecarStatus,
  SlotRun,
} from "../model/administration.ts";
import { type ChannelPorts, ControlChannel } from "./channel.ts";
import { ControlFailure, readProblem } from "./control-failure.ts";
import { durationMessage, durationMs, type ProblemMessage, type TimestampMessage } from "./messages.ts";
import { method } from "./protos.ts";

interface AuthorMessage {
  readonly name: string;
  readonly at: TimestampMessage | null;
  readonly reason: string;
}

interface RouteStateMessage extends Omit<RouteState, "author"> {
  readonly author: AuthorMessage | null;
}

interface RouteChangeMessage extends Omit<RouteChange, "warnings"> {
  readonly warnings: readonly ProblemMessage[];
}

interface HistoryEntryMessage extends Omit<HistoryEntry, "author"> {
  readonly author: AuthorMessage | null;
}

interface SidecarMessage extends Omit<SidecarStatus, "problems" | "lastSeenMs" | "startedAtMs"> {
  readonly problems: readonly ProblemMessage[];
  readonly lastSeen: TimestampMessage | null;
  readonly startedAt: TimestampMessage | null;
}

type One = { readonly change: RouteChangeMessage | null; readonly revision: number };

export interface AdminClientOptions extends ChannelPorts {
  readonly control: ControlClient;
  /** Of each call; what is waited for on purpose comes on top. */
  readonly timeoutMs: number;
}

export class AdminClient implements Administration {
  readonly where: string;
  readonly #channel: ControlChannel;
  readonly #timeoutMs: number;

  constructor({ control, timeoutMs, ...ports }: AdminClientOptions) {
    this.#channel = new ControlChannel(control, ports);
    this.#timeoutMs = timeoutMs;
    this.where = this.#channel.where;
  }

  async apply(texts: readonly { readonly name: string; readonly text: string }[], intent: Intent): Promise<Changed> {
    type Answer = { changes: readonly RouteChangeMessage[]; revision: number };
    const answer = await this.#change<Answer>("ApplyRoutes", { texts }, intent);
    return { changes: answer.changes.map(readChange), revision: answer.revision };
  }

  async get(name: string, atMs: number | undefined): Promise<RouteState> {
    const at = atMs === undefined ? {} : { at: durationMessage(atMs) };
    const { route } = await this.#ask<{ route: RouteStateMessage | null }>("GetRoute", { name, ...at });
    return readState(there(route, "a route"));
  }

  async list(): Promise<{ readonly routes: readonly RouteState[]; readonly revision: number }> {
    const answer = await this.#ask<{ routes: readonly RouteStateMessage[]; revision: number }>("ListRoutes", {});
    return { routes: answer.routes.map(readState), revision: answer.revision };
  }

  async delete(name: string, intent: Intent): Promise<Changed> {
    return readOne(await this.#change<One>("DeleteRoute", { name }, intent));
  }

  async setWeights(name: string, weights: readonly (readonly [string, number])[], intent: Intent): Promise<Changed> {
    const pairs = weights.map(([variant, weight]) => ({ variant, weight }));
    return readOne(await this.#change<One>("SetWeights", { name, weights: pairs }, intent));
  }

  async history(name: string, limit: number): Promise<readonly HistoryEntry[]> {
    const { entries } = await this.#ask<{ entries: readonly HistoryEntryMessage[] }>("GetHistory", { name, limit });
    return entries.map(({ revision, kind, author, document, weights, moves }) => ({
      revision,
      kind: word(kind, "CHANGE_KIND_"),
      author: readAuthor(author),
      document,
      weights: weights.map(readShare),
      moves: moves.map(readMove),
    }));
  }

  async undo(name: string, toRevision: number, intent: Intent): Promise<Changed> {
    return readOne(await this.#change<One>("UndoRoute", { name, toRevision }, intent));
  }

  async sidecars({
    route,
    waitForRevision,
    waitAtMostMs,
  }: FleetQuestion): Promise<{ readonly sidecars: readonly SidecarStatus[]; readonly revision: number }> {
    const answer = await this.#ask<{ sidecars: readonly SidecarMessage[]; revision: number }>(
      "ListSidecars",
      { route, waitForRevision, waitAtMost: durationMessage(waitAtMostMs) },
      this.#timeoutMs + waitAtMostMs,
    );
    return { sidecars: answer.sidecars.map(readSidecar), revision: answer.revision };
  }

  close(): void {
    this.#channel.close();
  }

  /** A change is made at most once: it is not sent again, and where nobody knows whether it was made, that is said. */
  async #change<Answer extends object>(name: string, request: object, intent: Intent): Promise<Answer> {
    try {
      return await this.#ask<Answer>(name, { ...request, intent });
    } catch (reason) {
      if (intent.dryRun || !(reason instanceof ContenderError) || !isUnknown(reason)) throw reason;
      const text = `${reason.message.slice(`[${reason.code}] `.length)}\n${unknownText}`;
      throw new ContenderError(reason.code, text, { cause: reason });
    }
  }

  #ask<Answer extends object>(name: string, request: object, timeoutMs = this.#timeoutMs): Promise<Answer> {
    return this.#channel.call(method<object, Answer>("AdminService", name), request, timeoutMs);
  }
}

const unknownText =
  "whether the change was made is not known: contender route history NAME shows it. To say it again is safe: what is there already changes nothing";

/** Whether it may have been done: what was sent, and never answered. */
const isUnknown = (reason: ContenderError): boolean =>
  reason instanceof ControlFailure ? reason.outcome === "unknown" : reason.code === "CONTROL_UNREACHABLE";

function readState({ name, document, revision, champion, weights, table, author }: RouteStateMessage): RouteState {
  return {
    name,
    document,
    revision,
    champion,
    weights: weights.map(readShare),
    table: table.map(({ variant, slots }): SlotRun => ({ variant, slots })),
    author: readAuthor(author),
  };
}

const readOne = ({ change, revision }: One): Changed => ({
  changes: [readChange(there(change, "a change"))],
  revision,
});

function readChange({
  name,
  kind,
  revision,
  moves,
  warnings,
  withheldFrom,
  withheldCount,
}: RouteChangeMessage): RouteChange {
  return {
    name,
    kind: word(kind, "CHANGE_KIND_"),
    revision,
    moves: moves.map(readMove),
    warnings: warnings.map((problem): Problem => readProblem(problem)),
    withheldFrom,
    // An earlier release names all of them, and does not count.
    withheldCount: Math.max(withheldCount, withheldFrom.length),
  };
}

function readSidecar(message: SidecarMessage): SidecarStatus {
  const { instance, namespace, workload, pod, identity, release, state, version, revision } = message;
  return {
    instance,
    namespace,
    workload,
    pod,
    identity,
    release,
    state: word(state, "SIDECAR_STATE_"),
    version,
    revision,
    problems: message.problems.map((problem): Problem => readProblem(problem)),
    withheld: message.withheld.map(({ route, capabilities }) => ({ route, capabilities })),
    lastSeenMs: durationMs(message.lastSeen),
    startedAtMs: durationMs(message.startedAt),
  };
}

const readShare = ({ variant, share }: Share): Share => ({ variant, share });
const readMove = ({ from, to, slots }: Move): Move => ({ from, to, slots });

function readAuthor(message: AuthorMessage | null): Author {
  return { name: message?.name ?? "", atMs: durationMs(message?.at) ?? 0, reason: message?.reason ?? "" };
}

/** `CHANGE_KIND_CREATED` as `created`; a number where a newer service has a word that this release does not know. */
const word = (name: string | number, prefix: string): string => String(name).replace(prefix, "").toLowerCase();

/** What a service that keeps to the protocol always fills in. */
function there<T>(value: T | null, what: string): T {
  if (value !== null) return value;
  throw new ContenderError(
    "CONTROL_UNREACHABLE",
    `the service answers without ${what}: it is no config service of ours`,
  );
}
