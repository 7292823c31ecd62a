import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ContenderError, type ErrorCode } from "../../../src/base/errors.ts";
import type { Administration } from "../../../src/model/administration.ts";
import { atMs, author, changed, routeState, routeText, scripted } from "../../support/administration.ts";
import { contender } from "../../support/cli.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const env = { CONTENDER_CONTROL: "127.0.0.1:7410" };
const example = fileURLToPath(new URL("../../../config/examples/fraud.yaml", import.meta.url));
const plain = { reason: "", expectedRevision: 0, dryRun: false };

/** Runs one command against a service that answers so. */
async function asked(argv: readonly string[], answers: Partial<Administration>, given: object = {}) {
  const service = scripted(answers);
  const ran = await contender(argv, { env, handlers: service.handlers, ...given });
  return { ...ran, service };
}

describe("contender route apply", () => {
  const apply = () => Promise.resolve(changed({ kind: "created", moves: [] }));

  it("sends the texts of all files together, with what for, and says who asks", async () => {
    const argv = ["route", "apply", "-f", example, "-", "--reason", "v42 is out", "--expect-revision", "7"];
    const { code, out, service } = await asked(argv, { apply }, { stdin: routeText });
    assert.deepEqual([code, out.split("\n")[0]], [0, "fraud is created, revision 12"]);
    const [[name, texts, intent] = []] = service.asked;
    assert.equal(name, "apply");
    assert.deepEqual(
      (texts as { name: string }[]).map((text) => text.name),
      [example, "stdin"],
    );
    assert.deepEqual(intent, { reason: "v42 is out", expectedRevision: 7, dryRun: false });
    assert.deepEqual(
      [service.opened[0]?.actor, service.opened[0]?.timeoutMs, service.closed],
      ["ana@laptop", 10_000, 1],
    );
  });

  it("sends nothing where a file can't be read, and names it", async () => {
    const { code, err, service } = await asked(["route", "apply", "-f", example, "missing.yaml"], { apply });
    assert.equal(code, 64);
    assert.match(err, /^contender: \[CONFIG_INVALID\] nothing was sent to the config service:\nmissing\.yaml: /);
    assert.deepEqual(service.asked, []);
  });

  it("says of each route what was done, and which keys go where", async () => {
    const moves = [
      { from: "v41", to: "v42", slots: 6_554 },
      { from: "v41", to: "v43", slots: 3_277 },
    ];
    const fresh = [
      { from: "", to: "a", slots: 49_152 },
      { from: "", to: "b", slots: 16_384 },
    ];
    const answer = changed(
      { name: "fresh", kind: "created", moves: fresh },
      { name: "fraud", kind: "replaced", moves },
      { name: "new", kind: "created", moves: [] },
      { name: "loans", kind: "unchanged", revision: 4, moves: [] },
      { name: "offers", kind: "replaced", moves: [] },
    );
    const { out } = await asked(["route", "apply", "-f", example], { apply: () => Promise.resolve(answer) });
    assert.equal(
      out,
      `fresh is created, revision 12
  keys: a 75%, b 25%
fraud is replaced, revision 12
  9,831 of 65,536 slots move, 15% of keys:
    v41 -> v42 6,554 (10%)
    v41 -> v43 3,277 (5%)
new is created, revision 12
loans is unchanged, revision 4
offers is replaced, revision 12
  no slot moves: every key stays where it is
`,
    );
  });

  it("only says what would happen where it is a dry run, and puts doubts on standard error", async () => {
    const warnings = [{ where: "fraud.yaml:4", path: "spec.variants.v43", message: "gets no calls" }];
    const answer = changed({
      kind: "replaced",
      moves: [],
      warnings,
      withheldFrom: ["fraud-0", "fraud-1"],
      withheldCount: 2,
    });
    const argv = ["route", "apply", "-f", example, "--dry-run"];
    const { code, out, err, service } = await asked(argv, { apply: () => Promise.resolve(answer) });
    assert.equal(code, 0);
    assert.match(out, /^fraud would be replaced\n {2}no slot moves/);
    assert.equal(
      err,
      `warning: fraud.yaml:4: spec.variants.v43: gets no calls
warning: fraud would be withheld from 2 sidecars that lack what it needs: fraud-0, fraud-1
dry run: nothing was written
`,
    );
    assert.deepEqual(service.asked[0]?.[2], { ...plain, dryRun: true });
  });

  it("says how many sidecars a route is withheld from, beyond those that are named", async () => {
    const one = { name: "spam", withheldFrom: ["p"], withheldCount: 1 };
    const answer = changed({ withheldFrom: ["fraud-0", "fraud-1"], withheldCount: 3_000 }, one);
    const { err } = await asked(["route", "apply", "-f", example], { apply: () => Promise.resolve(answer) });
    assert.equal(
      err,
      `warning: fraud is withheld from 3,000 sidecars that lack what it needs: fraud-0, fraud-1 and 2,998 more; contender fleet --route fraud says what
warning: spam is withheld from a sidecar that lacks what it needs: p; contender fleet --route spam says what
`,
    );
  });

  it("prints one JSON document, warnings in it, and nothing else", async () => {
    const warnings = [{ path: "spec", message: "is odd" }];
    const answer = changed({ warnings });
    const argv = ["route", "apply", "-f", example, "--json"];
    const { out, err } = await asked(argv, { apply: () => Promise.resolve(answer) });
    assert.equal(err, "");
    assert.deepEqual(JSON.parse(out), {
      dryRun: false,
      revision: 12,
      changes: [
        {
          name: "fraud",
          kind: "weights",
          revision: 12,
          moves: [{ from: "v41", to: "v42", slots: 6_554 }],
          warnings: [{ path: "spec", message: "is odd", where: null }],
          withheldFrom: [],
          withheldCount: 0,
        },
      ],
    });
  });
});

