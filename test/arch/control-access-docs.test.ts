/** docs/control-access.md is held to the code, both ways. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { accessKind, readAccess, roles } from "../../src/config/access-document.ts";
import { certificateName, matchCertificate, readCertificatePattern } from "../../src/config/certificate-pattern.ts";
import { audit } from "../../src/control/access/audit.ts";
import { actions } from "../../src/control/access/permissions.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { tableRows } from "../support/markdown.ts";
import { parsedValue } from "../support/parsed.ts";

const page = readFileSync(new URL("../../docs/control-access.md", import.meta.url), "utf8");

/** The first column names the table; cells come without their marks of code. */
function tableOf(head: string, text = page): string[][] {
  const [, table = ""] = new RegExp(`^\\| ${head} \\|[^\n]*\n((?:\\|[^\n]*\n)+)`, "m").exec(text) ?? [];
  return tableRows(table).map((cells) => cells.map((cell) => cell.replaceAll("`", "")));
}

describe("docs/control-access.md", () => {
  it("has every action, with the roles that may and whether it changes routes, and no other", () => {
    const inCode = Object.entries(actions).map(([action, rule]) => [
      action,
      rule.roles.join(", "),
      rule.writes ? "yes" : "",
    ]);
    assert.deepEqual(tableOf("action"), inCode);
  });

  it("has every role, and no other", () => {
    assert.deepEqual(
      tableOf("role").map(([role]) => role),
      roles,
    );
  });

  it("has an example that is read as it stands", () => {
    const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    assert.ok(example.includes(`kind: ${accessKind}`));
    const { identities } = parsedValue(readAccess("access.yaml", example));
    assert.deepEqual(
      roles.filter((role) => role !== "read" && !identities.some((each) => each.role === role)),
      [],
    );
  });

  for (const [pattern = "", text = ""] of tableOf("written")) {
    it(`says of ${pattern} what it takes in`, () => {
      const reading = readCertificatePattern(pattern);
      const name = text === "this DNS name" ? pattern : text.replace(/: .*$/, "");
      assert.ok(reading.ok && matchCertificate(reading.value, certificateName(name)) !== undefined, name);
    });
  }

  it("has every field of an audit line, and no other", () => {
    const fields = new Set<string>();
    const add = (line: object): void => {
      for (const field of Object.keys(line)) fields.add(field);
    };
    const lines = audit({ info: add, warn: add, error: add }, new ManualClock());
    const identity = { name: "a", role: "read", namespaces: [], node: {}, how: "token" } as const;
    const nobody = { certificate: undefined, authorization: [], plaintext: true, loopback: false, claimed: undefined };
    lines.changed(identity, "p", { action: "apply", revision: 1, reason: "" });
    lines.denied(identity, "p", { action: "apply" }, "");
    lines.stranger({ ...nobody, peer: "p" }, "apply", "");
    fields.delete("event");
    const documented = tableOf("field", page.slice(page.indexOf("## Audit"))).map(([field]) => field);
    assert.deepEqual(documented.sort(), [...fields].sort());
  });
});
