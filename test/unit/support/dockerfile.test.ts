import assert from "node:assert/strict";
import { admittedBy, parseDockerfile } from "../../support/dockerfile.ts";

describe("Dockerfile reader", () => {
  it("reads stages, steps in order, and what the image starts with", () => {
    const [first, second] = parseDockerfile(`
# a comment
FROM node:1.2.3 AS build
WORKDIR /build
COPY a b ./
RUN one && \\
    # between
    two
FROM node:1.2.3
ENV A=1 PATH=/x:$PATH
COPY --from=build /build/a a
USER 1:2
EXPOSE 1 2
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1s --retries=3 CMD ["x", "health"]
ENTRYPOINT ["x"]
CMD ["y z"]
`);
    assert.deepEqual(first?.steps, [
      { kind: "workdir", path: "/build" },
      { kind: "copy", from: undefined, sources: ["a", "b"], target: "./" },
      { kind: "run", command: "one && two" },
    ]);
    assert.deepEqual(second, {
      name: "1",
      base: "node:1.2.3",
      steps: [
        { kind: "env", name: "A", value: "1" },
        { kind: "env", name: "PATH", value: "/x:$PATH" },
        { kind: "copy", from: "build", sources: ["/build/a"], target: "a" },
      ],
      user: "1:2",
      entrypoint: ["x"],
      cmd: ["y z"],
      healthcheck: ["x", "health"],
      exposes: [1, 2],
      stopSignal: "SIGTERM",
    });
  });

  const refused: readonly (readonly [line: string, says: RegExp])[] = [
    ["ADD a b", /not understood: ADD a b/],
    ["SHELL a", /not understood/],
    ["COPY --chown=1 a b", /not understood/],
    ["COPY *.json .", /not understood/],
    ["COPY a", /not understood/],
    ["RUN --mount=type=cache x", /plain shell/],
    ["ENV A 1", /not understood/],
    ["ENTRYPOINT x", /needs the form/],
    ["CMD x y", /needs the form/],
  ];
  for (const [line, says] of refused) {
    it(`refuses ${line} instead of leaving it out`, () => {
      assert.throws(() => parseDockerfile(`FROM x\n${line}`), says);
    });
  }

  it("refuses steps without a stage", () => {
    assert.throws(() => parseDockerfile("ARG A=1\nFROM x"), /before the first FROM/);
  });
});

describe(".dockerignore reader", () => {
  const only = "# what is needed\n*\n!src\n!package.json\nsrc/secret\n";
  const rows: readonly (readonly [path: string, admitted: boolean])[] = [
    ["package.json", true],
    ["src", true],
    ["src/a/b.ts", true],
    ["src/secret", false],
    ["src/secret/key.pem", false],
    ["src-of-others", false],
    [".git/config", false],
    ["sub/package.json", false],
  ];
  for (const [path, admitted] of rows) {
    it(`${admitted ? "admits" : "keeps out"} ${path}`, () => {
      assert.equal(admittedBy(only, path), admitted);
    });
  }

  it("refuses a pattern that it can't judge", () => {
    assert.throws(() => admittedBy("**/*.pem", "a"), /not understood/);
  });
});
