/** The scripts, as shells run them: bash and fish where they are there, zsh as far as its text goes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contender } from "../../support/cli.ts";
import { TempFolder } from "../../support/temp-folder.ts";

const script = async (shell: string) => (await contender(["completion", shell])).out;
/** As bash parts them: at "=", too. */
const wordsOf = (line: string) => `contender ${line}`.split(" ").flatMap((word) => word.split(/(?<==)|(?==)/));
const hasBash = spawnSync("bash", ["-c", "true"]).status === 0;

describe("contender completion", () => {
  it("refuses a shell that it has no script for", async () => {
    const { code, err } = await contender(["completion", "tcsh"]);
    assert.equal(code, 64);
    assert.match(err, /Allowed choices are bash, zsh, fish/);
  });

  for (const shell of ["bash", "zsh", "fish"]) {
    it(`knows every command of the help in ${shell}, and none that is hidden from it`, async () => {
      const text = await script(shell);
      const [, help = ""] = (await contender(["--help"])).out.split("\nCommands:\n");
      const names = Array.from(
        help.split("\nExamples:")[0]?.matchAll(/^ {2}([a-z]+) /gm) ?? [],
        ([, name = ""]) => name,
      );
      assert.ok(names.length > 10);
      assert.ok(text.includes(`${names.join(" ")}`), names.join(" "));
      assert.ok(!text.includes("contender worker"));
    });
  }
});

