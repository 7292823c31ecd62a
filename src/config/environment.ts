/** The one place that looks at the environment of the process. */
import type { Strings } from "./settings.ts";

/** The environment as it is now; a copy, since `process.env` changes under whoever holds it. */
export function environment(): Strings {
  return { ...process.env };
}
