/**
 * Header lists as the codec hands them on.
 *
 * A field's strings hold one byte per character (Latin-1), so that any byte a peer sends, invalid UTF-8 included, comes
 * out as it went in. Fields are immutable and shared: the decoder's dynamic table hands out the same object again and
 * again, which is what lets the encoder recognise a value by identity instead of by comparing its bytes.
 */

/** Names that the proxy looks for; any other has id 0. Ids are dense, so that a `switch` on them is a jump. */
export const headerId = {
  other: 0,
  ":authority": 1,
  ":method": 2,
  ":path": 3,
  ":scheme": 4,
  ":status": 5,
  "content-type": 6,
  te: 7,
  "grpc-timeout": 8,
  "grpc-status": 9,
  "grpc-message": 10,
  "grpc-encoding": 11,
  "grpc-accept-encoding": 12,
  "user-agent": 13,
  authorization: 14,
  cookie: 15,
  connection: 16,
  "proxy-connection": 17,
  "keep-alive": 18,
  "transfer-encoding": 19,
  upgrade: 20,
  host: 21,
  "content-length": 22,
  traceparent: 23,
  "x-request-id": 24,
  "x-contender-pin": 25,
  "x-contender-hop": 26,
  "x-contender-traffic": 27,
  "x-contender-variant": 28,
  "grpc-status-details-bin": 29,
  tracestate: 30,
  ":protocol": 31,
} as const;

const ids = new Map<string, number>(Object.entries(headerId));

/** The id of a lower-case name; 0 for one that has none. */
export function headerIdOf(name: string): number {
  return ids.get(name) ?? 0;
}

export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly id: number;
  /** Sent as a never-indexed literal: must stay one (RFC 7541, 6.2.3). */
  readonly sensitive: boolean;
  /** RFC 7541, 4.1: name, value and 32 bytes. */
  readonly size: number;
  /**
   * Whether name and value are what HTTP allows (header-rules.ts). The decoder finds it once, so that a field out of a
   * table costs nothing; a field made here is taken at its maker's word.
   */
  valid = true;
  /**
   * What encoders know this object by: 0 nothing yet, 1 to 61 its index in the static table, above that a number of its
   * own. Only the encoder writes it; a sensitive field's stays 0.
   */
  ref = 0;

  constructor(name: string, value: string, sensitive = false, id = headerIdOf(name)) {
    this.name = name;
    this.value = value;
    this.id = id;
    this.sensitive = sensitive;
    this.size = name.length + value.length + 32;
  }
}

/** A header list that is filled, read and cleared again: one per connection, none per call. */
export class HeaderBlock {
  readonly fields: HeaderField[] = [];
  count = 0;
  /** Sum of the fields' sizes. An encoded block never takes more than this and 16 bytes. */
  size = 0;
  /** The list went over its limit: the fields beyond it were decoded, for the table's sake, and dropped. */
  tooLarge = false;

  add(field: HeaderField): void {
    this.fields[this.count++] = field;
    this.size += field.size;
  }

  /** The first field with this id, or undefined. */
  find(id: number): HeaderField | undefined {
    for (let i = 0; i < this.count; i++) {
      const field = this.fields[i] as HeaderField;
      if (field.id === id) return field;
    }
    return undefined;
  }

  /** The first field of this name, or undefined; for names without an id. */
  named(name: string): HeaderField | undefined {
    for (let i = 0; i < this.count; i++) {
      const field = this.fields[i] as HeaderField;
      if (field.name === name) return field;
    }
    return undefined;
  }

  clear(): void {
    this.count = 0;
    this.size = 0;
    this.tooLarge = false;
  }
}
