/**
 * One process per directory, though Node has no lock that ends with its holder.
 *
 * The holder counts up in a file. Who finds it asks the system whether that process runs, where the answer means anything
 * (`holder.ts`), and otherwise watches whether the count moves. A lock that stands still is taken over by renaming one's own
 * file over it; two that do so at once both wait a moment, and the one whose file is there in the end has it.
 *
 * None of this is safe by itself: a process can be stopped for longer than any grace and go on. So the lock is asked again
 * after each write and before it is acknowledged (`check`). Whoever takes over reads the journal only once the lock is its
 * own: what was acknowledged before is in what it reads, and nothing is acknowledged after.
 *
 * The count is written through a descriptor: once another's file has the name, a former holder writes to one that nobody
 * reads.
 */
import type { Clock } from "../../base/clock.ts";
import { ContenderError } from "../../base/errors.ts";
import type { Disk, DiskFile } from "./disk.ts";
import type { Holder, Processes } from "./holder.ts";

export interface LockOptions {
  /** How often the holder counts. Default 2 000: often enough that the grace has two more to come, however slow the disk. */
  readonly beatMs?: number;
  /** How long a count must stand still. Default 6 000: three beats. */
  readonly graceMs?: number;
  /** How often a count is looked at meanwhile. Default 500: a living holder is found within a beat and little more. */
  readonly lookMs?: number;
  /** How long to wait after a takeover for others at it. Default 500; being too short costs a refusal, never a commit. */
  readonly settleMs?: number;
}

const defaults = { beatMs: 2_000, graceMs: 6_000, lookMs: 500, settleMs: 500 } satisfies LockOptions;

export interface LockPorts {
  readonly clock: Clock;
  readonly processes: Processes;
  /** Sets this holder apart from every other, also of this process. */
  readonly token: string;
}

const name = "lock";
export const isLockName = (found: string) => /^lock(\.\w+)?$/.test(found);

export class Lock {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #token: string;
  readonly #self: Holder;
  readonly #file: DiskFile;
  readonly #beatMs: number;
  #beats = 0;
  #beating: Promise<void> | undefined;
  #cancelBeat: (() => void) | undefined;
  #lost: ((reason: ContenderError) => void) | undefined;

  private constructor(disk: Disk, { clock, token }: LockPorts, self: Holder, file: DiskFile, beatMs: number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#token = token;
    this.#self = self;
    this.#file = file;
    this.#beatMs = beatMs;
  }

  /** @throws ContenderError STORE_LOCKED; whatever the disk throws. */
  static async acquire(disk: Disk, ports: LockPorts, options: LockOptions = {}): Promise<Lock> {
    const timing = { ...defaults, ...options };
    const self = await ports.processes.self();
    const draft = `${name}.${ports.token}`;
    const file = await disk.create(draft);
    const lock = new Lock(disk, ports, self, file, timing.beatMs);
    try {
      await file.rewrite(lock.#text());
      await file.sync();
      await lock.#take(draft, ports, timing);
    } catch (reason) {
      await file.close();
      await disk.remove(draft);
      throw reason;
    }
    await disk.remove(draft);
    lock.#scheduleBeat();
    return lock;
  }

  /** Called once, when the lock is seen to be another's. */
  onLost(lost: (reason: ContenderError) => void): void {
    this.#lost = lost;
  }

  /** @throws ContenderError STORE_LOCKED where it is no longer ours; whatever the disk throws. */
  async check(): Promise<void> {
    const found = await this.#disk.read(name);
    if (found !== undefined && parse(found)?.token === this.#token) return;
    const reason = refusal(this.#disk, found);
    this.#stopBeats();
    const lost = this.#lost;
    this.#lost = undefined;
    lost?.(reason);
    throw reason;
  }

  /** Gives it up, where it is still ours. */
  async release(): Promise<void> {
    this.#stopBeats();
    this.#lost = undefined;
    await this.#beating;
    try {
      await this.check();
      await this.#disk.remove(name);
    } catch {
      // Another's, or out of reach: then it stands still, and is taken over in time.
    }
    await this.#file.close();
  }

  async #take(draft: string, ports: LockPorts, timing: Required<LockOptions>): Promise<void> {
    for (;;) {
      // Where there is none, whoever is first has it, at once.
      if (await this.#disk.publish(draft, name)) return;
      const found = await this.#disk.read(name);
      if (found === undefined) continue;
      if (!(await this.#isStale(found, ports, timing))) continue;
      // Whoever was faster holds it by now. The instant that is left is what the settling and `check` are for.
      if (!(await this.#disk.read(name))?.equals(found)) continue;
      await this.#disk.rename(draft, name);
      await wait(this.#clock, timing.settleMs);
      await this.check();
      return;
    }
  }

  /** @returns false where it changed hands: look again. @throws ContenderError STORE_LOCKED where its holder lives. */
  async #isStale(found: Buffer, { processes }: LockPorts, timing: Required<LockOptions>): Promise<boolean> {
    const holder = parse(found);
    if (holder !== undefined && this.#self.realm !== undefined && holder.realm === this.#self.realm) {
      if ((await processes.startOf(holder.pid)) !== holder.started) return true;
      throw refusal(this.#disk, found);
    }
    const endMs = this.#clock.nowMs() + timing.graceMs;
    while (this.#clock.nowMs() < endMs) {
      await wait(this.#clock, timing.lookMs);
      const now = await this.#disk.read(name);
      if (now === undefined) return false;
      if (!now.equals(found)) throw refusal(this.#disk, now);
    }
    return true;
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#clock.after(this.#beatMs, () => {
      this.#scheduleBeat();
      // A disk that takes longer than a beat is not asked twice.
      this.#beating ??= this.#beat().finally(() => {
        this.#beating = undefined;
      });
    });
  }

  #stopBeats(): void {
    this.#cancelBeat?.();
    this.#cancelBeat = undefined;
  }

  async #beat(): Promise<void> {
    try {
      await this.check();
      this.#beats++;
      await this.#file.rewrite(this.#text());
      // Another host sees it only then.
      await this.#file.sync();
    } catch {
      // A lost lock has told; a disk that fails does so for commits too, and may be back for the next beat.
    }
  }

  /** As long each time, since it is written over the last. */
  #text(): Buffer {
    return Buffer.from(
      `${JSON.stringify({ token: this.#token, ...this.#self, beat: String(this.#beats).padStart(12, "0") })}\n`,
    );
  }
}

function parse(bytes: Buffer): (Holder & { readonly token: string }) | undefined {
  try {
    const found: unknown = JSON.parse(bytes.toString());
    return typeof found === "object" && found !== null && "token" in found
      ? (found as Holder & { token: string })
      : undefined;
  } catch {
    // Half written, or after a loss of power: watching the bytes says as much as reading them.
    return undefined;
  }
}

function refusal(disk: Disk, found: Buffer | undefined): ContenderError {
  if (found === undefined) return new ContenderError("STORE_LOCKED", `${disk.path}: its lock was removed while in use`);
  const holder = parse(found);
  const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
  return new ContenderError("STORE_LOCKED", `${disk.path}: in use by ${who}. Stop it, or choose another directory`);
}

const wait = (clock: Clock, ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
