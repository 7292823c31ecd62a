import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { clearStale, setMode } from "../../../src/transport/unix-socket.ts";
import { abandoned } from "../../support/abandoned-socket.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const own = new Owned();

async function listening(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, "listening");
  own.add({ close: () => server.close() });
  return server;
}

describe("the file of a unix socket", () => {
  afterEach(() => own.close());

  it("is no obstacle where there is none", async () => {
    await clearStale(own.add(new TempFolder()).at("proxy.sock"));
  });

  it("that a killed process left behind is removed", async () => {
    const path = own.add(new TempFolder()).at("proxy.sock");
    abandoned(path);
    assert.equal(existsSync(path), true);
    await clearStale(path);
    assert.equal(existsSync(path), false);
    await listening(path);
  });

  it("behind which somebody answers stays", async () => {
    const path = own.add(new TempFolder()).at("proxy.sock");
    await listening(path);
    await assert.rejects(clearStale(path), { code: "EADDRINUSE", message: `another process listens on ${path}` });
    assert.equal(existsSync(path), true);
  });

  it("that is no socket stays, whatever it is", async () => {
    const path = own.add(new TempFolder()).at("proxy.sock");
    writeFileSync(path, "somebody's");
    await assert.rejects(clearStale(path), { code: "EADDRINUSE", message: `${path} is there and is no socket` });
    assert.equal(existsSync(path), true);
  });

  it("has the permissions that it is given", async () => {
    const path = own.add(new TempFolder()).at("proxy.sock");
    await listening(path);
    setMode(path, 0o600);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    setMode(path, 0o666);
    assert.equal(statSync(path).mode & 0o777, 0o666);
  });
});
