/**
 * What a host call costs in fuel. It depends on nothing but the call and the bytes it moves, so the same module
 * with the same input uses the same fuel everywhere. Changing a number changes prices and receipts.
 */

/** About what crossing into the host costs, in guest instructions. */
export const HOST_CALL_FUEL = 100n;

/** One fuel for this many bytes that the host copies or generates. */
export const BYTES_PER_FUEL = 8;

/**
 * Each thing that the host has to look at: a buffer of a list, a name of a path, an entry of a folder, a subscription, and the
 * names of a link's target. About 0.1 µs.
 */
export const ITEM_FUEL = 20;

export function fuelForBytes(bytes: number): bigint {
  return BigInt(Math.ceil(bytes / BYTES_PER_FUEL));
}
