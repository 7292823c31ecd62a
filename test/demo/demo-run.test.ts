import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { runCommand } from "../../src/demo/commands.ts";
import { type DemoOptions, demoDefaults } from "../../src/demo/options.ts";
import { runDemo } from "../../src/demo/run.ts";
import type { DemoReport } from "../../src/demo/summary.ts";

/** Small enough to take seconds: shares of so few users are luck, and not looked at here. */
const users = 150;
const small: DemoOptions = { ...demoDefaults, once: true, seconds: 1, json: true, rate: 150, users };

const others = {
  CONTENDER_CHAMPION: "127.0.0.1:1",
  CONTENDER_CONTROL: "127.0.0.1:1",
  CONTENDER_STORE: "etcd:http://127.0.0.1:1",
  CONTENDER_CONTROL_TOKEN_FILE: "/nowhere/token",
};

interface Around {
  /** What the screen must say for a Ctrl-C. */
  readonly interruptAt?: RegExp;
  /** Told all that the screen says so far, with what a Ctrl-C would do. */
  readonly onScreen?: (screen: string, interrupt: () => void) => void;
  /** A terminal of this width; else it is none. */
  readonly columns?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs the demo with a screen and an output that can be read. */
async function run(options: DemoOptions, { interruptAt, onScreen, columns, env }: Around = {}) {
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
        onScreen?.(screen, () => interrupt?.());
      },
    },
    // Settings that would contradict the demo's own: they must reach none of its processes.
    env: { ...process.env, ...others, ...env },
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

/** Of three models, the config service, the sidecar and its admin port. */
const addressesIn = (screen: string) => [
  ...new Set([...screen.matchAll(/127\.0\.0\.1:\d+/g)].map(([address]) => address)),
];
const folderIn = (screen: string) => /its store in (\S+)/.exec(screen)?.[1] ?? assert.fail(screen);
const controlIn = (screen: string) => /CONTENDER_CONTROL=(\S+) npx contender/.exec(screen)?.[1];

async function assertGone(screen: string): Promise<void> {
  const addresses = addressesIn(screen);
  assert.equal(addresses.length, 6);
  assert.deepEqual(
    await Promise.all(addresses.map(refusesConnections)),
    addresses.map(() => true),
  );
  assert.equal(existsSync(folderIn(screen)), false);
}

