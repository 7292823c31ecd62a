/**
 * What of TensorProto (tensorflow/core/framework/tensor.proto) keys and scores need: which field holds the elements of each
 * type, and of what kind they are.
 */
import { type NumberKind, numberKind } from "../numbers.ts";
import { wireType } from "../wire.ts";

export const tensorTag = {
  dtype: (1 << 3) | wireType.varint,
  shape: (2 << 3) | wireType.bytes,
  content: (4 << 3) | wireType.bytes,
} as const;

/** `DT_STRING` */
export const stringType = 7;

/** A number type: its elements are in `tensor_content`, little end first, or in the repeated field of this number. */
export interface NumberType {
  readonly kind: NumberKind;
  readonly field: number;
}

/** By `DataType` (tensorflow/core/framework/types.proto); complex, quantised, four-bit and eight-bit floats are left out. */
const numberTypes: readonly (NumberType | undefined)[] = [
  undefined,
  { kind: numberKind.float32, field: 5 },
  { kind: numberKind.float64, field: 6 },
  { kind: numberKind.int32, field: 7 },
  { kind: numberKind.uint8, field: 7 },
  { kind: numberKind.int16, field: 7 },
  { kind: numberKind.int8, field: 7 },
  undefined,
  undefined,
  { kind: numberKind.int64, field: 10 },
  { kind: numberKind.bool, field: 11 },
  undefined,
  undefined,
  undefined,
  { kind: numberKind.bfloat16, field: 13 },
  undefined,
  undefined,
  { kind: numberKind.uint16, field: 7 },
  undefined,
  { kind: numberKind.float16, field: 13 },
  undefined,
  undefined,
  { kind: numberKind.uint32, field: 16 },
  { kind: numberKind.uint64, field: 17 },
];

export function numberTypeOf(dtype: number): NumberType | undefined {
  return numberTypes[dtype];
}
