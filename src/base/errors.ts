/**
 * Every way in which a Contender process gives up, by a code that stays when its text changes: scripts, alerts and
 * docs/errors.md hang on it. A test holds this table and that page together, in both directions.
 *
 * The data path throws none of these: there a call that fails is an outcome, counted and answered.
 */

/**
 * Exit codes are those of BSD's sysexits.h where it has a fitting one, so that a supervisor can tell a wrong file,
 * which a restart won't mend, from a peer that may come back.
 */
const exits = {
  usage: 64,
  unavailable: 69,
  software: 70,
  cantCreate: 73,
  tempFail: 75,
  protocol: 76,
  noPermission: 77,
  config: 78,
} as const;

export const errorTable = {
  /** A route document that can't be served from. */
  CONFIG_INVALID: { exitCode: exits.usage },
  /** A flag or an environment variable that is wrong. */
  SETTINGS_INVALID: { exitCode: exits.usage },
  ROUTE_UNKNOWN: { exitCode: exits.usage },
  /** A model server has no such model, or several and none was named. */
  MODEL_UNKNOWN: { exitCode: exits.usage },
  ADDRESS_IN_USE: { exitCode: exits.unavailable },
  FILE_UNWRITABLE: { exitCode: exits.cantCreate },
  UPSTREAM_UNREACHABLE: { exitCode: exits.unavailable },
  /** It answers, but nothing that we speak. */
  UPSTREAM_UNSUPPORTED: { exitCode: exits.protocol },
  /** A config service that can't be reached, or does not answer in time. */
  CONTROL_UNREACHABLE: { exitCode: exits.unavailable },
  /** What was to be changed has changed meanwhile: look again. */
  CONFLICT: { exitCode: exits.tempFail },
  /** More than is taken in at a time: the same is taken in later. */
  LIMIT_REACHED: { exitCode: exits.tempFail },
  /** Some sidecars have not applied a change in the time given. */
  NOT_APPLIED: { exitCode: exits.tempFail },
  /** A name or token that may not do this. */
  FORBIDDEN: { exitCode: exits.noPermission },
  /** A config service's store that can't be reached. */
  STORE_UNAVAILABLE: { exitCode: exits.unavailable },
  /** A store's directory that another process uses. */
  STORE_LOCKED: { exitCode: exits.unavailable },
  /** A store whose contents were written by something else, or damaged. */
  STORE_DAMAGED: { exitCode: exits.config },
  /** A store that answers, of a version known to lose what it has confirmed. */
  STORE_UNSUPPORTED: { exitCode: exits.protocol },
  /** Found by the launcher, before this file can be read; stands here for the page's sake. */
  NODE_UNSUPPORTED: { exitCode: exits.config },
  /** A bug: anything thrown that nobody foresaw. */
  INTERNAL: { exitCode: exits.software },
} as const satisfies Readonly<Record<string, { readonly exitCode: number }>>;

export type ErrorCode = keyof typeof errorTable;

/** What control code throws. Its message starts with the code, so that a log line or a terminal always shows it. */
export class ContenderError extends Error {
  override readonly name = "ContenderError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, text: string, options?: { readonly cause: unknown }) {
    super(`[${code}] ${text}`, options);
    this.code = code;
  }

  /** What the process ends with when nobody handles this. */
  get exitCode(): number {
    return errorTable[this.code].exitCode;
  }

  /** The error itself where it already has a code; else one of `code`, with what was caught as its cause. */
  static from(reason: unknown, code: ErrorCode = "INTERNAL"): ContenderError {
    if (reason instanceof ContenderError) return reason;
    const text = reason instanceof Error ? reason.message : String(reason);
    return new ContenderError(code, text, { cause: reason });
  }
}
