/** What records quote of a call's headers, bounded: a caller can make them 32 KiB long. */
import { type HeaderField, headerId } from "../http2/header-block.ts";
import type { Call } from "./call.ts";

/** Longer than any name or id that is meant to be read. */
const longestText = 256;

const noFields: readonly HeaderField[] = [];

/** The request's fields, while the call has not ended: `Call` keeps them where there is someone who records. */
export function fieldsOf(call: Call): readonly HeaderField[] {
  return call.fields ?? noFields;
}

/** Value of the first field with this id; undefined where there is none, or it is empty. */
export function fieldValue(fields: readonly HeaderField[], id: number): string | undefined {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as HeaderField;
    if (field.id === id) return field.value === "" ? undefined : field.value;
  }
  return undefined;
}

/** The path that was called, as it came: a log line, unlike a label, may hold what a caller made up. */
export function pathOf(fields: readonly HeaderField[]): string {
  return shortened(fieldValue(fields, headerId[":path"])) ?? "";
}

export function shortened(text: string | undefined): string | undefined {
  return text === undefined || text.length <= longestText ? text : text.slice(0, longestText);
}

/** To the microsecond: more digits say nothing. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
