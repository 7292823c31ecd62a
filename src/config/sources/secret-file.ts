/**
 * A token or password from a file, read each time it is needed: a service account's token is replaced every hour or so, and
 * what asks with it asks seldom.
 */
import { readFileSync, statSync } from "node:fs";
import { type Reading, read, unreadable } from "../../base/parsed.ts";

/** A JWT with many groups has some KiB; headers of that size are refused by most servers anyway. */
const largestBytes = 65_536;

/** The first line, without what surrounds it; the message never has any of it. */
export function readSecret(path: string): Reading<string> {
  try {
    const { size } = statSync(path);
    if (size > largestBytes) return unreadable(`${path}: want at most ${largestBytes} bytes, got ${size}`);
    const secret = readFileSync(path, "utf8").trim();
    if (secret === "") return unreadable(`${path} is empty`);
    if (!/^[\x20-\x7e]+$/.test(secret)) return unreadable(`${path}: want one line of printable ASCII`);
    return read(secret);
  } catch (reason) {
    const { code, message } = reason as NodeJS.ErrnoException;
    return unreadable(`${path} can't be read: ${code === "ENOENT" ? "there is no such file" : message}`);
  }
}
