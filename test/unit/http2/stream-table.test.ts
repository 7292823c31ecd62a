import assert from "node:assert/strict";
import fc from "fast-check";
import type { H2Stream } from "../../../src/http2/stream.ts";
import { StreamTable } from "../../../src/http2/stream-table.ts";

/** All that the table looks at. */
const streamOf = (id: number): H2Stream => ({ id }) as unknown as H2Stream;

describe("a table of streams", () => {
  it("behaves as a map, whatever comes and goes", () => {
    // Ids that meet in one place, ids in a row, and any others, odd or even as one side of a connection makes them.
    const id = fc.oneof(
      fc.nat(20).map((n) => n * 128),
      fc.nat(300).map((n) => n * 2),
      fc.nat(0x3fff_ffff).map((n) => n * 2),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 }), fc.nat(1), (steps, odd) => {
        const table = new StreamTable();
        const map = new Map<number, H2Stream>();
        for (const [add, even] of steps) {
          const at = even + odd;
          if (add && !map.has(at)) {
            const stream = streamOf(at);
            map.set(at, stream);
            table.add(stream);
          } else {
            map.delete(at);
            table.delete(at);
          }
          assert.equal(table.size, map.size);
        }
        for (const [, even] of steps) assert.equal(table.get(even + odd), map.get(even + odd));
        const seen: H2Stream[] = [];
        assert.equal(
          table.every((stream) => seen.push(stream) > 0),
          true,
        );
        assert.deepEqual(new Set(seen), new Set(map.values()));
        assert.equal(
          table.every(() => false),
          map.size === 0,
        );
        assert.deepEqual(
          table.all(),
          [...map.values()].sort((a, b) => a.id - b.id),
        );
      }),
    );
  });

  it("finds a stream that stays while a million others come and go", () => {
    const table = new StreamTable();
    const staying = [1, 129, 257].map(streamOf);
    for (const stream of staying) table.add(stream);
    for (let id = 259; id < 2_000_000; id += 2) {
      table.add(streamOf(id));
      if (id > 300) table.delete(id - 40);
    }
    assert.deepEqual(
      staying.map(({ id }) => table.get(id)),
      staying,
    );
  });
});
