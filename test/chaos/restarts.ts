/** A sidecar that is killed while its service is away, and starts again: it has to serve what it served, at once. */
import { connect } from "node:http2";
import { setTimeout } from "node:timers/promises";
import { framed } from "../support/predict.ts";
import type { Fault } from "./faults.ts";
import type { Sidecar } from "./sidecars.ts";
import type { World } from "./world.ts";

const mortal = 2;
const times = 3;
const answerMs = 10_000;

/** One call; undefined where nobody answers well. @returns the variant */
function ask({ address, path }: Sidecar, user: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    let variant = "";
    let good = false;
    const end = (): void => {
      session.destroy();
      resolve(good ? variant : undefined);
    };
    session.on("error", end);
    const call = session.request({
      ":method": "POST",
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
      "x-user-id": `user-${user}`,
    });
    call.on("response", (headers) => {
      variant = String(headers["x-contender-variant"]);
    });
    call.on("trailers", (headers) => {
      good = headers["grpc-status"] === "0";
    });
    call.on("error", () => undefined);
    call.on("close", end);
    call.resume();
    call.end(framed(""));
  });
}

async function restart(world: World, version: string): Promise<void> {
  const { verdicts, truth, service, starts } = world;
  const sidecar = world.sidecar(mortal);
  world.tell({ leaving: mortal });
  await setTimeout(20);
  await sidecar.program?.kill();
  world.tell({ off: mortal });
  const program = sidecar.spawn(service.front.address);
  let variant: string | undefined;
  const endMs = performance.now() + answerMs;
  while (variant === undefined && performance.now() < endMs) {
    variant = await ask(sidecar, 7);
    if (variant === undefined) await setTimeout(4);
  }
  const wallMs = performance.now() - program.beganMs;
  const { waitedMs } = await program.scheduled();
  starts.push({ wallMs, ownMs: wallMs - waitedMs });
  const wanted = truth.at(version, sidecar.route).map(({ variants }) => variants[7]);
  if (variant === undefined || !wanted.includes(variant)) {
    verdicts.problem(
      `started again, sidecar ${mortal} answers by ${variant}, and not by ${wanted.join()} of ${version}`,
    );
  }
  await program.ready();
  world.callOn(mortal);
  const { versions, connected } = await sidecar.look();
  if (versions.join() !== version) verdicts.problem(`started again, it has ${versions.join()}, and not ${version}`);
  if (connected) verdicts.problem("started again, it says that its service is there");
}

async function again(world: World, begin: () => unknown, end: () => unknown): Promise<void> {
  const [version = ""] = world.versions.slice(mortal);
  await begin();
  for (let i = 0; i < times; i++) {
    await restart(world, version);
    await world.wait(300, 600);
  }
  await world.away(world.versions);
  await end();
}

export const restarts: readonly Fault[] = [
  {
    name: "a sidecar killed while no replica runs",
    run: (world) =>
      again(
        world,
        () => world.service.kill(),
        () => world.service.again(),
      ),
  },
  {
    name: "a sidecar killed behind a black hole",
    run: (world) =>
      again(
        world,
        () => world.service.front.be("hold"),
        () => world.service.front.be("pass"),
      ),
  },
];
