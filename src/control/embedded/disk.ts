/**
 * One directory, as far as the embedded store uses it: few operations, so that tests can put a directory behind them that
 * loses power or a write at any of them. Nothing here is durable until it is synced: bytes by their file's `sync`, names by
 * `syncDirectory`.
 */
export interface DiskFile {
  /** At the end of what was appended so far. */
  append(bytes: Uint8Array): Promise<void>;
  /** Over what is there, from the first byte on. */
  rewrite(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** For people. */
  readonly path: string;
  list(): Promise<string[]>;
  /** Undefined where there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** A new file; one that is there already is an error. */
  create(name: string): Promise<DiskFile>;
  /** Gives a file a second name, all at once. @returns whether that name was free; if not, nothing has changed. */
  publish(from: string, to: string): Promise<boolean>;
  /** All at once, over what has that name. */
  rename(from: string, to: string): Promise<void>;
  /** Where it is there. */
  remove(name: string): Promise<void>;
  syncDirectory(): Promise<void>;
}

/** Why an operation failed, and what helps where that can be told. */
export function whyFailed(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason);
  const { code } = reason as { readonly code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT" ? `${text}. Make room on this disk` : text;
}
