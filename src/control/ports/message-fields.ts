/**
 * What there is in a message, counted before it is read. Reading makes an object of every two bytes of a hostile one: four megabytes are
 * a second in which nobody else is served, and a gigabyte of memory.
 *
 * protobufjs goes by a field's number and not by its wire type, and past the end of a message within another. So who counts has to
 * refuse what is not written as it should be, or it would find what was not counted.
 */
import { definitions } from "../../api/protos.ts";

/** A field as it is written: by one of these wire types, with a message in it, or with numbers of so many bytes (0 for varints). */
export interface Field {
  readonly wires: readonly number[];
  /** Asked for when there is one, since messages may be within themselves. */
  readonly message?: () => Fields;
  readonly packed?: 0 | 4 | 8;
  /** Of 32 bits: the reader takes five bytes of it or ten, however many there are. */
  readonly short?: true;
  /** Whether an object is made of it. */
  readonly part?: true;
}

export type Fields = Readonly<Record<number, Field>>;

/** Of a descriptor, as `@grpc/proto-loader` gives it. */
interface Described {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const known = new Map<string, Fields>();

/** Fields of a message of ours, or of one of protobuf's own, by the name that a field has for its type. */
export function fieldsOf(name: string): Fields {
  let fields = known.get(name);
  if (fields === undefined) {
    const full = name.includes(".") ? name : `contender.v1.${name}`;
    const { type } = definitions()[full] as unknown as { readonly type: { readonly field: readonly Described[] } };
    fields = Object.fromEntries(type.field.map((field) => [field.number, fieldOf(field)]));
    known.set(name, fields);
  }
  return fields;
}

function fieldOf({ name, label, type, typeName }: Described): Field {
  const repeated = label === "LABEL_REPEATED";
  const packable = (wire: number, packed: 0 | 4 | 8): Pick<Field, "wires" | "packed"> =>
    repeated ? { wires: [wire, 2], packed } : { wires: [wire] };
  switch (type) {
    case "TYPE_MESSAGE":
      return { wires: [2], message: () => fieldsOf(typeName.replace(/^\./, "")), part: true };
    case "TYPE_STRING":
    case "TYPE_BYTES":
      return { wires: [2], ...(repeated && { part: true as const }) };
    case "TYPE_DOUBLE":
    case "TYPE_FIXED64":
      return packable(1, 8);
    case "TYPE_UINT32":
    case "TYPE_INT32":
    case "TYPE_ENUM":
    case "TYPE_BOOL":
      return { ...packable(0, 0), short: true };
    case "TYPE_UINT64":
    case "TYPE_INT64":
      return packable(0, 0);
    default:
      throw new Error(`${name}: a field of ${type} can't be counted`);
  }
}

/**
 * Parts of a message, never fewer than its reader makes of it; undefined where it is not written as one.
 * @param apart counts those of this field of the outermost message by themselves, too
 */
export function partsIn(
  bytes: Uint8Array,
  fields: Fields,
  apart?: number,
): { readonly parts: number; readonly apart: number } | undefined {
  const counted = { parts: 0, apart: 0 };
  return count(bytes, [0, bytes.length], fields, counted, apart) ? counted : undefined;
}

/** Field after field of one message. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #to: number;
  #at: number;
  /** Bytes of the number that was read last. */
  length = 0;
  field = 0;
  wire = 0;
  /** Of its contents, where it has a length. */
  begin = 0;
  end = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  get more(): boolean {
    return this.#at < this.#to;
  }

  /** @returns whether there is one that is written as it should be */
  next(): boolean {
    const tag = this.#varint();
    if (!(tag < 2 ** 32) || this.length > 5) return false;
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.wire === 0) return !Number.isNaN(this.#varint());
    if (this.wire === 1) this.#at += 8;
    else if (this.wire === 5) this.#at += 4;
    else if (this.wire === 2) {
      const bytes = this.#varint();
      if (this.length > 5) return false;
      this.begin = this.#at;
      this.#at += bytes;
      this.end = this.#at;
    } else return false;
    return this.#at <= this.#to;
  }

  #varint(): number {
    const start = this.#at;
    let value = 0;
    for (let scale = 1; this.#at < this.#to && scale < 2 ** 70; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      this.length = this.#at - start;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}

/** @returns whether all of it is written as it should be */
function count(
  bytes: Uint8Array,
  [from, to]: readonly [from: number, to: number],
  fields: Fields,
  counted: { parts: number; apart: number },
  apart?: number,
): boolean {
  const reader = new FieldReader(bytes, from, to);
  while (reader.more) {
    if (!reader.next()) return false;
    const { wire, begin, end } = reader;
    const field = fields[reader.field];
    if (field === undefined) continue;
    const { wires, part, short, message, packed } = field;
    if (!wires.includes(wire)) return false;
    if (part === true) counted.parts++;
    if (reader.field === apart) counted.apart++;
    if (wire === 0 && short === true && reader.length > 5 && reader.length < 10) return false;
    if (wire !== 2) continue;
    if (message !== undefined && !count(bytes, [begin, end], message(), counted)) return false;
    if (packed === 0 ? end > begin && (bytes[end - 1] ?? 0) >= 0x80 : packed && (end - begin) % packed !== 0)
      return false;
  }
  return true;
}
