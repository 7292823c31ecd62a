/**
 * A watch that outlives members: it goes to the next one where one refuses, ends the stream, has no leader or says nothing, and
 * goes on from the last revision that came whole. It ends by itself only where etcd no longer keeps what it needs.
 *
 * A member that is paused, or behind a network that drops everything, closes nothing. So the stream asks for its progress every
 * so often, and a member that says nothing at all for a few seconds is left. The revision in those answers is not used: etcd
 * before 3.4.25 and 3.5.8 may send it ahead of events (etcd's "guarantee order of requested progress notifications"). That of
 * the notifications that etcd sends by itself, every ten minutes, is in order.
 *
 * Each watch has a stream of its own; there are few, and one that is behind then holds no other up.
 */
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { ContenderError } from "../base/errors.ts";
import type { EtcdClient } from "./client.ts";
import { EtcdFailure } from "./failure.ts";
import type { Member } from "./member.ts";
import type { WatchRequest, WatchResponse } from "./protos.ts";
import { isGone, rangeEnd } from "./range.ts";
import { Revisions, type TellRevision } from "./revisions.ts";

/** How often within its patience a silent stream is asked for a sign of life, and a little more. */
const asksPerSilence = 2.5;

export interface EtcdWatcher {
  /** All events of one revision, in order, each once. */
  readonly changed: TellRevision;
  /** Called once, and nothing after it. */
  readonly lost: (why: string) => void;
  /**
   * Another stream goes on after one that broke. An etcd that was put back meanwhile, and has come further than it was by what others
   * wrote, tells nothing of what is no longer so.
   */
  readonly resumed?: () => void;
}

/** Why a stream ended; with `lost`, the watch has too. */
interface End {
  readonly lost?: string;
}

export class EtcdWatch {
  readonly #client: EtcdClient;
  readonly #prefix: Buffer;
  readonly #watcher: EtcdWatcher;
  readonly #revisions: Revisions;
  #closed = false;
  /** Members that failed in a row. */
  #failures = 0;
  #streams = 0;
  #end: (end: End) => void = () => undefined;

  /** @param revision the last one that is known: the watch tells of those after it. */
  constructor(client: EtcdClient, prefix: Buffer, revision: number, watcher: EtcdWatcher) {
    this.#client = client;
    this.#prefix = prefix;
    this.#watcher = watcher;
    this.#revisions = new Revisions(revision, (...told) => {
      if (!this.#closed) watcher.changed(...told);
    });
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#end({});
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const member = this.#client.current;
      const { lost } = await this.#attend(member);
      this.#revisions.drop();
      if (this.#closed) return;
      if (lost !== undefined) {
        this.#closed = true;
        this.#watcher.lost(lost);
        return;
      }
      this.#client.leave(member);
      const rounds = Math.floor(this.#failures++ / this.#client.size);
      // The first failure is most often one member's restart: the next one is asked at once.
      if (this.#failures > 1 || this.#client.size === 1) await this.#client.pause(rounds);
    }
  }

  /** One stream, from its beginning to its end. */
  async #attend(member: Member): Promise<End> {
    try {
      const metadata = await this.#client.ready(member, this.#client.options.tryMs);
      if (this.#closed) return {};
      return await this.#listen(member.stream(this.#client.services.watch, metadata));
    } catch (reason) {
      if (reason instanceof ContenderError && reason.code === "STORE_UNSUPPORTED") return { lost: reason.message };
      return this.#failed(EtcdFailure.from(reason));
    }
  }

  #failed(failure: EtcdFailure): End {
    if (failure.kind === "token" || failure.kind === "wrong") this.#client.forgetToken();
    return {};
  }

  async #listen(stream: ClientDuplexStream<WatchRequest, WatchResponse>): Promise<End> {
    const { clock, silenceMs } = this.#client.options;
    const ended = Promise.withResolvers<End>();
    this.#end = ended.resolve;
    let heardMs = clock.nowMs();
    let stopAsking: () => void;
    const ask = () => {
      if (clock.nowMs() - heardMs >= silenceMs) ended.resolve({});
      else stream.write({ progress_request: {} });
      stopAsking = clock.after(silenceMs / asksPerSilence, ask);
    };
    stopAsking = clock.after(silenceMs / asksPerSilence, ask);

    stream.on("data", (answer: WatchResponse) => {
      heardMs = clock.nowMs();
      this.#take(answer, ended.resolve);
    });
    stream.on("error", (error) => ended.resolve(this.#failed(EtcdFailure.from(error))));
    stream.on("end", () => ended.resolve({}));
    stream.write({
      create_request: {
        key: this.#prefix,
        range_end: rangeEnd(this.#prefix),
        start_revision: this.#revisions.last + 1,
        progress_notify: true,
        fragment: true,
      },
    });
    const end = await ended.promise;
    this.#end = () => undefined;
    stopAsking();
    // What is on its way is not delivered any more: a part of a revision would mix with what the next stream brings.
    stream.cancel();
    return end;
  }

  #take(answer: WatchResponse, end: (end: End) => void): void {
    const compacted = Number(answer.compact_revision);
    if (compacted > 0) end({ lost: `etcd keeps nothing before revision ${compacted}` });
    // What it says of a token that is no longer valid is "permission denied", in some versions.
    else if (answer.canceled) end(this.#failed(new EtcdFailure("token", answer.cancel_reason)));
    else if (answer.created) void this.#created(end);
    else if (Number(answer.watch_id) >= 0) {
      this.#revisions.add(answer.events, answer.fragment);
      if (answer.events.length === 0 && !answer.fragment) this.#revisions.passed(Number(answer.header.revision));
    }
  }

  /**
   * etcd begins a watch at a compacted revision that is the oldest it keeps, and then leaves out what was deleted in it (fixed in
   * 3.4.34, 3.5.16 and 3.6). So the last revision that we know must be there too; one that is not there yet is another etcd's.
   */
  async #created(end: (end: End) => void): Promise<void> {
    this.#failures = 0;
    const { last } = this.#revisions;
    try {
      if (last > 0 && (await isGone(this.#client, this.#prefix, last))) {
        end({ lost: `etcd does not keep revision ${last}` });
      } else if (this.#streams++ > 0 && !this.#closed) this.#watcher.resumed?.();
    } catch {
      // Nobody answers: the stream will end too, and the next one asks again.
      end({});
    }
  }
}