describe("the demo", function () {
  this.timeout(120_000);

  /** One run, long enough for a change that meets users before and after it. */
  let whole: Awaited<ReturnType<typeof run>>;
  before(async () => {
    whole = await run({ ...small, seconds: 4 });
  });

  it("prints one JSON document in which the sidecar's figures and the callers' agree", () => {
    const { code, out, screen } = whole;
    assert.equal(code, 0, screen);
    const { routes, sidecar, calls } = JSON.parse(out) as DemoReport;
    assert.deepEqual(
      routes.map(({ route }) => route),
      ["credit-tfs", "credit-oip"],
    );
    assert.match(sidecar.version, /^\d+\.\d+\.\d+/);
    assert.ok(sidecar.rssBytes > 10_000_000);
    assert.equal(calls.failed, 0);
    assert.deepEqual(
      routes.map(({ variants }) => variants.map(({ name, role, weight }) => [name, role, weight])),
      [
        [
          ["v1", "champion", 0.5],
          ["v2", "challenger", 0.5],
        ],
        [
          ["v1", "champion", 0.8],
          ["v2", "challenger", 0.2],
        ],
      ],
    );
    for (const { variants, shadows } of routes) {
      const met = variants.reduce((sum, variant) => sum + variant.users, 0);
      assert.ok(met > 0 && met <= users, `${met} users`);
      assert.ok(variants.every(({ share, users: own }) => Math.abs(share - own / met) < 1e-9));
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

  it("changes weights by the command line, and exactly those users move whose slot changes hands", async () => {
    const { out, screen } = whole;
    const { changes, calls } = JSON.parse(out) as DemoReport;
    const [change, none] = changes;
    assert.equal(none, undefined);
    assert.equal(change?.command, "contender route weights credit-tfs v1=50,v2=50 --wait --reason 'v2 looks good'");
    assert.equal(
      change.printed,
      `credit-tfs has new weights, revision 2
  19,661 of 65,536 slots move, 30% of keys: v1 -> v2
applied by the one sidecar`,
    );
    // On a busy machine progress is told in between.
    const shown = screen.indexOf(`$ ${change.command}\n`);
    assert.ok(shown >= 0 && screen.indexOf(`\n${change.printed}\n`) > shown, screen);
    const [tfs, oip] = change.routes;
    assert.deepEqual(
      [tfs, oip].map((route) => route?.variants.map(({ name, before, after }) => [name, before.weight, after.weight])),
      [
        [
          ["v1", 0.8, 0.5],
          ["v2", 0.2, 0.5],
        ],
        [
          ["v1", 0.8, 0.8],
          ["v2", 0.2, 0.2],
        ],
      ],
    );
    for (const { moves } of [...change.routes]) {
      assert.ok(moves !== null && moves.met > 20, JSON.stringify(moves));
      assert.deepEqual([moves.moved, moves.movedOtherwise, moves.stayedOtherwise], [moves.mustMove, 0, 0]);
    }
    // Three in ten of at least twenty; none of the other route.
    assert.ok((tfs?.moves?.moved ?? 0) > 0 && oip?.moves?.moved === 0);
    assert.equal(calls.failed, 0);
    await assertGone(screen);
  });

  it("shows a change that is made from another terminal, and ends on Ctrl-C with neither process nor file left behind", async () => {
    let other: Promise<unknown> | undefined;
    const { code, out, screen } = await run(
      { ...small, once: false, nextWeights: undefined },
      {
        columns: 200,
        onScreen(screen, interrupt) {
          const control = controlIn(screen);
          if (control !== undefined && /\D[3-9] s, /.test(screen)) {
            other ??= runCommand({
              args: ["route", "weights", "credit-oip", "v1=0,v2=100", "--wait"],
              folder: tmpdir(),
              env: { ...process.env, CONTENDER_CONTROL: control },
              onStart: () => undefined,
            });
          }
          // Drawn twice, it has met users after the change.
          if (screen.split("were changed from elsewhere").length > 3 || /\D60 s, /.test(screen)) interrupt();
        },
      },
    );
    assert.equal(code, 0, screen);
    await other;
    const { changes, routes } = JSON.parse(out) as DemoReport;
    assert.deepEqual(
      changes.map(({ command, printed }) => [command, printed]),
      [[null, null]],
    );
    assert.deepEqual(
      routes.map(({ variants }) => variants.map(({ weight }) => weight)),
      [
        [0.8, 0.2],
        [0, 1],
      ],
    );
    const [tfs, oip] = changes[0]?.routes ?? [];
    assert.deepEqual(
      oip?.variants.map(({ after }) => after.share),
      [0, 1],
    );
    assert.ok((oip?.moves?.moved ?? 0) > 0 && tfs?.moves?.moved === 0);
    for (const moves of [tfs?.moves, oip?.moves]) {
      assert.deepEqual([moves?.moved, moves?.movedOtherwise, moves?.stayedOtherwise], [moves?.mustMove, 0, 0]);
    }
    await assertGone(screen);
  });

  it("ends with its report on Ctrl-C while weights are being changed, too", async () => {
    const { code, out, screen } = await run(
      { ...small, once: false, json: false },
      { interruptAt: /\$ contender route weights/, columns: 120 },
    );
    assert.equal(code, 0, screen);
    assert.match(out, /credit-tfs \(TensorFlow Serving\)\n {2}variant +role/);
    assert.match(out, /v2 +challenger/);
    await assertGone(screen);
  });

  for (const { what, wrong, says } of [
    {
      what: "the change of weights",
      wrong: { nextWeights: [0, 0] },
      says: /contender demo: contender route weights credit-tfs v1=0,v2=0 .*\n[\s\S]*with a sum above zero[\s\S]*ended with exit code 64/,
    },
    {
      what: "the first routes",
      wrong: { weights: [0, 0] },
      says: /contender demo: contender route apply -f routes.yaml\n[\s\S]*routes.yaml:.*weights[\s\S]*ended with exit code/,
    },
  ] as const) {
    it(`fails with the words of the command where ${what} are refused`, async () => {
      const { code, out, screen } = await run({ ...small, ...wrong });
      assert.deepEqual([code, out], [1, ""]);
      assert.match(screen, says);
    });
  }

  it("exits with 1 and a process's own last words where it does not start", async () => {
    const { code, out, screen } = await run(small, { env: { NODE_OPTIONS: "--no-such-option" } });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(
      screen,
      /contender demo: (?:model server v\d|the config service) ended before it was ready[\s\S]*--no-such-option/,
    );
  });

  it("stops before it began where Ctrl-C comes that early", async () => {
    const { code, out, screen } = await run(small, { interruptAt: /^Starting/ });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(screen, /stopped before it began/);
  });
});
