/**
 * Stops at once on a Node that Contender does not run on, before one of its modules is read.
 *
 * Older ones lack what the program stands on (sources that run by type stripping, fixes to HTTP/2 and TLS), and would
 * fail later with a syntax error or a wrong answer. Written so that an old Node can read it: no named import of anything
 * that is newer than the check.
 */
import process from "node:process";

/** What package.json says under `engines`; a test holds the two together. */
export const supportedNodes = ">=22.23.2 <23 || >=24.18.1";

/** Exit code of a wrong installation (EX_CONFIG of BSD's sysexits); NODE_UNSUPPORTED in docs/errors.md. */
export const unsupportedNodeExit = 78;

/**
 * Whether a version is supported; release candidates and nightlies of a version count as that version.
 *
 * @param {string} version as in `process.versions.node`: `24.21.0`
 */
export function isSupportedNode(version) {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  if (major === 22) return minor > 23 || (minor === 23 && patch >= 2);
  if (major === 24) return minor > 18 || (minor === 18 && patch >= 1);
  return major > 24;
}

/**
 * What to tell someone whose Node is too old.
 *
 * @param {string} version what was found
 * @param {string} execPath where: of several on a machine, it is not always the expected one
 */
export function unsupportedNodeText(version, execPath) {
  return [
    `contender: [NODE_UNSUPPORTED] needs Node ${supportedNodes}, this is ${version} (${execPath}).`,
    "In a clone, `npm ci` brings a fitting Node: use `npm start`, `npm test` or `npx contender ...`, which find it.",
    "Elsewhere, put Node 24 (LTS) first on the PATH.",
    "",
  ].join("\n");
}

if (!isSupportedNode(process.versions.node)) {
  process.stderr.write(unsupportedNodeText(process.versions.node, process.execPath));
  process.exit(unsupportedNodeExit);
}
