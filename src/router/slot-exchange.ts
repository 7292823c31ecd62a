/**
 * Slots change hands, from variants that have more than they are due to variants that have less, and the table stays in few ranges.
 *
 * Only losers give and only gainers take, each exactly what it has too much or too little. What is left to choose is who
 * gives which slots to whom, and each kind of gift has its price in ranges. The cheapest that can be had comes first:
 *
 * 1. a loser's whole range between two ranges of one gainer (two ranges fewer), then one beside a gainer's (one fewer), the smallest
 *    first: it is the crumbs that should go;
 * 2. the end of a range beside a gainer's (no more than there were);
 * 3. a loser's whole range that touches no gainer's (the same), the smallest first;
 * 4. the end of a range that touches no gainer's: one range more, and the only step that makes any. Where two variants touch they
 *    can deal without a new range, so what is cut is, if possible, a border that the same two have elsewhere too, and what
 *    comes of it is one that was not there yet.
 *
 * So there come to be about as many ranges as there are pairs of variants, whatever the number of changes. It works on ranges, never
 * on slots, and is greedy: the best sequence of gifts is a packing problem, and a few ranges more cost nothing.
 */
import type { SlotRange } from "../model/slots.ts";

/** A range while it is dealt with: where it begins follows from those before it. */
interface Piece {
  owner: string;
  size: number;
}

export class SlotExchange {
  /** In the order of slots. A gainer's may stand side by side; a loser's never do. */
  readonly #pieces: Piece[];
  /** Slots that each still has to give, or to get, in the order of names: who is declared first plays no part. */
  readonly #losses = new Map<string, number>();
  readonly #gains = new Map<string, number>();

  /** @param counts slots that each variant is due, 65,536 together, as many as `before` has. */
  constructor(before: readonly SlotRange[], counts: ReadonlyMap<string, number>) {
    this.#pieces = joined(before.map(({ from, to, variant }) => ({ owner: variant, size: to - from })));
    const missing = new Map(counts);
    for (const { owner, size } of this.#pieces) missing.set(owner, (missing.get(owner) ?? 0) - size);
    for (const name of [...missing.keys()].sort()) {
      const slots = missing.get(name) ?? 0;
      if (slots < 0) this.#losses.set(name, -slots);
      if (slots > 0) this.#gains.set(name, slots);
    }
  }

  /** Deals until nobody has too much, and gives the table that comes of it. */
  settle(): SlotRange[] {
    do this.#giveBeside();
    while (this.#cutBeside() || this.#giveApart() || this.#cutApart());
    let from = 0;
    return joined(this.#pieces).map(({ owner, size }) => {
      const range = { from, to: from + size, variant: owner };
      from = range.to;
      return range;
    });
  }

  #loss({ owner }: Piece): number {
    return this.#losses.get(owner) ?? 0;
  }

  #gain(piece: Piece | undefined): number {
    return piece === undefined ? 0 : (this.#gains.get(piece.owner) ?? 0);
  }

