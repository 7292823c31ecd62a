/**
 * What is done to the service, one thing after the other, and what each took. Times are in milliseconds, memory in bytes.
 *
 * The simulator's clock and ours are the same one, CLOCK_MONOTONIC: a time that one of them took means the same to the other.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "../lib/children.mjs";
import { program } from "../lib/measure.mjs";
import { cpuSeconds } from "../lib/proc.mjs";

/** A fleet that is not up to date by then will not be. */
const patienceMs = 120_000;
/** Between one phase and the next, so that none pays for what the one before left behind. */
const pauseMs = 2000;

const now = () => process.hrtime.bigint();
const msSince = (since) => Number(now() - since) / 1e6;

/** The simulated sidecars. */
export class Fleet {
  constructor(target) {
    this.child = new Child(program("fleet"), ["-target", target]);
  }

  tell(what) {
    this.child.process.stdin.write(`${JSON.stringify(what)}\n`);
  }

  ask(what, event) {
    this.tell({ withinMs: patienceMs, ...what });
    return this.child.next(event);
  }

  stats() {
    return this.ask({ do: "stats" }, "stats");
  }

  cpu() {
    return cpuSeconds([this.child.pid]);
  }
}

export class Phases {
  constructor(control, weights, fleet, say) {
    Object.assign(this, { control, weights, fleet, say });
  }

  /** Runs something, and adds what the service and the simulator spent meanwhile. */
  async spent(work) {
    const { control, fleet } = this;
    const before = { control: control.cpu(), fleet: fleet.cpu() };
    const figures = await work();
    return {
      ...figures,
      cpuSeconds: control.cpu() - (figures.restarted ? 0 : before.control),
      fleetCpuSeconds: fleet.cpu() - before.fleet,
      rssBytes: control.rss(),
    };
  }

  connect(sidecars, rampMs) {
    return this.spent(() => this.fleet.ask({ do: "connect", sidecars, rampMs }, "settled"));
  }

  /** One change of weights, until every sidecar has answered it. */
  async change() {
    await sleep(pauseMs);
    return this.spent(async () => {
      this.fleet.tell({ do: "mark" });
      const since = now();
      const revision = await this.weights.change();
      const storedMs = msSince(since);
      return { storedMs, ...(await this.fleet.ask({ do: "expect", revision, sinceNs: `${since}` }, "applied")) };
    });
  }

  /** Streams and reports, and nothing else. */
  async idle(ms) {
    await sleep(pauseMs);
    const before = await this.fleet.stats();
    const figures = await this.spent(async () => {
      await sleep(ms);
      return {};
    });
    const after = await this.fleet.stats();
    return {
      ...figures,
      seconds: ms / 1000,
      reports: after.reports - before.reports,
      heartbeats: after.heartbeats - before.heartbeats,
    };
  }

  /** Changes in a row, each as soon as the one before is in the store, until every sidecar has the last. */
  async changes(count) {
    await sleep(pauseMs);
    const before = await this.fleet.stats();
    const figures = await this.spent(async () => {
      this.fleet.tell({ do: "mark" });
      const since = now();
      let revision = 0;
      for (let i = 0; i < count; i++) revision = await this.weights.change();
      const storedMs = msSince(since);
      return { storedMs, ...(await this.fleet.ask({ do: "expect", revision, sinceNs: `${since}` }, "applied")) };
    });
    const after = await this.fleet.stats();
    return { ...figures, count, snapshots: after.snapshots - before.snapshots };
  }

  /** The service is killed and started again; times count from its end. */
  async restart() {
    await sleep(pauseMs);
    const before = await this.fleet.stats();
    const figures = await this.spent(async () => {
      const since = now();
      await this.control.kill();
      await this.control.start();
      const downMs = msSince(since);
      return {
        restarted: true,
        downMs,
        ...(await this.fleet.ask({ do: "settle", sinceNs: `${since}` }, "settled")),
      };
    });
    return { ...figures, ...(await this.attemptsSince(before)) };
  }

  /** Every connection is cut while the service lives. */
  async cut() {
    await sleep(pauseMs);
    const before = await this.fleet.stats();
    const figures = await this.spent(() => {
      const since = now();
      this.fleet.tell({ do: "drop" });
      return this.fleet.ask({ do: "settle", sinceNs: `${since}` }, "settled");
    });
    return { ...figures, ...(await this.attemptsSince(before)) };
  }

  /** The service is told to end, by SIGTERM, with every stream open. */
  async end() {
    await sleep(pauseMs);
    const since = now();
    const code = await this.control.stop();
    return { tookMs: msSince(since), code };
  }

  async attemptsSince(before) {
    const after = await this.fleet.stats();
    return { attempts: after.attempts - before.attempts, snapshots: after.snapshots - before.snapshots };
  }
}
