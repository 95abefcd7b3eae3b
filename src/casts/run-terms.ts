import { canonicalJson } from '../ledger/index.js';
import type { RunLimits } from '../limits/index.js';
import { queryRows, sha256, type DataSource, type Digest } from '../platform/index.js';
import { declaredArguments, declaredEnvironment, type SpellManifest } from '../provenance/index.js';
import type { SpellVersionEntity, VersionResolver } from '../spells/index.js';
import type { CastLimits } from './cast.js';
import { toCastLimits, type CastLimitsRow } from './claim-casts.js';
import { CLOCK_START_NS, seedOf } from '../sandbox/index.js';
import { runLimits, runMode } from './run-identity.js';

/** What a receipt says of a run that is known before it begins: the same for every attempt, and for whoever replays it. */
export interface RunTerms {
  spell: {
    key: string;
    version: string;
    packageDigest: Digest;
    moduleDigest: Digest;
    /** Of the module as it runs, with its fuel gauge built in. */
    meteredDigest: Digest;
    costTable: number;
  };
  run: {
    mode: 'deterministic' | 'real';
    clockStartNs: string;
    randomSeed: string;
    /** Of the canonical JSON of argv. */
    argumentsDigest: Digest;
    /** Of the canonical JSON of the environment as an object. */
    environmentDigest: Digest;
    limits: RunTermsLimits;
  };
  pricing: { model: SpellManifest['pricing']['model']; priceMicros: string; microsPerGigafuel: string };
}

type RunTermsLimits = Omit<RunLimits, 'maxFuel'> & { maxFuel: string };

/** What of a version enters its receipts; a package that was never published here has all of it too. */
export type RunVersion = Pick<
  SpellVersionEntity,
  'manifest' | 'packageDigest' | 'moduleDigest' | 'preparedDigest' | 'costTable'
>;

export function runTerms(
  version: RunVersion,
  cast: { id: string; inputDigest: Digest; limits: CastLimits },
): RunTerms {
  const { manifest } = version;
  const limits = runLimits(manifest, cast.limits);
  const { spell, pricing, argumentsDigest } = versionTerms(version);
  return {
    spell,
    run: {
      mode: runMode(manifest),
      clockStartNs: CLOCK_START_NS.toString(),
      randomSeed: seedOf(version.moduleDigest, cast.inputDigest).toString('hex'),
      argumentsDigest,
      environmentDigest: sha256(canonicalJson(declaredEnvironment(manifest, cast.id))),
      limits: { ...limits, maxFuel: limits.maxFuel.toString() },
    },
    pricing,
  };
}

type VersionTerms = Pick<RunTerms, 'spell' | 'pricing'> & { argumentsDigest: Digest };

// What is the same for every cast of a version is made once.
const termsOfVersions = new WeakMap<RunVersion, VersionTerms>();
const canonicalTexts = new WeakMap<object, string>();

function versionTerms(version: RunVersion): VersionTerms {
  const known = termsOfVersions.get(version);
  if (known !== undefined) return known;
  const { manifest } = version;
  const { model, price_micros: priceMicros, micros_per_gigafuel: microsPerGigafuel } = manifest.pricing;
  const terms = {
    spell: Object.freeze({
      key: manifest.spell.key,
      version: manifest.spell.version,
      packageDigest: version.packageDigest,
      moduleDigest: version.moduleDigest,
      meteredDigest: version.preparedDigest,
      costTable: version.costTable,
    }),
    pricing: Object.freeze({ model, priceMicros, microsPerGigafuel }),
    argumentsDigest: sha256(canonicalJson(declaredArguments(manifest))),
  };
  for (const part of [terms.spell, terms.pricing]) canonicalTexts.set(part, canonicalJson(part));
  termsOfVersions.set(version, terms);
  return terms;
}

/** As the composite type cast_ending has them: each part as canonical JSON, as it goes into the ledger. */
export function toTermsColumns({ spell, run, pricing }: RunTerms) {
  return {
    spell_terms: canonicalTexts.get(spell) ?? canonicalJson(spell),
    run_terms: canonicalJson(run),
    pricing_terms: canonicalTexts.get(pricing) ?? canonicalJson(pricing),
  };
}

/** The terms of a cast that ends without a worker, which would have them in hand. */
export async function readRunTerms(
  deps: { database: DataSource; versions: VersionResolver },
  id: string,
): Promise<RunTerms> {
  const [row] = await queryRows<CastLimitsRow & { spell_version_id: string; input_digest: Digest }>(
    deps.database,
    `SELECT spell_version_id, 'sha256:' || encode(sha256(input), 'hex') AS input_digest, timeout_ms, max_memory_bytes, max_output_bytes, max_fuel, extra_limits
       FROM casts WHERE id = $1`,
    [id],
  );
  if (row === undefined) throw new Error(`cast ${id} has vanished`);
  const { version } = await deps.versions.byId(row.spell_version_id);
  return runTerms(version, { id, inputDigest: row.input_digest, limits: toCastLimits(row) });
}
