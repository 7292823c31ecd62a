/**
 * As many routes as fill a snapshot of usual size, and changes of the first one's weights.
 */

/** What a sidecar in front of a dozen models is sent. */
const snapshotBytes = 4096;
const mostRoutes = 64;
const changed = "fraud-00";

const route = (name) => ({
  apiVersion: "contender.dev/v1alpha1",
  kind: "ModelRoute",
  metadata: { name },
  spec: {
    default: name === changed,
    match: { dialect: "tensorflow-serving", models: [name] },
    key: { from: [{ metadata: "x-user-id" }] },
    score: { output: "scores", index: 1, range: [0, 1] },
    variants: {
      v41: { address: "local" },
      v42: { address: "127.0.0.1:9042" },
      v43: { address: "127.0.0.1:9043" },
    },
    champion: "v41",
    weights: { v41: 60, v42: 30, v43: 10 },
  },
});

/** Changes weights, never to what they were; resolved with the store's revision after it. */
export class Weights {
  constructor(control) {
    this.control = control;
    this.changes = 0;
  }

  async change() {
    this.changes += 1;
    // Strides without a common divisor: a long way until a pair comes back, and neighbours are far from each other.
    const v42 = 5 + ((this.changes * 17) % 41);
    const v43 = 5 + ((this.changes * 13) % 37);
    const { revision } = await this.control.call("AdminService", "SetWeights", {
      name: changed,
      weights: [
        { variant: "v41", weight: 100 - v42 - v43 },
        { variant: "v42", weight: v42 },
        { variant: "v43", weight: v43 },
      ],
      intent: { reason: "bench" },
    });
    return revision;
  }

  /** Bytes of what a sidecar is sent. */
  async snapshotBytes() {
    return (await this.control.callBytes("ConfigService", "Fetch", {})).length;
  }

  /** Applies routes until a snapshot is large enough. @returns its bytes */
  async prepare() {
    let bytes = 0;
    for (let count = 0; count < mostRoutes && bytes < snapshotBytes; count++) {
      const name = `fraud-${String(count).padStart(2, "0")}`;
      await this.control.call("AdminService", "ApplyRoutes", {
        texts: [{ name: `${name}.json`, text: JSON.stringify(route(name)) }],
        intent: { reason: "bench" },
      });
      bytes = await this.snapshotBytes();
    }
    return bytes;
  }
}
