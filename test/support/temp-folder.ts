/** A folder for one test, gone when its owner closes it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Closable } from "./owned.ts";

export class TempFolder implements Closable {
  readonly path = mkdtempSync(join(tmpdir(), "contender-test-"));

  /** Path of a file in it. */
  at(name: string): string {
    return join(this.path, name);
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
