/**
 * Who may do what, from a file, watched: a ConfigMap's or a Secret's as well as one that an editor writes.
 *
 * As with routes, whatever wakes us, contents decide; each change is told once, good or bad, and the receiver keeps what it has
 * when it is bad. A file that is gone is a bad one: nobody gets a right, or loses one, because a volume was slow.
 */
import type { Clock } from "../../base/clock.ts";
import type { Parsed } from "../../base/parsed.ts";
import { type AccessDocument, readAccess } from "../access-document.ts";
import { PathWatch, type PathWatchOptions } from "./path-watch.ts";
import { readRouteTexts } from "./route-files.ts";
import { Stillness, type StillnessOptions } from "./stillness.ts";

export interface AccessFileOptions extends PathWatchOptions, StillnessOptions {
  readonly path: string;
  readonly clock: Clock;
}

export interface AccessFile {
  /** What was there when it was opened. */
  readonly first: Parsed<AccessDocument>;
  /** Resolves once nothing is being read. */
  settled(): Promise<void>;
  /** Nothing is told afterwards. */
  close(): void;
}

export async function openAccessFile(
  options: AccessFileOptions,
  changed: (document: Parsed<AccessDocument>) => void,
): Promise<AccessFile> {
  const { path, clock } = options;
  let last = "";
  let again = false;
  let closed = false;
  let reading: Promise<void> | undefined;
  let cancelLook = (): void => undefined;
  const stillness = new Stillness(path, clock, options);

  /** Undefined where the file holds what it held. */
  const next = async (): Promise<Parsed<AccessDocument> | undefined> => {
    const texts = await readRouteTexts(path);
    const now = JSON.stringify(texts);
    if (now === last) return undefined;
    last = now;
    return texts.ok ? readAll(path, texts.value) : texts;
  };
  const readNow = async (): Promise<void> => {
    while (again && !closed) {
      again = false;
      const leftMs = await stillness.leftMs();
      if (leftMs > 0) {
        cancelLook();
        if (!closed) cancelLook = clock.after(leftMs, wake);
        continue;
      }
      const document = await next();
      if (document !== undefined && !closed) changed(document);
    }
  };
  /** One read at a time: they would overtake each other. */
  function wake(): void {
    again = true;
    reading ??= readNow().finally(() => {
      reading = undefined;
    });
  }

  // Watched first and read then: what changes in between is seen.
  const watch = new PathWatch([path], clock, wake, options);
  await stillness.leftMs();
  const first = (await next()) ?? { ok: false, problems: [] };
  const settled = async (): Promise<void> => await reading;
  return {
    first,
    settled,
    close: () => {
      closed = true;
      watch.close();
      cancelLook();
    },
  };
}

function readAll(
  path: string,
  texts: readonly { readonly name: string; readonly text: string }[],
): Parsed<AccessDocument> {
  const [only] = texts;
  if (only !== undefined && texts.length === 1) return readAccess(only.name, only.text);
  return { ok: false, problems: [{ path: "", message: `want one file, got ${texts.length}`, where: path }] };
}
