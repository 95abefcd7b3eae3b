import { requireScope, type Principal } from '../accounts/index.js';
import { queryRows, type DataSource } from '../platform/index.js';
import { priceMicros, type VersionResolver } from '../spells/index.js';
import { checkRequestShape, toInputBytes, toLimits, type CastRequest } from './cast-input.js';

export interface CastEstimate {
  worstCaseMicros: bigint;
  recentMedianMicros: bigint | null;
  maxFuel: bigint;
}

// Enough for a stable median, few enough for one index scan.
const RECENT_CASTS = 100;

/** What a cast would hold, and what the last ones of the same version cost this account, without casting it. */
export async function estimateCast(
  deps: { database: DataSource; versions: VersionResolver },
  principal: Principal | null,
  request: CastRequest,
): Promise<CastEstimate> {
  const { accountId } = requireScope(principal, 'cast', 'read');
  checkRequestShape(request);
  const resolved = await deps.versions.resolve(request.spell);
  const limits = toLimits(resolved, request);
  toInputBytes(resolved, request);
  const [row] = await queryRows<{ median: string | null }>(
    deps.database,
    `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY cost_micros) AS median FROM (
       SELECT cost_micros FROM casts WHERE account_id = $1 AND spell_version_id = $2 AND status = 'SUCCEEDED'
        ORDER BY id DESC LIMIT $3) AS recent`,
    [accountId, resolved.version.id, RECENT_CASTS],
  );
  return {
    worstCaseMicros: priceMicros(resolved.version.manifest.pricing, limits.maxFuel),
    recentMedianMicros: row?.median == null ? null : BigInt(row.median),
    maxFuel: limits.maxFuel,
  };
}
