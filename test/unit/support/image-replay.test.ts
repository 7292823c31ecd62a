import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inventory, replayImage } from "../../support/image-replay.ts";

describe("image replay", () => {
  let work: string;
  let context: string;

  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), "contender-replay-"));
    context = join(work, "context");
    for (const folder of ["context/src/deep", "image"]) mkdirSync(join(work, folder), { recursive: true });
    writeFileSync(join(context, "package.json"), "{}");
    writeFileSync(join(context, "src/deep/a.txt"), "a");
    writeFileSync(join(context, "src/deep/secret.txt"), "s");
    writeFileSync(join(context, ".dockerignore"), "*\n!package.json\n!src\nsrc/deep/secret.txt\n");
  });

  afterEach(() => rmSync(work, { recursive: true }));

  const replay = (...lines: readonly string[]) => {
    writeFileSync(join(context, "Dockerfile"), lines.join("\n"));
    return replayImage(context, join(work, "image"));
  };
  const files = (root: string) => [...inventory(root).keys()].sort();

  it("copies folders by their contents and files into folders, past .dockerignore", () => {
    const { root } = replay("FROM x", "WORKDIR /app", "COPY src lib", "COPY package.json src/deep/a.txt ./");
    const expected = ["/app", "/app/a.txt", "/app/lib", "/app/lib/deep", "/app/lib/deep/a.txt", "/app/package.json"];
    assert.deepEqual(files(root), expected);
  });

  it("keeps of a stage only what a later one copies, links as links", () => {
    const { root } = replay(
      "FROM x AS build",
      "WORKDIR /b",
      "RUN mkdir out && echo made > out/made && ln -s made out/link && echo left > left",
      "FROM x",
      "COPY --from=build /b/out /app",
    );
    assert.deepEqual(files(root), ["/app", "/app/link", "/app/made"]);
    assert.equal(readlinkSync(join(root, "app/link")), "made");
  });

  it("runs steps in the working folder with the variables and the PATH that were set", () => {
    const { root, env, path, workdir } = replay(
      "FROM x",
      "WORKDIR /app",
      "RUN mkdir bin && printf '#!/bin/sh\\necho tool' > bin/tool && chmod +x bin/tool",
      "ENV GREETING=hello PATH=/app/bin:$PATH",
      "RUN echo $GREETING $(tool) > said && node -p process.version > version",
    );
    assert.equal(readFileSync(join(root, "app/said"), "utf8"), "hello tool\n");
    assert.equal(readFileSync(join(root, "app/version"), "utf8"), `${process.version}\n`);
    assert.deepEqual([env, workdir], [{ GREETING: "hello" }, "/app"]);
    assert.equal(path.split(":")[0], join(root, "app/bin"));
  });

  it("fails with what a step printed", () => {
    assert.throws(() => replay("FROM x", "RUN echo why >&2; exit 3"), /exit code 3\nwhy/);
  });

  it("fails where a source is missing", () => {
    assert.throws(() => replay("FROM x", "COPY nothing here"), /COPY nothing: not in the context/);
  });

  it("fails where a source is kept out by .dockerignore", () => {
    writeFileSync(join(context, ".env"), "KEY=1");
    assert.throws(() => replay("FROM x", "COPY .env here"), /COPY \.env: not in the context/);
  });

  it("fails where a stage is unknown", () => {
    assert.throws(() => replay("FROM x", "COPY --from=other /a b"), /no such stage/);
  });
});
