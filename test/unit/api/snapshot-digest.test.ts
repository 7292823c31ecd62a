import assert from "node:assert/strict";
import type { SnapshotMessage, WatchResponse } from "../../../src/api/messages.ts";
import { messageType, method } from "../../../src/api/protos.ts";
import { digestOf, fieldBytes, watchSnapshotField } from "../../../src/api/snapshot-digest.ts";
import { parseVersion } from "../../../src/api/version.ts";
import { answer, sentRoute } from "../../support/snapshots.ts";

const { responseSerialize } = method<object, WatchResponse>("ConfigService", "Watch");
const sent = answer(300, [sentRoute(), sentRoute({ name: "other" })], { nonce: "x".repeat(200) });
const bytes = responseSerialize(sent as never);

describe("the bytes of a snapshot within a message", () => {
  it("are those that the version's digest is of", () => {
    const found = fieldBytes(bytes, watchSnapshotField);
    assert.ok(found !== undefined);
    assert.equal(digestOf(found), parseVersion(sent.version)?.digest);
    const encoded = messageType<SnapshotMessage>("Snapshot").encode(sent.snapshot as SnapshotMessage);
    assert.deepEqual(Buffer.from(found), encoded);
  });

  it("are found among fields that this release does not know", () => {
    const unknown = Buffer.from([0xa0, 0x06, 0x96, 0x01, 0xad, 0x06, 1, 2, 3, 4, 0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]);
    const found = fieldBytes(Buffer.concat([unknown, bytes, unknown]), watchSnapshotField);
    assert.equal(found && digestOf(found), parseVersion(sent.version)?.digest);
  });

  it("are another's where the message has an unknown field inside its snapshot", () => {
    const inner = Buffer.concat([fieldBytes(bytes, watchSnapshotField) ?? bytes, Buffer.from([0xa0, 0x06, 1])]);
    assert.notEqual(digestOf(inner), parseVersion(sent.version)?.digest);
  });

  it("are nobody's where there are two of them, or none", () => {
    assert.equal(fieldBytes(Buffer.concat([bytes, bytes]), watchSnapshotField), undefined);
    assert.equal(fieldBytes(bytes, 99), undefined);
    assert.equal(fieldBytes(Buffer.alloc(0), watchSnapshotField), undefined);
  });
});
