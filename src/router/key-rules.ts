/**
 * Where a route's sticky key comes from: sources in order, the first that yields one wins.
 *
 * Sources in metadata are read here; those in the message belong to the dialect, which may have to wait for its bytes.
 * So the order is cut into stages, each of one kind: nobody peeks into a message whose key was in the metadata before
 * it, and metadata that stands *after* a source in the message is asked only when that gave nothing.
 *
 * A key is bytes in Latin-1 (see `base/hash.ts`).
 */
import { keyFromText } from "../base/hash.ts";
import type { KeySource } from "../model/route.ts";

/** Metadata as the router needs it; the proxy's header lists are of this shape. */
export interface MetadataLookup {
  /** The first field of this lower-case name. */
  named(name: string): { readonly value: string } | undefined;
}

export type KeyStage =
  | { readonly kind: "metadata"; readonly names: readonly string[] }
  /** To be read from the message, by one request reader made for these sources. */
  | { readonly kind: "message"; readonly from: readonly KeySource[] };

export class KeyRules {
  readonly stages: readonly KeyStage[];
  readonly #ignored: ReadonlySet<string>;

  /** @param ignore values that are no key (`anonymous`), as text. */
  constructor(from: readonly KeySource[], ignore: readonly string[]) {
    this.stages = stagesOf(from);
    this.#ignored = new Set(ignore.map(keyFromText));
  }

  /**
   * Whether a value is a key. The empty one never is, listed or not: it would put a whole crowd of strangers on one
   * variant.
   */
  accepts(value: string): boolean {
    return value !== "" && !this.#ignored.has(value);
  }

  /** The first of the names, in their order, under which metadata holds a key. */
  fromMetadata(names: readonly string[], metadata: MetadataLookup): string | undefined {
    for (const name of names) {
      const field = metadata.named(name);
      if (field === undefined) continue;
      const value = name.endsWith("-bin") ? bytesOf(field.value) : field.value;
      if (this.accepts(value)) return value;
    }
    return undefined;
  }
}

/** Base64 with or without its padding gives one key: gRPC libraries differ there, and their users are the same. */
function bytesOf(value: string): string {
  return Buffer.from(value, "base64").toString("latin1");
}

function stagesOf(from: readonly KeySource[]): KeyStage[] {
  const groups: KeySource[][] = [];
  for (const source of from) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (first !== undefined && (first.kind === "metadata") === (source.kind === "metadata")) group?.push(source);
    else groups.push([source]);
  }
  return groups.map(stageOf);
}

function stageOf(group: readonly KeySource[]): KeyStage {
  // gRPC metadata names are lower case on the wire, whatever a person writes.
  const names = group.filter(({ kind }) => kind === "metadata").map(({ name }) => name.toLowerCase());
  return names.length > 0 ? { kind: "metadata", names } : { kind: "message", from: group };
}
