/** A route's assignment table as it travels: ranges of slots, each with the variant that has it. */

/** Slots of a table. A power of two, so that a key's slot is the top bits of its hash. */
export const slotCount = 65_536;

/** The slots from `from` up to, not including, `to`. A table's ranges follow each other and cover every slot. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  /** Name of the variant that answers these slots' keys. */
  readonly variant: string;
}
