/** What is done to the service, one at a time: each fault begins, lasts, and ends with everything well again. */
import type { EtcdMember } from "../support/etcd.ts";
import { type Impostor, kinds } from "./impostors.ts";
import { restarts } from "./restarts.ts";
import type { World } from "./world.ts";

export interface Fault {
  readonly name: string;
  /** The store that it needs; undefined where it makes no difference. */
  readonly store?: "etcd" | "dir";
  run(world: World): Promise<void>;
}

const lasting = [1_500, 5_000] as const;

/** Nobody is there for the sidecars from `begin` to `end`. */
function absence(
  name: string,
  begin: (world: World) => unknown,
  end: (world: World) => unknown,
  store?: "etcd",
): Fault {
  const run = async (world: World): Promise<void> => {
    const before = world.versions;
    await begin(world);
    await world.away(before);
    await end(world);
  };
  return store === undefined ? { name, run } : { name, store, run };
}

/** Somebody is there: weights are changed in the middle, where that can be done. */
function trouble(
  name: string,
  store: Fault["store"] | "any",
  begin: (world: World) => unknown,
  end: (world: World) => unknown,
): Fault {
  const run = async (world: World): Promise<void> => {
    await begin(world);
    await world.wait(300, 1_500);
    await world.tryChange();
    await world.wait(...lasting);
    await end(world);
  };
  return store === "any" || store === undefined ? { name, run } : { name, store, run };
}

const etcdOf = ({ service: { etcd } }: World) => {
  if (etcd === undefined) throw new Error("this scene has no etcd");
  return etcd;
};
const pauseAll = ({ service }: World): void => {
  for (const { running } of service.replicas) running.pause();
};
const resumeAll = ({ service }: World): void => {
  for (const { running } of service.replicas) running.resume();
};
const resumeMembers = async (world: World): Promise<void> => {
  for (const member of etcdOf(world).members) member.resume();
  await Promise.all(etcdOf(world).members.map((member) => member.healthy()));
};
const startMembers = async (world: World): Promise<void> => {
  await Promise.all(etcdOf(world).members.map((member) => member.restart()));
};

/** No replica reaches etcd. */
function cutOff({ service }: World): void {
  for (const relay of service.back.flat()) relay.be("hold");
}
function rejoin({ service }: World): void {
  for (const relay of service.back.flat()) {
    relay.reset();
    relay.be("pass");
  }
}

/** Replicas reach these members no more. */
function cutOffFrom({ service }: World, members: readonly EtcdMember[]): void {
  for (const relays of service.back) {
    for (const [i, relay] of relays.entries()) {
      if (service.etcd?.members.some((member, at) => at === i && members.includes(member))) relay.be("hold");
    }
  }
}

const others = 400;
async function writeElsewhere(world: World): Promise<void> {
  const key = Buffer.from("elsewhere").toString("base64");
  for (let i = 0; i < others; i++) await etcdOf(world).first.ask("kv/put", { key, value: key });
}

const ofReplicas: readonly Fault[] = [
  absence(
    "all replicas killed",
    ({ service }) => service.kill(),
    ({ service }) => service.again(),
  ),
  absence("all replicas paused", pauseAll, resumeAll),
  trouble(
    "the leading replica killed",
    "etcd",
    ({ service }) => service.kill([service.leader]),
    ({ service }) => service.again(),
  ),
  trouble("the leading replica paused", "etcd", ({ service }) => service.leader.running.pause(), resumeAll),
];

const ofNetworks: readonly Fault[] = [
  absence(
    "a black hole before the service",
    ({ service }) => service.front.be("hold"),
    ({ service }) => service.front.be("pass"),
  ),
  absence(
    "a black hole, and then resets",
    ({ service }) => service.front.be("hold"),
    ({ service }) => {
      service.front.reset();
      service.front.be("pass");
    },
  ),
  {
    name: "resets over and over",
    run: async (world) => {
      for (let i = 0; i < 12; i++) {
        world.service.front.reset();
        if (i === 6) await world.tryChange();
        await world.wait(100, 500);
      }
    },
  },
  trouble(
    "connections half closed",
    "any",
    ({ service }) => service.front.halfClose("near"),
    ({ service }) => service.front.halfClose("far"),
  ),
  trouble(
    "bytes one at a time",
    "any",
    ({ service }) => service.front.be("slice"),
    ({ service }) => service.front.be("pass"),
  ),
  trouble(
    "the leading replica cut off from etcd",
    "etcd",
    ({ service }) => {
      for (const relay of service.back[service.replicas.indexOf(service.leader)] ?? []) relay.be("hold");
    },
    ({ service }) => {
      for (const relay of service.back.flat()) relay.be("pass");
    },
  ),
  trouble("every replica cut off from etcd", "etcd", cutOff, rejoin),
];

