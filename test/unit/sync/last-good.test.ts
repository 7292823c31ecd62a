import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import type { SnapshotMessage } from "../../../src/api/messages.ts";
import { LastGoodFile, type LastGoodOwner } from "../../../src/sync/last-good.ts";
import { Owned } from "../../support/owned.ts";
import { answer, received, sentRoute } from "../../support/snapshots.ts";
import { TempFolder } from "../../support/temp-folder.ts";
import { until } from "../../support/until.ts";

const owner: LastGoodOwner = { service: "127.0.0.1:7410", namespace: "ml", workload: "fraud" };
const { message } = received(answer(3, [sentRoute({ weights: { v1: 70, v2: 30 } })]));
const snapshot = message.snapshot as SnapshotMessage;
const { version } = message;

describe("the last good routes on disk", () => {
  const owned = new Owned();
  let folder: TempFolder;
  beforeEach(() => {
    folder = owned.add(new TempFolder());
  });
  afterEach(() => owned.close());

  const file = (of = owner, told: (string | undefined)[] = []) =>
    new LastGoodFile(folder.path, of, (_, failed) => told.push(failed));
  const written = async (): Promise<string> => {
    const kept = file();
    kept.write({ version, snapshot });
    await kept.settled();
    return kept.path;
  };

  it("are read as they were written, by the next process", async () => {
    await written();
    const found = file().read();
    assert.ok(found.kind === "good");
    assert.deepEqual(found.lastGood, { version, snapshot: JSON.parse(JSON.stringify(snapshot)) });
    assert.deepEqual(readdirSync(folder.path), ["last-good.json"]);
  });

  it("are readable by nobody else, since routes may hold tokens", async () => {
    assert.equal(statSync(await written()).mode & 0o777, 0o600);
  });

  it("are none where there is no file", () => {
    assert.deepEqual(file().read(), { kind: "none" });
  });

  it("are ignored at every length to which a file may be torn", async () => {
    const path = await written();
    const whole = readFileSync(path);
    const lengths = Array.from({ length: 40 }, (_, i) => Math.trunc((whole.length * i) / 40));
    for (const length of [...lengths, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      assert.equal(file().read().kind, "ignored", `${length} of ${whole.length} bytes`);
    }
  });

  it("are ignored where a byte was changed", async () => {
    const path = await written();
    writeFileSync(path, readFileSync(path, "utf8").replace('"weight":70', '"weight":71'));
    assert.deepEqual(file().read(), { kind: "ignored", detail: "it was not written whole, or changed since" });
  });

  for (const [what, other] of [
    ["service", { ...owner, service: "127.0.0.1:1" }],
    ["namespace", { ...owner, namespace: "x" }],
    ["workload", { ...owner, workload: "x" }],
  ] as const) {
    it(`are ignored where they are of another ${what}`, async () => {
      await written();
      const found = file(other).read();
      assert.ok(found.kind === "ignored");
      assert.match(found.detail, /it is of fraud in ml at 127\.0\.0\.1:7410, and this is/);
    });
  }

  it("end with the last of what is to be written, however fast it comes", async () => {
    const told: (string | undefined)[] = [];
    const kept = file(owner, told);
    for (let i = 0; i < 10; i++) kept.write({ version: `${version}${i}`, snapshot });
    await kept.settled();
    const found = file().read();
    assert.ok(found.kind === "good");
    assert.equal(found.lastGood.version, `${version}9`);
    assert.ok(told.length < 10);
  });

  it("tell why they could not be written, and leave what was there", async () => {
    const told: (string | undefined)[] = [];
    const path = folder.at("file");
    writeFileSync(path, "no directory");
    const kept = new LastGoodFile(path, owner, (_, failed) => told.push(failed));
    kept.write({ version, snapshot });
    await kept.settled();
    assert.match(told[0] ?? "", /EEXIST|ENOTDIR/);
    assert.equal(kept.read().kind, "ignored");
  });

  it("know when the service was heard last, as exactly as is asked", async () => {
    const path = await written();
    const kept = file();
    const heard = Date.UTC(2026, 0, 1);
    utimesSync(path, new Date(0), new Date(0));
    kept.touch(heard, 60_000);
    await until(() => statSync(path).mtimeMs === heard, "the file is touched");
    kept.touch(heard + 59_999, 60_000);
    kept.touch(heard + 60_000, 60_000);
    await until(() => statSync(path).mtimeMs === heard + 60_000, "it is touched again a minute later");
    const found = kept.read();
    assert.equal(found.kind === "good" && found.contactWallMs, heard + 60_000);
  });

  it("make their directory", async () => {
    const path = folder.at("a/b");
    const kept = new LastGoodFile(path, owner, () => undefined);
    kept.write({ version, snapshot });
    await kept.settled();
    assert.equal(kept.read().kind, "good");
  });
});
