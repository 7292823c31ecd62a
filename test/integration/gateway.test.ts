/** `contender gateway` as a process, in front of model servers that are elsewhere. */
import assert from "node:assert/strict";
import { ClientPeer, type Fields, ServerPeer } from "../support/h2-peer.ts";
import { Owned } from "../support/owned.ts";
import { framed, tfPredict, tfRequest, tfResponse } from "../support/predict.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";

const own = new Owned();
const message = framed(tfRequest());

describe("contender gateway", function () {
  this.timeout(30_000);
  afterEach(() => own.close());

  it("says what to do where it has no routes but the service's, which gives none, and may be started again", async () => {
    const env = { CONTENDER_CONTROL: "127.0.0.1:1", CONTENDER_CONTROL_WAIT: "10ms" };
    await assert.rejects(SidecarProcess.start(env, undefined, "gateway"), (reason: Error & { actual?: unknown }) => {
      assert.match(
        reason.message,
        /contender: \[CONTROL_UNREACHABLE\] 127\.0\.0\.1:1 gave no routes within 10ms that can be served.* CONTENDER_STATE_DIR/,
      );
      assert.deepEqual(reason.actual, { code: 69, signal: null });
      return true;
    });
  });

  for (const workers of ["1", "2"]) {
    it(`splits calls, and answers by its champion what another has split, with ${workers} of its processes`, async () => {
      const [v41, v42] = [
        own.add(await ServerPeer.answering(framed(tfResponse([0.1])))),
        own.add(await ServerPeer.answering(framed(tfResponse([0.2])))),
      ];
      const env = {
        CONTENDER_CHAMPION: `v41=${v41.address}`,
        CONTENDER_CHALLENGERS: `v42=${v42.address}`,
        CONTENDER_WEIGHTS: "v42=1",
        CONTENDER_ROUTE: "fraud",
        CONTENDER_WORKERS: workers,
        CONTENDER_DRAIN_DELAY: "0s",
      };
      const gateway = own.add(await SidecarProcess.start(env, undefined, "gateway"));
      const client = own.add(await ClientPeer.connect(gateway.address));
      const who = async (fields: Fields) =>
        (await client.call(tfPredict, message, fields).done()).value("x-contender-variant");
      assert.deepEqual([await who([]), await who([["x-contender-hop", "fraud"]])], ["v42", "v41"]);
      assert.deepEqual([v42.streams.length, v41.streams.length], [1, 1]);
      gateway.signal("SIGTERM");
      assert.deepEqual(await gateway.ended(), { code: 0, signal: null });
    });
  }
});
