/** A real directory behind the port of `disk.ts`. What the store keeps is for its owner's eyes: 0700, and 0600 for files. */
import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Disk, DiskFile } from "./disk.ts";

/** Makes the directory where there is none; one that is there keeps its mode, which may be its mount's. */
export async function openDirectory(path: string): Promise<Disk> {
  const absolute = resolve(path);
  // A directory that was only just made is lost with the power until the directory that it stands in is synced.
  const first = await make(absolute);
  for (let made = absolute; first !== undefined && made.length >= first.length; made = dirname(made)) {
    await syncPath(dirname(made));
  }
  const at = (name: string) => join(absolute, name);
  return {
    path,
    list: () => readdir(absolute),
    read: (name) => unlessAbsent(readWhole(at(name))),
    create: async (name) => fileOn(await open(at(name), "wx", 0o600)),
    publish: (from, to) => publish(at(from), at(to)),
    rename: (from, to) => rename(at(from), at(to)),
    remove: (name) => rm(at(name), { force: true }),
    syncDirectory: () => syncPath(absolute),
  };
}

/** However large: `readFile` takes nothing above 2 GiB. Whatever was written after it was opened may be in it or not. */
async function readWhole(path: string): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const bytes = Buffer.allocUnsafe((await handle.stat()).size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, Math.min(bytes.length - length, readBytes), length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}

/** Of one call to the system. */
const readBytes = 67_108_864;

/**
 * With every directory above it that is missing. Not by the recursion of `mkdir`, which begins again without end where a file system says
 * of a name that it can't make that it is not there, as /proc does.
 * @returns the first that was made; undefined where all were there
 */
async function make(absolute: string): Promise<string | undefined> {
  if ((await unlessAbsent(stat(absolute)))?.isDirectory() === true) return undefined;
  const above = dirname(absolute);
  const first = above === absolute ? undefined : await make(above);
  try {
    await mkdir(absolute, { mode: 0o700 });
    return first ?? absolute;
  } catch (reason) {
    // Another process may have made it meanwhile; what is there and no directory stays an error.
    if (codeOf(reason) === "EEXIST" && (await stat(absolute)).isDirectory()) return first;
    throw reason;
  }
}

function fileOn(handle: FileHandle): DiskFile {
  let size = 0;
  const write = async (bytes: Uint8Array, from: number) => {
    for (let at = 0; at < bytes.length; ) {
      at += (await handle.write(bytes, at, bytes.length - at, from + at)).bytesWritten;
    }
  };
  return {
    append: async (bytes) => {
      await write(bytes, size);
      size += bytes.length;
    },
    rewrite: (bytes) => write(bytes, 0),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

/** What file systems say that have no hard links, such as some network shares. */
const noLinks: readonly (string | undefined)[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

async function publish(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (reason) {
    const code = codeOf(reason);
    if (code === "EEXIST") return false;
    if (!noLinks.includes(code)) throw reason;
    // Without links nothing makes a full file appear where there is none. The look leaves a gap that only a second process
    // can slip through which took this one for dead; the lock closes it but for that instant.
    if ((await unlessAbsent(stat(to))) !== undefined) return false;
    await rename(from, to);
    return true;
  }
}

async function syncPath(path: string): Promise<void> {
  // Windows opens no directory, and its file system keeps names in order by itself.
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (reason) {
    if (codeOf(reason) === "ENOENT") return undefined;
    throw reason;
  }
}

const codeOf = (reason: unknown) => (reason instanceof Error ? (reason as NodeJS.ErrnoException).code : undefined);
