/** A config service whose store was put back from a backup, and sidecars that poll it: no stream tells it so. */
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { SourceStatus } from "../../../src/config/source-status.ts";
import type { SidecarCaller } from "../../../src/control/access/callers.ts";
import { ControlHttp } from "../../../src/control/ports/http.ts";
import { httpEndpoints } from "../../../src/control/ports/http-endpoints.ts";
import { HttpSource } from "../../../src/sync/http-source.ts";
import { applyFraud, startControl } from "../../support/control.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

/** On this directory, with its HTTP port; `sees` is what a person has who asks. */
async function serving(path: string, port = 0, more: Pick<SidecarCaller, "sees"> = {}) {
  const control = await startControl(path);
  const http = new ControlHttp(systemClock, () => undefined);
  http.serve(
    httpEndpoints({
      control: control.control,
      contentType: "",
      metrics: async () => "",
      sidecar: (_, labels) => ({ identity: "pods", labels, ...more }),
      reader: () => undefined,
      unready: () => undefined,
    }),
  );
  const address = await http.listen({ kind: "tcp", host: "127.0.0.1", port });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= http.close().then(() => control.close());
    return closed;
  };
  owned.add({ close });
  return { ...control, close, url: `http://${address}/v1/routes`, port: Number(address.split(":").at(-1)) };
}

/** One whose store has its id from a process before. */
async function restarted(path: string) {
  const before = await serving(path);
  await applyFraud(before);
  await before.close();
  return await serving(path);
}

const poll = async (url: string, etags: string): Promise<string | null> => {
  const answer = await fetch(url, { headers: { "if-none-match": etags, connection: "close" } });
  return answer.headers.get("etag");
};

describe("a config service whose store was put back", () => {
  it("is followed by sidecars that poll it, and had more of it", async () => {
    const folder = owned.add(new TempFolder());
    const path = folder.at("store");
    const before = await serving(path);
    await applyFraud(before, 10);
    cpSync(path, folder.at("backup"), { recursive: true });
    await applyFraud(before, 20);
    const clock = new ManualClock();
    const status = new SourceStatus("x", clock, () => undefined);
    let weight: number | undefined;
    const source = owned.add(
      new HttpSource({
        url: before.url,
        name: "x",
        pollMs: 1_000,
        pem: {},
        tokenFile: undefined,
        around: { local: "127.0.0.1:8500" },
        clock,
        chance: { next: () => 0.5 },
        status,
        apply: (loaded) => {
          if (loaded.ok) weight = loaded.value.routes[0]?.weights.v42;
          return loaded.ok ? [] : loaded.problems;
        },
      }),
    );
    assert.deepEqual(await source.open(), []);
    assert.equal(weight, 20);
    await before.close();
    rmSync(path, { recursive: true });
    cpSync(folder.at("backup"), path, { recursive: true });
    rmSync(join(path, "lock"), { force: true });
    const after = await serving(path, before.port);
    const { id } = after.control.routes;
    const passing = async (condition: () => boolean, what: string): Promise<void> => {
      await until(() => {
        if (!condition()) clock.advance(1_000);
        return condition();
      }, what);
    };
    await passing(() => weight === 10, "the sidecar has what was put back");
    assert.notEqual(after.control.routes.id, id);
    await applyFraud(after, 50);
    await passing(() => weight === 50, "the sidecar has what was changed since");
    assert.deepEqual([status.rejected, status.connected], [[], true]);
  });

  it("tells whose word it was, once for all that a question names", async () => {
    const { control, events, url } = await restarted(owned.add(new TempFolder()).at("store"));
    const { id } = control.routes;
    await poll(`${url}?pod=p-1`, `"other", "${id}-7-00000000", W/"${id}-9-00000000"`);
    await until(() => control.routes.id !== id, "it is another store");
    await until(() => events.some(({ kind }) => kind === "store_claimed"), "it is told");
    assert.deepEqual(
      events.filter(({ kind }) => kind === "store_claimed"),
      [
        {
          kind: "store_claimed",
          outcome: "restored",
          instance: "p-1",
          identity: "pods",
          claimed: 9,
          revision: 1,
          more: 0,
        },
      ],
    );
    assert.equal(control.figures.claims.restored, 1);
  });

  it("is not found so by what is as far as it, is of another store, or is a person's", async () => {
    const folder = owned.add(new TempFolder());
    const sidecars = await restarted(folder.at("one"));
    const { id } = sidecars.control.routes;
    for (const etag of [`"${id}-1-00000000"`, `"fedcba987654-9-00000000"`, `${id}-9`, "*"])
      await poll(sidecars.url, etag);
    const people = await serving(folder.at("two"), 0, { sees: () => true });
    await poll(people.url, `"${people.control.routes.id}-9-00000000"`);
    const none = { restored: 0, waits: 0, refused: 0 };
    assert.deepEqual([sidecars.control.figures.claims, people.control.figures.claims], [none, none]);
    // Whatever they say is looked at in turn: a true word, said last, is the first to be heard.
    await poll(sidecars.url, `"${id}-9-00000000"`);
    await until(() => sidecars.control.figures.claims.restored === 1, "it is heard");
  });
});
