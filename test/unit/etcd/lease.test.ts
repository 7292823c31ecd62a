import assert from "node:assert/strict";
import { EtcdLease } from "../../../src/etcd/lease.ts";
import { clientOfFakes } from "../../support/etcd-client.ts";
import { failure, never, status } from "../../support/fake-etcd.ts";
import { Owned } from "../../support/owned.ts";
import { until } from "../../support/until.ts";

describe("a lease of etcd", () => {
  const owned = new Owned();
  afterEach(() => owned.close());

  it("asks for whole seconds, and for one at least", async () => {
    const asked: string[] = [];
    const grant = ({ TTL }: { readonly TTL: string }) => {
      asked.push(TTL);
      return { ID: "7", TTL };
    };
    const { client } = await clientOfFakes(owned, [{ grant }]);
    for (const ttlMs of [10_000, 3_900, 200]) await EtcdLease.grant(client, ttlMs, assert.fail);
    assert.deepEqual(asked, ["10", "3", "1"]);
  });

  it("is lost nine tenths of its time after it was asked for, where no keepalive is answered", async () => {
    const { client, clock } = await clientOfFakes(owned, [{ keepAlive: () => never }]);
    const lost: string[] = [];
    await EtcdLease.grant(client, 10_000, (why) => lost.push(why));
    clock.advance(8_999);
    assert.deepEqual(lost, []);
    clock.advance(1);
    assert.match(lost[0] ?? "", /^the lease ran out: /);
    clock.advance(100_000);
    assert.equal(lost.length, 1);
  });

  it("counts from when it was asked for, however late the answer comes", async () => {
    const answer = Promise.withResolvers<object>();
    const { client, clock, fakes } = await clientOfFakes(owned, [{ grant: () => answer.promise }]);
    const lost: string[] = [];
    const granting = EtcdLease.grant(client, 10_000, (why) => lost.push(why));
    await until(() => fakes[0]?.count("grant") === 1, "it was asked for");
    clock.advance(1_900);
    answer.resolve({ ID: "7", TTL: "10" });
    await granting;
    clock.advance(7_100);
    assert.equal(lost.length, 1);
  });

  it("counts from when the keepalive that was answered was sent", async () => {
    const answer = Promise.withResolvers<{ ID: string; TTL: string }>();
    const answers = [answer.promise, never];
    const keepAlive = () => answers.shift() ?? never;
    const { client, clock, fakes } = await clientOfFakes(owned, [{ keepAlive, grant: () => ({ ID: "7", TTL: "12" }) }]);
    const lost: string[] = [];
    await EtcdLease.grant(client, 12_000, (why) => lost.push(why));
    clock.advance(4_000);
    await until(() => fakes[0]?.count("keepAlive") === 1, "it was kept alive");
    clock.advance(1_500);
    answer.resolve({ ID: "7", TTL: "10" });
    // The answer has been taken once the next keepalive is set for eight seconds after the first.
    await until(() => clock.nextDueMs === 8_000, "the answer was taken");
    const leftMs = 4_000 + 0.9 * 10_000 - clock.nowMs();
    clock.advance(leftMs - 1);
    assert.deepEqual(lost, []);
    clock.advance(1);
    assert.equal(lost.length, 1);
  });

  it("is lost at once where etcd says that it is gone", async () => {
    const { client, clock } = await clientOfFakes(owned, [{ keepAlive: ({ ID }) => ({ ID, TTL: "0" }) }]);
    const lost: string[] = [];
    await EtcdLease.grant(client, 9_000, (why) => lost.push(why));
    clock.advance(3_000);
    await until(() => lost.length > 0, "it was lost");
    assert.deepEqual(lost, ["etcd has ended the lease"]);
  });

  it("asks the next member where one does not keep it alive, in time for it", async () => {
    const { client, clock, fakes } = await clientOfFakes(owned, [{ keepAlive: () => never }, {}]);
    await EtcdLease.grant(client, 6_000, assert.fail);
    clock.advance(2_000);
    await until(() => fakes[0]?.count("keepAlive") === 1, "the first was asked");
    clock.advance(1_000);
    await until(() => {
      clock.advance(1);
      return fakes[1]?.count("keepAlive") === 1;
    }, "the second was");
    assert.ok(clock.nowMs() < 4_500);
  });

  it("ends at once where it is closed, without a word and without a timer", async () => {
    const { client, clock, fakes } = await clientOfFakes(owned, [{}]);
    const lease = await EtcdLease.grant(client, 9_000, assert.fail);
    await lease.close();
    await lease.close();
    assert.equal(fakes[0]?.count("revoke"), 1);
    assert.equal(clock.pending, 0);
  });

  it("closes also where etcd knows nothing of it", async () => {
    const revoke = () => {
      throw failure(status.NOT_FOUND, "etcdserver: requested lease not found");
    };
    const { client } = await clientOfFakes(owned, [{ revoke }]);
    await (await EtcdLease.grant(client, 9_000, assert.fail)).close();
  });
});
