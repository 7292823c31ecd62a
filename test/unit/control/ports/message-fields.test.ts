import assert from "node:assert/strict";
import { messageType, type ServiceName, serviceDefinition } from "../../../../src/api/protos.ts";
import { type Fields, fieldsOf, partsIn } from "../../../../src/control/ports/message-fields.ts";

const services: readonly ServiceName[] = ["ConfigService", "ReportService", "AdminService", "PeerService"];
const requests = services.flatMap((name) =>
  Object.values(serviceDefinition(name)).map(
    (method) => (method as unknown as { requestType: { type: { name: string } } }).requestType.type.name,
  ),
);

function walk(fields: Fields): number {
  return Object.values(fields).reduce((sum, { message }) => sum + 1 + (message === undefined ? 0 : walk(message())), 0);
}

describe("parts of a message", () => {
  it("can be counted in every request that there is", () => {
    assert.deepEqual(
      requests.filter((name) => name !== "ListRoutesRequest" && walk(fieldsOf(name)) === 0),
      [],
    );
  });

  it("are its messages, those within them, and the texts of its lists", () => {
    const node = { instance: "i", startedAt: { seconds: 1 }, capabilities: ["a", "b", "c"] };
    const bytes = messageType("WatchRequest").encode({ node, version: "v", problems: [{ path: "p" }, {}] });
    // The node, its time, three capabilities and two problems.
    assert.deepEqual(partsIn(bytes, fieldsOf("WatchRequest"), 4), { parts: 7, apart: 2 });
  });

  it("are counted where a message that is there once comes over and over", () => {
    const bytes = Buffer.alloc(2_000, Buffer.from([0x0a, 0x00]));
    assert.equal(partsIn(bytes, fieldsOf("WatchRequest"))?.parts, 1_000);
  });

  for (const [what, bytes] of [
    ["a number where a text is", [0x0a, 0x02, 0x08, 0x01]],
    ["a number where a message is", [0x08, 0x01]],
    ["half a length", [0x0a, 0x80]],
    ["a message that ends behind the one around it", [0x0a, 0x02, 0x12, 0x05]],
    ["a group", [0x0b, 0x0c]],
  ] as const) {
    it(`are not counted of ${what}, behind which more could hide`, () => {
      assert.equal(partsIn(Buffer.from(bytes), fieldsOf("FetchRequest")), undefined);
    });
  }

  it("are those of later releases, too, as far as they are known here", () => {
    const bytes = Buffer.from([0xfa, 0x3f, 0x02, 0x08, 0x01, 0x0a, 0x00]);
    assert.deepEqual(partsIn(bytes, fieldsOf("WatchRequest")), { parts: 1, apart: 0 });
  });
});
