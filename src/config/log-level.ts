/** How much is logged: the one setting that every process of ours has. */
import { oneOf, setting } from "./setting.ts";

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

export const logLevelSetting = setting<LogLevel>({
  env: "CONTENDER_LOG_LEVEL",
  default: "info",
  placeholder: "LEVEL",
  doc: "The least that is logged: trace, debug, info, warn, error, fatal or silent.",
  words: logLevels,
  read: oneOf(...logLevels),
});
