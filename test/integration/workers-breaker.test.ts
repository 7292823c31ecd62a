/** A breaker is one for all workers: what any of them hears of a variant counts, and half-open there is one probe. */
import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { type ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { challenged } from "../support/two-workers.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());
const answer = framed(tfResponse([0.25]));
const variantOf = (stream: PeerStream): string | undefined => stream.value("x-contender-variant");

/** All calls are the challenger's, insured by the champion; what the challenger does, a test says as it goes. */
async function insured(env: Readonly<Record<string, string>> = {}) {
  const champion = own.add(await ServerPeer.answering(answer));
  const behaviour = { does: (stream: PeerStream): void => stream.refuse(14) };
  const challenger = own.add(await ServerPeer.start((stream) => void stream.done().then(() => behaviour.does(stream))));
  const { sidecar, clients } = await challenged(
    own,
    { v41: { address: champion.address }, v42: { address: challenger.address, onFailure: "champion" } },
    { CONTENDER_LIMIT_BREAKER_MIN_CALLS: "20", CONTENDER_LIMIT_BREAKER_RESET: "1s", ...env },
  );
  const ask = async (client: ClientPeer): Promise<string | undefined> => {
    return variantOf(await client.unary(tfPredict, request));
  };
  const each = async (count: number): Promise<(string | undefined)[]> => {
    return await Promise.all(clients.flatMap((client) => Array.from({ length: count }, () => ask(client))));
  };
  const changes = (): unknown[] => sidecar.lines.filter(({ event }) => event === "breaker").map(({ to }) => to);
  /** From now on the challenger holds what it gets; the first of it is the probe. */
  const hold = (): { readonly held: PeerStream[]; readonly probed: Promise<void> } => {
    const held: PeerStream[] = [];
    const { promise: probed, resolve } = Promise.withResolvers<void>();
    behaviour.does = (stream) => {
      held.push(stream);
      resolve();
    };
    return { held, probed };
  };
  return { challenger, sidecar, clients, ask, each, changes, behaviour, hold };
}

/** Repeats what is to be done until it is enough; as often as a breaker's pause may take, and no more. */
async function repeat(act: () => Promise<unknown>, enough: () => boolean): Promise<void> {
  for (let i = 0; i < 20_000 && !enough(); i++) await act();
  assert.ok(enough());
}

describe("the breaker of two workers", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("opens by what both heard together, where neither alone has heard enough", async () => {
    const { challenger, sidecar, each, changes } = await insured();
    await each(10);
    await until(() => changes().length === 1, "the breaker has opened");
    assert.deepEqual(changes(), ["open"]);
    const asked = challenger.streams.length;
    assert.equal(asked, 20);
    const metrics = await sidecar.metrics();
    assert.equal(valueAt(metrics, "contender_breaker_open", { route: "fraud", variant: "v42", traffic: "live" }), 1);
    await each(5); // by now both workers know: the answer to the scrape came after the word
    assert.equal(challenger.streams.length, asked);
  });

  it("half-open lets one call through, of all that come to both, and its answer closes it for both", async () => {
    const { challenger, each, changes, behaviour, hold } = await insured();
    await each(10);
    await until(() => changes().includes("open"), "the breaker has opened");
    const before = challenger.streams.length;
    const { held, probed } = hold();
    const waiting: Promise<unknown>[] = [];
    await repeat(
      async () => {
        const calls = each(1);
        waiting.push(calls);
        await Promise.race([calls, probed]);
      },
      () => held.length > 0,
    );
    assert.deepEqual(new Set(await each(100)), new Set(["v41"]));
    assert.equal(challenger.streams.length, before + 1, "one probe in all");

    behaviour.does = (stream) => stream.answer(answer);
    for (const stream of held) stream.answer(answer);
    await Promise.all(waiting);
    let last: readonly (string | undefined)[] = [];
    await repeat(
      async () => {
        last = await each(5);
      },
      () => last.every((variant) => variant === "v42"),
    );
    await until(() => changes().length === 3, "all changes are logged");
    assert.deepEqual(changes(), ["open", "half_open", "closed"]);
  });

  it("gives the probe to another where the worker that had it is killed", async () => {
    const { challenger, sidecar, clients, ask, each, changes, hold } = await insured();
    await each(10);
    await until(() => changes().includes("open"), "the breaker has opened");
    const { held, probed } = hold();
    const [first, second] = clients as [ClientPeer, ClientPeer];
    await repeat(
      () => Promise.race([ask(first).catch(() => undefined), probed]),
      () => held.length === 1,
    );
    const before = challenger.streams.length;
    const apart = await sidecar.metrics("?by=worker");
    const worker = [1, 2].find(
      (each) => valueAt(apart, "contender_streams_active", { side: "upstream", worker: String(each) }) === 1,
    );
    process.kill((await sidecar.workerPids())[(worker ?? 1) - 1] ?? 0, "SIGKILL");
    await until(() => first.gone, "the first caller's worker is gone");
    const another = until(() => held.length === 2, "another probes", 20_000);
    await repeat(
      () => Promise.race([ask(second).catch(() => undefined), another]),
      () => held.length === 2,
    );
    assert.equal(challenger.streams.length, before + 1);
    held[1]?.answer(answer);
    await until(() => changes().includes("closed"), "the breaker has closed");
    assert.deepEqual(changes(), ["open", "half_open", "closed"]);
  });
});
