/**
 * Real etcds on loopback, one member or three, that a test kills, pauses and compacts. They are asked by HTTP, etcd's own gateway, so
 * that what is judged does not judge itself.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { freeAddress } from "./h2-peer.ts";
import type { Closable } from "./owned.ts";
import { TempFolder } from "./temp-folder.ts";

/** An election, on a machine that is busy with other tests. */
const longestStartMs = 30_000;

/** What still runs when a run of tests breaks off. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface EtcdTls {
  /** Paths of PEM files; clients must show a certificate of this authority. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Ports {
  readonly client: number;
  readonly peer: number;
  readonly health: number;
}

export class EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  /** Where its data is. */
  readonly directory: string;
  readonly #ports: Ports;
  readonly #binary: string;
  readonly #arguments: readonly string[];
  readonly #log: string;
  #process: ChildProcess | undefined;

  constructor(name: string, binary: string, ports: Ports, cluster: string, folder: TempFolder, tls?: EtcdTls) {
    this.name = name;
    this.#binary = binary;
    this.#ports = ports;
    this.#log = folder.at(`${name}.log`);
    this.directory = folder.at(name);
    this.endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${ports.client}`;
    this.#arguments = Object.entries({
      name,
      "data-dir": this.directory,
      "listen-client-urls": this.endpoint,
      "advertise-client-urls": this.endpoint,
      "listen-peer-urls": `http://127.0.0.1:${ports.peer}`,
      "initial-advertise-peer-urls": `http://127.0.0.1:${ports.peer}`,
      "initial-cluster": cluster,
      "listen-metrics-urls": `http://127.0.0.1:${ports.health}`,
      logger: "zap",
      "log-level": "error",
      "log-outputs": this.#log,
      ...(tls && {
        "trusted-ca-file": tls.ca,
        "cert-file": tls.cert,
        "key-file": tls.key,
        "client-cert-auth": "true",
      }),
    }).map(([flag, value]) => `--${flag}=${value}`);
  }

  start(): void {
    assert.ok(this.#process === undefined, `${this.name} runs already`);
    const child = spawn(this.#binary, this.#arguments, { stdio: "ignore" });
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#process = child;
  }

  /** By SIGKILL: nothing is written any more. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || !running.has(child)) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  pause(): void {
    assert.ok(this.#process?.kill("SIGSTOP"));
  }

  resume(): void {
    assert.ok(this.#process?.kill("SIGCONT"));
  }

  async restart(): Promise<void> {
    await this.kill();
    this.start();
    await this.healthy();
  }

  /** Until it answers a read that its peers agree to. */
  async healthy(): Promise<void> {
    const endMs = performance.now() + longestStartMs;
    while (!(await this.#isHealthy())) {
      const ended = this.#process === undefined || !running.has(this.#process);
      assert.ok(!ended && performance.now() < endMs, `${this.name} does not become healthy: ${this.#lastWords()}`);
      await setTimeout(25);
    }
  }

  async #isHealthy(): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.health}/health`, {
        signal: AbortSignal.timeout(3_000),
      });
      return ((await answer.json()) as { health?: string }).health === "true";
    } catch {
      return false;
    }
  }

  #lastWords(): string {
    try {
      return readFileSync(this.#log, "utf8").slice(-2_000);
    } catch {
      return "it wrote no log";
    }
  }

  /** @param path of etcd's gateway, `kv/put`; bytes in `body` are base64. */
  async ask<T>(path: string, body: object, token = ""): Promise<T> {
    const headers: Record<string, string> = token === "" ? {} : { authorization: token };
    const answer = await fetch(`${this.endpoint}/v3/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }
}

export class Etcd implements Closable {
  readonly members: readonly EtcdMember[];
  readonly #folder: TempFolder;

  private constructor(members: readonly EtcdMember[], folder: TempFolder) {
    this.members = members;
    this.#folder = folder;
  }

  static async start(binary: string, size: 1 | 3 = 1, tls?: EtcdTls): Promise<Etcd> {
    const folder = new TempFolder();
    const ports = await freePorts(size * 3);
    const at = (index: number): number => ports[index] ?? 0;
    const names = Array.from({ length: size }, (_, index) => `member${index + 1}`);
    const cluster = names.map((name, index) => `${name}=http://127.0.0.1:${at(index * 3 + 1)}`).join(",");
    const members = names.map((name, index) => {
      const own = { client: at(index * 3), peer: at(index * 3 + 1), health: at(index * 3 + 2) };
      return new EtcdMember(name, binary, own, cluster, folder, tls);
    });
    const etcd = new Etcd(members, folder);
    for (const member of members) member.start();
    try {
      await Promise.all(members.map((member) => member.healthy()));
    } catch (reason) {
      await etcd.close();
      throw reason;
    }
    return etcd;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  get first(): EtcdMember {
    const [first] = this.members;
    assert.ok(first);
    return first;
  }

  /** The leader and the others; asks the first member. */
  async roles(): Promise<{ leader: EtcdMember; followers: readonly EtcdMember[] }> {
    const statuses = await Promise.all(
      this.members.map((member) =>
        member.ask<{ leader: string; header: { member_id: string } }>("maintenance/status", {}),
      ),
    );
    const leading = statuses.findIndex(({ leader, header }) => leader === header.member_id);
    const leader = this.members[leading];
    assert.ok(leader, "a leader");
    return { leader, followers: this.members.filter((member) => member !== leader) };
  }

  /** Forgets what was before `revision`. */
  async compact(revision: number): Promise<void> {
    await this.first.ask("kv/compaction", { revision, physical: true });
  }

  /** Switches authentication on: `root` with a password of its own, and a user who may do everything under a prefix. */
  async requireUser(name: string, password: string, prefix: string): Promise<void> {
    const bytes = (text: string) => Buffer.from(text).toString("base64");
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
    const perm = { permType: "READWRITE", key: bytes(prefix), range_end: bytes(end) };
    await this.first.ask("auth/role/add", { name: "root" });
    await this.first.ask("auth/user/add", { name: "root", password: `${password}-of-root` });
    await this.first.ask("auth/user/grant", { user: "root", role: "root" });
    await this.first.ask("auth/role/add", { name: "contender" });
    await this.first.ask("auth/role/grant", { name: "contender", perm });
    await this.first.ask("auth/user/add", { name, password });
    await this.first.ask("auth/user/grant", { user: name, role: "contender" });
    await this.first.ask("auth/enable", {});
  }

  /** Makes the tokens of a user of `requireUser` worthless: that is what a password does that is set, were it the same one. */
  async forgetTokens(name: string, password: string): Promise<void> {
    const root = { name: "root", password: `${password}-of-root` };
    const { token } = await this.first.ask<{ readonly token: string }>("auth/authenticate", root);
    await this.first.ask("auth/user/changepw", { name, password }, token);
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    this.#folder.close();
  }
}

/** All different. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(Number((await freeAddress()).split(":")[1]));
  return [...ports];
}
