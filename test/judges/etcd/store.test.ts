/** The store in real etcds, of one member each: what every store keeps to, and what only this one meets. */
import { systemChance } from "../../../src/base/chance.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { type EtcdStoreOptions, openEtcdStore } from "../../../src/control/etcd-store.ts";
import type { Store } from "../../../src/control/store.ts";
import { Etcd } from "../../support/etcd.ts";
import { Owned } from "../../support/owned.ts";
import { storeContract } from "../../support/store-contract.ts";
import { versions } from "./versions.ts";

for (const { version, binary } of versions) {
  describe(`etcd ${version}`, () => {
    let etcd: Etcd;
    let prefixes = 0;

    before(async function () {
      this.timeout(60_000);
      etcd = await Etcd.start(binary);
    });

    after(() => etcd.close());

    storeContract(
      `etcd ${version}`,
      async () => {
        const owned = new Owned();
        const options: EtcdStoreOptions = {
          endpoints: etcd.endpoints,
          prefix: `contract${prefixes++}/`,
          clock: systemClock,
          chance: systemChance,
        };
        const open = async (): Promise<Store> => owned.add(await openEtcdStore(options));
        return {
          store: await open(),
          another: open,
          reopen: async () => {
            await owned.close();
            return await open();
          },
          close: () => owned.close(),
        };
      },
      { shared: true },
    );
  });
}
