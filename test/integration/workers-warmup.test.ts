/** A variant that several workers warm up is warm for all of them once all together have sent enough copies. */
import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { type ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { challenged } from "../support/two-workers.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const request = framed(tfRequest());
const answer = framed(tfResponse([0.25]));
const copies = 6;

/** All calls are drawn for a challenger that is cold, by two workers with a caller each. */
async function warmingUp() {
  const champion = own.add(await ServerPeer.answering(answer));
  const challenger = own.add(await ServerPeer.answering(answer));
  const v42 = { address: challenger.address, warmup: { copies, timeout: "10m" } };
  const { sidecar, clients } = await challenged(own, { v41: { address: champion.address }, v42 });
  const [first, second] = clients;
  const ask = async (client: ClientPeer): Promise<string | undefined> =>
    (await client.unary(tfPredict, request)).value("x-contender-variant");
  const remaining = async (): Promise<number | undefined> =>
    valueAt(await sidecar.metrics(), "contender_warmup_remaining_copies", { variant: "v42" });
  /** Until so many are left for all. */
  const left = async (count: number): Promise<void> => {
    while ((await remaining()) !== count);
  };
  return { challenger, sidecar, first, second, ask, remaining, left };
}

describe("a warm-up by two workers", function () {
  this.timeout(60_000);
  afterEach(() => own.close());

  it("takes as many copies as were asked for, of all together, and then both give users to the variant", async () => {
    const { challenger, sidecar, first, second, ask, remaining, left } = await warmingUp();
    assert.equal(await remaining(), copies);
    for (let i = 1; i <= copies; i++) {
      assert.equal(await ask(i % 2 === 0 ? first : second), "v41");
      await left(copies - i);
    }
    assert.deepEqual([await ask(first), await ask(second)], ["v42", "v42"]);
    assert.equal(challenger.streams.length, copies + 2);
    const ends = () => sidecar.lines.filter(({ event }) => event === "warmup");
    await until(() => ends().length === 2, "each worker has said so");
    assert.deepEqual(
      ends()
        .map(({ worker, level, end }) => [worker, level, end])
        .sort(),
      [
        [1, 30, "warm"],
        [2, 30, "warm"],
      ],
    );
  });

  it("is over for a worker without callers too", async () => {
    const { first, second, ask, left } = await warmingUp();
    for (let i = 1; i <= copies; i++) {
      await ask(first);
      await left(copies - i);
    }
    assert.equal(await ask(second), "v42");
  });

  it("has a breaker, of all workers, under a name of its own", async () => {
    const { sidecar } = await warmingUp();
    const labels = { route: "fraud", variant: "v42", traffic: "warmup" };
    assert.equal(valueAt(await sidecar.metrics(), "contender_breaker_open", labels), 0);
  });
});
