/**
 * The settings of the process, read from the environment by convict and handed on as plain frozen values: none of
 * convict's types leave this file.
 *
 * convict is given texts only, and formats that judge a text. Its own number formats are not used, since they read `12abc`
 * as 12 (`parseInt`); its command-line reading is switched off, since `contender`'s arguments are not its business.
 */
import convict from "convict";
import type { Address } from "../base/address.ts";
import type { Parsed, Problem } from "../base/parsed.ts";
import { type ControlClient, controlClientOf } from "./control-client.ts";
import { type LimitValues, limitSettings, limitsOf } from "./limits.ts";
import { unknownNames } from "./names.ts";
import { otherCommandsNames } from "./other-commands.ts";
import type { Setting } from "./setting.ts";
import { type SettingValues, settingsTable } from "./settings-table.ts";
import { sourceProblems } from "./source-settings.ts";

/** An environment: `process.env` is one, a test writes its own. */
export type Strings = Readonly<Record<string, string | undefined>>;

export interface Settings extends Omit<SettingValues, "local"> {
  /** The pod's own model server; undefined for a gateway, which has none. */
  readonly local: Address | undefined;
  /** Limits of the data plane that were set; what is absent keeps the default of the module that owns it. */
  readonly limits: LimitValues;
  /** The config service and how it is spoken to; undefined where none is named. */
  readonly controlClient: ControlClient | undefined;
  /** Names of the settings that the environment sets, defaults left out. */
  readonly given: ReadonlySet<string>;
}

/** Every setting there is, in the order of the reference. */
export const allSettings: readonly Setting<unknown>[] = [...Object.values(settingsTable), ...limitSettings];

/** A gateway is a sidecar that stands beside no model server: in front of those whose pods nothing can be put into. */
export type ProxyRole = "sidecar" | "gateway";

/** Every setting of a role that is a flag, too. */
export function settingsOf(role: ProxyRole): readonly Setting<unknown>[] {
  const settings = Object.values<Setting<unknown>>(settingsTable);
  return role === "sidecar" ? settings : settings.filter((each) => each !== settingsTable.local);
}

/** Reads the settings; every problem is told under the name of its variable. An empty variable counts as not set. */
export function parseSettings(env: Strings, role: ProxyRole = "sidecar"): Parsed<Settings> {
  const names = allSettings.map((setting) => setting.env);
  const problems = unknownNames(env, [...names, ...otherCommandsNames]);
  const set: Record<string, string> = {};
  for (const name of names) {
    const text = env[name]?.trim();
    if (text !== undefined && text !== "") set[name] = text;
  }
  const values = readAll(set, problems);
  let controlClient: ControlClient | undefined;
  if (problems.length === 0) {
    const all = values as unknown as SettingValues;
    problems.push(...acrossSettings(all), ...sourceProblems(all));
    if (role === "gateway") problems.push(...gatewayProblems(set));
    const client = controlClientOf(all);
    if (client.ok) controlClient = client.value;
    else problems.push(...client.problems);
  }
  if (problems.length > 0) return { ok: false, problems };
  const settings = Object.fromEntries(Object.keys(settingsTable).map((key) => [key, values[key]]));
  return {
    ok: true,
    value: Object.freeze({
      ...(settings as unknown as SettingValues),
      ...(role === "gateway" ? { local: undefined } : {}),
      controlClient,
      limits: limitsOf(set, values),
      given: new Set(Object.keys(set)),
    }),
  };
}

function readAll(set: Record<string, string>, problems: Problem[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const schema: convict.Schema<Record<string, string>> = {};
  for (const [key, setting] of [
    ...Object.entries<Setting<unknown>>(settingsTable),
    ...limitSettings.map((limit) => [limit.env, limit] as const),
  ]) {
    schema[key] = {
      doc: setting.doc,
      env: setting.env,
      default: setting.default,
      format: (text: string) => {
        const reading = setting.read(text);
        if (reading.ok) values[key] = reading.value;
        else {
          problems.push({ path: setting.env, message: reading.message });
          throw new Error(reading.message);
        }
      },
    };
  }
  try {
    convict(schema, { env: set, args: [] }).validate({ allowed: "strict" });
  } catch (reason) {
    // What our own formats refused is in `problems` by now, each under its name; anything else must not get lost.
    if (problems.length === 0) problems.push({ path: "", message: String(reason) });
  }
  return values;
}

/** Without routes a sidecar serves the model server beside it, and a gateway would serve nothing. */
function gatewayProblems(set: Readonly<Record<string, string>>): Problem[] {
  const { local, control, config, champion } = settingsTable;
  const problems: Problem[] = [];
  if (set[local.env] !== undefined) {
    const message = "a gateway has no model server of its own: leave it out, and write addresses in the routes";
    problems.push({ path: local.env, message });
  }
  if ([control, config, champion].every(({ env }) => set[env] === undefined)) {
    const message = `is missing: a gateway has no model server of its own, so say where its routes come from: ${control.env}, ${config.env} or ${champion.env}`;
    problems.push({ path: control.env, message });
  }
  return problems;
}

function acrossSettings(values: SettingValues): Problem[] {
  const problems: Problem[] = [];
  const need = (there: boolean, missing: Setting<unknown>, message: string): void => {
    if (there) problems.push({ path: missing.env, message });
  };
  if (values.gracePeriodMs <= values.drainDelayMs) {
    const message = "want more than CONTENDER_DRAIN_DELAY, or no call would be waited for";
    problems.push({ path: settingsTable.gracePeriodMs.env, message });
  }
  const { tlsCert, tlsKey, tlsClientCa, tlsAllowedNames, tlsMinVersion } = values;
  const { tlsCert: cert, tlsKey: key, tlsClientCa: ca } = settingsTable;
  need(tlsCert !== undefined && tlsKey === undefined, key, `is missing, and ${cert.env} is of no use without it`);
  const wantsTls =
    tlsKey !== undefined || tlsClientCa !== undefined || tlsMinVersion !== settingsTable.tlsMinVersion.default;
  need(wantsTls && tlsCert === undefined, cert, "is missing: without a certificate the listener speaks plain text");
  const named = tlsAllowedNames.length > 0;
  need(named && tlsClientCa === undefined, ca, "is missing: callers without a certificate have no names to allow");
  return problems;
}
