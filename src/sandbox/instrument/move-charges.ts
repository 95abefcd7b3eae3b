import type { Choice, ControlFlow, Repetition } from './control-flow.js';

/**
 * Moves costs between pieces so that fewer of them have any: what a piece costs nothing needs no code. Every
 * step leaves the sum along every path as it was and only ever moves a cost to an earlier moment, so no
 * instruction runs before it is paid for.
 */
export function moveCharges({ choices, repetitions }: ControlFlow): void {
  // Later constructs first: their entries are the arms and heads of those around and before them.
  choices.sort((one, other) => other.entry.offset - one.entry.offset);
  repetitions.sort((one, other) => other.head.offset - one.head.offset);
  choices.forEach(payBeforeChoosing);
  repetitions.forEach(payBeforeRepeating);
  choices.forEach(payBeforeChoosing);
}

/** What both arms cost is paid before one is chosen. */
function payBeforeChoosing({ entry, arms: [one, other] }: Choice): void {
  const shared = Math.min(one.cost, other.cost);
  entry.cost += shared;
  one.cost -= shared;
  other.cost -= shared;
}

/** The head of a loop is paid by whoever goes there: on entering, and by every piece that jumps back. */
function payBeforeRepeating({ head, sources }: Repetition): void {
  for (const source of sources) source.cost += head.cost;
  head.cost = 0;
}
