import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { echo, GrpcClient, GrpcServer } from "../support/grpc-js.ts";
import { Owned } from "../support/owned.ts";
import { snapshotOf, TestSidecar } from "../support/sidecar.ts";
import { TestTls } from "../support/tls.ts";

const own = new Owned();

/** Bytes without a pattern, the same every time. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, i) => createHash("sha512").update(`${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/** TLS on both sides, to a grpc-js server and from a grpc-js caller; mutual asks for certificates on both. */
async function between(mutual: boolean) {
  const tls = await TestTls.create(own);
  const { address } = own.add(await GrpcServer.start({}, [], {}, tls.grpcServer(mutual)));
  const shown = mutual ? { cert: tls.path("cert"), key: tls.path("key") } : {};
  const variants = { v41: { address, tls: { ca: tls.path("ca"), ...shown } } };
  const listener = mutual ? tls.mutual() : tls.listener();
  const sidecar = own.add(await TestSidecar.start(snapshotOf({ variants }), { tls: listener }));
  const client = own.add(new GrpcClient(sidecar.address, {}, tls.caller(mutual ? tls.client : undefined)));
  return { client, sidecar };
}

for (const mutual of [false, true]) {
  describe(`over ${mutual ? "mutual TLS" : "TLS"} on both sides, the sidecar passes`, () => {
    afterEach(() => own.close());

    for (const size of [0, 1, 16_379, 65_535, 1_000_003]) {
      it(`a unary message of ${size} bytes both ways`, async () => {
        const { client } = await between(mutual);
        const message = noise(size);
        const { messages, status: end } = await client.unary(echo.unary, message);
        assert.deepEqual([end.code, end.details], [status.OK, "OK"]);
        assert.deepEqual(messages, [message]);
      });
    }

    it("both ways at once, message for message", async () => {
      const { client } = await between(mutual);
      const sizes = [27_182, 8, 0, 45_904, 200_000];
      const { messages } = await client.stream(echo.chat, sizes.map(noise));
      assert.deepEqual(
        messages.map((message) => message.length),
        sizes,
      );
    });
  });
}
