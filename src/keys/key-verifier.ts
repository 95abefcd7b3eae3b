import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal, Scope } from '../accounts/index.js';
import {
  errorText,
  queryRows,
  type Clock,
  type DataSource,
  type Logger,
  type PubSub,
} from '../platform/index.js';
import { parseKey } from './key-format.js';
import type { SecretDigests } from './secret-digests.js';
import { SecretProver } from './secret-prover.js';

interface KeyRow {
  id: string;
  account_id: string;
  prefix: string;
  secret_hash: string;
  secret_digest: Buffer | null;
  scopes: Scope[];
  expires_at: Date | null;
}

interface Verified {
  principal: Principal;
  secretHash: string;
  expiresAtMs: number;
  confirmedAtMs: number;
}

/** The pub/sub channel that carries the ids of revoked keys to every process. */
export const REVOKED_CHANNEL = 'keys-revoked';

// A revocation must hold within 5 s even when Redis loses the message: what is older than this is asked
// again, and the background check asks about everything in use well before.
const CONFIRMED_FOR_MS = 4_000;
const CHECK_EVERY_MS = 2_000;
const LAST_USED_EVERY_MS = 5_000;
const REMEMBERED_MAX = 10_000;

/**
 * Turns a presented key into a principal. A wrong secret costs what an unknown prefix costs, and gets the same answer. A key that was verified once is remembered by a keyed digest
 * of it, so a key in use costs neither Argon2 nor a query; a revocation reaches every process by pub/sub
 * at once and by the background check within CHECK_EVERY_MS.
 */
export class KeyVerifier {
  readonly #database: DataSource;
  readonly #pubsub: PubSub;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #digestKey = randomBytes(32);
  readonly #verified = new LRUCache<string, Verified>({ max: REMEMBERED_MAX });
  readonly #pending = new Map<string, Promise<Principal | null>>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #usedAt = new Map<string, Date>();
  readonly #prover: SecretProver;
  readonly #timers: NodeJS.Timeout[] = [];
  #unsubscribe: () => void = () => undefined;

  constructor(deps: {
    database: DataSource;
    pubsub: PubSub;
    clock: Clock;
    logger: Logger;
    digests: SecretDigests;
  }) {
    this.#database = deps.database;
    this.#pubsub = deps.pubsub;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#prover = new SecretProver(deps.database, deps.digests);
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#pubsub.subscribe(REVOKED_CHANNEL, (keyId) => this.#forget(keyId));
    this.#timers.push(setInterval(() => void this.#confirmAll(), CHECK_EVERY_MS));
    this.#timers.push(setInterval(() => void this.#writeLastUsed(), LAST_USED_EVERY_MS));
  }

  async stop(): Promise<void> {
    this.#timers.forEach(clearInterval);
    this.#unsubscribe();
    await this.#writeLastUsed();
  }

  /** The principal, or null for a wrong, truncated, unknown, expired or revoked key: which one is not told. */
  async verify(token: string): Promise<Principal | null> {
    const digest = createHmac('sha256', this.#digestKey).update(token).digest('base64url');
    const known = this.#verified.get(digest);
    const nowMs = this.#clock.now().getTime();
    if (known !== undefined && nowMs - known.confirmedAtMs < CONFIRMED_FOR_MS) {
      return this.#admit(known, nowMs);
    }
    // Many requests with the same cold key wait for one verification.
    const pending = this.#pending.get(digest) ?? this.#verifySlowly(token, digest, known);
    this.#pending.set(digest, pending);
    return pending.finally(() => this.#pending.delete(digest));
  }

  /** Calls `onGone` once the key is revoked, expired or deleted, until the returned function is called. */
  watch(keyId: string, onGone: () => void): () => void {
    const watchers = this.#watchers.get(keyId) ?? new Set();
    this.#watchers.set(keyId, watchers.add(onGone));
    return () => {
      watchers.delete(onGone);
      if (watchers.size === 0) this.#watchers.delete(keyId);
    };
  }

  #admit(known: Verified, nowMs: number): Principal | null {
    if (known.expiresAtMs <= nowMs) return null;
    this.#usedAt.set(known.principal.keyId, new Date(nowMs));
    return known.principal;
  }

  async #verifySlowly(token: string, digest: string, known: Verified | undefined): Promise<Principal | null> {
    const parsed = parseKey(token);
    if (parsed === null) return null;
    const [row] = await queryRows<KeyRow>(
      this.#database,
      `SELECT id, account_id, prefix, secret_hash, secret_digest, scopes, expires_at FROM api_keys
        WHERE prefix = $1 AND revoked_at IS NULL`,
      [parsed.prefix],
    );
    const isWrong = this.#prover.isWrong(parsed.secret, row);
    if (row === undefined || isWrong) {
      this.#verified.delete(digest);
      return null;
    }
    const isProven =
      known?.secretHash === row.secret_hash || (await this.#prover.isRight(parsed.secret, row));
    if (!isProven) return null;
    const nowMs = this.#clock.now().getTime();
    const verified: Verified = {
      principal: { accountId: row.account_id, keyId: row.id, keyPrefix: row.prefix, scopes: row.scopes },
      secretHash: row.secret_hash,
      expiresAtMs: row.expires_at?.getTime() ?? Infinity,
      confirmedAtMs: nowMs,
    };
    this.#verified.set(digest, verified);
    return this.#admit(verified, nowMs);
  }

  /** One query for every key that is remembered or watched: what is gone is forgotten. */
  async #confirmAll(): Promise<void> {
    const remembered = [...this.#verified.entries()];
    const ids = new Set([...remembered.map(([, entry]) => entry.principal.keyId), ...this.#watchers.keys()]);
    if (ids.size === 0) return;
    try {
      const askedAt = this.#clock.now();
      const rows = await queryRows<{ id: string; expires_at: Date | null }>(
        this.#database,
        `SELECT id, expires_at FROM api_keys
          WHERE id = ANY($1::uuid[]) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
        [[...ids], askedAt],
      );
      const alive = new Map(rows.map((row) => [row.id, row.expires_at?.getTime() ?? Infinity]));
      for (const id of ids) if (!alive.has(id)) this.#forget(id);
      for (const [, entry] of remembered) {
        entry.expiresAtMs = alive.get(entry.principal.keyId) ?? 0;
        entry.confirmedAtMs = askedAt.getTime();
      }
    } catch (error) {
      // Nothing is confirmed now, so what is remembered grows stale and is asked for one by one.
      this.#logger.warn({ error: errorText(error) }, 'key check');
    }
  }

  #forget(keyId: string): void {
    for (const [digest, entry] of this.#verified.entries()) {
      if (entry.principal.keyId === keyId) this.#verified.delete(digest);
    }
    for (const onGone of [...(this.#watchers.get(keyId) ?? [])]) onGone();
  }

  async #writeLastUsed(): Promise<void> {
    const used = [...this.#usedAt.entries()];
    if (used.length === 0) return;
    this.#usedAt.clear();
    await queryRows(
      this.#database,
      `UPDATE api_keys SET last_used_at = greatest(last_used_at, used.at)
         FROM unnest($1::uuid[], $2::timestamptz[]) AS used(id, at) WHERE api_keys.id = used.id`,
      [used.map(([id]) => id), used.map(([, at]) => at)],
    ).catch((error: unknown) => this.#logger.warn({ error: errorText(error) }, 'last use of keys'));
  }
}