describe("contender route weights", () => {
  const setWeights = () => Promise.resolve(changed({}));

  it("says how many keys move, and where to", async () => {
    const { code, out, service } = await asked(["route", "weights", "fraud", "v41=90,v42=10"], { setWeights });
    assert.equal(code, 0);
    assert.equal(
      out,
      `fraud has new weights, revision 12
  6,554 of 65,536 slots move, 10% of keys: v41 -> v42
`,
    );
    assert.deepEqual(service.asked, [
      [
        "setWeights",
        "fraud",
        [
          ["v41", 90],
          ["v42", 10],
        ],
        plain,
      ],
    ]);
  });

  it("takes a weight of nothing beside another", async () => {
    const { code, service } = await asked(["route", "weights", "fraud", "v41=100,v42=0"], { setWeights });
    assert.deepEqual(
      [code, service.asked[0]?.[2]],
      [
        0,
        [
          ["v41", 100],
          ["v42", 0],
        ],
      ],
    );
  });

  for (const argv of [
    ["fraud"],
    ["Fraud!", "v41=1"],
    ["fraud", "v41=0,v42=0"],
    ["fraud", "v41=-1"],
    ["fraud", "v41=NaN"],
    ["fraud", "v41=1,v41=2"],
    ["fraud", "90/10"],
    ["fraud", "v41=1", "--expect-revision", "0"],
    ["fraud", "v41=1", "--wait=soon"],
    ["fraud", "v41=1", "--wait", "--dry-run"],
    ["fraud", "v41=1", "--control", "nowhere"],
    ["fraud", "v41=1", "--timeout", "0s"],
  ]) {
    it(`refuses ${argv.join(" ")}, and asks nobody`, async () => {
      const { code, service } = await asked(["route", "weights", ...argv], { setWeights });
      assert.deepEqual([code, service.asked], [64, []]);
    });
  }
});

