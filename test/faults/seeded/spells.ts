import type { Seed, SeededAccount } from '../../support/seed.js';
import type { PackageOptions } from '../../support/packages.js';

/** What a cast of a spell costs, as its manifest says, in micros. */
export interface Price {
  model: 'free' | 'flat' | 'metered';
  baseMicros: bigint;
  microsPerGigafuel: bigint;
}

interface SpellPlan {
  options: PackageOptions;
  price: Price;
}

const FREE: Price = { model: 'free', baseMicros: 0n, microsPerGigafuel: 0n };
const FLAT: Price = { model: 'flat', baseMicros: 10_000n, microsPerGigafuel: 0n };
const METERED: Price = { model: 'metered', baseMicros: 1_003n, microsPerGigafuel: 10_007n };

const flat = { model: 'flat', price_usd: '0.01' };
const metered = { model: 'metered', price_usd: '0.001003', usd_per_gigafuel: '0.010007' };
// Its hold is then about twice that of a flat cast, so both kinds come into each other's way.
const MAX_FUEL = 2_000_000_000;

/** Spells of all three prices; together they end in every way that a guest can bring about. */
export const SPELLS = {
  free: { options: { guest: 'echo', pricing: { model: 'free' } }, price: FREE },
  // Runs for most of a second without using the machine, so that a kill finds it in the middle of its twenty outputs.
  freeLong: { options: { guest: 'ticker', pricing: { model: 'free' } }, price: FREE },
  flat: { options: { guest: 'quick', pricing: flat }, price: FLAT },
  flatTrap: { options: { guest: 'trap', pricing: flat }, price: FLAT },
  metered: { options: { guest: 'quick', pricing: metered, runtime: { max_fuel: MAX_FUEL } }, price: METERED },
  meteredTrap: {
    options: { guest: 'trap', pricing: metered, runtime: { max_fuel: MAX_FUEL } },
    price: METERED,
  },
  meteredEndless: {
    options: { guest: 'endless', pricing: metered, runtime: { max_fuel: MAX_FUEL, timeout_ms: 3_000 } },
    price: METERED,
  },
} as const satisfies Record<string, SpellPlan>;

export type SpellName = keyof typeof SPELLS;

/** The keys under which the spells were published. */
export type SpellKeys = Record<SpellName, string>;

export async function publishSpells(seed: Seed, maker: SeededAccount): Promise<SpellKeys> {
  const names = Object.keys(SPELLS) as SpellName[];
  const published = names.map(async (name) => [name, await seed.spell(maker, SPELLS[name].options)] as const);
  return Object.fromEntries(await Promise.all(published)) as SpellKeys;
}

/** What a cast of this spell must have cost, by how it ended. The table is in docs/PROTOCOL.md and docs/errors.md. */
export function expectedCostMicros(
  name: SpellName,
  ended: { status: string; errorCode: string | null; fuelUsed: bigint | null; maxFuel: bigint },
): bigint {
  const { model, baseMicros, microsPerGigafuel } = SPELLS[name].price;
  const burnedMicros = (fuel: bigint) => {
    const scaled = fuel * microsPerGigafuel;
    return scaled / 1_000_000_000n + (scaled % 1_000_000_000n === 0n ? 0n : 1n);
  };
  if (ended.status === 'SUCCEEDED') return baseMicros + burnedMicros(ended.fuelUsed ?? 0n);
  if (model !== 'metered') return 0n;
  if (ended.errorCode === 'FUEL_EXHAUSTED') return burnedMicros(ended.maxFuel);
  if (ended.status === 'CANCELED' || ended.errorCode === 'DEADLINE_EXCEEDED')
    return burnedMicros(ended.fuelUsed ?? 0n);
  return 0n;
}
