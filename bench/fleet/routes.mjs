/**
 * Two routes such as a team has, one of them with a table that changes of weights have cut into pieces over time.
 */

/** What a table takes that has seen many changes. */
const snapshotBytes = 4096;
const mostChanges = 400;
const changed = "fraud-scores";

const route = (name) => ({
  apiVersion: "contender.dev/v1alpha1",
  kind: "ModelRoute",
  metadata: { name },
  spec: {
    match: { dialect: "tensorflow-serving", models: [name] },
    key: { from: [{ metadata: "x-user-id" }] },
    score: { output: "scores", index: 1, range: [0, 1] },
    variants: {
      v41: { address: "local" },
      v42: { address: "127.0.0.1:9042" },
      v43: { address: "127.0.0.1:9043" },
    },
    champion: "v41",
    weights: { v41: 90, v42: 10, v43: 0 },
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

  /** Applies the routes and changes weights until their tables are in pieces. */
  async prepare() {
    await this.control.call("AdminService", "ApplyRoutes", {
      texts: [changed, "chargebacks"].map((name) => ({ name: `${name}.json`, text: JSON.stringify(route(name)) })),
      intent: { reason: "bench" },
    });
    while (this.changes < mostChanges && (await this.snapshotBytes()) < snapshotBytes) await this.change();
    return this.snapshotBytes();
  }
}
