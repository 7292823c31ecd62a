/** A port that can't be had, told by the setting that chooses it: in the same words, whichever process wanted it. */
import { type Address, formatAddress } from "./address.ts";
import { ContenderError } from "./errors.ts";

/** @param setting the variable, which has a flag of the same name */
export function cannotListen(setting: string, address: Address, reason: unknown): ContenderError {
  const { code = "", message = String(reason) } = reason as NodeJS.ErrnoException;
  const text =
    code === "EADDRINUSE"
      ? `${setting}: ${formatAddress(address)} is taken by another process; choose another address`
      : `${setting}: cannot listen on ${formatAddress(address)}: ${message}`;
  return new ContenderError("ADDRESS_IN_USE", text, { cause: reason });
}
