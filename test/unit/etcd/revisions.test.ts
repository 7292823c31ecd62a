import assert from "node:assert/strict";
import { Revisions } from "../../../src/etcd/revisions.ts";
import { event } from "../../support/fake-etcd.ts";

describe("revisions of a watch", () => {
  let told: [number, string[]][];
  let revisions: Revisions;

  beforeEach(() => {
    told = [];
    revisions = new Revisions(4, (revision, events) => {
      told.push([revision, events.map(({ kv }) => kv.key.toString())]);
    });
  });

  it("are told one by one, each with all of its events", () => {
    revisions.add([event("a", 5, "1"), event("b", 5), event("a", 6, "1")], false);
    assert.deepEqual(told, [
      [5, ["a", "b"]],
      [6, ["a"]],
    ]);
    assert.equal(revisions.last, 6);
  });

  it("wait for the rest of theirs, wherever etcd splits them", () => {
    revisions.add([event("a", 5, "1"), event("b", 5, "1"), event("a", 6, "1")], true);
    assert.deepEqual(told, [[5, ["a", "b"]]]);
    assert.equal(revisions.last, 5);
    revisions.add([event("b", 6, "1")], true);
    revisions.add([], true);
    assert.equal(told.length, 1);
    revisions.add([event("c", 6, "1")], false);
    assert.deepEqual(told.at(-1), [6, ["a", "b", "c"]]);
  });

  it("are told once, though they come again", () => {
    revisions.add([event("a", 3, "1"), event("a", 4, "1"), event("a", 5, "1")], false);
    revisions.add([event("a", 5, "1"), event("a", 6, "1")], false);
    assert.deepEqual(
      told.map(([revision]) => revision),
      [5, 6],
    );
  });

  it("are forgotten by half, and told whole when they come anew", () => {
    revisions.add([event("a", 5, "1")], true);
    revisions.drop();
    assert.equal(revisions.last, 4);
    revisions.add([event("a", 5, "1"), event("b", 5, "1")], false);
    assert.deepEqual(told, [[5, ["a", "b"]]]);
  });

  it("pass where nothing changed, but not while a half is here, and never back", () => {
    revisions.passed(9);
    revisions.passed(7);
    assert.equal(revisions.last, 9);
    revisions.add([event("a", 10, "1")], true);
    revisions.passed(12);
    assert.equal(revisions.last, 9);
  });
});
