/**
 * How large V8's young generation may become, which `heap_size_limit` has in it.
 *
 * What a process dies of is the old generation: "heap out of memory" comes at `--max-old-space-size`. V8 tells the sum of both
 * limits alone, and the young one, three semi-spaces, is most of it in a small container: 192 of 256 MiB for an old
 * generation of 64. So it is told from the flags, or from the version's default.
 */

const mebibyte = 1_048_576;
/** V8 keeps two semi-spaces and as much again for large objects that are new. */
const semiSpaces = 3;
/** Default of `--max-semi-space-size` in MiB: of V8 13.6 in Node 24, and before. A test asks the Node at hand. */
const semiSpaceSince24 = 64;
const semiSpaceBefore = 16;

const flag = /--max[-_]semi[-_]space[-_]size[= ]([0-9]+)/g;

/**
 * @param flags those that the process was started with, NODE_OPTIONS included; the last of several counts
 * @param version as `process.version` has it
 */
export function youngGenerationBytes(flags: string, version: string): number {
  const asked = [...flags.matchAll(flag)].at(-1)?.[1];
  const byDefault = Number(/^v([0-9]+)/.exec(version)?.[1]) >= 24 ? semiSpaceSince24 : semiSpaceBefore;
  return (asked === undefined ? byDefault : Number(asked)) * semiSpaces * mebibyte;
}
