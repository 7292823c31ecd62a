import assert from "node:assert/strict";
import { chooseKeyInput } from "../../../src/init/choose-key.ts";
import type { TensorFacts } from "../../../src/init/model-facts.ts";

const input = (name: string, datatype = "BYTES", shape: readonly number[] | undefined = [-1]): TensorFacts => {
  return { name, datatype, shape };
};

describe("the choice of an input as key", () => {
  for (const name of [
    "user_id",
    "userId",
    "USER-ID",
    "uid",
    "customer_id",
    "customerKey",
    "input_user_id",
    "account_number",
    "card_no",
    "visitorUuid",
    "user_ids",
    "users",
  ]) {
    it(`takes ${name}`, () => {
      assert.equal(chooseKeyInput([input("amount", "FP32"), input(name)]), name);
    });
  }

  for (const name of [
    "features",
    "id",
    "user_age",
    "user_embedding",
    "transaction_id",
    "superuser",
    "fluid",
    "item_id",
  ]) {
    it(`leaves ${name}`, () => {
      assert.equal(chooseKeyInput([input(name)]), undefined);
    });
  }

  it("takes texts and integers, and no fractions: a key is compared to the last bit", () => {
    const of = (datatype: string) => chooseKeyInput([input("user_id", datatype)]);
    assert.deepEqual(["BYTES", "INT64", "UINT32", "FP32", "BOOL"].map(of), [
      "user_id",
      "user_id",
      "user_id",
      undefined,
      undefined,
    ]);
  });

  it("takes one element per row, and no more: a call with several keys is not drawn", () => {
    const of = (shape: readonly number[] | undefined) => chooseKeyInput([input("user_id", "INT64", shape)]);
    assert.deepEqual([[-1], [1], [-1, 1], [], undefined, [-1, 8]].map(of), [
      "user_id",
      "user_id",
      "user_id",
      "user_id",
      "user_id",
      undefined,
    ]);
  });

  it("takes the user's where there are several", () => {
    assert.equal(chooseKeyInput([input("device_id"), input("uid"), input("user_id"), input("account_id")]), "user_id");
  });

  it("takes none of no inputs", () => {
    assert.equal(chooseKeyInput([]), undefined);
  });
});
