import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Oracle, OutOfFuel, RANDOM_MODULE, randomProgram, seeded, textOf } from './random-program.js';
import { assemble, PLENTY, start, type GuestExports } from './support.js';

const PROGRAMS = 1500;
const FUEL = 100_000;

function expected(program: ReturnType<typeof randomProgram>, seed: number): { fuel: number; ending: string } {
  const oracle = new Oracle(seed, FUEL);
  try {
    const threw = oracle.run(program);
    return { fuel: oracle.fuel, ending: threw ? 'threw' : 'returned' };
  } catch (error) {
    if (!(error instanceof OutOfFuel)) throw error;
    return { fuel: oracle.fuel, ending: 'exhausted' };
  }
}

/** With what it takes it ends with nothing left; with one less it is exhausted. */
function assertLastFuel(guest: GuestExports, state: number, fuel: number, text: string): void {
  for (const missing of [0n, 1n]) {
    guest.spell_fuel.value = PLENTY;
    guest['seed']?.(state);
    guest.spell_fuel.value = BigInt(fuel) - missing;
    let trapped = false;
    try {
      guest['run']?.();
    } catch {
      trapped = true;
    }
    assert.equal(trapped || guest.spell_fuel.value < 0n, missing === 1n, text);
  }
}

it('random control flow is charged exactly what an interpreter counts', () => {
  let loops = 0;
  const endings = new Map<string, number>();
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const program = randomProgram(seeded(seed));
    const text = textOf(program);
    const guest = start(assemble(`${RANDOM_MODULE} (func (export "run") ${text})`));
    for (const state of [seed, seed * 7919, seed * 104_729]) {
      guest.spell_fuel.value = PLENTY;
      guest['seed']?.(state);
      guest.spell_fuel.value = BigInt(FUEL);
      const { fuel, ending } = expected(program, state);
      let actual = 'returned';
      try {
        guest['run']?.();
        // The last straight piece may be run on credit; the host looks at the end.
        if (guest.spell_fuel.value < 0n) actual = 'exhausted';
      } catch (error) {
        actual = error instanceof Error && error.message === 'unreachable' ? 'exhausted' : 'threw';
      }
      const spent = FUEL - Number(guest.spell_fuel.value);
      assert.equal(actual, ending, text);
      if (ending === 'returned') assert.equal(spent, fuel, text);
      else assert.ok(spent >= Math.min(fuel, FUEL), text);
      if (ending === 'returned') assertLastFuel(guest, state, fuel, text);
      if (fuel > 1000) loops++;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
  }
  // A generator that only made programs that end at once would prove nothing.
  for (const ending of ['returned', 'threw', 'exhausted']) assert.ok(endings.has(ending), ending);
  assert.ok(loops > PROGRAMS / 10, `${loops} runs of more than 1000 fuel`);
});
