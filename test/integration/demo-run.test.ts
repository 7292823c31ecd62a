import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type DemoOptions, demoDefaults } from "../../src/demo/options.ts";
import { runDemo } from "../../src/demo/run.ts";
import type { DemoReport } from "../../src/demo/summary.ts";

/** Small enough to take seconds: shares of so few users are luck, and not looked at here. */
const users = 150;
const small: DemoOptions = { ...demoDefaults, once: true, seconds: 1, json: true, rate: 150, users };

interface Around {
  /** What the screen must say for a Ctrl-C. */
  readonly interruptAt?: RegExp;
  /** A terminal of this width; else it is none. */
  readonly columns?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs the demo with a screen and an output that can be read. */
async function run(options: DemoOptions, { interruptAt, columns, env }: Around = {}) {
  let screen = "";
  let out = "";
  let interrupt: (() => void) | undefined;
  const code = await runDemo(options, {
    out: (text) => {
      out += text;
    },
    screen: {
      columns,
      write: (text) => {
        screen += text;
        if (interruptAt?.test(screen)) interrupt?.();
      },
    },
    // A setting that would contradict the demo's own: it must not reach the sidecar.
    env: { ...process.env, CONTENDER_CHAMPION: "127.0.0.1:1", ...env },
    clock: systemClock,
    chance: systemChance,
    onInterrupt: (fn) => {
      interrupt = fn;
      return () => {
        interrupt = undefined;
      };
    },
  });
  return { code, screen, out };
}

function refusesConnections(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.on("connect", () => resolve(false)).on("error", () => resolve(true));
    socket.on("connect", () => socket.destroy());
  });
}

const addressesIn = (screen: string) => [...screen.matchAll(/127\.0\.0\.1:\d+/g)].map(([address]) => address);
const routesFileIn = (screen: string) => /routes {3}(\S+):/.exec(screen)?.[1] ?? assert.fail(screen);

describe("the demo", function () {
  this.timeout(120_000);

  it("prints one JSON document in which the sidecar's figures and the callers' agree", async () => {
    const { code, out, screen } = await run(small);
    assert.equal(code, 0, screen);
    const { routes, sidecar } = JSON.parse(out) as DemoReport;
    assert.deepEqual(
      routes.map(({ route }) => route),
      ["credit-tfs", "credit-oip"],
    );
    assert.match(sidecar.version, /^\d+\.\d+\.\d+/);
    assert.ok(sidecar.rssBytes > 10_000_000);
    for (const { variants, shadows } of routes) {
      assert.deepEqual(
        variants.map(({ name, role, weight }) => [name, role, weight]),
        [
          ["v1", "champion", 0.8],
          ["v2", "challenger", 0.2],
        ],
      );
      assert.equal(
        variants.reduce((sum, variant) => sum + variant.users, 0),
        users,
      );
      assert.ok(variants.every(({ share, users: own }) => Math.abs(share - own / users) < 1e-9));
      for (const variant of variants) {
        assert.equal(variant.errors, 0);
        assert.ok(variant.rowsAnswered > 0);
        assert.equal(variant.rowsScored, variant.rowsAnswered);
        assert.equal(
          variant.scoreHistogram.reduce((sum, { count }) => sum + count, 0),
          variant.rowsScored,
        );
        assert.ok((variant.p50Ms ?? 0) > 0 && (variant.p99Ms ?? 0) >= (variant.p50Ms ?? 0));
      }
      const [v3, none] = shadows;
      assert.equal(none, undefined);
      assert.ok(v3 !== undefined && v3.requests + v3.dropped > 0);
    }
    // The three models are different ones.
    const means = routes.flatMap(({ variants }) => variants.map(({ scoreMean }) => scoreMean));
    assert.equal(new Set(means).size, means.length);
  });

  it("ends with its report on Ctrl-C, and leaves neither process nor file behind", async () => {
    const { code, out, screen } = await run(
      { ...small, once: false, json: false },
      { interruptAt: /calls, 0 errors/, columns: 120 },
    );
    assert.equal(code, 0, screen);
    assert.match(out, /credit-tfs \(TensorFlow Serving\)\n {2}variant +role/);
    assert.match(out, /v2 +challenger/);
    const addresses = addressesIn(screen);
    assert.equal(addresses.length, 5);
    assert.deepEqual(
      await Promise.all(addresses.map(refusesConnections)),
      addresses.map(() => true),
    );
    assert.equal(existsSync(routesFileIn(screen)), false);
  });

  it("exits with 1 and a process's own last words where it does not start", async () => {
    const { code, out, screen } = await run(small, { env: { NODE_OPTIONS: "--no-such-option" } });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(screen, /contender demo: model server v\d ended before it was ready[\s\S]*--no-such-option/);
  });

  it("stops before it began where Ctrl-C comes that early", async () => {
    const { code, out, screen } = await run(small, { interruptAt: /^Starting/ });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(screen, /stopped before it began/);
  });
});
