/** What is known of a model, in the words of both dialects at once. */

export interface TensorFacts {
  readonly name: string;
  /** In the Open Inference Protocol's words: `FP32`, `INT64`, `BYTES`; as the server said it where it has none for it. */
  readonly datatype: string;
  /** -1 where a dimension varies; undefined where not even the rank is known. */
  readonly shape: readonly number[] | undefined;
}

export interface ModelFacts {
  readonly name: string;
  /** Those that are served, in the server's order. */
  readonly versions: readonly string[];
  /** The one that answers who asks for none; undefined where the server does not say. */
  readonly version: string | undefined;
  /** TensorFlow Serving's: which of the model's signatures; undefined elsewhere. */
  readonly signature: string | undefined;
  readonly inputs: readonly TensorFacts[];
  readonly outputs: readonly TensorFacts[];
}

const floats = new Set(["FP64", "FP32", "FP16", "BF16"]);

export const isFloat = ({ datatype }: TensorFacts): boolean => floats.has(datatype);
export const isInteger = ({ datatype }: TensorFacts): boolean => /^U?INT(8|16|32|64)$/.test(datatype);
export const isText = ({ datatype }: TensorFacts): boolean => datatype === "BYTES";

/** `scores FP32 [-1, 2]`, for people. */
export function tensorText({ name, datatype, shape }: TensorFacts): string {
  return `${name} ${datatype} ${shape === undefined ? "of any shape" : `[${shape.join(", ")}]`}`;
}

/**
 * Outputs as described, mended by what an answer showed: a last dimension that was left open, and outputs that the
 * description does not have. The first dimension stays as described: in an answer it is the rows that were sent.
 */
export function mended(described: readonly TensorFacts[], answered: readonly TensorFacts[]): readonly TensorFacts[] {
  const known = new Set(described.map(({ name }) => name));
  return [
    ...described.map((tensor) => {
      const seen = answered.find(({ name }) => name === tensor.name)?.shape;
      const { shape } = tensor;
      if (seen === undefined) return tensor;
      if (shape === undefined || shape.length === 0) return { ...tensor, shape: varying(seen) };
      if (shape.length < 2 || shape.at(-1) !== -1 || seen.length !== shape.length) return tensor;
      return { ...tensor, shape: [...shape.slice(0, -1), seen.at(-1) ?? -1] };
    }),
    ...answered
      .filter(({ name }) => !known.has(name))
      .map((tensor) => ({ ...tensor, shape: tensor.shape && varying(tensor.shape) })),
  ];
}

/** A shape of which only an answer to one row is known: a leading 1 is that row. */
const varying = (shape: readonly number[]): readonly number[] => (shape[0] === 1 ? [-1, ...shape.slice(1)] : shape);

/** The highest of the versions that are numbers, else the only one there is. */
export function newest(versions: readonly string[]): string | undefined {
  const numbers = versions.filter((version) => /^[0-9]{1,19}$/.test(version)).map(BigInt);
  if (numbers.length === 0) return versions.length === 1 ? versions[0] : undefined;
  return numbers.reduce((a, b) => (a > b ? a : b)).toString();
}
