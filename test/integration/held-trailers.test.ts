/** Trailers are kept like everything else: somebody is charged for them. */
import assert from "node:assert/strict";
import { valueAt } from "../support/exposition.ts";
import { settings } from "../support/h2-frames.ts";
import { answerHead, ClientPeer, ServerPeer } from "../support/h2-peer.ts";
import { blockOf } from "../support/hpack.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { type SidecarOptions, snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const long = "t".repeat(20_000);

async function between(server: ServerPeer, options: SidecarOptions) {
  own.add(server);
  return own.add(await TestSidecar.start(snapshotOf({ variants: { v41: server.address } }), options));
}

async function buffered(sidecar: TestSidecar, kind: string): Promise<number> {
  return valueAt(await sidecar.exposed(), "contender_buffered_bytes", { kind }) ?? 0;
}

describe("trailers", () => {
  afterEach(() => own.close());

  it("of answers that wait behind unread bytes count as unread, and go when their call does", async () => {
    const server = await ServerPeer.start((stream) => {
      stream.headers(answerHead);
      stream.data(framed("x"));
      stream.end([
        ["grpc-status", "3"],
        ["grpc-status-details-bin", `${stream.stream.id}${long}`],
      ]);
    });
    const sidecar = await between(server, { limits: { proxy: { connectionUnreadBytes: 300_000 } } });
    const caller = own.add(await ClientPeer.connect(sidecar.address));
    caller.socket.write(settings({ INITIAL_WINDOW_SIZE: 0 }));
    await turns(20);
    for (let i = 0; i < 100; i++) caller.call(tfPredict, framed(tfRequest()));
    await until(() => caller.connection.streamCount < 100, "calls beyond the limit are refused");
    await turns(20);
    const held = await buffered(sidecar, "streams");
    assert.ok(held > 250_000 && held < 400_000, `${held} bytes are counted`);
    caller.close();
    await until(() => sidecar.sidecar.generation?.calls === 0, "all are over");
    await turns(5);
    assert.equal(await buffered(sidecar, "streams"), 0);
  });

  it("of requests that are no gRPC calls count with the header lists that calls keep", async () => {
    const server = await ServerPeer.start(); // never answers
    const sidecar = await between(server, { nonGrpc: "forward", limits: { proxy: { headerBytes: 300_000 } } });
    const caller = own.add(await ClientPeer.connect(sidecar.address));
    const calls = Array.from({ length: 50 }, (_, i) => {
      const call = caller.open("/rest", [["content-type", "text/plain"]]);
      call.stream.sendTrailers(blockOf([["x-long", `${i}${long}`]]));
      return call;
    });
    const refused = () => calls.filter(({ answer }) => answer !== undefined).length;
    await until(() => refused() > 0, "those beyond the limit are refused");
    const held = await buffered(sidecar, "headers");
    assert.ok(held > 290_000 && held < 350_000, `${held} bytes are counted`);
    caller.close();
    await until(() => sidecar.sidecar.generation?.calls === 0, "all are over");
    await turns(5);
    assert.equal(await buffered(sidecar, "headers"), 0);
  });
});
