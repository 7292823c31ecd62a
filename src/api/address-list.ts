/**
 * Several addresses of one service as one target of a gRPC channel, so that the channel itself goes to whichever can be reached: it tries
 * the next one when one refuses, and after a quarter of a second when one does not answer.
 *
 * gRPC's own targets have one name, or addresses that are numbers. Here each may be either, and each name may have several.
 */
import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import { systemClock } from "../base/clock.ts";

type Found = Parameters<experimental.ResolverListener>[0];

const scheme = "contender-list";

/**
 * How long the first list waits for names that are still looked up. Numbers are known at once, and refuse at once where nobody listens:
 * a call would fail before the name behind which somebody does is known. A name server that is away must not hold up the others, either.
 */
const namesWithinMs = 500;

/** @param places each HOST:PORT */
export function targetOf(places: readonly string[]): string {
  return places.length === 1 ? `dns:${places[0]}` : `${scheme}:${places.join(",")}`;
}

class AddressList implements experimental.Resolver {
  readonly #each: readonly experimental.Resolver[];
  readonly #found: (Found | undefined)[];
  readonly #stopWaiting: () => void;
  #waits = true;

  constructor({ path }: experimental.GrpcUri, listener: experimental.ResolverListener, options: ChannelOptions) {
    const places = path.split(",");
    this.#found = places.map(() => undefined);
    this.#each = places.map((place, index) => {
      const told: experimental.ResolverListener = (found, attributes, _, note) => {
        this.#found[index] = found;
        const all = this.#all();
        return all === undefined || listener(all, attributes, null, note);
      };
      return experimental.createResolver({ scheme: "dns", path: place }, told, options);
    });
    // Channels make their resolvers themselves: no clock of a test reaches here.
    this.#stopWaiting = systemClock.after(namesWithinMs, () => {
      this.#waits = false;
      const all = this.#all();
      if (all !== undefined) listener(all, {}, null, "");
    });
  }

  /** What the channel takes for whom it speaks to, where nothing else says so. */
  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    return path.split(",")[0] ?? path;
  }

  updateResolution(): void {
    for (const each of this.#each) each.updateResolution();
  }

  destroy(): void {
    this.#stopWaiting();
    for (const each of this.#each) each.destroy();
  }

  /** Every address that is known, when all names were looked up or had the time; that there is none is told when all were. */
  #all(): Found | undefined {
    if (this.#waits && this.#found.includes(undefined)) return undefined;
    const endpoints = this.#found.flatMap((found) => (found?.ok === true ? found.value : []));
    if (endpoints.length > 0) return { ok: true, value: endpoints };
    return this.#found.includes(undefined) ? undefined : this.#found.find((found) => found?.ok === false);
  }
}

experimental.registerResolver(scheme, AddressList);
