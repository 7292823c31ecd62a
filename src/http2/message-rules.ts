/**
 * Which header lists make a well-formed message (RFC 9113, 8.1 to 8.3). One pass over the fields; what a field says of
 * its own name and value was found when it was decoded and costs nothing for those that come out of a table.
 */
import { digitsOf } from "../base/digits.ts";
import type { HeaderBlock, HeaderField } from "./header-block.ts";
import { headerId } from "./header-block.ts";

/** What the pass found out besides: nothing else needs to look for it again. */
export interface MessageFacts {
  /** -1 where there is no `content-length`. */
  contentLength: number;
  /** 0 where there is none. */
  status: number;
}

const need = { method: 1, scheme: 2, path: 4, authority: 8, status: 16 } as const;

/** @returns whether the list is a request that may be forwarded. */
export function isRequest(block: HeaderBlock, facts: MessageFacts): boolean {
  facts.contentLength = -1;
  facts.status = 0;
  let seen = 0;
  let regular = false;
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    if (!field.valid) return false;
    let bit = 0;
    switch (field.id) {
      case headerId[":method"]:
        bit = need.method;
        break;
      case headerId[":scheme"]:
        bit = need.scheme;
        break;
      case headerId[":path"]:
        if (field.value.length === 0) return false;
        bit = need.path;
        break;
      case headerId[":authority"]:
        bit = need.authority;
        break;
      default:
        if (!isRegular(field, facts)) return false;
        regular = true;
        continue;
    }
    if (regular || (seen & bit) !== 0) return false;
    seen |= bit;
  }
  return (seen & 7) === 7;
}

/** @returns whether the list is a response's head. */
export function isResponse(block: HeaderBlock, facts: MessageFacts): boolean {
  facts.contentLength = -1;
  facts.status = 0;
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    if (!field.valid) return false;
    if (field.id === headerId[":status"]) {
      if (i > 0) return false;
      facts.status = parseStatus(field.value);
      if (facts.status === 0) return false;
    } else if (!isRegular(field, facts)) {
      return false;
    }
  }
  // An interim answer has no body to have a length (RFC 9110, 8.6).
  return facts.status >= 200 || (facts.status !== 0 && facts.contentLength < 0);
}

/** @returns whether the list may be trailers: no pseudo-header, nothing that belongs to one connection. */
export function isTrailers(block: HeaderBlock, facts: MessageFacts): boolean {
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as HeaderField;
    if (!field.valid || !isRegular(field, facts)) return false;
  }
  return true;
}

function isRegular(field: HeaderField, facts: MessageFacts): boolean {
  switch (field.id) {
    case headerId.connection:
    case headerId["proxy-connection"]:
    case headerId["keep-alive"]:
    case headerId["transfer-encoding"]:
    case headerId.upgrade:
      return false;
    case headerId.te:
      // A keyword in quotes matches in any case (RFC 5234, 2.3).
      return field.value === "trailers" || field.value.toLowerCase() === "trailers";
    case headerId["content-length"]: {
      // Given twice, even alike, it is refused or made one (RFC 9110, 8.6): passed on, others would refuse it.
      if (facts.contentLength >= 0) return false;
      const length = parseLength(field.value);
      if (length < 0) return false;
      facts.contentLength = length;
      return true;
    }
    default:
      return field.name.charCodeAt(0) !== 0x3a; // a pseudo-header that does not belong here
  }
}

function parseStatus(value: string): number {
  if (value === "200") return 200;
  if (value.length !== 3) return 0;
  const status = parseLength(value);
  return status >= 100 && status <= 999 ? status : 0;
}

/** Digits only, at most 15 of them; -1 for anything else. */
function parseLength(value: string): number {
  return value.length > 15 ? -1 : digitsOf(value, value.length);
}
