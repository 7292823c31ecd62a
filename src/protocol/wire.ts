/**
 * Reading the protobuf wire format in place (https://protobuf.dev/programming-guides/encoding/), field by field, with no
 * object per field: a generated decoder would build every tensor of a message of which one number is wanted.
 *
 * Nothing reads beyond the range it was given and nothing throws: what does not fit sets `bad`, and every later read then
 * finds the range exhausted, so that a loop over fields ends by itself and is asked once, at its end.
 */

/** Groups within groups that are skipped; protobuf's own parsers stop at 100 levels too. */
const maxGroupDepth = 100;

export const wireType = { varint: 0, fixed64: 1, bytes: 2, group: 3, endGroup: 4, fixed32: 5 } as const;

const nothing = new Uint8Array(0);

/** A cursor over one range of bytes. For an embedded message: `enter`, read to its end, `leave`. */
export class WireReader {
  bytes: Uint8Array = nothing;
  at = 0;
  end = 0;
  /** Something was malformed; the range then counts as exhausted. */
  bad = false;
  /** The last varint as two unsigned halves, so that 64 bits stay exact. */
  low = 0;
  high = 0;

  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.bad = false;
  }

  /** Lets go of the message, so that the reader does not keep it from being collected. */
  release(): void {
    this.bytes = nothing;
    this.at = 0;
    this.end = 0;
  }

  /** The next field's tag, `number << 3 | type`; 0 at the end of the range and where the bytes are malformed. */
  tag(): number {
    if (this.at >= this.end) return 0;
    const first = this.bytes[this.at] as number;
    if (first < 0x80 && first > 7) {
      this.at++;
      return first;
    }
    if (!this.varint()) return 0;
    if (this.high !== 0 || this.low < 8) return this.fail();
    return this.low;
  }

  /** Reads a varint into `low` and `high`; bits beyond the 64th are dropped, as protobuf's own parsers do. */
  varint(): boolean {
    const bytes = this.bytes;
    const end = this.end;
    let at = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) break;
      const byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.at = at;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return true;
      }
    }
    this.fail();
    return false;
  }

  /** The length of a length-delimited field, of which every byte lies within the range; -1 where that is not so. */
  length(): number {
    if (this.at < this.end) {
      const first = this.bytes[this.at] as number;
      if (first < 0x80) {
        this.at++;
        if (first <= this.end - this.at) return first;
      } else if (this.varint() && this.high === 0 && this.low <= this.end - this.at) return this.low;
    }
    this.fail();
    return -1;
  }

  /** Narrows the range to the embedded message that comes next; gives the outer end for `leave`, -1 where malformed. */
  enter(): number {
    const length = this.length();
    if (length < 0) return -1;
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  /** Back to the outer range, behind the embedded message, whatever of it was read. */
  leave(outer: number): void {
    if (this.bad) return;
    this.at = this.end;
    this.end = outer;
  }

  /** Steps over the field whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint();
        return;
      case wireType.fixed64:
        this.#step(8);
        return;
      case wireType.bytes: {
        const length = this.length();
        if (length > 0) this.at += length;
        return;
      }
      case wireType.group:
        this.#skipGroup(tag >>> 3, 1);
        return;
      case wireType.fixed32:
        this.#step(4);
        return;
      default:
        this.fail();
    }
  }

  /** Marks the bytes as malformed and the range as exhausted. */
  fail(): 0 {
    this.bad = true;
    this.at = this.end;
    return 0;
  }

  #step(bytes: number): void {
    if (bytes > this.end - this.at) this.fail();
    else this.at += bytes;
  }

  #skipGroup(number: number, depth: number): void {
    for (let tag = this.tag(); tag !== 0; tag = this.tag()) {
      if ((tag & 7) === wireType.endGroup) {
        if (tag >>> 3 !== number) this.fail();
        return;
      }
      if ((tag & 7) !== wireType.group) this.skip(tag);
      else if (depth === maxGroupDepth) this.fail();
      else this.#skipGroup(tag >>> 3, depth + 1);
    }
    this.fail();
  }
}

const keyTag = (1 << 3) | wireType.bytes;
const valueTag = (2 << 3) | wireType.bytes;

/** Where key and value of a map's entry lie, for maps of text to messages: an embedded message of fields 1 and 2. */
export class MapEntry {
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  /** The reader stands before the entry's length: steps over the entry and notes where its parts lie. */
  read(reader: WireReader): void {
    const length = reader.length();
    if (length >= 0 && this.#readUsual(reader, length)) return;
    // Of a malformed one nothing may be left over from the entry before, which lay in other bytes.
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = reader.at;
    if (length < 0) return;
    const outer = reader.end;
    reader.end = reader.at + length;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== keyTag && tag !== valueTag) {
        reader.skip(tag);
        continue;
      }
      const length = reader.length();
      if (length < 0) break;
      if (tag === keyTag) {
        this.keyStart = reader.at;
        this.keyEnd = reader.at += length;
      } else {
        this.valueStart = reader.at;
        this.valueEnd = reader.at += length;
      }
    }
    reader.leave(outer);
  }

  /** Key, then value, and nothing else, as every encoder writes an entry; false, and nothing read, where it is otherwise. */
  #readUsual(reader: WireReader, length: number): boolean {
    const bytes = reader.bytes;
    const start = reader.at;
    const end = start + length;
    if (length < 4 || bytes[start] !== keyTag) return false;
    const keyLength = bytes[start + 1] as number;
    let at = start + 2 + keyLength;
    if (keyLength >= 0x80 || at + 2 > end || bytes[at] !== valueTag) return false;
    const keyEnd = at;
    let valueLength = 0;
    let shift = 0;
    let byte: number;
    do {
      if (++at === end || shift === 28) return false;
      byte = bytes[at] as number;
      valueLength |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    if (at + 1 + valueLength !== end) return false;
    this.keyStart = start + 2;
    this.keyEnd = keyEnd;
    this.valueStart = at + 1;
    this.valueEnd = end;
    reader.at = end;
    return true;
  }
}

/** How many varints a packed field holds; -1 where the last one is cut off. */
export function countVarints(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  if ((bytes[end - 1] as number) >= 0x80) return -1;
  let count = 0;
  for (let at = start; at < end; at++) if ((bytes[at] as number) < 0x80) count++;
  return count;
}
