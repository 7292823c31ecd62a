/**
 * Asks Prometheus itself: is the exposition sound, are the documented queries valid, do they compute what they say?
 *
 * Takes `promtool` from the PATH, else out of Debian's package `prometheus`, which it downloads and unpacks without
 * installing: no service is started and nothing on the machine changes. Exit code 1 and the reason on any complaint.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { systemClock } from "../../src/base/clock.ts";
import { collectProcessMetrics } from "../../src/observe/process-metrics.ts";
import { fullMetrics } from "../support/full-metrics.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(root, "node_modules/.cache/promtool");
const folder = mkdtempSync(join(tmpdir(), "contender-promtool-"));

function run(command, args, { input, cwd } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input,
    cwd,
    encoding: "utf8",
    timeout: 300_000,
  });
  return { status: error === undefined ? status : -1, output: `${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}` };
}

function findPromtool() {
  if (run("promtool", ["--version"]).status === 0) return "promtool";
  const unpacked = join(cache, "usr/bin/promtool");
  if (existsSync(unpacked)) return unpacked;
  mkdirSync(cache, { recursive: true });
  const isPackage = (name) => name.startsWith("prometheus_") && name.endsWith(".deb");
  const steps = [
    () => run("apt-get", ["update"]),
    () => run("apt-get", ["download", "prometheus"], { cwd: cache }),
    () => run("dpkg", ["-x", join(cache, readdirSync(cache).find(isPackage) ?? ""), cache]),
  ];
  const outputs = steps.map((step) => step().output);
  assert.ok(existsSync(unpacked), `no promtool on the PATH, and Debian's package can't be had:\n${outputs.join("\n")}`);
  return unpacked;
}

const promtool = findPromtool();

function pass(what, args, input) {
  const { status, output } = run(promtool, args, { input });
  assert.equal(status, 0, `${what}:\n${output}`);
  console.log(`ok  ${what}`);
}

function fail(what, args, input) {
  const { status, output } = run(promtool, args, { input });
  assert.ok(status > 0, `${what} was taken for sound:\n${output}`);
  console.log(`ok  ${what} is refused`);
}

function file(name, content) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function judgeExposition() {
  const { metrics } = fullMetrics({ clock: systemClock });
  collectProcessMetrics(metrics.registry);
  const text = await metrics.exposition();
  pass(`exposition of ${text.split("\n").length} lines`, ["check", "metrics"], text);
  // The judge must be able to say no.
  fail("an unescaped label", ["check", "metrics"], `${text}contender_config_info{version="a"b",source="c"} 1\n`);
  fail("a counter without _total", ["check", "metrics"], "# HELP a_b A b.\n# TYPE a_b counter\na_b 1\n");
}

/** Queries and rules of docs/metrics.md. */
function documentedCode() {
  const page = readFileSync(join(root, "docs/metrics.md"), "utf8");
  const blocks = (language) =>
    Array.from(page.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g")), ([, code]) => code);
  return { queries: blocks("promql"), rules: blocks("yaml") };
}

function judgeQueries() {
  const { queries, rules } = documentedCode();
  assert.ok(queries.length >= 8 && rules.length === 1, "queries and rules of docs/metrics.md");
  const asRules = queries.map((expr, i) => ({ record: `documented:query:${i}`, expr }));
  const queriesFile = file("queries.yaml", stringify({ groups: [{ name: "documented", rules: asRules }] }));
  pass(`${queries.length} documented queries`, ["check", "rules", queriesFile]);
  const rulesFile = file("rules.yaml", rules[0]);
  pass(`${parse(rules[0]).groups[0].rules.length} documented rules`, ["check", "rules", rulesFile]);

  const query = (part) => queries.find((each) => each.includes(part)) ?? assert.fail(`no query with ${part}`);
  const expectations = [
    { expr: "contender:score_psi:1h", labels: { variant: "v41" }, value: 0 },
    { expr: "contender:score_psi:1h", labels: { variant: "v42" }, value: psi(champion, challenger) },
    { expr: query("abs("), labels: { variant: "v42" }, value: distance(champion, challenger) },
    { expr: query("INVALID_ARGUMENT"), labels: { variant: "v41" }, value: 0 },
    { expr: query("INVALID_ARGUMENT"), labels: { variant: "v42" }, value: 0.25 },
    { expr: query("0.99"), labels: { variant: "v42" }, value: 0.0496 },
    { expr: query('le="0.05"'), labels: { variant: "v42" }, value: 0.1 },
    { expr: query("avg by"), labels: { variant: "v42" }, value: 0.05 },
    {
      expr: query("contender_score_sum"),
      labels: { variant: "v42", output: "scores", role: "challenger" },
      value: 0.5,
    },
    { expr: query("shadow_dropped"), labels: { variant: "v43" }, value: 1 },
    { expr: query("count by (version)"), labels: { version: "7" }, value: 2 },
    { expr: query("config_rejected"), labels: { instance: "b" }, value: 15 },
  ];
  pass(`${expectations.length} results of documented queries`, [
    "test",
    "rules",
    testFile("right", rulesFile, expectations),
  ]);
  const wrong = expectations.map((each) => ({ ...each, value: each.value + 0.01 }));
  fail("other results", ["test", "rules", testFile("wrong", rulesFile, wrong)]);
}

/** Scores a minute in five bins of equal width. */
const champion = [40, 30, 15, 10, 5];
const challenger = [20, 20, 20, 20, 20];

/** By the definition, with the half row that the documented rules add to each bin. */
function psi(expected, actual) {
  const shares = (bins) => {
    const smooth = bins.map((bin) => bin * 60 + 0.5);
    const total = smooth.reduce((sum, bin) => sum + bin, 0);
    return smooth.map((bin) => bin / total);
  };
  const e = shares(expected);
  return shares(actual).reduce((sum, a, i) => sum + (a - e[i]) * Math.log(a / e[i]), 0);
}

function cumulative(bins) {
  let sum = 0;
  return bins.map((bin) => {
    sum += bin;
    return sum;
  });
}

function distance(a, b) {
  const total = cumulative(a).at(-1);
  return Math.max(...cumulative(a).map((each, i) => Math.abs(each - cumulative(b)[i]) / total));
}

/** Two hours of a series that grows by `perMinute`, or stays at `value`. */
const grows = (series, perMinute) => ({ series, values: `0+${perMinute}x120` });
const stays = (series, value) => ({ series, values: `${value}+0x120` });

function scoreSeries(variant, bins) {
  const labels = `route="fraud",variant="${variant}",traffic="live",output="scores"`;
  const bounds = ["0.2", "0.4", "0.6", "0.8", "+Inf"];
  const total = cumulative(bins).at(-1);
  return [
    ...cumulative(bins).map((count, i) => grows(`contender_score_bucket{${labels},le="${bounds[i]}"}`, count)),
    grows(`contender_score_sum{${labels}}`, total / 2),
    grows(`contender_score_count{${labels}}`, total),
  ];
}

function inputSeries() {
  const v = (variant) => `route="fraud",variant="${variant}"`;
  const calls = (variant, code) =>
    `contender_requests_total{${v(variant)},traffic="live",method="Predict",grpc_code="${code}"}`;
  const duration = (name) => `contender_request_duration_seconds_${name}`;
  const ok = `${v("v42")},traffic="live",outcome="ok"`;
  const info = (variant, role) => `contender_variant_info{${v(variant)},role="${role}",model="fraud",model_version=""}`;
  return [
    ...scoreSeries("v41", champion),
    ...scoreSeries("v42", challenger),
    stays(info("v41", "champion"), 1),
    stays(info("v42", "challenger"), 1),
    stays(`contender_route_weight_ratio{${v("v41")}}`, 0.9),
    stays(`contender_route_weight_ratio{${v("v42")}}`, 0.1),
    grows(calls("v41", "OK"), 90),
    grows(calls("v41", "CANCELLED"), 10),
    grows(calls("v42", "OK"), 30),
    grows(calls("v42", "UNAVAILABLE"), 10),
    grows(`contender_assignments_total{${v("v41")},reason="weight"}`, 85),
    grows(`contender_assignments_total{${v("v42")},reason="weight"}`, 14),
    grows(`contender_assignments_total{${v("v42")},reason="breaker_open"}`, 1),
    grows(`contender_assignments_total{${v("v42")},reason="pinned"}`, 1_000),
    // 90 in (0, 0.025], 10 in (0.05, 0.1]; of those that ended well, 100 in (0.025, 0.05].
    grows(`${duration("bucket")}{${v("v42")},traffic="live",outcome="error",le="0.05"}`, 80),
    grows(`${duration("count")}{${v("v42")},traffic="live",outcome="error"}`, 100),
    grows(`${duration("bucket")}{${ok},le="0.01"}`, 0),
    grows(`${duration("bucket")}{${ok},le="0.05"}`, 100),
    grows(`${duration("bucket")}{${ok},le="+Inf"}`, 100),
    grows(`${duration("count")}{${ok}}`, 100),
    grows(`contender_shadow_dropped_total{${v("v43")},reason="in_flight_full"}`, 5),
    stays('contender_config_info{version="7",source="file:/routes",instance="a"}', 1),
    stays('contender_config_info{version="7",source="file:/routes",instance="b"}', 1),
    stays('contender_config_rejected_total{instance="a"}', 3),
    grows('contender_config_rejected_total{instance="b"}', 1),
  ];
}

/** promtool compares to the last bit, so each result is rounded to thousandths, by Prometheus and here. */
function testFile(name, rulesFile, expectations) {
  const tests = expectations.map(({ expr, labels, value }) => ({
    expr: `round(${pick(expr, labels)}, 0.001)`,
    eval_time: "2h",
    exp_samples: [{ labels: resultLabels(labels), value: Math.round(value * 1000) / 1000 }],
  }));
  const content = {
    rule_files: [rulesFile],
    evaluation_interval: "1m",
    tests: [{ interval: "1m", input_series: inputSeries(), promql_expr_test: tests }],
  };
  return file(`${name}.yaml`, stringify(content));
}

/** The part of a result that has these labels: an `and` with a vector that holds nothing else. */
function pick(expr, labels) {
  const names = Object.keys(labels);
  const constant = names.reduce(
    (vector, name) => `label_replace(${vector}, "${name}", "${labels[name]}", "", "")`,
    "vector(1)",
  );
  return `(${expr}) and on (${names.join(", ")}) ${constant}`;
}

/** Everything by variant is by route too. */
function resultLabels(labels) {
  const all = Object.hasOwn(labels, "variant") ? { route: "fraud", ...labels } : labels;
  const words = Object.entries(all).map(([label, text]) => `${label}="${text}"`);
  return `{${words.join(", ")}}`;
}

// The clock's timers hold no process alive, and here is nothing else that would.
const awake = setInterval(() => undefined, 1_000);
try {
  await judgeExposition();
  judgeQueries();
} finally {
  clearInterval(awake);
  rmSync(folder, { recursive: true });
}
