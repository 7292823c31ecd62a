/** Two workers, a caller each, and a route whose calls are all drawn for the challenger `v42`. */
import { writeFileSync } from "node:fs";
import { ClientPeer } from "./h2-peer.ts";
import type { Owned } from "./owned.ts";
import { routeDocument } from "./route-document.ts";
import { SidecarProcess } from "./sidecar-process.ts";
import { TempFolder } from "./temp-folder.ts";

export async function challenged(
  own: Owned,
  variants: Readonly<Record<"v41" | "v42", object>>,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly sidecar: SidecarProcess; readonly clients: readonly [ClientPeer, ClientPeer] }> {
  const path = own.add(new TempFolder()).at("route.json");
  writeFileSync(path, routeDocument("fraud", { variants, champion: "v41", weights: { v42: 1 } }));
  const sidecar = own.add(
    await SidecarProcess.start({
      CONTENDER_WORKERS: "2",
      CONTENDER_CONFIG: path,
      CONTENDER_WAIT_FOR_CHAMPION: "true",
      ...env,
    }),
  );
  const first = own.add(await ClientPeer.connect(sidecar.address));
  const second = own.add(await ClientPeer.connect(sidecar.address));
  return { sidecar, clients: [first, second] };
}
