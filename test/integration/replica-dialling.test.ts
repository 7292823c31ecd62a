/** By which token a replica of a config service is known to others: read for each stream, and judged before anything is served. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { type handleBidiStreamingCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { serviceDefinition } from "../../src/api/protos.ts";
import { replicaDialling } from "../../src/processes/replica-dialling.ts";
import { Owned } from "../support/owned.ts";
import { TempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const owned = new Owned();
afterEach(() => owned.close());

/** A replica that notes by what others say who they are. */
async function replica(): Promise<{ address: string; tokens: unknown[] }> {
  const tokens: unknown[] = [];
  const share: handleBidiStreamingCall<object, object> = (call) => {
    tokens.push(call.metadata.get("authorization")[0]);
    call.on("error", () => undefined).resume();
  };
  const server = new Server();
  const { Share } = serviceDefinition("PeerService");
  assert.ok(Share !== undefined);
  server.addService({ Share }, { Share: share });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  owned.add({ close: () => server.forceShutdown() });
  return { address: `127.0.0.1:${port}`, tokens };
}

const dialling = (replicaTokenFile: string) =>
  replicaDialling({ tlsCert: undefined, tlsKey: undefined, tlsClientCa: undefined, replicaTokenFile });

function dial(by: ReturnType<typeof dialling>, address: string): void {
  const { stream, close } = by(address);
  stream.on("error", () => undefined);
  owned.add({ close });
}

describe("the token of a replica", () => {
  it("is the one that its file holds when a stream begins: a new one needs no restart", async () => {
    const folder = owned.add(new TempFolder());
    const { address, tokens } = await replica();
    writeFileSync(folder.at("token"), "one\n");
    const by = dialling(folder.at("token"));
    dial(by, address);
    await until(() => tokens.length === 1, "the first stream is there");
    writeFileSync(folder.at("token"), "two\n");
    dial(by, address);
    await until(() => tokens.length === 2, "the second stream is there");
    assert.deepEqual(tokens, ["Bearer one", "Bearer two"]);
  });

  it("that has gone since is told by its own setting, to whoever dials, and comes back with its file", async () => {
    const folder = owned.add(new TempFolder());
    const { address, tokens } = await replica();
    writeFileSync(folder.at("token"), "one");
    const by = dialling(folder.at("token"));
    rmSync(folder.at("token"));
    assert.throws(() => by(address), /\[SETTINGS_INVALID\] CONTENDER_REPLICA_TOKEN_FILE: .*there is no such file/);
    writeFileSync(folder.at("token"), "");
    assert.throws(() => by(address), /\[SETTINGS_INVALID\] CONTENDER_REPLICA_TOKEN_FILE: .*is empty/);
    writeFileSync(folder.at("token"), "three");
    dial(by, address);
    await until(() => tokens.length === 1, "the stream is there");
    assert.deepEqual(tokens, ["Bearer three"]);
  });
});
