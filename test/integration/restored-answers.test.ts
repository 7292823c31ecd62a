/** Answers whose model is set back to what the caller asked for: whoever reads them slowly, or gets half of one. */
import assert from "node:assert/strict";
import { answerHead, ClientPeer, type PeerStream, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, oipRequest, oipResponse, oipStream } from "../support/predict.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { turns, until } from "../support/until.ts";

const own = new Owned();
const answer = framed(oipResponse(Array<number>(2_000).fill(0.5)));

async function between(onStream?: (stream: PeerStream) => void) {
  const server = own.add(await ServerPeer.start(onStream));
  const v41 = { address: server.address, model: { name: "other", restoreResponse: true } };
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants: { v41 } })));
  const client = own.add(await ClientPeer.connect(sidecar.address, { streamWindowBytes: 65_535 }));
  return { server, sidecar, client };
}

describe("an answer whose model is set back", () => {
  afterEach(() => own.close());

  it("waits at the server while its caller reads nothing, and is whole once it reads", async () => {
    const { server, client } = await between();
    const call = client.open(oipStream, [], { reading: false });
    call.data(framed(oipRequest()));
    const stream = await server.stream();
    stream.headers(answerHead);
    const window = stream.stream.sendWindow;
    const count = 300;
    for (let i = 0; i < count; i++) {
      stream.data(answer);
      await turns(2);
    }
    const taken = count * answer.length - stream.stream.queuedBytes;
    // What may wait for the caller, and a window that the server has for what follows.
    assert.ok(taken < 700_000, `${taken} bytes taken`);
    assert.equal(call.reset, undefined);
    call.answer?.read(true);
    stream.end([["grpc-status", "0"]]);
    const whole = await call.done();
    assert.ok(whole.bytes >= count * (answer.length - 20), `${whole.bytes} bytes`);
    assert.ok(stream.stream.sendWindow <= window, `a window of ${stream.stream.sendWindow}, ${window} at first`);
  });

  it("gives a server credit for what it sent, and no more", async () => {
    const { server, client } = await between();
    const call = client.open(oipStream, []);
    call.data(framed(oipRequest()));
    const stream = await server.stream();
    stream.headers(answerHead);
    const window = stream.stream.sendWindow;
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 10; j++) stream.data(answer);
      await turns(2);
    }
    await until(() => stream.stream.queuedBytes === 0, "all is sent");
    assert.ok(stream.stream.sendWindow <= window, `a window of ${stream.stream.sendWindow}, ${window} at first`);
    call.cancel();
  });

  it("that ends within a message is passed on up to there: its caller has to notice", async () => {
    const ends = [[["grpc-status", "0"]], undefined] as const;
    for (const trailers of ends) {
      const { client } = await between(
        (stream) =>
          void stream.done().then(() => {
            stream.headers(answerHead);
            stream.data(answer);
            stream.data(answer.subarray(0, 20), trailers === undefined);
            if (trailers !== undefined) stream.end(trailers);
          }),
      );
      const { body } = await client.unary(oipStream, framed(oipRequest()));
      const restored = 5 + body.readUInt32BE(1);
      assert.ok(body.subarray(restored).equals(answer.subarray(0, 20)), `${body.length} bytes`);
    }
  });
});