describe("contender route undo and delete", () => {
  it("points to the history of a route that has no such change, and to the list where there is no such route", async () => {
    const undo = (text: string) => () => Promise.reject(new ContenderError("ROUTE_UNKNOWN", text));
    const line = ["route", "undo", "fraud", "--to", "99"];
    const none = await asked(line, { undo: undo('"fraud" has no change of revision 99, there is 2, 1') });
    assert.match(none.err, /there is 2, 1\ncontender route history fraud shows its changes/);
    const never = await asked(line, { undo: undo('no route was ever named "fraud"') });
    assert.match(never.err, /\ncontender route list shows which there are/);
  });

  it("put back what was before the last change, or at a revision", async () => {
    const undo = () => Promise.resolve(changed({ kind: "undone" }));
    const { out, service } = await asked(["route", "undo", "fraud"], { undo });
    assert.match(out, /^fraud is as it was before, revision 12\n {2}6,554 of /);
    await contender(["route", "undo", "fraud", "--to", "7"], { env, handlers: service.handlers });
    assert.deepEqual(service.asked, [
      ["undo", "fraud", 0, plain],
      ["undo", "fraud", 7, plain],
    ]);
  });

  it("remove a route", async () => {
    const remove = () => Promise.resolve(changed({ kind: "deleted", moves: [] }));
    const { code, out } = await asked(["route", "delete", "fraud", "--reason", "old"], { delete: remove });
    assert.deepEqual([code, out], [0, "fraud is deleted, revision 12\n"]);
  });
});

