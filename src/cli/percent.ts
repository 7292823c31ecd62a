/** `0.9` as `90%`, with as many digits as tell shares apart. */
export function percent(share: number): string {
  const value = share * 100;
  return `${Number(value.toPrecision(value >= 1 ? 4 : 2))}%`;
}
