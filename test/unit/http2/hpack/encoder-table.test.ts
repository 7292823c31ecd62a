import assert from "node:assert/strict";
import fc from "fast-check";
import { HeaderField } from "../../../../src/http2/header-block.ts";
import { DynamicTable } from "../../../../src/http2/hpack/dynamic-table.ts";
import { EncoderTable, notFound } from "../../../../src/http2/hpack/encoder-table.ts";
import { NameDirectory } from "../../../../src/http2/hpack/name-directory.ts";
import { NamePolicy } from "../../../../src/http2/hpack/name-policy.ts";

const sized = (n: number, size: number) => new HeaderField("n", `${n}`.padEnd(size - 33, "."));

/** The table as RFC 7541, 4 describes it: an array, newest first. */
class Model {
  entries: HeaderField[] = [];
  maxSize: number;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  get size(): number {
    return this.entries.reduce((sum, { size }) => sum + size, 0);
  }

  insert(field: HeaderField): void {
    this.entries = [field, ...this.entries];
    this.resize(this.maxSize);
  }

  resize(maxSize: number): void {
    this.maxSize = maxSize;
    while (this.size > maxSize) this.entries.pop();
  }
}

const size = fc.oneof(fc.nat(700), fc.constantFrom(0, 32, 33, 64));
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ insert: fc.integer({ min: 36, max: 250 }), value: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ resize: size }) },
);

describe("the dynamic tables", () => {
  it("hold what an array would, in the decoder", () => {
    fc.assert(
      fc.property(size, fc.array(action, { maxLength: 120 }), (maxSize, actions) => {
        const [table, model] = [new DynamicTable(maxSize), new Model(maxSize)];
        for (const act of actions) {
          if ("resize" in act) {
            table.resize(act.resize);
            model.resize(act.resize);
          } else {
            const field = sized(act.value, act.insert);
            table.insert(field);
            model.insert(field);
          }
          assert.deepEqual([table.count, table.size, table.maxSize], [model.entries.length, model.size, model.maxSize]);
          for (const [age, entry] of model.entries.entries()) assert.equal(table.at(age), entry);
          assert.equal(table.at(model.entries.length), undefined);
        }
      }),
    );
  });

  for (const start of [0, 2 ** 31 - 20, 2 ** 32 - 20, 2 ** 40]) {
    it(`hold and find what an array would, in the encoder, when ${start} insertions came before`, () => {
      fc.assert(
        fc.property(size, fc.array(action, { maxLength: 120 }), (maxSize, actions) => {
          const table = new EncoderTable(700, maxSize, start);
          const [model, name, other] = [new Model(maxSize), new NamePolicy("n", true), new NamePolicy("m", true)];
          const numbers = new Map<HeaderField, number>();
          for (const act of actions) {
            if ("resize" in act) {
              table.resize(act.resize);
              model.resize(act.resize);
            } else {
              const field = sized(act.value, act.insert);
              if (field.size > table.maxSize) continue;
              table.insert(name, field);
              model.insert(field);
              numbers.set(field, name.newest);
            }
            assert.deepEqual([table.count, table.size], [model.entries.length, model.size]);
            for (const [field, number] of numbers) {
              const age = model.entries.indexOf(field);
              assert.equal(table.ageOf(number), age);
              assert.equal(table.holds(number), age >= 0);
              const recalled = table.recall(field);
              assert.ok(recalled === notFound || model.entries[recalled]?.value === field.value);
              const twin = new HeaderField(field.name, field.value);
              const newest = model.entries.findIndex(({ value }) => value === field.value);
              assert.equal(table.find(name, twin), newest);
              assert.equal(table.recall(twin), newest);
              assert.equal(table.find(other, twin), notFound);
            }
          }
        }),
        { numRuns: 40 },
      );
    });
  }

  it("find each of many entries whose values differ in the middle only", () => {
    const table = new EncoderTable(4096);
    const name = new NamePolicy("n", true);
    const fields = Array.from(
      { length: 12 },
      (_, n) => new HeaderField("n", `aaaaaaaa${n}bbbbbbbbbbbbbbbbbbbbbbbbbbb`),
    );
    for (const field of fields) table.insert(name, field);
    for (const [n, field] of fields.entries()) {
      const twin = new HeaderField("n", field.value);
      assert.equal(table.find(name, twin), fields.length - 1 - n);
    }
  });

  it("give a search up among values made to collide", () => {
    const table = new EncoderTable(4096);
    const name = new NamePolicy("n", true);
    const alike = (n: number) => new HeaderField("n", `aaaa${n + 10}aaaaaaaa`);
    for (let n = 0; n < 60; n++) table.insert(name, alike(n));
    const found = Array.from({ length: 60 }, (_, n) => table.find(name, alike(n)));
    assert.deepEqual(found, [...Array(44).fill(notFound), ...Array.from({ length: 16 }, (_, n) => 15 - n)]);
  });
});

describe("an encoder's directory of names", () => {
  it("stays within its limit, whatever names come, and keeps those that the table has", () => {
    const table = new EncoderTable(4096);
    const directory = new NameDirectory(table, 200);
    const mine = new HeaderField("x-mine", "value");
    const policy = directory.of(mine);
    table.insert(policy, mine);
    for (let n = 0; n < 100_000; n++) {
      const field = new HeaderField(`x-${n}`, "");
      assert.equal(directory.of(field), directory.of(field));
      assert.ok(directory.size <= 200);
    }
    assert.equal(directory.of(new HeaderField("x-mine", "other")), policy);
    assert.equal(table.ageOf(policy.newest), 0);
  });

  it("does not count names that the proxy knows", () => {
    const directory = new NameDirectory(new EncoderTable(4096), 10);
    const known = ["te", "grpc-timeout", ":path", "user-agent", "cookie"].map((name) => new HeaderField(name, ""));
    const policies = known.map((field) => directory.of(field));
    assert.deepEqual([directory.size, new Set(policies).size], [0, known.length]);
    assert.deepEqual(
      known.map((field) => directory.of(field)),
      policies,
    );
  });
});