  #owe(from: string, to: string, slots: number): void {
    this.#losses.set(from, (this.#losses.get(from) ?? 0) - slots);
    this.#gains.set(to, (this.#gains.get(to) ?? 0) - slots);
  }

  /** Whole ranges to gainers that they touch: those between two ranges of one gainer before others. */
  #giveBeside(): void {
    const places = this.#smallestFirst();
    for (const i of places) this.#giveTo(i, this.#takerBeside(i, true));
    this.#spread(places);
  }

  /** A gift may make the next one possible, so each is followed by a look at its neighbours; thus one pass is enough. */
  #spread(places: number[]): void {
    for (const i of places) {
      if (this.#giveTo(i, this.#takerBeside(i, false))) places.push(i - 1, i + 1);
    }
  }

  #giveTo(i: number, to: string | undefined): boolean {
    const piece = this.#pieces[i];
    if (piece === undefined || to === undefined) return false;
    this.#owe(piece.owner, to, piece.size);
    piece.owner = to;
    return true;
  }

  /** Who takes a whole piece and touches it: of two, the one that is to get more. */
  #takerBeside(i: number, bothSides: boolean): string | undefined {
    const piece = this.#pieces[i];
    if (piece === undefined || piece.size > this.#loss(piece)) return undefined;
    const left = this.#pieces[i - 1];
    const right = this.#pieces[i + 1];
    if (bothSides && left?.owner !== right?.owner) return undefined;
    const taker = this.#gain(left) >= this.#gain(right) ? left : right;
    return this.#gain(taker) >= piece.size ? taker?.owner : undefined;
  }

  /** The end of one piece to a gainer beside it: where that settles both of them, or else the most slots. */
  #cutBeside(): boolean {
    let best: { piece: Piece; taker: Piece; slots: number; rank: number } | undefined;
    for (const [i, piece] of this.#pieces.entries()) {
      const loss = this.#loss(piece);
      if (loss === 0) continue;
      for (const taker of [this.#pieces[i - 1], this.#pieces[i + 1]]) {
        const gain = this.#gain(taker);
        if (taker === undefined || gain === 0) continue;
        const slots = Math.min(loss, gain);
        const rank = loss === gain ? Number.POSITIVE_INFINITY : slots;
        if (best === undefined || rank > best.rank) best = { piece, taker, slots, rank };
      }
    }
    if (best === undefined) return false;
    this.#owe(best.piece.owner, best.taker.owner, best.slots);
    best.piece.size -= best.slots;
    best.taker.size += best.slots;
    return true;
  }

  /** Whole ranges that somebody can take, to whoever is to get most, and what comes to touch a gainer by it. */
  #giveApart(): boolean {
    let given = false;
    for (const i of this.#smallestFirst()) {
      const piece = this.#pieces[i];
      const [to, gain] = largest(this.#gains);
      if (piece === undefined || piece.size > Math.min(this.#loss(piece), gain)) continue;
      this.#giveTo(i, to);
      this.#spread([i - 1, i + 1]);
      given = true;
    }
    return given;
  }

  /**
   * The end of a piece to a gainer that does not touch it. Every piece of this loser is larger than what is cut: those that
   * are not have been given whole.
   */
  #cutApart(): boolean {
    const [to, gain] = largest(this.#gains);
    if (gain === 0) return false;
    const match = [...this.#losses].find(([, loss]) => loss === gain);
    const [from, loss] = match ?? largest(this.#losses);
    const slots = Math.min(loss, gain);
    const [i, before] = this.#bestEnd(from, to);
    const piece = this.#pieces[i];
    if (piece !== undefined) piece.size -= slots;
    this.#pieces.splice(before ? i : i + 1, 0, { owner: to, size: slots });
    this.#owe(from, to, slots);
    return true;
  }

  /** Where to cut a piece of `from` for `to`: its place, and whether at the lower end. */
  #bestEnd(from: string, to: string): [place: number, before: boolean] {
    const borders = this.#borders();
    let best: [number, boolean] = [0, false];
    let most = -1;
    for (const [i, { owner, size }] of this.#pieces.entries()) {
      if (owner !== from) continue;
      for (const before of [true, false]) {
        const beside = this.#pieces[before ? i - 1 : i + 1];
        if (beside === undefined) continue;
        const spare = (borders.get(border(from, beside.owner)) ?? 0) > 1;
        const fresh = !borders.has(border(to, beside.owner));
        // Sizes decide only among equals: none is above 65,536.
        const rank = (spare ? 2 ** 18 : 0) + (fresh ? 2 ** 17 : 0) + size;
        if (rank > most) {
          most = rank;
          best = [i, before];
        }
      }
    }
    return best;
  }

  /** How often each two variants touch. */
  #borders(): Map<string, number> {
    const found = new Map<string, number>();
    for (const [i, { owner }] of this.#pieces.entries()) {
      const next = this.#pieces[i + 1];
      if (next === undefined || next.owner === owner) continue;
      const key = border(owner, next.owner);
      found.set(key, (found.get(key) ?? 0) + 1);
    }
    return found;
  }

  /** Places of the losers' pieces; of equal ones the lower slots first. */
  #smallestFirst(): number[] {
    const sizes = this.#pieces.map(({ size }) => size);
    const places = [...sizes.keys()].filter((i) => this.#losses.get(this.#pieces[i]?.owner ?? ""));
    return places.sort((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0));
  }
}

/** Two names in either order; their lengths keep `a` and `bc` apart from `ab` and `c`. */
const border = (one: string, other: string): string =>
  one < other ? `${one.length}:${one}${other}` : `${other.length}:${other}${one}`;

/** The entry with the most slots, of equal ones the first. */
function largest(slots: ReadonlyMap<string, number>): [name: string, slots: number] {
  let found: [string, number] = ["", 0];
  for (const entry of slots) if (entry[1] > found[1]) found = entry;
  return found;
}

function joined(pieces: readonly Piece[]): Piece[] {
  const found: Piece[] = [];
  for (const { owner, size } of pieces) {
    const last = found.at(-1);
    if (last?.owner === owner) last.size += size;
    else found.push({ owner, size });
  }
  return found;
}
