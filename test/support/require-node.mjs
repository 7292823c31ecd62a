/** Fails loudly where an unsupported Node runs the tests: type stripping and node:http2's fixes need it. */
const [major, minor, patch] = process.versions.node.split(".").map(Number);
const at = major * 1e6 + minor * 1e3 + patch;
const supported = (at >= 22_023_002 && major === 22) || at >= 24_018_001;
if (!supported) {
  throw new Error(
    `contender needs Node >=22.23.2 <23 or >=24.18.1, this is ${process.version} (${process.execPath}). Run it by "npm test", which brings its own Node.`,
  );
}
