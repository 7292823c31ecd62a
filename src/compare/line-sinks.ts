/**
 * Where lines end up: a file by its path, or a descriptor that is open already.
 *
 * A file is opened for each batch and closed again. That is three system calls a few times a second, and in return there is
 * nothing to go stale: a file that was moved, deleted or truncated by a rotation, a directory that comes later, a disk
 * that has space again need no signal, no watch and no state.
 */
import { constants, write } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Appended, LineSink } from "./line-writer.ts";

/** Not blocking: of a named pipe without a reader an error is wanted, not a thread that waits for one. */
const appending = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NONBLOCK ?? 0);

/** For the owner and its group alone: a record holds request ids and scores. */
const fileMode = 0o640;

const newline = Buffer.from("\n");

export class FileSink implements LineSink {
  readonly #path: string;
  readonly #open: typeof open;
  /** The file may end within a line: the disk was full, or a process before this one was killed. */
  #suspect = true;

  /** @param openFile for tests of what a file system may answer */
  constructor(path: string, openFile: typeof open = open) {
    this.#path = path;
    this.#open = openFile;
  }

  async append(bytes: Buffer, from: number): Promise<Appended> {
    let at = from;
    try {
      const cut = from === 0 && this.#suspect && (await endsWithinLine(this.#path));
      const file = await this.#open(this.#path, appending, fileMode);
      try {
        if (cut) await file.write(newline);
        while (at < bytes.length) at += await writeSome(file, bytes, at);
      } finally {
        await file.close();
      }
      this.#suspect = false;
      return { written: at - from, code: undefined };
    } catch (reason) {
      this.#suspect = true;
      // All taken, and then not closed: some file systems find out only now that they have no space for it.
      return { written: at === bytes.length ? 0 : at - from, code: codeOf(reason) };
    }
  }
}

async function writeSome(file: FileHandle, bytes: Buffer, at: number): Promise<number> {
  const { bytesWritten } = await file.write(bytes, at);
  // Would be asked for ever otherwise.
  if (bytesWritten === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
  return bytesWritten;
}

async function endsWithinLine(path: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    if (!stats.isFile() || stats.size === 0) return false;
    const file = await open(path, constants.O_RDONLY);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, stats.size - 1);
      return bytesRead === 1 && buffer[0] !== newline[0];
    } finally {
      await file.close();
    }
  } catch {
    return false; // not there yet, or not ours to read: the next lines are worth more than a cut one
  }
}

/** A descriptor that somebody else opened and closes. */
export class DescriptorSink implements LineSink {
  readonly #descriptor: number;
  #withinLine = false;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async append(bytes: Buffer, from: number): Promise<Appended> {
    if (from === 0 && this.#withinLine) {
      const { written, code } = await this.#write(newline, 0);
      if (written === 0) return { written: 0, code };
      this.#withinLine = false;
    }
    const appended = await this.#write(bytes, from);
    if (appended.written > 0) this.#withinLine = bytes[from + appended.written - 1] !== newline[0];
    return appended;
  }

  #write(bytes: Buffer, from: number): Promise<Appended> {
    return new Promise((resolve) => {
      write(this.#descriptor, bytes, from, bytes.length - from, null, (error, written) => {
        if (error !== null) resolve({ written: 0, code: codeOf(error) });
        else resolve({ written, code: written === 0 ? "EIO" : undefined });
      });
    });
  }
}

/**
 * Standard output.
 *
 * Its first mention makes Node set a pipe to non-blocking. Without that, a write to a pipe that nobody reads holds a
 * thread of Node's pool, which at exit is waited for: the process would not end.
 */
export function standardOutput(): LineSink {
  return new DescriptorSink(process.stdout.fd);
}

function codeOf(reason: unknown): string {
  return (reason as NodeJS.ErrnoException).code ?? "EIO";
}
