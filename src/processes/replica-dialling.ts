/**
 * Streams to other replicas of a config service, which are asked as any config service is, and shown this one's own certificate, or its
 * token. The token's file is read for each stream, so that a new token needs no restart; that it can be read at all is looked at before
 * anything is served, as with every other file: later it would only be a line in the log.
 */
import { ControlChannel } from "../api/channel.ts";
import { method } from "../api/protos.ts";
import { readAddress } from "../base/address.ts";
import { systemClock } from "../base/clock.ts";
import { ContenderError } from "../base/errors.ts";
import type { ControlSettings } from "../config/control-settings.ts";
import { controlSettingsTable } from "../config/control-settings-table.ts";
import { pemFiles } from "../config/sources/pem-files.ts";
import { readSecret } from "../config/sources/secret-file.ts";
import type { ShareResponse } from "../control/replicas/peer-link.ts";
import type { PeersPorts } from "../control/replicas/peers.ts";

export type ReplicaFiles = Pick<ControlSettings, "tlsCert" | "tlsKey" | "tlsClientCa" | "replicaTokenFile">;

const names = {
  ca: controlSettingsTable.tlsClientCa.env,
  cert: controlSettingsTable.tlsCert.env,
  key: controlSettingsTable.tlsKey.env,
  token: controlSettingsTable.replicaTokenFile.env,
};

/** @throws ContenderError SETTINGS_INVALID where the token can't be read. */
export function replicaDialling({
  tlsCert: cert,
  tlsKey: key,
  tlsClientCa: ca,
  replicaTokenFile: tokenFile,
}: ReplicaFiles): PeersPorts["dial"] {
  const token = tokenFile === undefined ? undefined : readSecret(tokenFile);
  if (token?.ok === false) throw new ContenderError("SETTINGS_INVALID", `${names.token}: ${token.message}`);
  const tls = cert === undefined ? undefined : { ca, cert, key, serverName: undefined };
  return (address) => {
    const { host, port } = addressOf(address);
    const control = { target: { addresses: [{ host, port }], tls: tls !== undefined }, tls, tokenFile };
    const channel = new ControlChannel(control, { clock: systemClock, openPem: pemFiles(systemClock), names });
    try {
      const stream = channel.stream(method<object, ShareResponse>("PeerService", "Share"));
      return {
        stream,
        close: () => {
          stream.cancel();
          channel.close();
        },
      };
    } catch (reason) {
      channel.close();
      throw reason;
    }
  };
}

/** @throws ContenderError INTERNAL for what no replica of ours writes. */
function addressOf(text: string): { readonly host: string; readonly port: number } {
  const address = readAddress(text);
  if (address.ok && address.value.kind === "tcp") return address.value;
  throw new ContenderError("INTERNAL", `a replica says it is at ${JSON.stringify(text)}`);
}
