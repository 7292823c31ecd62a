import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connectionFaults, streamFaults } from "../../src/base/connection-ends.ts";
import { tlsVersions } from "../../src/base/tls-versions.ts";
import { dropReasons } from "../../src/compare/drop-reason.ts";
import { lastGoodResults, sourceFailures } from "../../src/config/source-status.ts";
import {
  assignmentReasons,
  localReplyReasons,
  outcomes,
  scoreInvalidReasons,
  shadowDropReasons,
  shedResources,
  trafficKinds,
} from "../../src/model/call.ts";
import { catalogue, type MetricDefinition } from "../../src/observe/catalogue.ts";
import { controlCatalogue } from "../../src/observe/control-metrics.ts";
import {
  fallbackResults,
  goawayDirections,
  grpcCodes,
  hooks,
  overloadEntries,
  plainStatuses,
  reportResults,
  roles,
  sides,
} from "../../src/observe/labels.ts";
import { tlsFailures } from "../../src/transport/tls-failure.ts";
import { reloadResults } from "../../src/transport/tls-figures.ts";
import { tableRows } from "../support/markdown.ts";

const page = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
const rows = tableRows(page);

/** The words in backticks of a table's cell. */
function quoted(cell = ""): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, word = ""]) => word);
}

const documented = new Map(
  rows
    .filter(([name = ""]) => name.startsWith("`contender_"))
    .map(([name, type = "", labels, meaning = ""]) => [quoted(name)[0], { type, labels: quoted(labels), meaning }]),
);
const definitions = Object.entries<MetricDefinition>({ ...catalogue, ...controlCatalogue });

describe("docs/metrics.md", () => {
  it("has every metric of the catalogue, and no other", () => {
    assert.deepEqual([...documented.keys()].sort(), definitions.map(([name]) => name).sort());
  });

  for (const [name, { type, labels }] of definitions) {
    it(`tells the type, labels and meaning of ${name}`, () => {
      const found = documented.get(name);
      assert.deepEqual([found?.type, found?.labels], [type, labels]);
      assert.notEqual(found?.meaning, "");
    });
  }

  const sets: readonly (readonly [label: string, words: readonly string[]])[] = [
    ["`traffic`", trafficKinds],
    ["`outcome`", outcomes],
    ["`grpc_code`", grpcCodes],
    ["`role`", roles],
    ["`side`", sides],
    ["`direction`", goawayDirections],
    ["`fault`", connectionFaults],
    ["`fault` of `contender_stream_faults_total`", streamFaults],
    ["`result`", fallbackResults],
    ["`result` of `contender_tls_reloads_total`", reloadResults],
    ["`result` of `contender_config_last_good_writes_total`", lastGoodResults],
    ["`reason` of `contender_config_source_failures_total`", sourceFailures],
    ["`result` of `contender_reports_total`", reportResults],
    ["`version` of `contender_tls_handshakes_total`", tlsVersions],
    ["`hook`", hooks],
    ["`status`", plainStatuses],
    ["`step`", overloadEntries],
    ["`resource`", shedResources],
    ["`reason` of `contender_assignments_total`", assignmentReasons],
    ["`reason` of `contender_shadow_dropped_total`", shadowDropReasons],
    ["`reason` of `contender_prediction_log_dropped_total`", dropReasons],
    ["`reason` of `contender_score_invalid_total`", scoreInvalidReasons],
    ["`reason` of `contender_tls_handshake_failures_total`", tlsFailures],
    ["`reason` of `contender_local_replies_total`", localReplyReasons],
  ];
  for (const [label, words] of sets) {
    it(`lists the values of ${label}`, () => {
      const values = rows.filter(([first]) => first === label).map(([, cell]) => quoted(cell));
      assert.deepEqual(values, [words]);
    });
  }

  it("asks in its queries only for metrics, labels and values that there are", () => {
    const code = Array.from(page.matchAll(/```(?:promql|yaml)\n([\s\S]*?)```/g), ([, block = ""]) => block).join("\n");
    assert.ok(code.includes("histogram_quantile"));
    for (const [, name = "", selector = ""] of code.matchAll(/\b(contender_[a-z_]+)(?:\{([^}]*)\})?/g)) {
      const family = name.replace(/_(bucket|sum|count)$/, "");
      const [, definition] = definitions.find(([each]) => each === name || each === family) ?? [];
      assert.ok(definition, name);
      for (const [, label = ""] of selector.matchAll(/([a-z_]+)(?:=|!=|=~|!~)"/g)) {
        assert.ok(label === "le" || definition.labels.includes(label), `${label} of ${name}`);
      }
      const codes = /grpc_code!~"([^"]*)"/.exec(selector)?.[1]?.split("|") ?? [];
      for (const each of codes) assert.ok(grpcCodes.includes(each), each);
    }
  });
});
