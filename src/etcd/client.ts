/**
 * Calls to whichever member of etcd answers. One is used until it fails, then the next: members that are paused or cut off
 * cost one try, not one of each call.
 *
 * What can be asked twice is asked again elsewhere. What changes something is sent once: after a failure nobody knows whether
 * it was done, and done twice it may undo what came in between. Only what a member refused before it looked is sent again.
 */
import { Metadata } from "@grpc/grpc-js";
import { ContenderError } from "../base/errors.ts";
import { EtcdFailure } from "./failure.ts";
import { Member } from "./member.ts";
import { type EtcdOptions, type ResolvedOptions, resolved } from "./options.ts";
import { loadServices, type Method, type Services } from "./protos.ts";

/** Pauses after every member has failed, in milliseconds: the first, and what they grow to by doubling. */
const pauses = { firstMs: 50, longestMs: 1_000 };

export class EtcdClient {
  readonly options: ResolvedOptions;
  readonly services: Services = loadServices();
  readonly #members: readonly Member[];
  #at = 0;
  #token: string | undefined;

  constructor(options: EtcdOptions) {
    this.options = resolved(options);
    this.#members = options.endpoints.map((endpoint) => new Member(endpoint, this.options, this.services));
  }

  /** Looks at every member. @throws ContenderError where none answers, or one must not be used. */
  async open(): Promise<void> {
    const looks = this.#members.map((member) => member.check(this.options.tryMs));
    const found = await Promise.allSettled(looks);
    const reasons = found.flatMap((look) => (look.status === "rejected" ? [look.reason as unknown] : []));
    for (const reason of reasons) if (reason instanceof ContenderError) throw reason;
    const reached = found.findIndex(({ status }) => status === "fulfilled");
    if (reached < 0) {
      const texts = this.#members.map((member, at) => `${member.endpoint}: ${EtcdFailure.from(reasons[at]).message}`);
      throw new ContenderError("STORE_UNAVAILABLE", `etcd can't be reached: ${texts.join("; ")}`);
    }
    this.#at = reached;
  }

  /** Where the next call goes. */
  get current(): Member {
    const member = this.#members[this.#at];
    if (member === undefined) throw new Error("a client of etcd without endpoints");
    return member;
  }

  /** How many members have to fail until all have. */
  get size(): number {
    return this.#members.length;
  }

  /** Goes to the next member; not where another call has gone already. */
  leave(member: Member): void {
    if (member === this.current) this.#at = (this.#at + 1) % this.#members.length;
  }

  /** A call that may be made any number of times. @throws ContenderError STORE_UNAVAILABLE, EtcdFailure `gone` or `wrong`. */
  ask<Request, Answer>(method: Method<Request, Answer>, request: Request & object): Promise<Answer> {
    return this.#attempt(true, (member, metadata, timeoutMs) => member.call(method, request, metadata, timeoutMs));
  }

  /** A call that changes something. @throws as `ask`; it may have been done all the same. */
  send<Request, Answer>(method: Method<Request, Answer>, request: Request & object): Promise<Answer> {
    return this.#attempt(false, (member, metadata, timeoutMs) => member.call(method, request, metadata, timeoutMs));
  }

  /**
   * Metadata for a call to a member that can be reached: a member that has no leader shall say so at once instead of waiting
   * for one, and who we are. @throws as `Member.check`, EtcdFailure where we can't sign in.
   */
  async ready(member: Member, timeoutMs: number): Promise<Metadata> {
    await member.check(timeoutMs);
    const metadata = new Metadata();
    metadata.set("hasleader", "true");
    const { user } = this.options;
    if (user !== undefined) {
      this.#token ??= (await member.call(this.services.authenticate, user, metadata, timeoutMs)).token;
      metadata.set("token", this.#token);
    }
    return metadata;
  }

  /** The next call signs in again. */
  forgetToken(): void {
    this.#token = undefined;
  }

  /** The pause before the next try after `rounds` in which every member failed. */
  async pause(rounds: number): Promise<void> {
    const { clock, chance } = this.options;
    const longestMs = Math.min(pauses.longestMs, pauses.firstMs * 2 ** Math.min(rounds, 10));
    await new Promise<void>((resolve) => {
      clock.after(longestMs * (0.5 + chance.next() / 2), resolve);
    });
  }

  close(): void {
    for (const member of this.#members) member.close();
  }

  async #attempt<Answer>(
    again: boolean,
    call: (member: Member, metadata: Metadata, timeoutMs: number) => Promise<Answer>,
  ): Promise<Answer> {
    const { clock, tryMs, totalMs } = this.options;
    const endMs = clock.nowMs() + totalMs;
    const limit = () => Math.min(tryMs, endMs - clock.nowMs());
    const failures = new Map<string, string>();
    for (let tries = 1; limit() > 0; tries++) {
      const member = this.current;
      let sent = false;
      try {
        const metadata = await this.ready(member, limit());
        sent = true;
        return await call(member, metadata, limit());
      } catch (reason) {
        if (reason instanceof ContenderError) throw reason;
        const failure = EtcdFailure.from(reason);
        failures.set(member.endpoint, failure.message);
        if (failure.kind === "gone" || failure.kind === "wrong") throw failure;
        if (failure.kind === "token") this.forgetToken();
        else this.leave(member);
        if (sent && !again && failure.kind === "away") throw unavailable(failures, "; it may have been done");
      }
      if (tries % this.#members.length === 0) await this.pause(tries / this.#members.length - 1);
    }
    throw unavailable(failures);
  }
}

function unavailable(failures: ReadonlyMap<string, string>, more = ""): ContenderError {
  const texts = [...failures].map(([endpoint, text]) => `${endpoint}: ${text}`);
  return new ContenderError("STORE_UNAVAILABLE", `etcd does not answer: ${texts.join("; ")}${more}`);
}
