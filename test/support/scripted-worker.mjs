/**
 * A worker for tests of whoever leads it: `ends` at once, is `mute` once it is ready, or `works` and answers; one
 * that `forgets` its first connection takes the next and greets it; one that `takes` does so with all. Of those that `refuse`
 * configurations or are `stuck` over them, the second does. One that `dawdles` gets its start and is never ready. One that
 * `bequeaths` its last words has ended when they arrive.
 */
import { spawn } from "node:child_process";
import { Socket } from "node:net";

const [, , script] = process.argv;
const answers = script !== "mute";
let connections = 0;
let number = 0;
let version = "";
let prepared = "";

/** What a worker says to a configuration: the second of those that `refuse` does so, the second of the `stuck` nothing. */
function configure(id, question) {
  if (number === 2 && script === "stuck") return;
  const refuses = number === 2 && script === "refuse" && question.kind === "prepare";
  if (question.kind === "prepare" && !refuses) prepared = question.snapshot.version;
  if (question.kind === "commit" && prepared !== "") version = prepared;
  const problem = { path: "routes", message: "not for me" };
  process.send({
    kind: "answer",
    id,
    value: question.kind === "commit" ? version : refuses ? [problem] : [],
    more: false,
  });
}

/** Has a process of its own say the last words over our channel, once we are gone and its input ends. */
function bequeath(words) {
  const heir = `const fs = require("node:fs"); fs.readFileSync(0); fs.writeSync(3, ${JSON.stringify(`${JSON.stringify(words)}\n`)})`;
  spawn(process.execPath, ["-e", heir], { stdio: ["pipe", "ignore", "inherit", 3] }).on("spawn", () => process.exit(0));
}

if (script === "ends") process.exit(3);
process.on("message", ({ kind, id, settings, snapshot, question }, handle) => {
  if (kind === "start") {
    number = settings.worker;
    version = snapshot.version;
    if (script !== "dawdles") process.send({ kind: "ready" });
  } else if (question?.kind === "prepare" || question?.kind === "commit") configure(id, question);
  else if (answers && kind === "ask") process.send({ kind: "answer", id, value: null, more: false });
  else if (kind === "connection" && (script === "takes" || (script === "forgets" && ++connections > 1))) {
    process.send({ kind: "taken", id });
    new Socket({ handle }).write("hello");
  } else if (answers && number > 0 && kind === "drain") {
    const words = { kind: "drained", clean: true, metrics: "" };
    if (script === "bequeaths") bequeath(words);
    else process.send(words, () => process.exit(0));
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ kind: "hello" });
