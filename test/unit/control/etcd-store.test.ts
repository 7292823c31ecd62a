import assert from "node:assert/strict";
import { type EtcdStoreOptions, openEtcdStore } from "../../../src/control/etcd-store.ts";
import type { TxnRequest } from "../../../src/etcd/protos.ts";
import { clientOfFakes } from "../../support/etcd-client.ts";
import { event, type FakeHandlers, type FakeWatch, failure, status } from "../../support/fake-etcd.ts";
import { Owned } from "../../support/owned.ts";
import { until } from "../../support/until.ts";

describe("a store in etcd", () => {
  const owned = new Owned();
  afterEach(() => owned.close());

  async function open(handlers: Partial<FakeHandlers> = {}, more: Partial<EtcdStoreOptions> = {}) {
    const { options, fakes, clock } = await clientOfFakes(owned, [handlers]);
    return { store: owned.add(await openEtcdStore({ ...options, ...more })), fake: fakes[0], clock };
  }

  it("is shared, and named by its endpoints without secrets", async () => {
    const { store, fake } = await open({}, { user: { name: "root", password: "secret" } });
    assert.equal(store.name, `etcd:${fake?.endpoint}`);
    assert.equal(store.shared, true);
  });

  it("does not open where a member may lose what it has confirmed", async () => {
    await assert.rejects(open({ status: () => ({ version: "3.5.2" }) }), {
      code: "STORE_UNSUPPORTED",
      message: /etcd 3\.5\.2 at http:.* upgrade it to 3\.5\.3 or later/,
    });
  });

  it("keeps to its prefix in what it writes and in what it tells", async () => {
    const written: string[] = [];
    const streams: FakeWatch[] = [];
    const { store } = await open({
      txn: ({ compare, success }: TxnRequest) => {
        for (const { key } of compare) written.push(key.toString());
        for (const op of success) {
          const { key } = "request_put" in op ? op.request_put : op.request_delete_range;
          written.push(key.toString());
        }
        return { succeeded: true, header: { revision: "9" } };
      },
      watch: (watch) => streams.push(watch),
    });
    const changes = [
      { key: "a", value: "1" },
      { key: "b", value: undefined },
    ];
    const done = await store.commit({ when: [{ key: "c", revision: 0 }], changes });
    assert.deepEqual(done, { ok: true, revision: 9 });
    assert.deepEqual(written, ["contender/c", "contender/a", "contender/b"]);

    const told: unknown[] = [];
    store.watch("a", 8, { changed: (revision, changed) => told.push([revision, changed]), lost: assert.fail });
    await until(() => streams.length === 1, "it watches");
    await streams[0]?.create();
    streams[0]?.tell([event("contender/a", 9, "1"), event("contender/ab", 9)]);
    await until(() => told.length > 0, "it was told");
    assert.deepEqual(told, [
      [
        9,
        [
          { key: "a", value: "1" },
          { key: "ab", value: undefined },
        ],
      ],
    ]);
  });

  const failures: [string, status, string, string][] = [
    ["a request that no etcd takes", status.INVALID_ARGUMENT, "etcdserver: request is too large", "INTERNAL"],
    ["a full disk", status.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", "STORE_UNAVAILABLE"],
    ["a user who may not", status.PERMISSION_DENIED, "etcdserver: permission denied", "STORE_UNAVAILABLE"],
  ];
  for (const [what, code, details, expected] of failures) {
    it(`calls ${what} ${expected}, and says which etcd said what`, async () => {
      const txn = () => {
        throw failure(code, details);
      };
      const { store, fake } = await open({ txn });
      const committing = store.commit({ when: [], changes: [{ key: "a", value: "1" }] });
      await assert.rejects(committing, (reason: Error & { code?: string }) => {
        assert.equal(reason.code, expected);
        assert.ok(reason.message.startsWith(`[${expected}] etcd:${fake?.endpoint}: ${details}`), reason.message);
        return true;
      });
    });
  }

  it("tells the holder of a lease that is gone when it wants to use it", async () => {
    const txn = () => {
      throw failure(status.NOT_FOUND, "etcdserver: requested lease not found");
    };
    const { store } = await open({ txn });
    const lost: string[] = [];
    const lease = await store.lease(9_000, (why) => lost.push(why));
    await assert.rejects(lease.put("a", "1"), { code: "STORE_UNAVAILABLE" });
    assert.deepEqual(lost, ["etcd has ended the lease"]);
    await assert.rejects(lease.claim("a", "1"), { code: "STORE_UNAVAILABLE", message: /the lease has ended/ });
  });

  it("ends its leases and watches when it closes, leaves no timer, and answers nothing after it", async () => {
    const { store, fake, clock } = await open();
    await store.lease(9_000, assert.fail);
    store.watch("", 1, { changed: assert.fail, lost: assert.fail });
    await until(() => fake?.count("watch") === 1, "it watches");
    await store.close();
    assert.equal(fake?.count("revoke"), 1);
    await until(() => clock.pending === 0, "no timer is left");
    await assert.rejects(store.get(""), { code: "STORE_UNAVAILABLE", message: /is closed/ });
  });
});
