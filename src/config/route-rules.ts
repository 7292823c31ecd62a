/**
 * The rules of one route that span fields: names that must exist, sums, addresses, what excludes what.
 *
 * Routes of files and of the environment pass here alike. A rule is skipped where the shape of what it looks at was
 * already refused, so that one slip is reported once.
 */
import { type Address, formatAddress, readAddress } from "../base/address.ts";
import { didYouMean } from "../base/nearest.ts";
import { dialectOfService, dialectServices } from "../model/dialect-services.ts";
import type { ModelOverride, RouteSpec, ScoreSpec, ShadowSpec, UpstreamTlsSpec, VariantSpec } from "../model/route.ts";
import { type Fault, type Path, shown } from "./decode.ts";
import { defaultBuckets, routeBounds, routeDefaults } from "./route-defaults.ts";
import { nameRule } from "./route-document.ts";
import type { RouteDraft, ScoreDraft, VariantDraft } from "./route-draft.ts";
import { sameAddress, warnings } from "./route-warnings.ts";

/** What a route's addresses are read against. */
export interface Surroundings {
  /** What the address `local` means, in the form of `formatAddress`; undefined for a gateway, which has no model server of its own. */
  readonly local: string | undefined;
  /** Where the sidecar itself listens; undefined where that is not known, as in `contender check`. */
  readonly listen?: Address | undefined;
  /** Whether the routes are for one sidecar that has them from no config service: nobody selects there. */
  readonly alone?: boolean | undefined;
}

export interface Judged {
  readonly route: RouteSpec;
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/**
 * Applies the rules. The route is whole only where neither `shape` nor the result holds a fault.
 *
 * @param shape what reading the draft already refused.
 */
export function judgeRoute(draft: RouteDraft, shape: readonly Fault[], around: Surroundings): Judged {
  const rules = new Rules(draft, shape, around);
  const route = rules.route();
  return { route, faults: rules.faults, warnings: warnings(route, draft) };
}

/** Metadata that HTTP/2 and gRPC own, or that the sidecar sets itself. */
const reservedMetadata = /^(grpc-.*|x-contender-.*|te|host|connection|content-type|content-length|user-agent)$/;

/** In front of an address: TLS is spoken there, with what Node trusts or as `tls` says. */
export const tlsScheme = "tls://";

/** A name as it stands in a list; one that is none, and was refused as that, as what it is. */
const listed = (name: string): string => (nameRule.pattern.test(name) ? name : shown(name));

/** Variants that are named where another one is wanted. */
const mostListed = 20;
/** Unknown names beside which it is told which there are: to say so takes long, and who has more of them has been told. */
const mostHelped = 20;

class Rules {
  readonly faults: Fault[] = [];
  readonly #draft: RouteDraft;
  readonly #shape: readonly Fault[];
  readonly #around: Surroundings;
  readonly #names: readonly string[];
  readonly #named: ReadonlySet<string>;
  #unknown = 0;

  constructor(draft: RouteDraft, shape: readonly Fault[], around: Surroundings) {
    this.#draft = draft;
    this.#shape = shape;
    this.#around = around;
    this.#names = draft.variants.map(([name]) => name);
    this.#named = new Set(this.#names);
  }

  route(): RouteSpec {
    const draft = this.#draft;
    const variants = this.#variants();
    const champion = this.#champion();
    const weights = this.#weights(champion);
    const shadows = this.#shadows(champion, weights, variants);
    this.#maxTimeout();
    this.#match();
    this.#fleet();
    return {
      name: draft.name,
      default: draft.default ?? false,
      match: draft.match,
      key: { from: draft.keyFrom, ignore: draft.ignoredKeys ?? routeDefaults.ignoredKeys },
      assignment: draft.assignment,
      salt: draft.salt ?? draft.name,
      pin: draft.pin,
      variantHeader: draft.variantHeader,
      peekBytes: draft.peekBytes ?? routeDefaults.peekBytes,
      maxTimeoutMs: draft.maxTimeoutMs,
      score: draft.score === undefined ? undefined : this.#score(draft.score),
      variants,
      champion,
      weights,
      shadows,
      gates: draft.gates,
      namespace: draft.namespace,
      selector: draft.selector,
      ttlMs: draft.ttlMs,
    };
  }

