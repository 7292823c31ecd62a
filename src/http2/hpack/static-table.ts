/** The static table of RFC 7541, appendix A: fields that every connection knows from its start. */
import { HeaderField } from "../header-block.ts";

const entries: readonly (readonly [name: string, value?: string])[] = [
  [":authority"],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset"],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language"],
  ["accept-ranges"],
  ["accept"],
  ["access-control-allow-origin"],
  ["age"],
  ["allow"],
  ["authorization"],
  ["cache-control"],
  ["content-disposition"],
  ["content-encoding"],
  ["content-language"],
  ["content-length"],
  ["content-location"],
  ["content-range"],
  ["content-type"],
  ["cookie"],
  ["date"],
  ["etag"],
  ["expect"],
  ["expires"],
  ["from"],
  ["host"],
  ["if-match"],
  ["if-modified-since"],
  ["if-none-match"],
  ["if-range"],
  ["if-unmodified-since"],
  ["last-modified"],
  ["link"],
  ["location"],
  ["max-forwards"],
  ["proxy-authenticate"],
  ["proxy-authorization"],
  ["range"],
  ["referer"],
  ["refresh"],
  ["retry-after"],
  ["server"],
  ["set-cookie"],
  ["strict-transport-security"],
  ["transfer-encoding"],
  ["user-agent"],
  ["vary"],
  ["via"],
  ["www-authenticate"],
];

/** By index. Index 0 names no field. */
export const staticFields: readonly (HeaderField | undefined)[] = buildFields();

/** The first index of the dynamic table. */
export const firstDynamicIndex = 62;

/** The entries of one name, which lie side by side: `first` to `last`. */
export interface StaticName {
  readonly first: number;
  readonly last: number;
}

/** By name. */
export const staticNames: ReadonlyMap<string, StaticName> = buildNames();

function buildFields(): (HeaderField | undefined)[] {
  const fields: (HeaderField | undefined)[] = [undefined];
  for (const [name, value = ""] of entries) {
    const field = new HeaderField(name, value);
    field.ref = fields.length;
    fields.push(field);
  }
  return fields;
}

function buildNames(): Map<string, StaticName> {
  const names = new Map<string, StaticName>();
  entries.forEach(([name], at) => {
    const index = at + 1;
    names.set(name, { first: names.get(name)?.first ?? index, last: index });
  });
  return names;
}
