/** docs/operations.md is held to the code, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { endpoints } from "../../src/admin/endpoints.ts";
import { resolveAdminOptions } from "../../src/admin/options.ts";
import { tableRows } from "../support/markdown.ts";
import { readSources } from "../support/modules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");

/** Rows of the page's section, each cell without its marks of code. */
function rowsOf(title: string): string[][] {
  const [, section = ""] = new RegExp(`^## ${title}\n([^]*?)(?=^## |(?![^]))`, "m").exec(page) ?? [];
  return tableRows(section).map((cells) => cells.map((cell) => cell.replaceAll("`", "")));
}

function source(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** The words of `readonly kind: "a" | "b"`. */
function kindsOf(text: string): string[] {
  return [...text.matchAll(/readonly kind: ((?:"[a-z_]+"(?: \| )?)+)/g)].flatMap(([, words = ""]) => quoted(words));
}

/** The words of `event: "…"`. */
function eventsOf(text: string): string[] {
  return [...text.matchAll(/\bevent: "([a-z_]+)"/g)].map(([, event = ""]) => event);
}

function quoted(text: string): string[] {
  return [...text.matchAll(/"([a-z_]+)"/g)].map(([, word = ""]) => word);
}

describe("docs/operations.md", () => {
  it("has every event that a process logs, once, and no other", () => {
    const isSidecars = (path: string): boolean => path.endsWith(".ts") && !/\/control[-.]/.test(path);
    const processes = [...readSources(root, "src/processes", isSidecars).values()].join("\n");
    const logged = [
      ...eventsOf(processes),
      ...kindsOf(source("src/runtime/events.ts")),
      ...kindsOf(source("src/runtime/records.ts")),
      ...kindsOf(source("src/config/source-status.ts")),
      ...kindsOf(/export type GroupEvent =([^;]*;)+?\n\nexport/.exec(source("src/workers/group.ts"))?.[0] ?? ""),
    ];
    const documented = rowsOf("The log").map(([event]) => event);
    assert.deepEqual([...documented].sort(), [...new Set(logged)].sort());
  });

  it("has every event that the config service logs, once, and no other", () => {
    const isControls = (path: string): boolean => /\/(processes\/control[-.]|control\/).*ts$/.test(path);
    const sources = [...readSources(root, "src", isControls).values()].join("\n");
    const [kinds = ""] = /export type ControlEvent =[\s\S]*?;\n\n/.exec(source("src/control/control.ts")) ?? [];
    const logged = [
      ...eventsOf(sources),
      ...quoted(sources.match(/event: now\.ok \? .*/)?.[0] ?? ""),
      ...kindsOf(kinds),
    ];
    const documented = rowsOf("The config service").map(([event = ""]) => event);
    assert.deepEqual(documented.filter((event) => /^[a-z_]+$/.test(event)).sort(), [...new Set(logged)].sort());
  });

  it("has every path of the config service's HTTP port, and no other", () => {
    const paths = [...source("src/control/ports/http-endpoints.ts").matchAll(/^ {4,6}\[?"(\/[a-z0-9/]*)"/gm)].map(
      ([, path]) => path,
    );
    const inline = [...source("src/control/ports/http-endpoints.ts").matchAll(/\["(\/[a-z0-9/]*)", \{/g)].map(
      ([, path]) => path,
    );
    const documented = rowsOf("The config service").flatMap(
      ([request = ""]) => /^GET (\/\S*)$/.exec(request)?.[1] ?? [],
    );
    assert.deepEqual(documented.sort(), ["/", ...new Set([...paths, ...inline])].sort());
  });

  it("has every field of an access line, in its order, and no other", () => {
    const [body = ""] = /interface AccessLine \{[^}]*\}/.exec(source("src/proxy/access-records.ts")) ?? [];
    assert.deepEqual(
      rowsOf("The access log").map(([field]) => field),
      [...body.matchAll(/readonly ([A-Za-z]+):/g)].map(([, field]) => field),
    );
  });

  it("has every endpoint of the admin port, with its method and whom it answers, and no other", () => {
    const documented = rowsOf("The admin port").filter(([request = ""]) => request.includes("/"));
    assert.deepEqual(
      documented.map(([request, from]) => [request, from]),
      Array.from(endpoints, ([path, { method, local }]) => [`${method} ${path}`, local ? "this machine" : "anywhere"]),
    );
  });

  it("has every limit of the admin port, with its value, and no other", () => {
    const documented = rowsOf("The admin port").filter(([name = ""]) => /^[a-z]+[A-Z]/.test(name));
    assert.deepEqual(
      Object.fromEntries(documented.map(([name, value]) => [name, Number(value)])),
      resolveAdminOptions(),
    );
  });
});