describe("contender route get, list and history", () => {
  const routes = [
    routeState(),
    routeState({
      name: "others",
      champion: "v7",
      weights: [{ variant: "v7", share: 1 }],
      author: author("root", 90, "\u001b[2Jfirst"),
    }),
  ];
  const list = () => Promise.resolve({ routes, revision: 14 });

  it("get prints the document alone, so that it can be applied again, and says on standard error whose it is", async () => {
    const get = () => Promise.resolve(routeState());
    const { out, err } = await asked(["route", "get", "fraud"], { get });
    assert.equal(out, routeText);
    assert.equal(err, "fraud: revision 12, by ana@laptop? at 2026-03-01T10:00:00Z: more of v42\n");
  });

  it("get asks for what was at a time, given as it is written or as how long ago", async () => {
    const get = () => Promise.resolve(routeState());
    const clock = new ManualClock({ wallMs: atMs(0) });
    const times = ["2026-03-01T09:00:00Z", "2026-03-01T10:00:00+01:00", "1h", "60m ago"];
    for (const time of times) {
      const { service } = await asked(["route", "get", "fraud", "--at", time], { get }, { clock });
      assert.deepEqual(service.asked, [["get", "fraud", atMs(-3_600)]]);
    }
  });

  for (const [time, says] of [
    ["2026-03-01T09:00:00", /it needs its zone, such as Z for UTC/],
    ["noon", /Want a time such as 2026-03-01T12:00:00Z/],
    ["2026-03-01T10:00:01Z", /is still to come: it is 2026-03-01T10:00:00Z/],
  ] as const) {
    it(`get refuses ${time} as a time`, async () => {
      const clock = new ManualClock({ wallMs: atMs(0) });
      const { code, err } = await asked(["route", "get", "fraud", "--at", time], {}, { clock });
      assert.equal(code, 64);
      assert.match(err, says);
    });
  }

  it("get has it all as JSON", async () => {
    const get = () => Promise.resolve(routeState());
    const { out } = await asked(["route", "get", "fraud", "--json"], { get });
    const { name, revision, champion, weights, table, document } = routeState();
    const by = { by: "ana@laptop?", at: "2026-03-01T10:00:00Z", reason: "more of v42" };
    assert.deepEqual(JSON.parse(out), { name, revision, champion, weights, changed: by, table, document });
  });

  it("list is a table, without what would move the cursor", async () => {
    const { out } = await asked(["route", "list"], { list });
    assert.equal(
      out,
      `route   champion  weights           revision  changed               by           why
fraud   v41       v41 90%, v42 10%        12  2026-03-01T10:00:00Z  ana@laptop?  more of v42
others  v7        v7 100%                 12  2026-03-01T10:01:30Z  root          [2Jfirst
`,
    );
  });

  it("list gives up the end of its last column where the terminal is narrow", async () => {
    const { out } = await asked(["route", "list"], { list }, { columns: 91 });
    assert.match(out, /ana@laptop\? {2}more of v…\n/);
  });

  it("list has the same as JSON", async () => {
    const { out } = await asked(["route", "list", "--json"], { list });
    const { revision, routes: listed } = JSON.parse(out) as { revision: number; routes: { name: string }[] };
    assert.equal(revision, 14);
    assert.deepEqual(Object.keys(listed[0] ?? {}), ["name", "revision", "champion", "weights", "changed"]);
  });

  it("list says how to make a first route where there is none", async () => {
    const { code, out, err } = await asked(["route", "list"], {
      list: () => Promise.resolve({ routes: [], revision: 0 }),
    });
    assert.deepEqual([code, out], [0, ""]);
    assert.match(err, /contender route apply -f/);
  });

  const shares = [
    { variant: "v41", share: 0.9 },
    { variant: "v42", share: 0.1 },
  ];
  const entries = [
    {
      revision: 12,
      kind: "weights",
      author: author("ana", 60, "more"),
      document: routeText,
      weights: shares,
      moves: [{ from: "v41", to: "v42", slots: 6_554 }],
    },
    {
      revision: 9,
      kind: "replaced",
      author: author("bo", 30),
      document: routeText.replace("v42: 10", "v42: 0"),
      weights: [],
      moves: [],
    },
    { revision: 4, kind: "created", author: author("bo"), document: "a: 1\n", weights: [], moves: [] },
  ];
  const history = (_: string, limit: number) => Promise.resolve(limit === 0 ? entries : entries.slice(0, limit));

  it("history is a table, the newest first", async () => {
    const { out, service } = await asked(["route", "history", "fraud"], { history });
    assert.equal(
      out,
      `revision  when                  what      weights           moved                   by   why
      12  2026-03-01T10:01:00Z  weights   v41 90%, v42 10%  v41 -> v42 6,554 (10%)  ana  more
       9  2026-03-01T10:00:30Z  replaced                                            bo
       4  2026-03-01T10:00:00Z  created                                             bo
`,
    );
    assert.deepEqual(service.asked, [["history", "fraud", 20]]);
  });

  it("history shows with --diff what each change did to the document", async () => {
    const { out, service } = await asked(["route", "history", "fraud", "--diff", "--limit", "1"], { history });
    assert.equal(
      out,
      `revision 12 weights, by ana at 2026-03-01T10:01:00Z: more
    …
      variants: { v41: { address: "127.0.0.1:1" }, v42: { address: "127.0.0.1:2" } }
      champion: v41
  -   weights: { v41: 90, v42: 0 }
  +   weights: { v41: 90, v42: 10 }

`,
    );
    assert.deepEqual(service.asked, [["history", "fraud", 2]]);
  });

  it("history has every document as JSON", async () => {
    const { out } = await asked(["route", "history", "fraud", "--json", "--limit", "2"], { history });
    const { name, entries: shown } = JSON.parse(out) as { name: string; entries: Record<string, unknown>[] };
    assert.deepEqual([name, shown.length], ["fraud", 2]);
    assert.deepEqual(Object.keys(shown[0] ?? {}), ["revision", "kind", "changed", "weights", "moves", "document"]);
  });
});

