import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { systemChance } from "../../../../src/base/chance.ts";
import { systemClock } from "../../../../src/base/clock.ts";
import { openEmbeddedStore } from "../../../../src/control/embedded/open.ts";
import { Owned } from "../../../support/owned.ts";
import { committed, type OpenedStore, put, storeContract } from "../../../support/store-contract.ts";
import { TempFolder } from "../../../support/temp-folder.ts";

const ports = { clock: systemClock, chance: systemChance };

async function openInFolder(): Promise<OpenedStore> {
  const folder = new TempFolder();
  const path = folder.at("store");
  // So small that the journal begins anew all the time.
  const open = () => openEmbeddedStore(path, ports, { journalBytes: 256 });
  let store = await open();
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    close: async () => {
      await store.close();
      folder.close();
    },
  };
}

storeContract("a directory", openInFolder, { shared: false });

describe("a store's directory", () => {
  const own = new Owned();
  let folder: TempFolder;

  beforeEach(() => {
    folder = own.add(new TempFolder());
  });
  afterEach(() => own.close());

  const open = async (path: string) => own.add(await openEmbeddedStore(path, ports));

  it("is made where there is none, for its owner alone", async () => {
    const path = folder.at("new/store");
    const store = await open(path);
    await committed(store, [put("a", "secret")]);
    assert.equal(store.name, `dir:${path}`);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    const names = readdirSync(path);
    assert.deepEqual(names.sort(), ["journal-0000000001", "lock"]);
    for (const name of names) assert.equal(statSync(`${path}/${name}`).mode & 0o777, 0o600);
  });

  it("may be there already, and be the root of a file system", async () => {
    mkdirSync(folder.at("lost+found"));
    await committed(await open(folder.path), [put("a", "1")]);
  });

  it("is refused where others keep things in it", async () => {
    for (const name of ["a.txt", "b.txt", "c.txt", "d.txt"]) writeFileSync(folder.at(name), "");
    await assert.rejects(open(folder.path), {
      code: "STORE_DAMAGED",
      message: `[STORE_DAMAGED] ${folder.path}: has what no store put there (a.txt, b.txt, c.txt, …). Choose an empty directory`,
    });
    assert.equal(readdirSync(folder.path).length, 4);
  });

  it("is refused where it is a file, or can't be made", async () => {
    writeFileSync(folder.at("file"), "");
    for (const name of ["file", "file/store"]) {
      await assert.rejects(open(folder.at(name)), {
        code: "STORE_UNAVAILABLE",
        message: /file.*: can't open the store: E/,
      });
    }
  });

  it("belongs to one store at a time, until that is closed", async () => {
    const first = await openEmbeddedStore(folder.path, ports);
    await committed(first, [put("a", "1")]);
    await assert.rejects(open(folder.path), {
      code: "STORE_LOCKED",
      message: new RegExp(`in use by process ${process.pid} on `),
    });
    await committed(first, [put("b", "2")]);
    await first.close();
    assert.equal((await (await open(folder.path)).get("")).entries.length, 2);
  });

  it("is left without a lock by a closed store, and without what only opening needed", async () => {
    await (await openEmbeddedStore(folder.path, ports)).close();
    assert.deepEqual(readdirSync(folder.path), ["journal-0000000001"]);
  });

  it("is not taken by a store that then finds it damaged", async () => {
    await (await openEmbeddedStore(folder.path, ports)).close();
    const path = folder.at("journal-0000000001");
    const whole = readFileSync(path);
    whole[20] = (whole[20] ?? 0) ^ 1;
    writeFileSync(path, whole);
    await assert.rejects(open(folder.path), { code: "STORE_DAMAGED" });
    assert.deepEqual(readdirSync(folder.path), ["journal-0000000001"]);
    assert.deepEqual(readFileSync(path), whole);
  });

  it("opens where the end of the journal is torn", async () => {
    const store = await openEmbeddedStore(folder.path, ports);
    await committed(store, [put("a", "1")]);
    await store.close();
    appendFileSync(
      folder.at("journal-0000000001"),
      Buffer.from([0xff, 0x43, 0x4a, 0x31, 200, 0, 0, 0, 1, 2, 3, 4, 0x7b]),
    );
    const again = await open(folder.path);
    assert.deepEqual(
      (await again.get("")).entries.map(({ value }) => value),
      ["1"],
    );
    await committed(again, [put("b", "1")]);
  });
});
