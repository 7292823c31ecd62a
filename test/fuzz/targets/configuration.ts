/**
 * Route files and environments of any text.
 *
 * What must hold: a text is read or refused, with a line for each problem and in time; routes that were read are written as
 * documents that make the same routes again, and can be compiled; settings that were read make routes or say why not.
 */
import assert from "node:assert/strict";
import type { Parsed, Problem } from "../../../src/base/parsed.ts";
import { problemLine } from "../../../src/base/parsed.ts";
import { isSecretHeader, redacted, redactText } from "../../../src/base/redact.ts";
import { environmentSnapshot } from "../../../src/config/environment-route.ts";
import { loadTexts } from "../../../src/config/files.ts";
import { allSettings, parseSettings } from "../../../src/config/settings.ts";
import type { Loaded } from "../../../src/config/snapshot.ts";
import { toDocument } from "../../../src/config/to-document.ts";
import type { RouteSpec } from "../../../src/model/route.ts";
import { planSnapshot } from "../../../src/plan/plan.ts";
import { routeFixtures } from "../../support/route-fixtures.ts";
import type { ByteTarget } from "../target.ts";

/** Reading 4 KiB takes a few; what aliases or patterns blow up takes for ever. */
const longestMs = 2_000;
const around = { local: "127.0.0.1:8500" };

function inTime<T>(what: string, run: () => T): T {
  const begun = performance.now();
  const result = run();
  assert.ok(performance.now() - begun < longestMs, `${what} takes too long`);
  return result;
}

function checkProblems(problems: readonly Problem[]): void {
  for (const problem of problems) {
    const line = problemLine(problem);
    assert.ok(problem.message !== "" && !/[\n\r]/.test(line), `a problem is one line: ${JSON.stringify(line)}`);
  }
}

/** Problems are there exactly where the value is not. */
function checkParsed<T>(parsed: Parsed<T>): void {
  if (parsed.ok) return;
  assert.ok(parsed.problems.length > 0, "what is refused has a reason");
  checkProblems(parsed.problems);
}

/** A route without what a document does not show, and without the order of names, which JSON loses where they are digits. */
function plain(route: RouteSpec): unknown {
  const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
  return {
    ...route,
    variants: route.variants
      .map((variant) => ({
        ...variant,
        artifact: variant.artifact === undefined ? undefined : redactText(variant.artifact),
        metadata: variant.metadata.map(([name, value]) => [name, isSecretHeader(name) ? redacted : value]).sort(),
      }))
      .toSorted(byName),
    shadows: route.shadows.toSorted((a, b) => (a.variant < b.variant ? -1 : 1)),
  };
}

function checkLoaded(loaded: Loaded): void {
  checkParsed(loaded);
  checkProblems(loaded.warnings);
  if (!loaded.ok) return;
  const documents = loaded.value.routes.map(toDocument);
  const texts = documents.map((document, i) => ({ name: `route ${i}`, text: JSON.stringify(document) }));
  const again = loadTexts("again", texts, around);
  assert.ok(again.ok, `what was written is read: ${again.ok ? "" : again.problems.map(problemLine).join("; ")}`);
  assert.deepEqual(
    again.value.routes.map(plain),
    loaded.value.routes.map(plain),
    "what was written makes the same routes",
  );
  const plan = planSnapshot(loaded.value);
  assert.ok(plan.ok, `what was read can be compiled: ${plan.ok ? "" : plan.problems.map(problemLine).join("; ")}`);
}

const words = (...list: readonly string[]) => list.map((word) => Buffer.from(word));

export const routes: ByteTarget = {
  kind: "bytes",
  name: "routes",
  about: "route files of any text: read or refused, and what was read makes the same routes again",
  replay: (input) => {
    const texts = [{ name: "fuzz.yaml", text: input.toString("utf8") }];
    checkLoaded(inTime("a route file", () => loadTexts("fuzz", texts, around)));
  },
  seeds: () => [...routeFixtures("valid"), ...routeFixtures("invalid")].map(({ text }) => Buffer.from(text)),
  dictionary: words(
    ...[
      "\n---\n",
      "&a ",
      "*a",
      "- ",
      ": ",
      "? ",
      "| \n",
      ">-\n",
      "{",
      "}",
      "[",
      "]",
      "!!str ",
      "#",
      "'",
      '"',
      "\n  ",
      "\t",
    ],
    ...[
      "null",
      "true",
      "~",
      ".inf",
      ".nan",
      "-0",
      "1e999",
      "0x10",
      "9007199254740993",
      "<<: ",
      "__proto__: ",
      "constructor: ",
    ],
    ...[
      "metadata",
      "variants",
      "weights",
      "champion",
      "shadows",
      "gates",
      "default: true",
      "assignment: md5-100",
      "model: ",
      "label: ",
    ],
  ),
};

const names = allSettings.map(({ env }) => env);

function environmentOf(text: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0)
      Object.defineProperty(env, line.slice(0, at), {
        value: line.slice(at + 1),
        enumerable: true,
        configurable: true,
      });
  }
  return env;
}

export const settings: ByteTarget = {
  kind: "bytes",
  name: "settings",
  about: "environments of any text: read or refused, and the routes they make are routes that a file could hold",
  replay: (input) => {
    const parsed = inTime("an environment", () => parseSettings(environmentOf(input.toString("utf8"))));
    checkParsed(parsed);
    if (parsed.ok) checkLoaded(environmentSnapshot(parsed.value));
  },
  seeds: () => [
    ...words(
      "CONTENDER_CHAMPION=v41=127.0.0.1:8500\nCONTENDER_CHALLENGERS=v2=127.0.0.1:8501,v3=unix:/a=b\nCONTENDER_WEIGHTS=v41=90,v2=10",
      "CONTENDER_CHAMPION=a:1\nCONTENDER_SHADOWS=v3=127.0.0.1:8502@25%,v4=b:2\nCONTENDER_KEY=metadata:x-user,input:user_id,parameter:u",
      "CONTENDER_SCORE=scores[1]\nCONTENDER_ASSIGNMENT=md5-100\nCONTENDER_CHALLENGERS=b=b:1\nCONTENDER_CHAMPION=a=a:1\nCONTENDER_WEIGHTS=b=10,a=90",
      "CONTENDER_CONTROL=tls://a:1\nCONTENDER_CONTROL_CA=c\nCONTENDER_CONFIG=etcd:http://a:1,http://b:2/p%20q\nCONTENDER_POD=p-1",
      "CONTENDER_CONTROL=127.0.0.1:1\nCONTENDER_CONFIG=https://a/b?c=d\nCONTENDER_CONFIG_POLL=1s\nCONTENDER_CONFIG_TOKEN_FILE=t",
      "CONTENDER_SERVICE_HOST=10.0.0.1\nCONTENDER_PORT=tcp://10.0.0.1:7400\nCONTENDER_CHAMPOIN=a:1",
    ),
    // Each setting as it is by default.
    ...allSettings.map(({ env, default: value }) => Buffer.from(`${env}=${value}`)),
  ],
  dictionary: words(
    ...names.map((name) => `\n${name}=`),
    ...[
      ",",
      "=",
      "@",
      "%",
      ":",
      "[",
      "]",
      "[max]",
      "unix:/",
      "dns:///",
      "0",
      "-1",
      "1e3",
      "9999999999",
      "ms",
      "s",
      "h",
      "0.5",
      "true",
      "false",
      "private",
      "::1/128",
    ],
  ),
};
