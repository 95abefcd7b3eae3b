import type { Digest } from '../platform/index.js';
import type { CastLimits } from './cast.js';

/** A cast that is to be accepted. */
export interface NewCast {
  id: string;
  accountId: string;
  apiKeyId: string;
  spellVersionId: string;
  spellKey: string;
  endUser: string | null;
  idempotencyKey: string | null;
  requestDigest: Digest;
  input: Buffer;
  limits: CastLimits;
  heldMicros: bigint;
  queuedAt: Date;
}
