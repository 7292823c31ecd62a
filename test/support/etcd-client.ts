/** A client of fake etcds whose time stands still until a test moves it. */
import { EtcdClient } from "../../src/etcd/client.ts";
import type { EtcdOptions } from "../../src/etcd/options.ts";
import { type FakeEtcd, type FakeHandlers, FakeEtcd as Fakes } from "./fake-etcd.ts";
import { ManualClock } from "./manual-clock.ts";
import type { Owned } from "./owned.ts";
import { constantChance } from "./scripted-chance.ts";

export interface ClientOfFakes {
  readonly client: EtcdClient;
  readonly clock: ManualClock;
  readonly fakes: readonly FakeEtcd[];
  readonly options: EtcdOptions;
}

/** @param members what each of them answers, as `FakeEtcd` has it. */
export async function clientOfFakes(
  owned: Owned,
  members: readonly Partial<FakeHandlers>[],
  more: Partial<EtcdOptions> = {},
): Promise<ClientOfFakes> {
  const fakes: FakeEtcd[] = [];
  for (const handlers of members) fakes.push(owned.add(await Fakes.start(handlers)));
  const clock = new ManualClock();
  const options = { endpoints: fakes.map(({ endpoint }) => endpoint), clock, chance: constantChance(), ...more };
  return { client: owned.add(new EtcdClient(options)), clock, fakes, options };
}

/** Moves time on until it is done, whatever it waits for in between. */
export async function whileTimePasses<T>(clock: ManualClock, doing: Promise<T>, stepMs = 100): Promise<T> {
  let done = false;
  const settled = doing.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  while (!done) {
    // What has been sent gets the time to arrive before time moves on.
    await new Promise((resolve) => setTimeout(resolve, 2));
    clock.advance(stepMs);
  }
  return await settled;
}
