/**
 * Three replicas as processes on one etcd, of which the leader is killed, over and over, while people change routes by the command line and
 * know nothing of it: what was accepted is there, once, and what a command does not know it says.
 */
import assert from "node:assert/strict";
import { Client, credentials, type StatusObject } from "@grpc/grpc-js";
import { AdminClient } from "../../../src/api/admin-client.ts";
import type { WatchResponse } from "../../../src/api/messages.ts";
import { method } from "../../../src/api/protos.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { parseControlClient } from "../../../src/config/control-client.ts";
import { pemFiles } from "../../../src/config/sources/pem-files.ts";
import { type Ended, start } from "../../support/command.ts";
import { unary } from "../../support/control.ts";
import { ControlProcess } from "../../support/control-process.ts";
import { Etcd } from "../../support/etcd.ts";
import { Owned } from "../../support/owned.ts";
import { parsedValue } from "../../support/parsed.ts";
import { routeDocument } from "../../support/route-document.ts";
import { SidecarProcess } from "../../support/sidecar-process.ts";
import { until } from "../../support/until.ts";
import { versions } from "./versions.ts";

const kills = 4;
/** Changes that are on their way to the leader when it is killed. */
const underWay = 20;
const leaseMs = 5_000;
/** etcd looks for leases that are over twice a second, and the machine is others', too. */
const spareMs = 1_500;

const document = (name: string, v2: number): string =>
  routeDocument(name, {
    match: { models: [name] },
    ...(name === "alpha" && { default: true }),
    variants: { v1: { address: "local" }, v2: { address: "127.0.0.1:8501" } },
    champion: "v1",
    weights: { v1: 1_000, v2 },
  });

interface Asked extends Ended {
  readonly reason: string;
}

/** As a command is told by its client, which the command prints. */
async function told(reason: string, asking: Promise<{ readonly revision: number }>): Promise<Asked> {
  return await asking.then(
    ({ revision }) => ({ reason, code: 0, out: JSON.stringify({ revision }), err: "" }),
    ({ message }: Error) => ({ reason, code: 69, out: "", err: `${message}\n` }),
  );
}

interface HistoryEntry {
  readonly revision: number;
  readonly author: { readonly reason: string };
}

/** A replica that is started again where it was, and one sidecar's stream to it alone. */
class Replica {
  readonly #store: string;
  readonly #client: Client;
  #control: ControlProcess;
  ended: StatusObject | undefined = undefined;
  revision = 0;

  private constructor(store: string, control: ControlProcess) {
    this.#store = store;
    this.#control = control;
    this.#client = new Client(control.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    this.#watch();
  }

  static async start(etcd: Etcd): Promise<Replica> {
    const store = `etcd:${etcd.endpoints.join(",")}`;
    return new Replica(store, await started(store));
  }

  get address(): string {
    return this.#control.grpc;
  }

  get leadership() {
    return this.#control.lines.findLast(({ event }) => event === "leadership");
  }

  kill(): void {
    this.#control.signal("SIGKILL");
  }

  async again(): Promise<void> {
    const { address } = this;
    await this.#control.close();
    await until(() => this.ended !== undefined, "its stream has ended");
    this.#control = await started(this.#store, address);
    this.ended = undefined;
    this.#watch();
  }

  /** Asks this one alone for many changes at once. @returns each of them, once it has ended. */
  burst(name: string, from: number): readonly Promise<Asked>[] {
    const control = parsedValue(parseControlClient({ CONTENDER_CONTROL: this.address }));
    const client = new AdminClient({
      control,
      timeoutMs: 20_000,
      clock: systemClock,
      openPem: pemFiles(systemClock),
      actor: "x",
    });
    const all = Array.from({ length: underWay }, (_, n) => {
      const reason = `${name}-${from + n}`;
      const weights = [["v1", 1_000] as const, ["v2", from + n] as const];
      return told(reason, client.setWeights(name, weights, { reason, expectedRevision: 0, dryRun: false }));
    });
    void Promise.all(all).finally(() => client.close());
    return all;
  }

