/**
 * A worker for tests of whoever leads it: `ends` at once, is `mute` once it is ready, or `works` and answers; one
 * that `forgets` its first connection takes the next and greets it.
 */
import { Socket } from "node:net";

const [, , script] = process.argv;
const answers = script === "works" || script === "forgets";
let connections = 0;

if (script === "ends") process.exit(3);
process.on("message", ({ kind, id }, handle) => {
  if (kind === "start") process.send({ kind: "ready" });
  else if (answers && kind === "ask") process.send({ kind: "answer", id, value: null, more: false });
  else if (kind === "connection" && ++connections > 1) {
    process.send({ kind: "taken", id });
    new Socket({ handle }).write("hello");
  } else if (answers && kind === "drain") {
    process.send({ kind: "drained", clean: true, metrics: "" }, () => process.exit(0));
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ kind: "hello" });
