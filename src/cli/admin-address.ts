/** Which admin port a command asks. */
import type { Address } from "../base/address.ts";
import { ContenderError } from "../base/errors.ts";
import type { Reading } from "../base/parsed.ts";
import type { Strings } from "../config/settings.ts";
import { settingsTable } from "../config/settings-table.ts";

/**
 * The admin port to ask: the one given, else that of the environment, else the default. Other settings don't matter here,
 * so that a probe works beside whatever else is wrong.
 */
export function adminAddress(given: string | undefined, env: Strings): Address {
  const { admin } = settingsTable;
  const set = env[admin.env]?.trim();
  const text = given ?? (set === undefined || set === "" ? admin.default : set);
  const reading: Reading<Address> = admin.read(text);
  if (!reading.ok) throw new ContenderError("SETTINGS_INVALID", `admin address: ${reading.message}`);
  return reachable(reading.value);
}

/** One listens on all interfaces but can't connect to "all". */
function reachable(address: Address): Address {
  if (address.kind === "unix") return address;
  if (address.host === "0.0.0.0") return { ...address, host: "127.0.0.1" };
  return address.host === "::" ? { ...address, host: "::1" } : address;
}
