/**
 * Prints a software bill of materials (CycloneDX 1.5, JSON): the packages of a production install, for every platform, as
 * package-lock.json has them.
 *
 * `npm sbom` writes it. Its own `--omit dev` can't be used: it leaves out every package that a development dependency
 * needs, too, `@grpc/grpc-js` among them (npm 11.19). So it is asked for all, and what is for development alone is taken out.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { productionVersions } from "./audit-rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const { name } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=application", "--package-lock-only"];
const { status, stdout, stderr } = spawnSync("npm", args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
if (status !== 0) {
  process.stderr.write(stderr ?? "npm sbom failed\n");
  process.exit(1);
}
const versions = productionVersions(packages);
const isWanted = (component) => versions.get(component.name)?.includes(component.version) === true;

const bom = JSON.parse(stdout);
const self = bom.metadata.component;
// npm takes the folder's name for the package's.
self.name = name;
bom.components = bom.components.filter(isWanted);
const refs = new Set([self["bom-ref"], ...bom.components.map((component) => component["bom-ref"])]);
bom.dependencies = bom.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
