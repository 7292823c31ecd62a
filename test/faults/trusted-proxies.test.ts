/**
 * What other proxies promise and have tests for, under the names of those tests; docs/faults.md says which of our other
 * tests have the rest of them. linkerd2-proxy: linkerd/app/integration/src/tests; its names are in brackets.
 */
import assert from "node:assert/strict";
import { errorCode } from "../../src/http2/constants.ts";
import { FaultWorld, statusOf } from "../support/fault-world.ts";
import { answerHead } from "../support/h2-peer.ts";
import { requestFields } from "../support/h2-raw.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest } from "../support/predict.ts";
import { RawCaller } from "../support/raw-caller.ts";
import { until } from "../support/until.ts";

const own = new Owned();
const message = framed(tfRequest());

describe("as other proxies promise,", () => {
  afterEach(() => own.close());

  it("a request without an authority reaches its model (http2_request_without_authority)", async () => {
    const world = await FaultWorld.start(own, {
      onStream: (stream) => void stream.done().then(() => stream.refuse(0)),
    });
    const caller = own.add(new RawCaller(world.sidecar.address));
    const fields = requestFields.filter(([name]) => name !== ":authority");
    caller.greetAndAsk(fields).data(1, message);
    await caller.hears(/^HEADERS 1 END_STREAM/);
    const stream = await world.stream();
    assert.deepEqual([stream.value(":authority"), stream.body], [world.champion.address, message]);
    await world.onlyCost();
  });

  it("answers that nobody wants leak no window of the model's connection (http2_failures_dont_leak_connection_window)", async () => {
    const part = Buffer.alloc(60_000);
    const world = await FaultWorld.start(own, {
      onStream: (stream) => {
        stream.headers(answerHead);
        stream.data(part);
        stream.data(part);
      },
    });
    const { client, champion } = world;
    // Some 60 MB, against a window of 4 MiB.
    for (let i = 0; i < 500; i++) {
      const call = client.open(tfPredict, [], { reading: false });
      call.data(message, true);
      const stream = await world.stream(i);
      await until(() => call.answer !== undefined, "the answer has begun");
      call.cancel();
      await until(() => stream.reset !== undefined, "the model is told");
    }
    const window = champion.peers[0]?.connection.sender.window ?? 0;
    await until(
      () => (champion.peers[0]?.connection.sender.window ?? 0) > 2_000_000,
      `the window grows from ${window}`,
    );
    assert.deepEqual(world.byCode, { CANCELLED: 500 });
    await world.onlyCost();
  });

  it("a body of several frames, the last of them empty, is sent again whole (does_not_eat_multiple_data_frame_body)", async () => {
    let first = true;
    const world = await FaultWorld.start(own, {
      onStream: (stream) => {
        void stream.done().then(() => {
          if (first) stream.stream.reset(errorCode.REFUSED_STREAM);
          else stream.answer(stream.body);
          first = false;
        });
      },
    });
    const call = world.client.open(tfPredict);
    const half = message.length >> 1;
    call.data(message.subarray(0, half));
    const stream = await world.stream();
    await until(() => stream.bytes === half, "the first half is at the model");
    call.data(message.subarray(half));
    await until(() => stream.bytes === message.length, "the second half, too");
    call.data(Buffer.alloc(0), true);
    const answer = await call.done();
    assert.deepEqual([statusOf(answer), answer.body, world.asked.length], [0, message, 2]);
    await world.onlyCost();
  });
});
