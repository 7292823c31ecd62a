import assert from "node:assert/strict";
import { Member, refusedAgainMs } from "../../../../src/control/watch/member.ts";
import type { View } from "../../../../src/control/watch/views.ts";

const version = (revision: number, digest = "aaaaaaaa", store = "0123456789ab") => `${store}-${revision}-${digest}`;
const view = (text: string): View => ({ version: text, bytes: Buffer.from(text), routes: [], withheld: [] });
const problem = { path: "spec", message: "no" };

describe("a sidecar as the service sees it", () => {
  it("is sent a snapshot where it has none, and nothing where it has this one", () => {
    assert.equal(new Member("").offer(view(version(1)), 0), "whole");
    assert.equal(new Member(version(1)).offer(view(version(1)), 0), undefined);
  });

  it("is sent a name alone where it has these contents", () => {
    assert.equal(new Member(version(1)).offer(view(version(2)), 0), "name");
  });

  it("is sent nothing while it has something to answer", () => {
    const member = new Member("");
    member.offer(view(version(1)), 0);
    assert.equal(member.offer(view(version(2, "bbbbbbbb")), 0), undefined);
    assert.ok(member.answer(version(1), [], 0));
    assert.equal(member.version, version(1));
    assert.equal(member.offer(view(version(2, "bbbbbbbb")), 0), "whole");
  });

  it("has answered nothing with a nonce that is not the last one's", () => {
    const member = new Member("");
    const nonce = version(1);
    member.offer(view(nonce), 0);
    assert.equal(member.answer("7", [], 0), false);
    assert.equal(member.answer("", [], 0), false);
    assert.equal(member.version, "");
    assert.ok(member.answer(nonce, [], 0));
    assert.equal(member.answer(nonce, [], 0), false);
  });

  it("keeps what it had where it refuses, and is not sent the same again at once", () => {
    const member = new Member(version(1));
    const nonce = version(2, "bbbbbbbb");
    member.offer(view(nonce), 0);
    member.answer(nonce, [problem], 0);
    assert.deepEqual([member.version, member.problems], [version(1), [problem]]);
    assert.equal(member.offer(view(version(2, "bbbbbbbb")), refusedAgainMs - 1), undefined);
    assert.equal(member.offer(view(version(3, "bbbbbbbb")), refusedAgainMs - 1), undefined);
    assert.notEqual(member.offer(view(version(3, "bbbbbbbb")), refusedAgainMs), undefined);
  });

  it("is sent other contents after a refusal, and the same ones of a store that was restored", () => {
    for (const next of [version(3, "cccccccc"), version(2, "bbbbbbbb", "ffffffffffff")]) {
      const member = new Member(version(1));
      const nonce = version(2, "bbbbbbbb");
      member.offer(view(nonce), 0);
      member.answer(nonce, [problem], 0);
      assert.equal(member.offer(view(next), 1), "whole");
    }
  });

  it("is sent contents again, under a later revision, that it refused for an earlier one", () => {
    const member = new Member(version(9, "aaaaaaaa"));
    const late = version(8, "bbbbbbbb");
    assert.equal(member.offer(view(late), 0), "whole");
    member.answer(late, [{ path: "version", message: "it goes back" }], 0);
    assert.equal(member.offer(view(late), 1_000), undefined);
    assert.equal(member.offer(view(version(10, "bbbbbbbb")), 1_000), "whole");
  });

  it("is sent everything where it turns out not to have what its version names", () => {
    const member = new Member(version(1));
    const nonce = version(2);
    member.offer(view(nonce), 0);
    member.answer(nonce, [problem], 0);
    assert.equal(member.offer(view(version(2)), 0), "whole");
  });
});
