/** Numbers in [0, 1) that are the same in every run: Numerical Recipes' generator, good enough to mix cases. */
export function mixer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
