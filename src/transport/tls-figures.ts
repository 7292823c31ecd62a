/** Counts of handshakes, read when someone scrapes. */
import { tlsVersions } from "../base/tls-versions.ts";
import { type TlsFailure, tlsFailures } from "./tls-failure.ts";

const sides = ["downstream", "upstream"] as const;
export type TlsSide = (typeof sides)[number];

/** What becomes of certificate files that changed. */
export const reloadResults = ["applied", "rejected"] as const;

/** What a handshake can come to: which version, and whether it went on from an earlier session. */
const outcomes = tlsVersions.flatMap((version) => [`${version} false`, `${version} true`]);

export class TlsFigures {
  readonly #done = new Map<string, number>();
  readonly #failed = new Map<string, number>();

  /** @param version as Node names it. */
  done(side: TlsSide, version: string | null, resumed: boolean): void {
    bump(this.#done, `${side} ${version ?? ""} ${resumed}`);
  }

  failed(side: TlsSide, reason: TlsFailure): void {
    bump(this.#failed, `${side} ${reason}`);
  }

  /** Labels and count of every kind of handshake that was seen. */
  handshakes(): { labels: string[]; value: number }[] {
    return rows(this.#done, outcomes);
  }

  failures(): { labels: string[]; value: number }[] {
    return rows(this.#failed, tlsFailures);
  }
}

function rows(counts: ReadonlyMap<string, number>, words: readonly string[]): { labels: string[]; value: number }[] {
  return sides.flatMap((side) =>
    words.flatMap((word) => {
      const value = counts.get(`${side} ${word}`);
      return value === undefined ? [] : [{ labels: [side, ...word.split(" ")], value }];
    }),
  );
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
