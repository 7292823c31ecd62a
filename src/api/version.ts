/**
 * The version of a snapshot: which store, how far it had come, and what was in it.
 *
 * People, metrics and the wire take it as one opaque text. A sidecar looks into it for one thing only: of one store, it never goes
 * back to a lower revision, which a replica that lags behind, or a cache, might hand out. What was restored from a backup is
 * another store. The digest tells apart what two sidecars get at one revision, where a route is not for all.
 */
export interface Version {
  /** Made anew for each store: 12 hexadecimal digits. */
  readonly store: string;
  readonly revision: number;
  /** Of the snapshot's contents: 8 hexadecimal digits. */
  readonly digest: string;
}

const pattern = /^([0-9a-f]{12})-([0-9]{1,15})-([0-9a-f]{8})$/;

export function formatVersion({ store, revision, digest }: Version): string {
  return `${store}-${revision}-${digest}`;
}

/** Undefined for the version of anything else: of a route file, or of another service. */
export function parseVersion(text: string): Version | undefined {
  const [, store, revision, digest] = pattern.exec(text) ?? [];
  if (store === undefined || revision === undefined || digest === undefined) return undefined;
  return { store, revision: Number(revision), digest };
}

/** Whether `next` would take a sidecar back in the history of the store that `current` is from. */
export function goesBack(current: string | undefined, next: string): boolean {
  const before = current === undefined ? undefined : parseVersion(current);
  const after = parseVersion(next);
  return (
    before !== undefined && after !== undefined && before.store === after.store && after.revision < before.revision
  );
}
