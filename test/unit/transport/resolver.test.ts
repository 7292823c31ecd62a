import assert from "node:assert/strict";
import { isIP } from "node:net";
import { systemResolver } from "../../../src/transport/resolver.ts";

describe("the system's resolver", () => {
  it("knows this machine by the hosts file, and answers later, not within the call", async () => {
    let within = true;
    const found = await new Promise<readonly string[]>((resolve, reject) => {
      systemResolver.resolve("localhost", (addresses, failure) => {
        assert.equal(within, false);
        if (failure !== undefined) return reject(new Error(failure));
        resolve(addresses);
      });
      within = false;
    });
    assert.ok(found.length > 0);
    for (const address of found) assert.ok(isIP(address) !== 0 && (address === "::1" || address.startsWith("127.")));
  });

  it("says why there are none", async () => {
    const [addresses, failure] = await new Promise<readonly [readonly string[], string | undefined]>((resolve) => {
      // Refused before anybody is asked: a label has 63 characters at most.
      systemResolver.resolve(`${"x".repeat(64)}.invalid`, (...answer) => resolve(answer));
    });
    assert.deepEqual(addresses, []);
    assert.match(failure ?? "", /^E[A-Z_]+$/);
  });
});
