/**
 * Names in the environment that belong to other commands. One environment may serve several, a pod's with `contender control`
 * beside a sidecar say, so a sidecar neither reads them nor takes them for misspelt ones.
 */
import { controlSettingsTable } from "./control-settings-table.ts";
import type { Setting } from "./setting.ts";

export const otherCommandsNames: readonly string[] = Object.values<Setting<unknown>>(controlSettingsTable).map(
  ({ env }) => env,
);
