/**
 * The known word that a misspelt one most likely meant; undefined where none is within `limit` slips.
 *
 * Damerau's distance (insert, drop, change, or swap two neighbours, each costs one), because a swap is the commonest slip
 * of a hand and plain Levenshtein counts it twice. F. Damerau, "A technique for computer detection and correction of
 * spelling errors", CACM 7(3), 1964; here in its "optimal string alignment" form.
 */
export function nearest(word: string, known: readonly string[], limit = plausible(word)): string | undefined {
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = damerau(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ` (did you mean "weights"?)`, or nothing where no known word is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const guess = nearest(word, known);
  return guess === undefined ? "" : ` (did you mean ${JSON.stringify(guess)}?)`;
}

/** Beyond a third of the letters a suggestion is a guess, and a guess misleads more than silence does. */
const plausible = (word: string): number => Math.max(1, Math.floor(word.length / 3));

function damerau(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = at(above, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(changed, at(above, j) + 1, at(row, j - 1) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, at(before, j - 2) + 1);
      row.push(cost);
    }
    [before, above] = [above, row];
  }
  return at(above, b.length);
}

/** Every index used above lies within its row. */
const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