  async history(name: string): Promise<readonly HistoryEntry[]> {
    type Answer = { readonly entries: readonly HistoryEntry[] };
    return (await unary<Answer>(this.#client, "AdminService", "GetHistory", { name })).entries;
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#control.close();
  }

  #watch(): void {
    const { path, requestSerialize, responseDeserialize } = method<object, WatchResponse>("ConfigService", "Watch");
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on("error", () => undefined);
    stream.on("status", (status) => {
      this.ended = status;
    });
    stream.on("data", ({ nonce, version }: WatchResponse) => {
      this.revision = Number(version.split("-")[1]);
      if (nonce !== "") stream.write({ nonce });
    });
    stream.write({ node: { instance: `of ${this.address}` } });
  }
}

const started = (store: string, listen = "127.0.0.1:0"): Promise<ControlProcess> =>
  ControlProcess.start({
    CONTENDER_STORE: store,
    CONTENDER_LEASE: `${leaseMs / 1_000}s`,
    CONTENDER_CONTROL_LISTEN: listen,
  });

for (const { version, binary } of versions) {
  describe(`three replicas on etcd ${version} whose leader is killed`, function () {
    this.timeout(180_000);
    const owned = new Owned();
    afterEach(() => owned.close());

    it("lose no change that was accepted and make none twice, and no command says what it does not know", async () => {
      const etcd = owned.add(await Etcd.start(binary));
      const replicas: Replica[] = [];
      for (let i = 0; i < 3; i++) replicas.push(owned.add(await Replica.start(etcd)));
      const env = { CONTENDER_CONTROL: replicas.map(({ address }) => address).join(",") };
      const all = () => replicas.every(({ leadership }) => leadership?.replicas === 3);
      await until(all, "they know of each other", 20_000);

      const asked: Asked[] = [];
      const ask = async (reason: string, argv: readonly string[], stdin = ""): Promise<Asked> => {
        const ended = await start([...argv, "--reason", reason, "--json"], env, stdin).ended();
        const result = { reason, ...ended };
        asked.push(result);
        return result;
      };
      const names = ["alpha", "beta", "gamma"];
      for (const name of names) {
        assert.equal((await ask(`${name}-0`, ["route", "apply", "-f", "-"], document(name, 0))).code, 0);
      }
      // One as users run it, which takes whichever it can reach.
      owned.add(await SidecarProcess.start({ ...env, CONTENDER_CONTROL_WAIT: "10s" }));

      let over = false;
      const people = [
        async () => {
          for (let n = 1; !over; n++) await ask(`alpha-${n}`, ["route", "apply", "-f", "-"], document("alpha", n));
        },
        async () => {
          for (let n = 1; !over; n++) {
            await ask(`beta-${n}`, ["route", "weights", "beta", `v1=1000,v2=${n}`, "--wait=30s"]);
          }
        },
      ].map((loop) => loop());

      for (let n = 0; n < kills; n++) {
        const before = asked.length;
        await until(() => asked.length >= before + 4, "changes are made", 60_000);
        const leader = replicas.find(({ leadership }) => leadership?.leads === true);
        assert.ok(leader !== undefined, "somebody leads");
        const others = replicas.filter((replica) => replica !== leader);
        const burst = leader.burst("gamma", 1 + n * underWay);
        await Promise.race(burst);
        const sinceMs = performance.now();
        leader.kill();
        asked.push(...(await Promise.all(burst)));
        await until(() => others.some(({ leadership }) => leadership?.leads === true), "another one leads", 30_000);
        const tookMs = performance.now() - sinceMs;
        process.stderr.write(`      another one leads after ${Math.round(tookMs)} ms, with a lease of ${leaseMs} ms\n`);
        assert.ok(tookMs < leaseMs + spareMs, `${tookMs} ms`);
        const later = asked.length;
        await until(() => asked.length >= later + 2, "changes are made", 60_000);
        assert.deepEqual(
          others.map(({ ended }) => ended),
          [undefined, undefined],
        );
        await leader.again();
        await until(all, "it is back", 20_000);
      }
      over = true;
      await Promise.all(people);

      const [one] = replicas;
      assert.ok(one !== undefined);
      const entries = (await Promise.all(names.map((name) => one.history(name)))).flat();
      const made = new Map<string, number[]>();
      for (const { revision, author } of entries) {
        made.set(author.reason, [...(made.get(author.reason) ?? []), revision]);
      }
      const revisions = entries.map(({ revision }) => revision).sort((a, b) => a - b);
      assert.deepEqual(
        revisions,
        revisions.map((_, index) => index + 1),
      );
      const wrong = asked.filter((each) => !isTrue(each, made.get(each.reason) ?? []));
      assert.deepEqual(wrong, []);
      assert.equal(asked.filter(({ reason }) => (made.get(reason) ?? []).length > 1).length, 0);
      const failed = asked.filter(({ code }) => code !== 0);
      const unknown = failed.filter(({ err }) => err.includes(notKnown));
      const madeAllTheSame = unknown.filter(({ reason }) => made.has(reason));
      process.stderr.write(
        `      ${asked.length} asked for, ${revisions.length} made; of ${unknown.length} it was not known, and ${madeAllTheSame.length} of these were made\n`,
      );
      assert.ok(unknown.length > 0, "some were under way");
      await until(
        () => replicas.every(({ revision }) => revision === revisions.length),
        "every stream has the last one",
      );
    });
  });
}

const notKnown = "whether the change was made is not known";

/** Whether a command has told the truth of its change, which was made with these revisions. */
function isTrue({ code, out, err }: Asked, revisions: readonly number[]): boolean {
  if (code === 0) return revisions.length === 1 && (JSON.parse(out) as { revision: number }).revision === revisions[0];
  // It was accepted, and what is not known is who has it.
  if (err.includes("is made and stays") || err.includes("NOT_APPLIED")) return revisions.length === 1;
  if (err.includes(notKnown)) return revisions.length <= 1;
  return revisions.length === 0;
}