describe("the completion of bash", () => {
  const folder = new TempFolder();
  after(() => folder.close());

  /** What bash offers for the last of these words. */
  async function offered(
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
    by = "_contender",
  ): Promise<string[]> {
    const list = words.map((word) => `'${word}'`).join(" ");
    const text = `${await script("bash")}
COMP_WORDS=(${list}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); ${by}; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { PATH = "" } = process.env;
    const ran = spawnSync("bash", ["--norc", "-c", text], {
      cwd: folder.path,
      env: { PATH: `${folder.path}:${PATH}`, ...env },
      encoding: "utf8",
    });
    assert.equal(ran.stderr, "");
    return ran.stdout.split("\n").filter((line) => line !== "");
  }

  before(function () {
    if (!hasBash) this.skip();
    mkdirSync(join(folder.path, "routes"));
    writeFileSync(join(folder.path, "fraud.yaml"), "");
    // In the place of the program: answers as `route list --json` does, and nothing else.
    const answer = JSON.stringify(
      { revision: 3, routes: [{ name: "fraud", weights: [{ variant: "v41", share: 1 }] }, { name: "loans" }] },
      null,
      2,
    );
    const shares = ["v41", "v42"].map((variant) => ({ variant, share: 0.5 }));
    const table = ["v41", "v42", "v41"].map((variant) => ({ variant, slots: 1 }));
    const route = JSON.stringify({ name: "fraud", weights: shares, table, document: '"variant": "v9"' }, null, 2);
    const stub = `#!/bin/sh
case "$*" in
  "route list --json --timeout 1s") cat <<'E'
${answer}
E
  ;;
  "route get fraud --json --timeout 1s") cat <<'E'
${route}
E
  ;;
esac
`;
    writeFileSync(join(folder.path, "contender"), stub);
    chmodSync(join(folder.path, "contender"), 0o755);
    const npx = `#!/bin/sh\n[ "$1 $2" = "--no contender" ] && shift 2 && exec "${join(folder.path, "contender")}" "$@"\n`;
    writeFileSync(join(folder.path, "npx"), npx);
    chmodSync(join(folder.path, "npx"), 0o755);
  });

  it("is what the shell calls for contender", async () => {
    const ran = spawnSync("bash", ["--norc", "-c", `${await script("bash")}\ncomplete -p contender`], {
      encoding: "utf8",
    });
    assert.equal(ran.stdout, "complete -F _contender contender\n");
  });

  const cases: readonly (readonly [what: string, words: string, offers: readonly string[]])[] = [
    ["commands", "he", ["healthcheck", "help"]],
    ["commands of a command", "route we", ["weights"]],
    ["commands after a flag and its value", "route --nonsense d", ["delete"]],
    ["flags", "route weights fraud v41=1 --wa", ["--wait"]],
    ["flags after a flag whose value may be left out", "route weights fraud v41=1 --wait --js", ["--json"]],
    ["every spelling of a flag", "why -", ["-k", "-f", "-h"]],
    ["the words of a setting", "sidecar --log-level=w", ["warn"]],
    ["the words of a setting, without =", "control --log-level s", ["silent"]],
    ["yes and no", "sidecar --pin ", ["true", "false"]],
    ["choices of an argument", "completion z", ["zsh"]],
    ["files", "route apply -f fr", ["fraud.yaml"]],
    ["more files of the same flag", "route apply -f fraud.yaml ro", ["routes"]],
    ["files as arguments, any number of them", "check fraud.yaml ro", ["routes"]],
    ["files of a setting", "sidecar --config fr", ["fraud.yaml"]],
    ["nothing where anything may stand", "route weights --reason ", []],
    ["nothing for a value that has to be there", "fleet --control -", []],
    ["nothing for what only its user knows", "route weights fraud ", []],
  ];
  for (const [what, words, offers] of cases) {
    it(`offers ${what}: contender ${words}`, async () => {
      const seen = await offered(wordsOf(words));
      assert.deepEqual(
        offers.filter((offer) => !seen.includes(offer)),
        [],
        seen.join(" "),
      );
      assert.ok(seen.length === offers.length || words === "why -", seen.join(" "));
    });
  }

  it("is the same in fish, where that is there", async function () {
    if (spawnSync("fish", ["--version"]).status !== 0) this.skip();
    const { PATH = "", HOME = "" } = process.env;
    const env = { PATH: `${folder.path}:${PATH}`, HOME, CONTENDER_CONTROL: "127.0.0.1:7410" };
    writeFileSync(folder.at("contender.fish"), await script("fish"));
    const offers = (line: string): string[] => {
      const text = `source contender.fish; complete -C '${line}'`;
      return spawnSync("fish", ["--no-config", "-c", text], { cwd: folder.path, env, encoding: "utf8" })
        .stdout.split("\n")
        .filter((each) => each !== "");
    };
    assert.deepEqual(offers("contender route weights fraud v41=1 --wait --js"), ["--json"]);
    assert.deepEqual(offers("contender sidecar --log-level=w"), ["--log-level=warn"]);
    assert.deepEqual(offers("contender route get "), ["fraud", "loans"]);
    assert.deepEqual(offers("contender route weights fraud "), ["v41=", "v42="]);
    assert.deepEqual(offers("contender route weights fraud v41=90,v4"), ["v41=90,v41=", "v41=90,v42="]);
    assert.deepEqual(offers("npx contender route weights --dry-run fraud v42"), ["v42="]);
    assert.deepEqual(offers("npx contender route history "), ["fraud", "loans"]);
    assert.deepEqual(offers("npx contender comp"), ["completion"]);
    assert.deepEqual(offers("contender route apply -f fraud.yaml ro"), ["routes/"]);
  });

  const routes = { CONTENDER_CONTROL: "127.0.0.1:7410" };
  for (const words of [
    "route get ",
    "route weights ",
    "why ",
    "fleet --route ",
    "route history --limit 3 ",
    "route history --limit=3 ",
    "route undo --wait --reason why ",
  ]) {
    it(`offers names of routes: contender ${words}`, async () => {
      assert.deepEqual(await offered(wordsOf(words), routes), ["fraud", "loans"]);
    });
  }

  for (const [words, offers] of [
    ["route weights fraud ", ["v41=", "v42="]],
    ["route weights --dry-run fraud v42", ["v42="]],
    ["route weights fraud v41=90,", ["90,v41=", "90,v42="]],
    ["route weights fraud v41=90,v42", ["90,v42="]],
    ["route weights fraud v41=", []],
    ["route weights fraud v41=90,v42=10 ", []],
    ["route weights fraud v41=90,v42=10 --dry", ["--dry-run"]],
    ["route weights nothing ", []],
  ] as const) {
    it(`offers variants of the route: contender ${words}`, async () => {
      assert.deepEqual(await offered(wordsOf(words), routes), offers);
    });
  }

  it("completes npx contender, by npx, and nothing else of npx", async () => {
    const npx = async (line: string) => offered(["npx", ...wordsOf(line)], routes, "_contender_npx");
    assert.deepEqual(await npx("route hi"), ["history"]);
    assert.deepEqual(await npx("route weights fraud v4"), ["v41=", "v42="]);
    assert.deepEqual(await npx("route get "), ["fraud", "loans"]);
    assert.deepEqual(await offered(["npx", "mocha", "ro"], routes, "_contender_npx"), []);
    const ran = spawnSync("bash", ["--norc", "-c", `${await script("bash")}\ncomplete -p npx`], { encoding: "utf8" });
    assert.equal(ran.stdout, "complete -o default -F _contender_npx npx\n");
    const taken = `complete -W x npx\n${await script("bash")}\ncomplete -p npx`;
    assert.equal(spawnSync("bash", ["--norc", "-c", taken], { encoding: "utf8" }).stdout, "complete -W 'x' npx\n");
  });

  it("asks nobody for routes where no service is named", async () => {
    assert.deepEqual(await offered(["contender", "route", "get", ""]), []);
  });
});
