/**
 * Made-up tensors of the right name, type and shape: what a server is asked with before anybody knows real rows.
 *
 * All of one value. Zeros are valid for nearly every model; ones are a second try for those that divide by what they get or
 * look it up in a table that starts at one.
 */
import type { TensorFacts } from "./model-facts.ts";

export type Filler = 0 | 1;

export interface Sample extends TensorFacts {
  readonly shape: readonly number[];
  readonly elements: number;
  readonly filler: Filler;
  /** Bytes of one element; undefined for texts, whose elements are the filler as a digit. */
  readonly element: Buffer | undefined;
}

/** Bytes of a one, little-endian, as both protocols have them; a zero is as many zero bytes. */
const ones: Readonly<Record<string, readonly number[]>> = {
  BOOL: [1],
  UINT8: [1],
  UINT16: [1, 0],
  UINT32: [1, 0, 0, 0],
  UINT64: [1, 0, 0, 0, 0, 0, 0, 0],
  INT8: [1],
  INT16: [1, 0],
  INT32: [1, 0, 0, 0],
  INT64: [1, 0, 0, 0, 0, 0, 0, 0],
  // IEEE 754: exponent at its bias, no fraction.
  FP16: [0, 0x3c],
  BF16: [0x80, 0x3f],
  FP32: [0, 0, 0x80, 0x3f],
  FP64: [0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
};

/** A request of more tells nothing about latency that a smaller one does not, and may be over the server's limit. */
export const largestSampleBytes = 32 * 1_048_576;

/** One row for this input, or undefined where its type is not known or a row of it is too large. */
export function sampleOf(tensor: TensorFacts, filler: Filler): Sample | undefined {
  // A dimension that varies is a batch, or as long as one likes: one is the least.
  const shape = (tensor.shape ?? [1]).map((size) => (size < 0 ? 1 : size));
  const elements = shape.reduce((product, size) => product * size, 1);
  const one = Object.hasOwn(ones, tensor.datatype) ? ones[tensor.datatype] : undefined;
  if (one === undefined && tensor.datatype !== "BYTES") return undefined;
  if (elements * (one?.length ?? 8) > largestSampleBytes) return undefined;
  const element = one === undefined ? undefined : Buffer.from(filler === 1 ? one : one.map(() => 0));
  return { ...tensor, shape, elements, filler, element };
}

/** The bytes of a number's elements, one after the other; none for texts. */
export function contentOf({ element, elements }: Sample): Buffer {
  return element === undefined ? Buffer.alloc(0) : Buffer.alloc(element.length * elements, element);
}

/** One element of texts. */
export const textOf = ({ filler }: Sample): Buffer => Buffer.from(String(filler));

/** Samples of all inputs, or the name of the first that there is none for. */
export function samplesOf(
  inputs: readonly TensorFacts[],
  filler: Filler,
): { readonly ok: true; readonly samples: readonly Sample[] } | { readonly ok: false; readonly input: TensorFacts } {
  const samples: Sample[] = [];
  for (const input of inputs) {
    const sample = sampleOf(input, filler);
    if (sample === undefined) return { ok: false, input };
    samples.push(sample);
  }
  return { ok: true, samples };
}
