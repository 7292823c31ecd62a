/**
 * Is the bench itself to be trusted? Good answers are counted, all of them, and every kind of bad one is an error.
 */

import { measure, startUpstream } from "./measure.mjs";
import { startRelay } from "./peers.mjs";

const load = ["-connections", "4", "-streams", "25"];
const quick = { load, size: 512, warmupMs: 200, windowMs: 800, seed: 1 };

/** What the load generator must say of each way to answer wrongly. */
const faults = [
  { fault: "status", reason: /^grpc_13: upstream: fault asked for$/ },
  { fault: "short", reason: /^answer of \d+ bytes, \d+ expected$/ },
  { fault: "reset", reason: /^reset_2$/ },
  { fault: "hang", reason: /^(unfinished|stalled)$/ },
];

async function through(upstream, options = quick) {
  const relay = await startRelay(upstream);
  const figures = await measure(relay, options);
  const counts = await upstream.child.counts();
  await relay.stop();
  await upstream.child.stop();
  return { figures, answered: counts[41] };
}

/** Lines of `pass` or `FAIL`, and whether all passed. */
export async function selfCheck(say) {
  let good = true;
  const check = (passed, text) => {
    good &&= passed;
    say(`${passed ? "pass" : "FAIL"}  ${text}`);
  };
  const clean = await through(await startUpstream(512));
  const { calls, callsEver, errors } = clean.figures;
  check(errors === 0 && calls > 0, `${calls} calls to a good server, ${errors} errors`);
  check(
    callsEver === clean.answered,
    `${callsEver} calls counted by the load generator, ${clean.answered} by the server`,
  );

  const large = await through(await startUpstream(1 << 20), { ...quick, size: 1 << 20 });
  check(
    large.figures.errors === 0 && large.figures.calls > 0,
    `${large.figures.calls} calls of 1 MiB, compared byte by byte`,
  );

  const rate = 1000;
  const paced = await through(await startUpstream(512), {
    ...quick,
    load: ["-connections", "4", "-rate", String(rate)],
  });
  const perSecond = Math.round(paced.figures.callsPerSecond);
  check(Math.abs(perSecond - rate) < rate * 0.05, `paced at ${rate} calls/s: ${perSecond}`);

  for (const { fault, reason } of faults) {
    const { figures } = await through(await startUpstream(512, ["-fault", fault, "-fault-every", "50"]));
    const reasons = Object.keys(figures.errorReasons);
    check(
      reasons.length > 0 && reasons.every((text) => reason.test(text)),
      `fault ${fault}: ${figures.errors} errors, ${reasons}`,
    );
  }
  const other = await through(await startUpstream(600));
  check(
    other.figures.calls === 0 && other.figures.errors > 0,
    "a request of another length than agreed is refused by the server",
  );
  return good;
}
