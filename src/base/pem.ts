/**
 * Certificates and keys, by where they are and by what was read there. Paths may be shown to anyone; texts hold a private
 * key and go from a file to a TLS context and nowhere else.
 */
import type { Parsed } from "./parsed.ts";

export interface PemPaths {
  /** Authorities that the peer's certificate is checked against. */
  readonly ca?: string | undefined;
  /** Our own certificate, followed by intermediate ones. */
  readonly cert?: string | undefined;
  /** Its private key. */
  readonly key?: string | undefined;
}

/** The contents of those files; what has no path has no text. */
export interface PemTexts {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface PemSource {
  /** What the files hold now, or why they can't be read. */
  readonly first: Parsed<PemTexts>;
  close(): void;
}

/** Reads the files, and tells `changed` whenever they hold something else, be it good or bad. */
export type OpenPem = (paths: PemPaths, changed: (texts: Parsed<PemTexts>) => void) => PemSource;