describe("commands that ask the config service", () => {
  const refusing = (code: ErrorCode, text: string): Partial<Administration> => ({
    list: () => Promise.reject(new ContenderError(code, text)),
    setWeights: () => Promise.reject(new ContenderError(code, text)),
  });

  it("say how to name the service where nobody has, and it does not answer", async () => {
    const { code, err } = await asked(["route", "list"], refusing("CONTROL_UNREACHABLE", "127.0.0.1:7410: refused"), {
      env: {},
    });
    assert.equal(code, 69);
    assert.equal(
      err,
      `contender: [CONTROL_UNREACHABLE] 127.0.0.1:7410: refused
CONTENDER_CONTROL is not set, so 127.0.0.1:7410 was asked: set CONTENDER_CONTROL=HOST:PORT (tls://HOST:PORT with TLS), or give --control
`,
    );
  });

  it("leave that out where the service was named, or the error says what to write", async () => {
    const { err } = await asked(["route", "list"], refusing("CONTROL_UNREACHABLE", "127.0.0.1:7410: refused"));
    assert.equal(err, "contender: [CONTROL_UNREACHABLE] 127.0.0.1:7410: refused\n");
    const text = "127.0.0.1:7410 speaks TLS: write CONTENDER_CONTROL=tls://127.0.0.1:7410";
    const plain = await asked(["route", "list"], refusing("CONTROL_UNREACHABLE", text), { env: {} });
    assert.equal(plain.err, `contender: [CONTROL_UNREACHABLE] ${text}\n`);
  });

  it("name the route whose history shows whether a change was made", async () => {
    const text = "silent\nwhether the change was made is not known: contender route history NAME shows it";
    const { err } = await asked(["route", "weights", "fraud", "v41=1"], refusing("CONTROL_UNREACHABLE", text));
    assert.match(err, /contender route history fraud shows it\n$/);
  });

  it("say what goes on where the store is away", async () => {
    const { code, err } = await asked(["route", "list"], refusing("STORE_UNAVAILABLE", "etcd does not answer"));
    assert.equal(code, 69);
    assert.match(err, /etcd does not answer\n.*sidecars go on with what they have/);
  });

  it("say where to look again after a conflict", async () => {
    const argv = ["route", "weights", "fraud", "v41=1", "--expect-revision", "3"];
    const { code, err } = await asked(argv, refusing("CONFLICT", "fraud has revision 5"));
    assert.equal(code, 75);
    assert.match(err, /^contender: \[CONFLICT\] fraud has revision 5\nlook again: contender route get fraud and /);
  });

  it("say how to prove who asks where nothing does, and only then", async () => {
    const refused = refusing("FORBIDDEN", "want the role operate");
    const { code, err } = await asked(["route", "list"], refused);
    assert.equal(code, 77);
    assert.match(err, /\nto say who asks, set CONTENDER_CONTROL_TOKEN_FILE, or CONTENDER_CONTROL_CERT and/);
    const known = await asked(["route", "list", "--control-token-file", "token"], refused);
    assert.equal(known.err, "contender: [FORBIDDEN] want the role operate\n");
  });

  it("say where else to look for a route that is not there, or was not", async () => {
    const get = () => Promise.reject(new ContenderError("ROUTE_UNKNOWN", "no route"));
    const now = await asked(["route", "get", "frad"], { get });
    assert.equal(now.err, "contender: [ROUTE_UNKNOWN] no route\ncontender route list shows which there are\n");
    const then = await asked(["route", "get", "fraud", "--at", "1h"], { get });
    assert.match(then.err, /\ncontender route history fraud shows since when there is one\n$/);
  });

  it("close the service, whatever it says", async () => {
    const { service } = await asked(["route", "list"], refusing("FORBIDDEN", "no"));
    assert.equal(service.closed, 1);
  });

  it("take the flags of the service before its variables, and minutes where that is asked for", async () => {
    const argv = ["route", "list", "--control", "tls://control.ml:1", "--control-ca", "ca.pem", "--timeout", "2m"];
    const list = () => Promise.resolve({ routes: [], revision: 0 });
    const { service } = await asked(argv, { list });
    const [{ client, timeoutMs } = {}] = service.opened;
    assert.deepEqual(client?.target, { addresses: [{ host: "control.ml", port: 1 }], tls: true });
    assert.deepEqual([client?.tls?.ca, timeoutMs], ["ca.pem", 120_000]);
  });

  it("tell what is wrong with the settings, by name", async () => {
    const { code, err } = await asked(["route", "list", "--control", "control.ml:7410"], {});
    assert.equal(code, 64);
    assert.match(err, /^contender: \[SETTINGS_INVALID\] the settings are wrong\nCONTENDER_CONTROL: want tls:\/\//);
  });
});
