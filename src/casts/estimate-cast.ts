import { requireScope, type Principal } from '../accounts/index.js';
import { findRefusingBudget, toBudgetRefusalType, type BudgetRefusalType } from '../budgets/index.js';
import { queryRows, type Clock, type DataSource, type RateLimit } from '../platform/index.js';
import { priceMicros, type VersionResolver } from '../spells/index.js';
import type { InputChecks } from './input-checks.js';
import { checkRequestShape, readInput, toLimits, type CastRequest } from './cast-input.js';

export interface CastEstimate {
  worstCaseMicros: bigint;
  recentMedianMicros: bigint | null;
  maxFuel: bigint;
  /** The budget that would refuse it now. */
  refusedBy: BudgetRefusalType | null;
}

// Enough for a stable median, few enough for one index scan.
const RECENT_CASTS = 100;

/**
 * What a cast would hold, what the last ones of the same version cost this account, and which budget would refuse it,
 * without casting it.
 */
export async function estimateCast(
  deps: {
    database: DataSource;
    clock: Clock;
    versions: VersionResolver;
    rate: RateLimit;
    inputChecks: InputChecks;
  },
  principal: Principal | null,
  request: CastRequest,
): Promise<CastEstimate> {
  const { accountId, keyId } = requireScope(principal, 'cast', 'read');
  // As many as casts, and not counted with them: who asks first must still be able to cast.
  await deps.rate.take(`estimate ${accountId}`);
  checkRequestShape(request);
  const resolved = await deps.versions.resolve(request.spell);
  const limits = toLimits(resolved, request);
  const { value } = readInput(resolved, request, JSON.stringify(request.input ?? null));
  if (value !== undefined) deps.inputChecks.check(accountId, resolved, value);
  const worstCaseMicros = priceMicros(resolved.version.manifest.pricing, limits.maxFuel);
  const refusal = await findRefusingBudget(deps.database, {
    accountId,
    apiKeyId: keyId,
    spellKey: resolved.key,
    endUser: request.endUser ?? null,
    requiredMicros: worstCaseMicros,
    at: deps.clock.now(),
  });
  const [row] = await queryRows<{ median: string | null }>(
    deps.database,
    `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY cost_micros) AS median FROM (
       SELECT cost_micros FROM casts WHERE account_id = $1 AND spell_version_id = $2 AND output_digest IS NOT NULL AND status = 'SUCCEEDED'
        ORDER BY id DESC LIMIT $3) AS recent`,
    [accountId, resolved.version.id, RECENT_CASTS],
  );
  return {
    worstCaseMicros,
    recentMedianMicros: row?.median == null ? null : BigInt(row.median),
    maxFuel: limits.maxFuel,
    refusedBy: refusal === null ? null : toBudgetRefusalType(refusal),
  };
}
