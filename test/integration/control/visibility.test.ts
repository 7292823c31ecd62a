/** What somebody with a role in some namespaces is told of the others: no more than that a name is taken. */
import assert from "node:assert/strict";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import type { ServiceName } from "../../../src/api/protos.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { startControl, type TestControl, unary } from "../../support/control.ts";
import { accessText, hashOf, startCallers } from "../../support/known-callers.ts";
import { Owned } from "../../support/owned.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const people = { root: ["admin", "*"], mia: ["admin", "ml"], olga: ["operate", "ml"], rita: ["read", "ml"] } as const;
type Person = keyof typeof people;

const tokenOf = (name: Person): string => name.repeat(8);
const document = accessText(
  Object.entries(people).map(([name, [role, namespace]]) => {
    const token = hashOf(tokenOf(name as Person));
    return `{ name: ${name}, role: ${role}, namespaces: ["${namespace}"], token: "${token}" }`;
  }),
);

const route = (name: string, namespace: string, spec = "", variant = "secret"): string =>
  `apiVersion: contender.dev/v1alpha1
kind: ModelRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  variants: { v1: { address: "10.0.0.1:8500" }, ${variant}: { address: "10.0.0.2:8500" } }
  champion: v1
  weights: { v1: 90, ${variant}: 10 }
  match: { models: [${name}] }
${spec}`;
const byDefault = "  default: true\n";

describe("what is told of other namespaces", () => {
  const own = new Owned();
  let control: TestControl;
  let client: Client;
  let lines: Record<string, unknown>[];
  afterEach(() => own.close());

  beforeEach(async () => {
    const known = await startCallers(own, document, { clock: systemClock });
    lines = known.lines;
    control = own.add(await startControl(own.add(new TempFolder()).at("store"), { callers: known.callers }));
    client = own.add(new Client(control.address, credentials.createInsecure()));
    await apply("root", route("offers", "shop", byDefault));
  });

  function as<Answer = Record<string, unknown>>(
    who: Person,
    name: string,
    request: object,
    service: ServiceName = "AdminService",
  ): Promise<Answer> {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${tokenOf(who)}`);
    return unary<Answer>(client, service, name, request, metadata);
  }
  const apply = (who: Person, ...texts: readonly string[]) =>
    as(who, "ApplyRoutes", { texts: texts.map((text, index) => ({ name: `${index}.yaml`, text })) });
  const refusalOf = async (answer: Promise<unknown>) => {
    const error = (await answer.then(
      () => assert.fail("it was answered"),
      (reason) => reason,
    )) as { code: number; details: string };
    return { code: error.code, details: error.details };
  };

  const weights = [{ variant: "v1", weight: 1 }];
  const questions: readonly [Person, string, object][] = [
    ["rita", "GetRoute", {}],
    ["rita", "GetRoute", { at: { seconds: 4e9, nanos: 0 } }],
    ["rita", "GetRoute", { at: { seconds: 1, nanos: 0 } }],
    ["rita", "GetHistory", {}],
    ["rita", "GetCounts", {}],
    ["olga", "UndoRoute", {}],
    ["olga", "UndoRoute", { toRevision: 77 }],
    ["olga", "SetWeights", { weights }],
    ["mia", "DeleteRoute", {}],
  ];
  for (const [who, name, more] of questions) {
    it(`${name} ${JSON.stringify(more)} answers of a hidden route what it answers of none`, async () => {
      const hidden = await refusalOf(as(who, name, { ...more, name: "offers", route: "offers" }));
      const none = await refusalOf(as(who, name, { ...more, name: "nobody", route: "nobody" }));
      assert.equal(none.code, status.NOT_FOUND);
      assert.deepEqual({ ...hidden, details: hidden.details.replaceAll("offers", "nobody") }, none);
    });
  }

  it("ListSidecars answers of a hidden route what it answers of none", async () => {
    const hidden = await refusalOf(as("rita", "ListSidecars", { route: "offers" }));
    const none = await refusalOf(as("rita", "ListSidecars", { route: "nobody" }));
    assert.deepEqual({ ...hidden, details: hidden.details.replaceAll("offers", "nobody") }, none);
  });

  it("who applies a route whose name is taken learns that, and neither by whom nor what is in it; the audit has it", async () => {
    const { code, details } = await refusalOf(apply("mia", route("offers", "ml")));
    assert.deepEqual(
      [code, details],
      [status.PERMISSION_DENIED, 'contender: [FORBIDDEN] "offers": taken, where mia has no role'],
    );
    const denied = lines.find(({ verdict }) => verdict === "denied");
    assert.match(String(denied?.why), /in the namespace shop/);
  });

  it("who may not change a route learns nothing of what would be wrong with it", async () => {
    await apply("root", route("fraud", "ml", byDefault), route("reach", "shop", "  selector: { namespace: ml }\n"));
    // It takes the calls that a route of shop has in ml.
    const clash = route("fraud", "ml", byDefault).replace("models: [fraud]", "models: [reach]");
    assert.deepEqual((await refusalOf(apply("olga", clash))).code, status.PERMISSION_DENIED);
  });

  it("of a route that moved here no document, and no variant, of where it was", async () => {
    await apply("root", route("fraud", "shop"));
    await apply("root", route("fraud", "ml", "", "open"));
    await apply("mia", route("fraud", "ml", "", "open").replace("open: 10", "open: 20"));
    const { entries } = await as<{ entries: { document: string; moves: object[] }[] }>("rita", "GetHistory", {
      name: "fraud",
    });
    assert.equal(entries.length, 2);
    assert.doesNotMatch(JSON.stringify(entries), /secret|shop/);
    assert.equal(entries[0]?.moves.length, 1);
    const ofRoot = await as<{ entries: { moves: object[] }[] }>("root", "GetHistory", { name: "fraud" });
    assert.equal(ofRoot.entries[1]?.moves.length, 1);
  });

  it("of a route that moved away its past, by which it can't be had back", async () => {
    await apply("root", route("fraud", "ml", "", "open"));
    await apply("root", route("fraud", "shop"));
    const { entries } = await as<{ entries: object[] }>("rita", "GetHistory", { name: "fraud" });
    assert.equal(entries.length, 1);
    assert.doesNotMatch(JSON.stringify(entries), /secret|shop/);
    for (const toRevision of [0, 2]) {
      assert.deepEqual(await refusalOf(as("olga", "UndoRoute", { name: "fraud", toRevision })), {
        code: status.PERMISSION_DENIED,
        details: 'contender: [FORBIDDEN] "fraud": taken, where olga has no role',
      });
    }
  });

  it("who asks what a sidecar gets is shown of it what they may see", async () => {
    await apply("root", route("fraud", "ml", byDefault), route("reach", "shop", "  selector: { namespace: ml }\n"));
    const fetched = async (who: Person) => {
      const request = { node: { instance: "i", namespace: "ml" } };
      const { version, snapshot } = await as<{ version: string; snapshot: { routes: { name: string }[] } }>(
        who,
        "Fetch",
        request,
        "ConfigService",
      );
      return { version, names: snapshot.routes.map(({ name }) => name) };
    };
    const [all, some] = [await fetched("root"), await fetched("rita")];
    assert.deepEqual([all.names, some.names], [["fraud", "reach"], ["fraud"]]);
    assert.notEqual(all.version, some.version);
  });
});
