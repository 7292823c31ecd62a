/**
 * Where the sidecar's time goes: V8's sampling profile of one window, by function.
 */
import { readFileSync } from "node:fs";

/** Distance between samples, µs: fine enough for a few hundred samples per percent of a five-second window. */
export const sampleEveryUs = 200;

/**
 * Self and total time per function, of the samples that fall into a window.
 *
 * @param {string} path of a .cpuprofile
 * @param {{ startedAt: bigint, endedAt: bigint }} window by process.hrtime: the same clock as the profile's
 * @returns {{ seconds: number, functions: { name: string, place: string, selfUs: number, totalUs: number }[] }}
 */
export function readProfile(path, { startedAt, endedAt }) {
  const profile = JSON.parse(readFileSync(path, "utf8"));
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const from = Number(startedAt / 1000n);
  const to = Number(endedAt / 1000n);
  const selfOf = new Map();
  let at = profile.startTime;
  let seen = 0;
  profile.samples.forEach((id, i) => {
    at += profile.timeDeltas[i];
    const lasts = profile.timeDeltas[i + 1] ?? 0;
    if (at < from || at > to) return;
    seen += lasts;
    selfOf.set(id, (selfOf.get(id) ?? 0) + lasts);
  });
  const functions = new Map();
  const entry = (node) => {
    const { functionName, url, lineNumber } = node.callFrame;
    const file = url.replace(/^.*\/(src|node_modules|bench)\//, "$1/");
    const place = url === "" ? "" : `${file}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    if (!functions.has(key)) functions.set(key, { name: functionName || "(anonymous)", place, selfUs: 0, totalUs: 0 });
    return functions.get(key);
  };
  for (const [id, us] of selfOf) {
    entry(nodes.get(id)).selfUs += us;
    const counted = new Set();
    for (let up = id; up !== undefined; up = parents.get(up)) {
      const found = entry(nodes.get(up));
      if (!counted.has(found)) found.totalUs += us;
      counted.add(found);
    }
  }
  return { seconds: seen / 1e6, functions: [...functions.values()].sort((a, b) => b.selfUs - a.selfUs) };
}

/** The functions with the most self time, with their µs per call of the proxy. */
export function profileLines({ seconds, functions }, calls, most = 30) {
  const working = functions.filter(({ name }) => name !== "(idle)");
  const busy = working.reduce((sum, { selfUs }) => sum + selfUs, 0);
  const row = ({ name, place, selfUs, totalUs }) =>
    [
      (selfUs / calls).toFixed(2).padStart(8),
      `${((selfUs / busy) * 100).toFixed(1)} %`.padStart(8),
      (totalUs / calls).toFixed(2).padStart(9),
      `  ${name.padEnd(34)} ${place}`,
    ].join(" ");
  return [
    `${calls} calls, ${seconds.toFixed(1)} s sampled, busy ${((busy / seconds / 1e6) * 100).toFixed(0)} %: ${(busy / calls).toFixed(1)} µs/call`,
    "self µs/call    busy  total µs/call  function",
    ...working.slice(0, most).map(row),
  ];
}