const ofEtcd: readonly Fault[] = [
  trouble(
    "etcd's leader out of the replicas' reach",
    "etcd",
    async (world) => cutOffFrom(world, [(await etcdOf(world).roles()).leader]),
    rejoin,
  ),
  trouble(
    "two members of etcd out of the replicas' reach",
    "etcd",
    async (world) => cutOffFrom(world, (await etcdOf(world).roles()).followers),
    rejoin,
  ),
  trouble("etcd's leader killed", "etcd", async (world) => (await etcdOf(world).roles()).leader.kill(), startMembers),
  trouble("etcd's leader paused", "etcd", async (world) => (await etcdOf(world).roles()).leader.pause(), resumeMembers),
  trouble(
    "a majority of etcd killed",
    "etcd",
    async (world) => {
      const { leader, followers } = await etcdOf(world).roles();
      await Promise.all([leader, world.any(followers)].map((member) => member.kill()));
    },
    startMembers,
  ),
  trouble(
    "a majority of etcd paused",
    "etcd",
    async (world) => {
      for (const member of (await etcdOf(world).roles()).followers) member.pause();
    },
    resumeMembers,
  ),
];

/** A store that was put back: what is in it is for everybody, whatever they have seen since. */
interface PutBack {
  readonly copy: string;
  /** No replica runs meanwhile. */
  readonly alone: boolean;
  /** Others write to that etcd, and it is soon further than it was. */
  readonly busy?: boolean;
}

function putBack(name: string, store: "etcd" | "dir", { copy, alone, busy = false }: PutBack): Fault {
  const stop = async (world: World): Promise<void> => {
    if (alone) await world.service.kill();
    await world.service.stopEtcd();
  };
  const begin = async ({ service }: World): Promise<void> => {
    await service.startEtcd();
    await service.again();
  };
  const run = async (world: World): Promise<void> => {
    if (copy === recent) {
      await stop(world);
      await world.save(recent);
      await begin(world);
      await world.converge();
    }
    await stop(world);
    await world.service.putBack(copy);
    if (busy) cutOff(world);
    await begin(world);
    if (busy) await writeElsewhere(world);
    if (busy) rejoin(world);
    await world.taken(copy);
  };
  return { name, store, run };
}

export const older = "older";
const recent = "recent";

const ofStores: readonly Fault[] = [
  putBack("etcd put back to where the scene began", "etcd", { copy: older, alone: false }),
  putBack("etcd put back by a few changes", "etcd", { copy: recent, alone: false }),
  putBack("etcd put back, and others write to it", "etcd", { copy: recent, alone: false, busy: true }),
  putBack("etcd put back while no replica runs", "etcd", { copy: older, alone: true }),
  putBack("the directory put back to where the scene began", "dir", { copy: older, alone: true }),
  putBack("the directory put back by a few changes", "dir", { copy: recent, alone: true }),
];

const impostors: readonly Fault[] = kinds.map((kind) => ({
  name: kind.name,
  run: async (world) => {
    const before = world.versions;
    const impostor: Impostor = await kind.open(before[0] ?? "");
    try {
      world.service.replace(impostor.address);
      if (kind.heard) await world.refused(before);
      else await world.away(before);
    } finally {
      impostor.close();
      world.service.replace(undefined);
    }
  },
}));

export const faults: readonly Fault[] = [
  ...ofReplicas,
  ...ofNetworks,
  ...ofEtcd,
  ...ofStores,
  ...impostors,
  ...restarts,
];
