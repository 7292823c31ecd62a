/** What sources that are asked (HTTP, etcd) have in common, as whoever keeps their last good routes sees them. */
import type { Problem } from "../base/parsed.ts";
import type { RouteText } from "../config/files.ts";
import type { RouteSource } from "../config/route-source.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { SourceFailure } from "../config/source-status.ts";

/** What a source gave, whole and as it was written: read again, it gives the same routes. */
export type Texts = readonly RouteText[];

/** Routes that are in force before their source was asked. */
export interface Held {
  /** Of their contents. */
  readonly version: string;
  readonly texts: Texts;
}

/** As `Apply`, with the texts that the routes were read from. */
export type ApplyTexts = (
  loaded: Loaded,
  first: boolean,
  texts: Texts,
) => readonly Problem[] | Promise<readonly Problem[]>;

export interface AskedSource extends RouteSource {
  /** In place of `open`, where routes of its are in force: asks from now on, and what fails is tried again. */
  follow(held: Held): void;
}

/** Why a source gave nothing, as it is told and counted. */
export class AskedFailure extends Error {
  readonly reason: SourceFailure;

  constructor(reason: SourceFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}
