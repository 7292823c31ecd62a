/**
 * What one request may have in it, by its method: as much as it is for, so that nobody who may ask at all makes a second's work of
 * one message. Counted before it is read, where reading would do the harm.
 */
import { messageType } from "../../api/protos.ts";
import { fieldsOf, partsIn } from "./message-fields.ts";

export interface RequestBounds {
  readonly bytes: number;
  /** Messages and texts of lists in it. */
  readonly parts: number;
}

export const requestBounds = {
  /** Names, weights, a reason, a sidecar that describes itself. */
  plain: { bytes: 65_536, parts: 1_024 },
  /** Documents: fifty of forty kilobytes, which is more than one commit takes. */
  documents: { bytes: 2_097_152, parts: 1_024 },
  /** A replica's report is as large as a sidecar's may be, and says whose it is; a sidecar with everything that it lacks is less. */
  shared: { bytes: 4_194_304, parts: 131_072 },
} as const satisfies Record<string, RequestBounds>;

/** A request, or why it is none. */
export type Read<Request> = { readonly request: Request } | { readonly fault: string };

/** Reads requests of one kind. @param name of the message */
export function boundedReader<Request extends object>(
  name: string,
  { bytes: mostBytes, parts: mostParts }: RequestBounds,
): (bytes: Buffer) => Read<Request> {
  return (bytes) => {
    if (bytes.length > mostBytes) return { fault: `a message of ${bytes.length} bytes, want at most ${mostBytes}` };
    const counted = partsIn(bytes, fieldsOf(name));
    if (counted === undefined) return { fault: `a message that is not written as ${name}` };
    if (counted.parts > mostParts) return { fault: `a message of ${counted.parts} parts, want at most ${mostParts}` };
    try {
      return { request: messageType<Request>(name).decode(bytes) };
    } catch {
      return { fault: `a message that is not written as ${name}` };
    }
  };
}
