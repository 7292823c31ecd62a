/**
 * The config service with what it stands on: replicas on etcd, or one on a directory, and between them and their sidecars, and
 * between them and their etcd, relays that a fault can close.
 */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Etcd } from "../support/etcd.ts";
import { ToxicRelay } from "../support/toxic-relay.ts";
import { Replica } from "./replica.ts";

const run = promisify(execFile);

/** Copies a directory; what etcd reserves for its log is not written out. */
async function copy(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await run("cp", ["-a", "--sparse=always", from, to]);
}

export class Service {
  readonly replicas: readonly Replica[];
  /** Where sidecars ask. */
  readonly front: ToxicRelay;
  /** Of each replica, to each member. */
  readonly back: readonly (readonly ToxicRelay[])[];
  readonly etcd: Etcd | undefined;
  /** Another program, which sidecars reach instead. */
  #impostor: string | undefined = undefined;
  readonly #stores: readonly string[];
  readonly #folder: string;

  private constructor(
    folder: string,
    replicas: readonly Replica[],
    front: ToxicRelay,
    back: readonly (readonly ToxicRelay[])[],
    etcd: Etcd | undefined,
    answering: () => string,
  ) {
    this.#folder = folder;
    this.replicas = replicas;
    this.front = front;
    this.back = back;
    this.etcd = etcd;
    this.#stores = etcd?.members.map(({ directory }) => directory) ?? [join(folder, "store")];
    this.#answering = answering;
  }

  readonly #answering: () => string;

  /**
   * @param folder where it keeps what it has @param built where the programs are
   * @param binary of etcd; undefined for a store in a directory
   */
  static async start(folder: string, built: string, binary: string | undefined): Promise<Service> {
    const etcd = binary === undefined ? undefined : await Etcd.start(binary, 3);
    const back: ToxicRelay[][] = [];
    const replicas: Replica[] = [];
    for (let i = 0; i < (etcd === undefined ? 1 : 2); i++) {
      const relays: ToxicRelay[] = [];
      for (const { endpoint } of etcd?.members ?? []) relays.push(await ToxicRelay.start(() => new URL(endpoint).host));
      back.push(relays);
      const urls = relays.map(({ address }) => `http://${address}`);
      const store = etcd === undefined ? `dir:${join(folder, "store")}` : `etcd:${urls.join(",")}`;
      replicas.push(await Replica.create(built, store));
    }
    let turn = 0;
    let service: Service | undefined;
    // As a name of two addresses does: one after the other, whether they are well or not.
    const answering = (): string => replicas[turn++ % replicas.length]?.address ?? "";
    const front = await ToxicRelay.start(() => service?.target ?? answering());
    service = new Service(folder, replicas, front, back, etcd, answering);
    for (const replica of replicas) await replica.start();
    return service;
  }

  get target(): string {
    return this.#impostor ?? this.#answering();
  }

  /** From now on sidecars reach this program; undefined for the service again. */
  replace(impostor: string | undefined): void {
    this.#impostor = impostor;
    this.front.reset();
  }

  get leader(): Replica {
    const leader = this.replicas.find(({ leads }) => leads) ?? this.replicas[0];
    if (leader === undefined) throw new Error("no replica");
    return leader;
  }

  async kill(replicas = this.replicas): Promise<void> {
    await Promise.all(replicas.map(({ running }) => running.kill()));
  }

  /** Whoever is down comes back. */
  async again(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.again()));
  }

  /** Keeps a copy of the store, which nobody may have open. */
  async save(name: string): Promise<void> {
    for (const [i, from] of this.#stores.entries()) await copy(from, join(this.#folder, `${name}-${i}`));
  }

  async putBack(name: string): Promise<void> {
    for (const [i, to] of this.#stores.entries()) await copy(join(this.#folder, `${name}-${i}`), to);
  }

  async stopEtcd(): Promise<void> {
    await Promise.all(this.etcd?.members.map((member) => member.kill()) ?? []);
  }

  async startEtcd(): Promise<void> {
    for (const member of this.etcd?.members ?? []) member.start();
    await Promise.all(this.etcd?.members.map((member) => member.healthy()) ?? []);
  }

  async end(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.end()));
    await Promise.all([this.front, ...this.back.flat()].map((relay) => relay.close()));
    await this.etcd?.close();
  }
}
