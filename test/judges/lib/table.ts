/** What the judges found: a line each, printed as it comes, and the counts at the end. */

export class Table {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  /** One more row; it failed where there is a problem. */
  row(name: string, problem: string, detail: string): void {
    if (problem === "") this.#passed++;
    else this.#failed++;
    this.#print(problem === "" ? "pass" : "FAIL", name, problem === "" ? detail : problem);
  }

  /** What can't be judged here. In CI, where everything must be, that is a failure. */
  skip(name: string, why: string): void {
    if (process.env.CI === "true") {
      this.row(name, why, "");
      return;
    }
    this.#skipped++;
    this.#print("skip", name, why);
  }

  /** @returns whether nothing failed, and something was judged. */
  end(): boolean {
    const skipped = this.#skipped === 0 ? "" : `, ${this.#skipped} skipped`;
    console.log(`${this.#passed} passed, ${this.#failed} failed${skipped}`);
    return this.#failed === 0 && this.#passed > 0;
  }

  #print(state: string, name: string, text: string): void {
    const [first = "", ...more] = text.trim().split("\n");
    console.log(`${state}  ${name.padEnd(40)}  ${first.slice(0, 300)}`);
    for (const line of more.slice(0, 20)) console.log(`      ${line.slice(0, 300)}`);
  }
}
