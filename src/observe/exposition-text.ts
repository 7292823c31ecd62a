/**
 * An exposition read back from its text, by lines: what one process of a group says is added to what the others say.
 *
 * All of them are this very program, so that equal series are equal texts up to the value: names and labels need not be
 * taken apart. The value stands behind the last space; prom-client writes no timestamps.
 */
export interface Family {
  /** The lines HELP and TYPE. */
  readonly head: readonly string[];
  readonly type: string;
  /** Values by all of a line that stands before them. */
  readonly samples: Map<string, number>;
}

/** Families by name, in the order of the text. */
export type Exposition = Map<string, Family>;

export function readExposition(text: string): Exposition {
  const families: Exposition = new Map();
  let head: string[] = [];
  let samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("# ")) {
      const [, word, name = "", type = ""] = line.split(" ", 4);
      if (word === "HELP") head = [];
      head.push(line);
      if (word !== "TYPE") continue;
      samples = new Map();
      families.set(name, { head, type, samples });
    } else {
      const space = line.lastIndexOf(" ");
      samples.set(line.slice(0, space), numberOf(line.slice(space + 1)));
    }
  }
  return families;
}

export function writeExposition(families: Exposition): string {
  const parts = Array.from(families.values(), ({ head, samples }) =>
    [...head, ...Array.from(samples, ([series, value]) => `${series} ${textOf(value)}`)].join("\n"),
  );
  return `${parts.join("\n\n")}\n`;
}

const bound = /([{,])le="(?:[^"\\]|\\.)*",?/;

/** Of a histogram's line, the labels that all lines of its series share. */
export function histogramSeries(line: string): string {
  const brace = line.indexOf("{");
  return brace === -1 ? "" : line.slice(brace).replace(bound, "$1").replace(/,?\}$/, "");
}

/** The bounds of each series of a histogram, as a text to compare. */
export function histogramBounds({ samples }: Family): Map<string, string> {
  const bounds = new Map<string, string>();
  for (const line of samples.keys()) {
    const series = histogramSeries(line);
    bounds.set(series, (bounds.get(series) ?? "") + (bound.exec(line)?.[0] ?? ""));
  }
  return bounds;
}

/** The same line with one label more. */
export function withLabel(line: string, label: string, value: string): string {
  const brace = line.indexOf("{");
  if (brace === -1) return `${line}{${label}="${value}"}`;
  return `${line.slice(0, brace + 1)}${label}="${value}",${line.slice(brace + 1)}`;
}

/** prom-client's words for what is no number in JavaScript's own. */
function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function textOf(value: number): string {
  if (Number.isNaN(value)) return "Nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
