/**
 * A directory in memory that forgets, upon a loss of power, what a real one may forget: bytes that were not synced are kept,
 * dropped, cut or left as zeros, and names that were not synced are there or not, in any combination. So what a program
 * relies on, it must have asked for.
 *
 * It can also refuse: an operation that fails may have been done in part or whole. After a sync that fails, the bytes in
 * question are readable and never written, whatever later syncs say; that is what Linux does.
 */
import type { Disk, DiskFile } from "../../src/control/embedded/disk.ts";

/** A number in [0, 1). */
export type Draw = () => number;

interface Write {
  readonly at: number;
  readonly bytes: Buffer;
}

interface Inode {
  /** What reading gives. */
  content: Buffer;
  durable: Buffer;
  /** Not synced. */
  pending: Write[];
  /** Of a sync that failed: no later one writes them. */
  limbo: Write[];
}

interface NameChange {
  /** Names that it gives, or takes where there is no inode. */
  readonly sets: readonly (readonly [name: string, inode: Inode | undefined])[];
  limbo: boolean;
}

/** What happens to an operation: done, refused, or the last one, of which only the not durable part is done. */
export type Fate = "done" | "refused" | "refused but done" | "power loss";

export class PowerDisk implements Disk {
  readonly path = "disk";
  /** The operations so far, in order, for messages. */
  readonly operations: string[] = [];
  /** Asked before each operation. */
  fateOf: (operation: string, index: number) => Fate = () => "done";
  /** Asked before that: an operation waits for what this gives. */
  holds: (operation: string) => Promise<void> | undefined = () => undefined;
  readonly #names = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  #pending: NameChange[] = [];
  #off = false;
  readonly #lossTold = Promise.withResolvers<void>();

  /** Resolves when power is lost; what was asked for then, or later, is never answered. */
  get lossOfPower(): Promise<void> {
    return this.#lossTold.promise;
  }

  /** What is there when power is back, as one of the ways in which it may be. */
  restarted(draw: Draw): PowerDisk {
    const names = new Map(this.#durable);
    for (const { sets } of this.#pending) if (draw() < 0.5) assign(names, sets);
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode);
      if (known !== undefined) return known;
      const content = survivingBytes(inode, draw);
      const made: Inode = { content, durable: content, pending: [], limbo: [] };
      copies.set(inode, made);
      return made;
    };
    const disk = new PowerDisk();
    for (const [name, inode] of names) disk.#add(name, copy(inode));
    return disk;
  }

  /** A disk with these files, all durable. */
  static with(files: ReadonlyMap<string, Buffer>): PowerDisk {
    const disk = new PowerDisk();
    for (const [name, content] of files) disk.#add(name, { content, durable: content, pending: [], limbo: [] });
    return disk;
  }

  /** What reading gives now. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, { content }]) => [name, Buffer.from(content)]));
  }

  list(): Promise<string[]> {
    return this.#do("list", () => [...this.#names.keys()]);
  }

  read(name: string): Promise<Buffer | undefined> {
    return this.#do(`read ${name}`, () => {
      const content = this.#names.get(name)?.content;
      return content && Buffer.from(content);
    });
  }

  create(name: string): Promise<DiskFile> {
    return this.#do(`create ${name}`, () => {
      if (this.#names.has(name)) throw errorOf("EEXIST");
      const inode: Inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [], limbo: [] };
      this.#rename([[name, inode]]);
      return this.#fileOn(name, inode);
    });
  }

  publish(from: string, to: string): Promise<boolean> {
    return this.#do(`publish ${from} as ${to}`, () => {
      const inode = this.#inode(from);
      if (this.#names.has(to)) return false;
      this.#rename([[to, inode]]);
      return true;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do(`rename ${from} to ${to}`, () => {
      const inode = this.#inode(from);
      this.#rename([
        [from, undefined],
        [to, inode],
      ]);
    });
  }

  remove(name: string): Promise<void> {
    return this.#do(`remove ${name}`, () => this.#rename([[name, undefined]]));
  }

  syncDirectory(): Promise<void> {
    const refused = () => {
      for (const change of this.#pending) change.limbo = true;
    };
    const done = () => {
      for (const { sets } of this.#pending.filter(({ limbo }) => !limbo)) assign(this.#durable, sets);
      this.#pending = this.#pending.filter(({ limbo }) => limbo);
    };
    return this.#do("sync directory", done, { refused, sync: true });
  }

  #fileOn(name: string, inode: Inode): DiskFile {
    let size = 0;
    const write = (at: number, bytes: Buffer) => {
      inode.content = over(inode.content, { at, bytes });
      inode.pending.push({ at, bytes });
    };
    return {
      append: (given) => {
        const bytes = Buffer.from(given);
        const at = size;
        size += bytes.length;
        // A full disk takes what fits.
        const refused = () => write(at, bytes.subarray(0, bytes.length >> 1));
        return this.#do(`append to ${name}`, () => write(at, bytes), { refused });
      },
      rewrite: (bytes) => this.#do(`rewrite ${name}`, () => write(0, Buffer.from(bytes))),
      sync: () => {
        const refused = () => void inode.limbo.push(...inode.pending.splice(0));
        const done = () => {
          for (const each of inode.pending.splice(0)) inode.durable = over(inode.durable, each);
        };
        return this.#do(`sync ${name}`, done, { refused, sync: true });
      },
      close: () => this.#do(`close ${name}`, () => undefined),
    };
  }

  #add(name: string, inode: Inode): void {
    this.#names.set(name, inode);
    this.#durable.set(name, inode);
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw errorOf("ENOENT");
    return inode;
  }

  #rename(sets: NameChange["sets"]): void {
    assign(this.#names, sets);
    this.#pending.push({ sets, limbo: false });
  }

  /** @param how `sync`: whether it makes durable, and so is not done at all where power is lost at it. */
  async #do<T>(operation: string, done: () => T, how: { refused?: () => void; sync?: boolean } = {}): Promise<T> {
    await this.holds(operation);
    if (this.#off) return new Promise<T>(() => undefined);
    const fate = this.fateOf(operation, this.operations.length);
    this.operations.push(operation);
    if (fate === "done") return done();
    if (fate === "power loss") {
      this.#off = true;
      if (how.sync !== true) done();
      this.#lossTold.resolve();
      return new Promise<T>(() => undefined);
    }
    if (fate === "refused but done" && how.sync !== true) done();
    else how.refused?.();
    throw errorOf("EIO");
  }
}

function assign(names: Map<string, Inode>, sets: NameChange["sets"]): void {
  for (const [name, inode] of sets) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

function over(content: Buffer, { at, bytes }: Write): Buffer {
  const grown = Buffer.alloc(Math.max(content.length, at + bytes.length));
  content.copy(grown);
  bytes.copy(grown, at);
  return grown;
}

function survivingBytes({ durable, pending, limbo }: Inode, draw: Draw): Buffer {
  let content = durable;
  for (const write of [...limbo, ...pending].sort((one, other) => one.at - other.at)) {
    const { at, bytes } = write;
    const cut = Math.floor(draw() * (bytes.length + 1));
    const kind = Math.floor(draw() * 5);
    if (kind === 1) content = over(content, write);
    if (kind === 2) content = over(content, { at, bytes: bytes.subarray(0, cut) });
    if (kind === 3)
      content = over(content, { at, bytes: Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(bytes.length - cut)]) });
    if (kind === 4) content = over(content, { at, bytes: Buffer.concat([Buffer.alloc(cut), bytes.subarray(cut)]) });
  }
  return content;
}

const errorOf = (code: string) => Object.assign(new Error(`${code}: refused`), { code });