  #fail(path: Path, message: string): void {
    this.faults.push({ path, message });
  }

  /** Whether the shape of `path`, or of anything within it, was refused. */
  #misshapen(...path: Path): boolean {
    return this.#shape.some((fault) => path.every((step, index) => fault.path[index] === step));
  }

  #known(path: Path, name: string): boolean {
    if (this.#named.has(name)) return true;
    this.#fail(path, `no variant is named ${shown(name)}${this.#unknown++ < mostHelped ? this.#help(name) : ""}`);
    return false;
  }

  #help(name: string): string {
    const names = this.#names.slice(0, routeBounds.variants);
    if (names.length === 0) return "";
    const all = names.slice(0, mostListed).map(listed).join(", ");
    const more = this.#names.length - mostListed;
    return `${didYouMean(name, names)}, the variants are ${all}${more > 0 ? ` and ${more} more` : ""}`;
  }

  #variants(): VariantSpec[] {
    if (this.#names.length === 0 && !this.#misshapen("spec", "variants")) {
      this.#fail(["spec", "variants"], "want at least one variant");
    }
    if (this.#names.length > routeBounds.variants) {
      this.#fail(["spec", "variants"], `want at most ${routeBounds.variants} variants, got ${this.#names.length}`);
    }
    if (this.#draft.assignment === "md5-100") this.#orderIsKept();
    return this.#draft.variants.map(([name, variant]) => this.#variant(name, variant));
  }

  /** JSON as JavaScript keeps it sorts keys such as `10` and `9`, and this assignment goes by the document's order. */
  #orderIsKept(): void {
    for (const name of this.#names) {
      if (/^[0-9]+$/.test(name)) {
        this.#fail(
          ["spec", "variants", name],
          "md5-100 goes by the order of variants, and names of digits alone lose theirs",
        );
      }
    }
  }

  #variant(name: string, draft: VariantDraft): VariantSpec {
    const path = ["spec", "variants", name];
    // `weights` is a plain record, and this one name would find something there that nobody wrote.
    if (name === "constructor") this.#fail(path, 'the name "constructor" is reserved');
    for (const [header] of draft.metadata ?? []) {
      const at = [...path, "metadata", header];
      if (reservedMetadata.test(header))
        this.#fail(at, "this metadata can't be set: HTTP/2, gRPC or the sidecar owns it");
    }
    const headers = (draft.metadata ?? []).map(([header]) => header);
    if (new Set(headers).size < headers.length) {
      this.#fail([...path, "metadata"], "two names are the same in lower case, which is how metadata is sent");
    }
    if (draft.model !== undefined) this.#model([...path, "model"], draft.model);
    return {
      name,
      address: this.#address([...path, "address"], draft.address),
      authority: draft.authority,
      tls: this.#tls(path, draft),
      model: draft.model,
      metadata: draft.metadata ?? [],
      expectVersion: draft.expectVersion,
      onFailure: draft.onFailure ?? "error",
      artifact: draft.artifact,
      warmup:
        draft.warmup === undefined
          ? undefined
          : { copies: draft.warmup.copies, timeoutMs: draft.warmup.timeoutMs ?? routeDefaults.warmupTimeoutMs },
    };
  }

  #tls(path: Path, { address, tls }: VariantDraft): UpstreamTlsSpec | undefined {
    if (tls === undefined && address?.startsWith(tlsScheme) !== true) return undefined;
    const { ca, cert, key, serverName, minVersion = "TLSv1.2" } = tls ?? {};
    if ((cert === undefined) !== (key === undefined) && !this.#misshapen(...path, "tls")) {
      const [there, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
      this.#fail([...path, "tls", missing], `is missing, and ${there} is of no use without it`);
    }
    return { ca, cert, key, serverName, minVersion };
  }

  #address(path: Path, given: string | undefined): string {
    if (given === undefined) return "";
    const text = given.startsWith(tlsScheme) ? given.slice(tlsScheme.length) : given;
    const meant = text === "local" ? this.#around.local : text;
    if (meant === undefined) {
      this.#fail(path, 'a gateway has no model server of its own for "local" to mean: want the address of one');
      return "";
    }
    const reading = readAddress(meant);
    if (!reading.ok) {
      this.#fail(path, reading.message);
      return "";
    }
    const { listen } = this.#around;
    if (listen !== undefined && reaches(reading.value, listen)) {
      this.#fail(path, `${shown(text)} is where this sidecar listens: its calls would go round in circles`);
    }
    const address = formatAddress(reading.value);
    return text.startsWith("dns:///") ? `dns:///${address}` : address;
  }

  #model(path: Path, model: ModelOverride): void {
    if (model.version !== undefined && model.label !== undefined) {
      this.#fail([...path, "label"], "want a version or a label, got both");
    }
    const said = model.name ?? model.version ?? model.label;
    if (said === undefined && !this.#misshapen(...path)) this.#fail(path, "want a name, a version or a label");
  }

  #champion(): string {
    const { champion } = this.#draft;
    if (champion !== undefined) this.#known(["spec", "champion"], champion);
    return champion ?? "";
  }

  #weights(champion: string): Record<string, number> {
    const { weights } = this.#draft;
    if (weights === undefined) return { [champion]: this.#draft.assignment === "md5-100" ? 100 : 1 };
    const path = ["spec", "weights"];
    let sum = 0;
    for (const [name, weight] of weights) {
      this.#known([...path, name], name);
      if (this.#draft.assignment === "md5-100" && weight % 1 > 0) {
        this.#fail([...path, name], `md5-100 wants whole percents, got ${weight}`);
      }
      sum += weight;
    }
    if (!this.#misshapen(...path)) {
      if (!(sum > 0)) this.#fail(path, "want a sum above 0: with no weight at all nobody would answer");
      else if (this.#draft.assignment === "md5-100" && sum !== 100) {
        this.#fail(path, `md5-100 wants percents that make 100, got ${sum}`);
      }
    }
    return Object.fromEntries(weights.filter(([, weight]) => weight > 0));
  }

  #shadows(
    champion: string,
    weights: Readonly<Record<string, number>>,
    variants: readonly VariantSpec[],
  ): ShadowSpec[] {
    return this.#draft.shadows.map(([variant, draft]) => {
      const path = ["spec", "shadows", variant];
      if (this.#known(path, variant)) {
        if (variant === champion) this.#fail(path, "the champion can't be its own shadow");
        else if (Object.hasOwn(weights, variant)) {
          this.#fail(path, "a variant with a weight can't be a shadow too: it would be measured twice");
        } else this.#differs(path, variants, variant, champion);
      }
      if (draft.timeoutMs === 0) this.#fail([...path, "timeout"], "want more than no time at all");
      const maxBytes = draft.maxBytes ?? routeDefaults.shadowMaxBytes;
      const maxMessageBytes = draft.maxMessageBytes ?? Math.min(routeDefaults.shadowMaxMessageBytes, maxBytes);
      if (maxMessageBytes > maxBytes) {
        this.#fail([...path, "maxMessageBytes"], `want at most maxBytes, which is ${maxBytes}, got ${maxMessageBytes}`);
      }
      return {
        variant,
        percent: draft.percent ?? routeDefaults.shadowPercent,
        maxPerSecond: draft.maxPerSecond,
        timeoutMs: draft.timeoutMs ?? routeDefaults.shadowTimeoutMs,
        maxInFlight: draft.maxInFlight ?? routeDefaults.shadowMaxInFlight,
        maxBytes,
        maxMessageBytes,
        forwardAuthorization: draft.forwardAuthorization ?? false,
      };
    });
  }

  /** A shadow that is the champion under another name doubles its load and compares it with itself. */
  #differs(path: Path, variants: readonly VariantSpec[], shadow: string, champion: string): void {
    const a = variants.find(({ name }) => name === shadow);
    const b = variants.find(({ name }) => name === champion);
    if (a === undefined || b === undefined || a.address === "" || !sameAddress(a, b) || !sameModel(a, b)) return;
    this.#fail(path, `the same model at the same address as the champion, ${a.address}: nothing would be compared`);
  }

  #score(draft: ScoreDraft): ScoreSpec {
    const path = ["spec", "score"];
    if (draft.index !== undefined && draft.reduce !== "element") {
      this.#fail(
        [...path, "index"],
        `reduce: ${draft.reduce} looks at the whole row; an index goes with reduce: element`,
      );
    }
    const range = this.#range([...path, "range"], draft.range);
    const buckets = draft.buckets ?? defaultBuckets(draft.reduce, range);
    if (!this.#misshapen(...path, "buckets")) {
      if (buckets.length === 0 || buckets.length > routeBounds.buckets) {
        this.#fail([...path, "buckets"], `want 1 to ${routeBounds.buckets} bounds, got ${buckets.length}`);
      }
      const fallen = buckets.findIndex((bound, index) => index > 0 && bound <= (buckets[index - 1] ?? bound));
      if (fallen >= 0) this.#fail([...path, "buckets", fallen], `want ascending bounds, got ${buckets[fallen]}`);
    }
    return { output: draft.output, reduce: draft.reduce, index: draft.index ?? 0, range, buckets };
  }

  #range(path: Path, given: readonly number[] | undefined): readonly [number, number] | undefined {
    if (given === undefined || this.#misshapen(...path)) return undefined;
    const [low, high] = given;
    if (given.length === 2 && low !== undefined && high !== undefined && low < high) return [low, high];
    this.#fail(path, `want two numbers, the lower one first, got [${given.join(", ")}]`);
    return undefined;
  }

  #maxTimeout(): void {
    if (this.#draft.maxTimeoutMs === 0) this.#fail(["spec", "maxTimeout"], "want more than no time at all");
  }

  /** What only the config service acts on. */
  #fleet(): void {
    const { selector, ttlMs } = this.#draft;
    if (ttlMs === 0) this.#fail(["spec", "ttl"], "want more than no time at all");
    if (selector === undefined) return;
    const path = ["spec", "selector"];
    if (this.#around.alone === true) {
      this.#fail(path, "nobody selects sidecars here: a route with a selector belongs in the config service");
    }
    if (selector.first !== undefined && selector.percent !== undefined) {
      this.#fail([...path, "percent"], "want first or percent, got both");
    }
  }

  #match(): void {
    this.#services();
    for (const list of ["models", "services"] as const) {
      const names = this.#draft.match[list];
      const seen = new Set<string>();
      names.forEach((name, index) => {
        if (seen.size === seen.add(name).size)
          this.#fail(["spec", "match", list, index], `${shown(name)} is listed twice`);
      });
    }
  }

  /** A service is taken by the predictions that a dialect knows of it, or else whole: then nothing but its name can be read. */
  #services(): void {
    const { dialect, models, services } = this.#draft.match;
    services.forEach((service, index) => {
      const path = ["spec", "match", "services", index];
      const known = dialectOfService(service);
      if (dialect !== undefined && known !== dialect) {
        this.#fail(path, `${service} is no service of ${dialect}: want another service, or no dialect beside it`);
      } else if (known === undefined && models.length > 0) {
        this.#fail(path, `no dialect tells the model of a call of ${service}: give it a route without models`);
      } else if (known !== undefined && dialectServices[known].predictions !== service) {
        this.#fail(path, `${service} has no predictions: its calls are the default route's champion's`);
      }
    });
  }
}

function sameModel(a: VariantSpec, b: VariantSpec): boolean {
  const metadata = JSON.stringify(a.metadata) === JSON.stringify(b.metadata);
  const { model: ours } = a;
  const { model: theirs } = b;
  return metadata && ours?.name === theirs?.name && ours?.version === theirs?.version && ours?.label === theirs?.label;
}

/** Whether dialling `target` would reach our own listener, as far as the texts tell. */
function reaches(target: Address, listen: Address): boolean {
  if (target.kind === "unix" || listen.kind === "unix") return formatAddress(target) === formatAddress(listen);
  if (target.port !== listen.port) return false;
  const everywhere = listen.host === "0.0.0.0" || listen.host === "::";
  return target.host === listen.host || (everywhere && isLoopback(target.host));
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");
