import assert from "node:assert/strict";
import type { RangeRequest } from "../../../src/etcd/protos.ts";
import { rangeEnd, readPrefix } from "../../../src/etcd/range.ts";
import { clientOfFakes } from "../../support/etcd-client.ts";
import { failure, status } from "../../support/fake-etcd.ts";
import { Owned } from "../../support/owned.ts";

describe("a range of etcd", () => {
  const owned = new Owned();
  afterEach(() => owned.close());

  const ends: [string, string][] = [
    ["61", "62"],
    ["61ff", "62"],
    ["61ffff", "62"],
    ["6162", "6163"],
    ["ff", "00"],
    ["", "00"],
  ];
  for (const [prefix, end] of ends) {
    it(`of what begins with 0x${prefix} ends before 0x${end}`, () => {
      assert.equal(rangeEnd(Buffer.from(prefix, "hex")).toString("hex"), end);
    });
  }

  const kv = (key: string) => ({ key: Buffer.from(key), value: Buffer.from("v"), mod_revision: "3" });
  const asked: [string, string][] = [];
  const pages = ({ key, revision = 0 }: RangeRequest) => {
    asked.push([key.toString(), `${revision}`]);
    const rest = ["p/a", "p/b", "p/c"].filter((each) => each >= key.toString());
    return { header: { revision: `${40 + asked.length}` }, kvs: rest.slice(0, 1).map(kv), more: rest.length > 1 };
  };

  it("is read in pages as of the revision of the first", async () => {
    asked.length = 0;
    const { client } = await clientOfFakes(owned, [{ range: pages }]);
    const { revision, kvs } = await readPrefix(client, Buffer.from("p/"));
    assert.equal(revision, 41);
    assert.deepEqual(
      kvs.map(({ key }) => key.toString()),
      ["p/a", "p/b", "p/c"],
    );
    assert.deepEqual(asked, [
      ["p/", "0"],
      ["p/a\0", "41"],
      ["p/b\0", "41"],
    ]);
  });

  it("is read anew where its revision is compacted meanwhile", async () => {
    asked.length = 0;
    const { client } = await clientOfFakes(owned, [
      {
        range: (request) => {
          const page = pages(request);
          if (asked.length === 2) {
            throw failure(status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
          }
          return page;
        },
      },
    ]);
    const { revision, kvs } = await readPrefix(client, Buffer.from("p/"));
    assert.deepEqual([revision, kvs.length], [43, 3]);
  });
});
