/** A config service that can't be started as it was told to: what it says of that, and how it ends. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { Authority } from "../support/certificates.ts";
import { type Ended, start } from "../support/command.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";

const owned = new Owned();
afterEach(() => owned.close());

/** Runs one that is to end by itself. */
async function control(env: Readonly<Record<string, string>>): Promise<Ended> {
  const folder = owned.add(new TempFolder());
  const running = start(["control"], {
    CONTENDER_CONTROL_LISTEN: "127.0.0.1:0",
    CONTENDER_CONTROL_HTTP: "127.0.0.1:0",
    CONTENDER_STORE: `dir:${folder.at("store")}`,
    ...env,
  });
  owned.add({ close: () => void running.child.kill("SIGKILL") });
  return await running.ended();
}

async function taken(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  owned.add({ close: () => void server.close() });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a config service that can't be started", function () {
  this.timeout(30_000);

  for (const setting of ["CONTENDER_CONTROL_LISTEN", "CONTENDER_CONTROL_HTTP"]) {
    it(`says that the port of ${setting} is taken, in the words of a sidecar`, async () => {
      const address = await taken();
      const { code, err } = await control({ [setting]: address });
      assert.equal(code, 69);
      const text = `${setting}: ${address} is taken by another process; choose another address`;
      assert.equal(err, `contender: [ADDRESS_IN_USE] ${text}\n`);
    });
  }

  it("says of a directory that can't be made that it can't, and does not try for ever", async function () {
    if (process.platform !== "linux") this.skip();
    const { code, err } = await control({ CONTENDER_STORE: "dir:/proc/x/store" });
    assert.equal(code, 69);
    assert.match(err, /^contender: \[STORE_UNAVAILABLE\] \/proc\/x\/store: can't open the store: .*mkdir '\/proc\/x'/);
  });

  it("names the file of a replica's token that is not there, or empty", async () => {
    const folder = owned.add(new TempFolder());
    const path = folder.at("token");
    const missing = await control({ CONTENDER_REPLICA_TOKEN_FILE: path });
    const expected = (why: string) => `contender: [SETTINGS_INVALID] CONTENDER_REPLICA_TOKEN_FILE: ${path} ${why}\n`;
    assert.deepEqual([missing.code, missing.err], [64, expected("can't be read: there is no such file")]);
    writeFileSync(path, "\n");
    const empty = await control({ CONTENDER_REPLICA_TOKEN_FILE: path });
    assert.deepEqual([empty.code, empty.err], [64, expected("is empty")]);
  });

  it("names a file of etcd's authorities that holds no certificate, and takes one that does", async () => {
    const folder = owned.add(new TempFolder());
    const path = folder.at("ca.pem");
    const env = { CONTENDER_STORE: "etcd:https://127.0.0.1:1", CONTENDER_STORE_CA: path };
    writeFileSync(path, "no certificate\n");
    const none = await control(env);
    const text = `CONTENDER_STORE_CA: ${path}: want a certificate in PEM, got none`;
    assert.deepEqual([none.code, none.err], [64, `contender: [SETTINGS_INVALID] ${text}\n`]);
    writeFileSync(path, (await Authority.create()).cert);
    const good = await control(env);
    assert.equal(good.code, 69);
    assert.match(good.err, /^contender: \[STORE_UNAVAILABLE\] /);
  });
});
