/**
 * A source that is asked, with its last good routes on disk: a sidecar that starts while an HTTP server or etcd is away serves what it
 * served, as one does whose config service is away.
 *
 * What is kept are the texts that came, not what was made of them: the next start may be another release's, and reads them as
 * strictly as this one did.
 */
import type { Clock } from "../base/clock.ts";
import type { Problem } from "../base/parsed.ts";
import type { Apply, RouteSource } from "../config/route-source.ts";
import type { Loaded } from "../config/snapshot.ts";
import type { SourceStatus } from "../config/source-status.ts";
import type { ApplyTexts, AskedSource, Held, Texts } from "./asked-source.ts";
import type { LastGoodFile } from "./last-good.ts";
import { startDelayMs, usedLastGood } from "./last-good-start.ts";

export interface KeptSourcePorts {
  readonly clock: Clock;
  readonly status: SourceStatus;
  readonly apply: Apply;
  /** Undefined where nothing is kept. */
  readonly lastGood: LastGoodFile<Texts> | undefined;
  /** Reads what the source gave. */
  load(texts: Texts): Loaded;
  /** Made when it is first asked: what that takes is not loaded before routes serve. */
  source(apply: ApplyTexts): AskedSource | Promise<AskedSource>;
}

export class KeptSource implements RouteSource {
  readonly #ports: KeptSourcePorts;
  #source: AskedSource | undefined = undefined;
  #held: Held | undefined = undefined;
  #cancelStart: () => void = () => undefined;
  #starting: Promise<void> | undefined = undefined;
  #closed = false;

  constructor(ports: KeptSourcePorts) {
    this.#ports = ports;
  }

  get status(): SourceStatus {
    return this.#ports.status;
  }

  async open(): Promise<readonly Problem[]> {
    this.#held = await this.#fromDisk();
    if (this.#held !== undefined) return [];
    this.#source = await this.#made();
    return await this.#source.open();
  }

  begin(): void {
    this.#source?.begin();
    const held = this.#held;
    if (held === undefined) return;
    this.#cancelStart = this.#ports.clock.after(startDelayMs, () => {
      this.#starting = this.#follow(held);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelStart();
    await this.#starting;
    await this.#source?.close();
    await this.#ports.lastGood?.settled();
  }

  async #follow(held: Held): Promise<void> {
    const source = await this.#made();
    if (this.#closed) return;
    this.#source = source;
    source.follow(held);
  }

  async #made(): Promise<AskedSource> {
    return await this.#ports.source((loaded, first, texts) => this.#apply(loaded, first, texts));
  }

  async #apply(loaded: Loaded, first: boolean, texts: Texts): Promise<readonly Problem[]> {
    const { apply, lastGood } = this.#ports;
    const problems = await apply(loaded, first);
    if (problems.length === 0 && loaded.ok) lastGood?.write({ version: loaded.value.version, snapshot: texts });
    return problems;
  }

  async #fromDisk(): Promise<Held | undefined> {
    const { apply, lastGood, load, status } = this.#ports;
    if (lastGood === undefined) return undefined;
    const found = await usedLastGood(lastGood, status, async ({ lastGood: { snapshot } }) => {
      const loaded = load(snapshot);
      return loaded.ok ? await apply(loaded, true) : loaded.problems;
    });
    return found && { version: found.lastGood.version, texts: found.lastGood.snapshot };
  }
}
