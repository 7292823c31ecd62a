/**
 * What is wrong with the configuration that was refused last. It is tried again at every look at its files, since what it
 * names may have come meanwhile; that it is refused for the same reasons is told once.
 */
import { isDeepStrictEqual } from "node:util";
import type { Problem } from "../base/parsed.ts";
import type { Loaded } from "../config/snapshot.ts";

export class Refused {
  #problems: readonly Problem[] = [];
  /** Of the configuration, where it could be read. */
  #version: string | undefined = undefined;

  /** Empty once a good one came after it. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /**
   * Notes what became of one.
   * @param problems none where it is in force
   * @returns whether that is news
   */
  note(loaded: Loaded, problems: readonly Problem[]): boolean {
    const version = loaded.ok ? loaded.value.version : undefined;
    const same = version !== undefined && version === this.#version;
    const known = same && isDeepStrictEqual(problems, this.#problems);
    this.#problems = problems;
    this.#version = problems.length > 0 ? version : undefined;
    return !known;
  }
}
