import assert from "node:assert/strict";
import { EtcdFailure, type FailureKind } from "../../../src/etcd/failure.ts";
import { failure, status } from "../../support/fake-etcd.ts";

describe("a failed call to etcd", () => {
  const rows: [status, string, FailureKind, boolean?][] = [
    [status.UNAVAILABLE, "etcdserver: no leader", "refused"],
    [status.UNAVAILABLE, "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1", "refused"],
    [status.RESOURCE_EXHAUSTED, "etcdserver: too many requests", "refused"],
    [status.UNAVAILABLE, "etcdserver: leader changed", "away"],
    [status.UNAVAILABLE, "etcdserver: request timed out", "away"],
    [status.UNAVAILABLE, "Connection dropped", "away"],
    [status.CANCELLED, "Call cancelled", "away"],
    [status.INTERNAL, "Received RST_STREAM with code 2", "away"],
    [status.UNKNOWN, "etcdserver: server stopped", "away"],
    [status.UNAUTHENTICATED, "etcdserver: invalid auth token", "token"],
    [status.INVALID_ARGUMENT, "etcdserver: revision of auth store is old", "token"],
    [status.INVALID_ARGUMENT, "etcdserver: user name is empty", "token"],
    [status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", "gone"],
    [status.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision", "gone"],
    [status.PERMISSION_DENIED, "etcdserver: permission denied", "wrong"],
    [status.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password", "wrong"],
    [status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", "wrong"],
    [status.NOT_FOUND, "etcdserver: requested lease not found", "wrong"],
    [status.INVALID_ARGUMENT, "etcdserver: request is too large", "wrong", true],
    [status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (3 vs. 2)", "wrong", true],
    [status.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request", "wrong", true],
  ];
  for (const [code, details, kind, malformed = false] of rows) {
    it(`with "${details}" is ${kind}${malformed ? ", by our mistake" : ""}`, () => {
      const made = EtcdFailure.from(failure(code, details));
      assert.deepEqual([made.kind, made.malformed], [kind, malformed]);
      assert.ok(made.message.startsWith(details), made.message);
    });
  }

  it("of its quota says what is to be done", () => {
    const { message } = EtcdFailure.from(
      failure(status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
    );
    assert.match(message, /exceeded\. It takes no writes until .* compact.* defrag.* alarm disarm/);
  });
});
