/**
 * Misspelt variables, told by commands that do their work all the same: what they read is one setting or two, and a hook or a check in a
 * pipeline must not fail for the rest. A sidecar with the same environment refuses to start.
 */
import { problemLine } from "../base/parsed.ts";
import { controlSettings } from "../config/control-settings.ts";
import { unknownNames } from "../config/names.ts";
import { allSettings } from "../config/settings.ts";
import type { Io } from "./io.ts";

const known = [...allSettings, ...controlSettings].map(({ env }) => env);

/** A line each on standard error. */
export function warnOfUnknownSettings(io: Io): void {
  for (const problem of unknownNames(io.env, known)) io.err(`warning: ${problemLine(problem)}\n`);
}
