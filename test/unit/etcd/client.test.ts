import assert from "node:assert/strict";
import type { EtcdClient } from "../../../src/etcd/client.ts";
import { clientOfFakes, whileTimePasses } from "../../support/etcd-client.ts";
import { FakeEtcd, failure, never, status } from "../../support/fake-etcd.ts";
import { Owned } from "../../support/owned.ts";
import { until } from "../../support/until.ts";

const empty = Buffer.alloc(0);

describe("a client of etcd", () => {
  const owned = new Owned();
  afterEach(() => owned.close());

  const ask = (client: EtcdClient) => client.ask(client.services.range, { key: Buffer.from("a"), range_end: empty });
  const send = (client: EtcdClient) => client.send(client.services.txn, { compare: [], success: [] });
  const dropped = () => {
    throw failure(status.UNAVAILABLE, "Connection dropped");
  };
  const leaderless = () => {
    throw failure(status.UNAVAILABLE, "etcdserver: no leader");
  };

  it("stays with a member that answers", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{}, {}]);
    for (let i = 0; i < 3; i++) await ask(client);
    assert.deepEqual(
      fakes.map((fake) => fake.count("range")),
      [3, 0],
    );
  });

  it("asks a member what it is once for as long as its connection lasts", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{}]);
    for (let i = 0; i < 3; i++) await ask(client);
    assert.equal(fakes[0]?.count("status"), 1);
  });

  it("asks the next member where one fails, and stays there", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{ range: dropped }, {}]);
    for (let i = 0; i < 2; i++) await ask(client);
    assert.deepEqual(
      fakes.map((fake) => fake.count("range")),
      [1, 2],
    );
  });

  it("leaves a member that says nothing, after the time of a try", async () => {
    const { client, clock, fakes } = await clientOfFakes(owned, [{ range: () => never }, {}]);
    const asking = ask(client);
    await until(() => fakes[0]?.count("range") === 1, "it was asked");
    clock.advance(1_999);
    assert.equal(fakes[1]?.count("range"), 0);
    clock.advance(1);
    await asking;
    assert.equal(fakes[1]?.count("range"), 1);
  });

  it("gives up after the time of a call, and names every member and what was wrong with it", async () => {
    const { client, clock } = await clientOfFakes(owned, [{ range: () => never }, { range: leaderless }]);
    const beganMs = clock.nowMs();
    await assert.rejects(whileTimePasses(clock, ask(client)), {
      code: "STORE_UNAVAILABLE",
      message:
        /^\[STORE_UNAVAILABLE\] etcd does not answer: http:\/\/127.0.0.1:\d+: no answer within \d+ ms; http:\/\/127.0.0.1:\d+: etcdserver: no leader$/,
    });
    assert.ok(clock.nowMs() - beganMs <= 5_100);
  });

  it("never sends a commit twice where it may have been done", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{ txn: dropped }, {}]);
    await assert.rejects(send(client), {
      code: "STORE_UNAVAILABLE",
      message: /Connection dropped; it may have been done$/,
    });
    assert.deepEqual(
      fakes.map((fake) => fake.count("txn")),
      [1, 0],
    );
    await send(client);
    assert.equal(fakes[1]?.count("txn"), 1);
  });

  it("never sends a commit twice where no answer came in time", async () => {
    const { client, clock, fakes } = await clientOfFakes(owned, [{ txn: () => never }, {}]);
    await assert.rejects(whileTimePasses(clock, send(client)), { message: /no answer within 2000 ms; it may/ });
    assert.equal(fakes[1]?.count("txn"), 0);
  });

  it("sends a commit to another member where one refused it unseen", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{ txn: leaderless }, {}]);
    await send(client);
    assert.equal(fakes[1]?.count("txn"), 1);
  });

  it("sends a commit to another member where one can't be reached", async () => {
    const { client, fakes } = await clientOfFakes(owned, [{}, {}]);
    fakes[0]?.close();
    await send(client);
    assert.equal(fakes[1]?.count("txn"), 1);
  });

  it("tells members to say so at once where they have no leader", async () => {
    let said: unknown;
    const { client } = await clientOfFakes(owned, [
      {
        range: (_, metadata) => {
          said = metadata.get("hasleader");
          return {};
        },
      },
    ]);
    await ask(client);
    assert.deepEqual(said, ["true"]);
  });

  it("tries nothing again that every member would refuse", async () => {
    const denied = () => {
      throw failure(status.PERMISSION_DENIED, "etcdserver: permission denied");
    };
    const { client, fakes } = await clientOfFakes(owned, [{ range: denied }, {}]);
    await assert.rejects(ask(client), { name: "EtcdFailure", kind: "wrong" });
    assert.equal(fakes[1]?.count("range"), 0);
  });

  it("signs in once, and again where its token is no longer known, also for a commit", async () => {
    let valid = 0;
    const user = { name: "contender", password: "secret" };
    const { client, clock, fakes } = await clientOfFakes(
      owned,
      [
        {
          authenticate: (request) => {
            assert.deepEqual(request, user);
            return { token: `${++valid}` };
          },
          txn: (_, metadata) => {
            if (`${metadata.get("token")}` === `${valid}`) return { succeeded: true };
            throw failure(status.UNAUTHENTICATED, "etcdserver: invalid auth token");
          },
        },
      ],
      { user },
    );
    await send(client);
    await send(client);
    assert.equal(fakes[0]?.count("authenticate"), 1);
    valid++;
    await whileTimePasses(clock, send(client));
    assert.equal(fakes[0]?.count("authenticate"), 2);
  });

  describe("which opens", () => {
    for (const version of ["3.5.0", "3.5.1", "3.5.2", "3.5.2-rc.1"]) {
      it(`refuses etcd ${version}, also where another member is well`, async () => {
        const { client, fakes } = await clientOfFakes(owned, [{}, { status: () => ({ version }) }]);
        await assert.rejects(client.open(), {
          code: "STORE_UNSUPPORTED",
          message: new RegExp(`etcd ${version} at ${fakes[1]?.endpoint}`),
        });
      });
    }

    for (const version of ["3.4.23", "3.5.3", "3.5.20", "3.6.0", "4.0.0"]) {
      it(`takes etcd ${version}`, async () => {
        const { client } = await clientOfFakes(owned, [{ status: () => ({ version }) }]);
        await client.open();
      });
    }

    it("takes one that tells its version to administrators only: none of the refused ones does", async () => {
      const unknown = () => {
        throw failure(status.INVALID_ARGUMENT, "etcdserver: user name is empty");
      };
      const { client } = await clientOfFakes(owned, [{ status: unknown }]);
      await client.open();
    });

    it("refuses a member that turns out so later, before it is asked anything", async () => {
      const other = owned.add(await FakeEtcd.start({ status: () => ({ version: "3.5.1" }) }));
      const first = owned.add(await FakeEtcd.start({ range: dropped }));
      const { client } = await clientOfFakes(owned, [], { endpoints: [first.endpoint, other.endpoint] });
      await assert.rejects(ask(client), { code: "STORE_UNSUPPORTED" });
      assert.deepEqual(other.calls, ["status"]);
    });

    it("begins with a member that can be reached, and says what is wrong where none can", async () => {
      const { client, fakes } = await clientOfFakes(owned, [{}, {}]);
      fakes[0]?.close();
      await client.open();
      await send(client);
      assert.equal(fakes[1]?.count("txn"), 1);
      fakes[1]?.close();
      const { client: next } = await clientOfFakes(owned, [], { endpoints: fakes.map(({ endpoint }) => endpoint) });
      await assert.rejects(next.open(), { code: "STORE_UNAVAILABLE", message: /REFUSED.*; http.*REFUSED/ });
    });
  });
});
