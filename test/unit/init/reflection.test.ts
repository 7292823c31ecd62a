import assert from "node:assert/strict";
import { healthOf } from "../../../src/init/health.ts";
import { servicesOf } from "../../../src/init/reflection.ts";

/** A length-delimited field; short ones only. */
const field = (number: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
const service = (name: string): Buffer => field(1, field(1, Buffer.from(name)));

describe("an answer of server reflection", () => {
  it("lists services by their full names, whatever stands beside them", () => {
    const host = field(1, Buffer.from("localhost"));
    const list = field(6, Buffer.concat([service("grpc.health.v1.Health"), service("a.B")]));
    assert.deepEqual(servicesOf(Buffer.concat([host, list])), ["grpc.health.v1.Health", "a.B"]);
  });

  it("may list none", () => {
    assert.deepEqual(servicesOf(field(6, Buffer.alloc(0))), []);
  });

  it("that is an error lists nothing", () => {
    assert.equal(servicesOf(field(7, Buffer.from([8, 12]))), undefined);
  });

  it("that is malformed lists nothing", () => {
    assert.equal(servicesOf(Buffer.from([0x32, 0x7f, 0x0a])), undefined);
  });
});

describe("an answer of the health service", () => {
  for (const [bytes, status] of [
    [[8, 1], "SERVING"],
    [[8, 2], "NOT_SERVING"],
    [[], "UNKNOWN"],
    [[8, 9], undefined],
    [[8], undefined],
  ] as const) {
    it(`of [${bytes}] is ${status}`, () => {
      assert.equal(healthOf(Buffer.from(bytes)), status);
    });
  }
});
