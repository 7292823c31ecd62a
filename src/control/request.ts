/** What is asked of a store before anything is done: a wrong request is a bug of whoever calls, and would be one anywhere. */
import { ContenderError } from "../base/errors.ts";
import { type Change, type Commit, storeBounds } from "./store.ts";

/** @returns one of our own: the caller's may change before its turn. @throws ContenderError INTERNAL. */
export function checkedCommit({ when, changes }: Commit): Commit {
  if (changes.length > storeBounds.changes)
    throw bug(`a commit of ${changes.length} changes, at most ${storeBounds.changes}`);
  for (const change of changes) checkChange(change);
  const bytes = bytesOf(changes);
  if (bytes > storeBounds.commitBytes) throw bug(`a commit of ${bytes} bytes, at most ${storeBounds.commitBytes}`);
  if (new Set(changes.map(({ key }) => key)).size < changes.length) throw bug("a commit that changes a key twice");
  for (const { key, revision } of when) {
    checkKey(key);
    if (!Number.isSafeInteger(revision) || revision < 0) throw bug(`a condition on revision ${revision}`);
  }
  return {
    when: when.map(({ key, revision }) => ({ key, revision })),
    changes: changes.map(({ key, value }) => ({ key, value })),
  };
}

/** Of keys and values, as they are sent and written. */
export const bytesOf = (changes: readonly Change[]): number =>
  changes.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value ?? ""), 0);

/** Characters, for bounds on what is held or written together. */
export const lengthOf = ({ changes }: { readonly changes: readonly Change[] }): number =>
  changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);

function checkChange({ key, value }: Change): void {
  checkKey(key);
  if (value === undefined) return;
  // Elsewhere texts are bytes of UTF-8, which has no half pairs: they would come back as something else.
  if (!value.isWellFormed()) throw bug(`a value of ${key} with half a surrogate pair`);
  const bytes = Buffer.byteLength(value);
  if (bytes > storeBounds.valueBytes)
    throw bug(`a value of ${key} of ${bytes} bytes, at most ${storeBounds.valueBytes}`);
}

function checkKey(key: string): void {
  if (key === "" || !key.isWellFormed()) throw bug("a key that is empty or has half a surrogate pair");
}

const bug = (what: string) => new ContenderError("INTERNAL", `The store was given ${what}`);
