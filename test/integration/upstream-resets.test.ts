import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { contenderBin } from "../../src/demo/assets.ts";
import { Child } from "../../src/demo/children.ts";

const frameHead = 9;
const rstStream = 3;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Types of the frames in everything a client has sent. */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = preface.length; at + frameHead <= bytes.length; at += frameHead + bytes.readUIntBE(at, 3)) {
    types.push(bytes[at + 3] ?? -1);
  }
  return types;
}

/** Calls one after the other, each of which must end with status OK. */
async function callInTurn(target: string, calls: number): Promise<void> {
  const client = connect(`http://${target}`);
  try {
    for (let i = 0; i < calls; i++) {
      const call = client.request({
        ":method": "POST",
        ":path": "/tensorflow.serving.PredictionService/Predict",
        "content-type": "application/grpc",
        te: "trailers",
      });
      call.end(Buffer.alloc(5));
      const [[trailers]] = await Promise.all([once(call, "trailers"), once(call.resume(), "close")]);
      assert.equal(trailers["grpc-status"], "0");
    }
  } finally {
    client.destroy();
  }
}

describe("a call that ended well", function () {
  this.timeout(30_000);

  it("is not reset towards its upstream, which would count it as an attack in the end", async () => {
    const upstream = createHttp2Server();
    upstream.on("stream", (stream: ServerHttp2Stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.resume().on("end", () => stream.end(Buffer.alloc(5)));
    });
    await once(upstream.listen(0, "127.0.0.1"), "listening");
    // Between sidecar and upstream: keeps what the sidecar sends.
    const sent: Buffer[] = [];
    const relay = createServer((socket) => {
      const onward = connectTcp((upstream.address() as AddressInfo).port, "127.0.0.1");
      socket.on("data", (chunk) => sent.push(chunk));
      socket.pipe(onward).on("error", () => socket.destroy());
      onward.pipe(socket).on("error", () => onward.destroy());
    });
    await once(relay.listen(0, "127.0.0.1"), "listening");

    const sidecar = new Child({
      title: "the sidecar",
      args: [contenderBin, "sidecar"],
      env: {
        CONTENDER_CHAMPION: `127.0.0.1:${(relay.address() as AddressInfo).port}`,
        CONTENDER_LISTEN: "127.0.0.1:0",
        CONTENDER_ADMIN: "127.0.0.1:0",
      },
      clock: systemClock,
      startTimeoutMs: 20_000,
    });
    const calls = 5;
    try {
      await callInTurn(String((await sidecar.ready).listen), calls);
    } finally {
      // Its end closes the connection to the relay: then all that it sent is there.
      sidecar.kill();
      await sidecar.ended;
      relay.close();
      await once(relay, "close");
      upstream.close();
    }

    const types = frameTypes(Buffer.concat(sent));
    assert.equal(types.filter((type) => type === 1).length, calls, "every call came through the relay");
    assert.equal(types.filter((type) => type === rstStream).length, 0);
  });
});
