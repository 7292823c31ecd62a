/**
 * One sidecar's side of a Watch stream, as the service sees it: what it has, what it was sent, what is to be sent next. Pure.
 *
 * Nothing new is sent while something is unanswered: however fast routes change, a slow sidecar has one snapshot on its way and gets the
 * newest one after it. What it refused is not sent again while it is the same, but for a slow retry: the reason may lie with the
 * sidecar, a certificate that was not there yet.
 */

import { goesBack, parseVersion } from "../../api/version.ts";
import type { Problem } from "../../base/parsed.ts";
import type { View } from "./views.ts";

/** What to send of a view: all of it, or its name alone to a sidecar that has these contents already. The nonce is its version. */
export type Offer = "whole" | "name";

/** Between two tries with what a sidecar has refused. */
export const refusedAgainMs = 60_000;

export class Member {
  /** In force, by the sidecar's word; empty where it has none. */
  version: string;
  /** Why it refused what it was sent last; empty where it did not. */
  problems: readonly Problem[] = [];
  #open: { readonly version: string; readonly whole: boolean } | undefined = undefined;
  /** By what `contentsOf` says, or by its version. */
  #refused: { readonly contents: string; readonly atMs: number } | undefined = undefined;
  /** It did not know contents that it should have had: from now on they are sent whole. */
  #whole = false;

  /** @param version that the sidecar says it has. */
  constructor(version: string) {
    this.version = version;
  }

  /** Whether it was sent something that it has not answered. */
  get pending(): boolean {
    return this.#open !== undefined;
  }

  /** Whether it refused these contents, which are sent again all the same after a while. */
  refuses(view: View): boolean {
    return this.#refused !== undefined && this.#refused.contents === contentsOf(view.version);
  }

  /** What is to be sent now that this view is its own; undefined where nothing is. */
  offer(view: View, nowMs: number): Offer | undefined {
    if (this.#open !== undefined || view.version === this.version) return undefined;
    const refused = this.#refused;
    const same = refused?.contents === contentsOf(view.version) || refused?.contents === view.version;
    if (refused !== undefined && same && nowMs - refused.atMs < refusedAgainMs) return undefined;
    const had = !this.#whole && this.version !== "" && digestOf(this.version) === digestOf(view.version);
    this.#open = { version: view.version, whole: !had };
    return had ? "name" : "whole";
  }

  /** The sidecar's answer. @returns false where it answers nothing that it was sent last, and changes nothing. */
  answer(nonce: string, problems: readonly Problem[], nowMs: number): boolean {
    const open = this.#open;
    if (open === undefined || nonce !== open.version) return false;
    this.#open = undefined;
    this.problems = problems;
    if (problems.length === 0) {
      this.version = open.version;
      this.#refused = undefined;
      this.#whole = false;
    } else if (!open.whole) this.#whole = true;
    // What is refused for its revision is good under a later one.
    else if (!goesBack(this.version, open.version)) this.#refused = { contents: contentsOf(open.version), atMs: nowMs };
    else this.#refused = { contents: open.version, atMs: nowMs };
    return true;
  }
}

const digestOf = (version: string): string | undefined => parseVersion(version)?.digest;

/** What a refusal holds for. A store that was restored may have the same contents, and they are no step back any more. */
function contentsOf(version: string): string {
  const { store, digest } = parseVersion(version) ?? {};
  return `${store}/${digest}`;
}
