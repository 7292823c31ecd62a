import assert from "node:assert/strict";
import type { ControlChannel } from "../../../src/api/channel.ts";
import { ControlLink } from "../../../src/processes/control-link.ts";

/** Opens what it is told to, in turn. */
function linked(...outcomes: readonly ("opens" | Error)[]) {
  const left = [...outcomes];
  const world = { opened: 0, closed: 0 };
  const link = new ControlLink(async () => {
    const outcome = left.shift();
    if (outcome instanceof Error) throw outcome;
    world.opened++;
    return { close: () => void world.closed++ } as unknown as ControlChannel;
  });
  return { link, world };
}

describe("the link to a config service", () => {
  it("is opened once for all who ask for it, and closed once", async () => {
    const { link, world } = linked("opens");
    const [one, two] = await Promise.all([link.channel(), link.channel()]);
    assert.equal(one, two);
    assert.equal(await link.channel(), one);
    await link.close();
    assert.deepEqual(world, { opened: 1, closed: 1 });
  });

  it("tries again for who asks after it could not be opened", async () => {
    const { link, world } = linked(new Error("too many open files"), "opens");
    const both = await Promise.allSettled([link.channel(), link.channel()]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await link.channel();
    assert.equal(world.opened, 1);
  });

  it("is closed without a word where it could not be opened, or was never asked for", async () => {
    const { link, world } = linked(new Error("too many open files"));
    const asked = assert.rejects(link.channel());
    await link.close();
    await asked;
    await linked().link.close();
    assert.equal(world.closed, 0);
  });
});
