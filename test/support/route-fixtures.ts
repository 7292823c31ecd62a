/**
 * Route fixtures: a file of input, then what is to be said of it, as comments below a line `#--- expected`.
 *
 * Adding a case is adding a file. A file of `invalid/` also says whether the JSON Schema sees that something is wrong:
 * `# schema: refuses`, or `# schema: admits` where only the decoder can.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface RouteFixture {
  readonly name: string;
  readonly text: string;
  readonly schema: "refuses" | "admits";
  readonly expected: readonly string[];
}

const folder = new URL("../fixtures/routes/", import.meta.url);

export function routeFixtures(kind: "valid" | "invalid"): RouteFixture[] {
  return readdirSync(new URL(`${kind}/`, folder)).map((file) => {
    const [text = "", said = ""] = readFileSync(new URL(`${kind}/${file}`, folder), "utf8").split("#--- expected\n");
    const lines = said.split("\n").flatMap((line) => (line.startsWith("# ") ? [line.slice(2)] : []));
    const expected = lines.filter((line) => !line.startsWith("schema: "));
    const schema = kind === "valid" || lines.includes("schema: admits") ? "admits" : "refuses";
    return { name: file.replace(/\.yaml$/, ""), text, schema, expected };
  });
}
