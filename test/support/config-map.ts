/**
 * A directory that changes as the kubelet changes a ConfigMap's volume: files are links through `..data`, and a swap
 * renames a new link over it. See kubernetes/pkg/volume/util/atomic_writer.go.
 */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class ConfigMap {
  readonly directory: string;
  #generation = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(files: Readonly<Record<string, string>>): Promise<ConfigMap> {
    const map = new ConfigMap(await mkdtemp(join(tmpdir(), "contender-")));
    await map.swap(files);
    for (const name of Object.keys(files)) await symlink(join("..data", name), join(map.directory, name));
    return map;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async swap(files: Readonly<Record<string, string>>): Promise<void> {
    const commit = await this.prepare(files);
    await commit();
  }

  /** Writes the next generation; what it returns puts that in the place of the present one. */
  async prepare(files: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
    this.#generation += 1;
    const before = `..generation-${this.#generation - 1}`;
    const next = `..generation-${this.#generation}`;
    await mkdir(join(this.directory, next));
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.directory, next, name), text);
    await symlink(next, join(this.directory, "..data_tmp"));
    return async () => {
      await rename(join(this.directory, "..data_tmp"), join(this.directory, "..data"));
      await rm(join(this.directory, before), { recursive: true, force: true });
    };
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
