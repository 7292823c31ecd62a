/** The etcds that `setup.sh` has brought. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface EtcdVersion {
  readonly version: string;
  readonly binary: string;
}

const all: readonly EtcdVersion[] = ["3.4", "3.6"].map((version) => ({
  version,
  binary: fileURLToPath(new URL(`.work/etcd-${version}`, import.meta.url)),
}));

/** Those to judge by. Where everything must be judged, one that is not there is tried all the same, and fails. */
export const versions = all.filter(({ binary }) => process.env.CI === "true" || existsSync(binary));
if (versions.length === 0) throw new Error("no etcd to judge by: run test/judges/etcd/setup.sh");
