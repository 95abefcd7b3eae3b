import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { queryRows, type Clock, type DataSource, type EntityManager } from '../platform/index.js';
import { decrypt, encrypt, toPersonKey, type PersonKey } from './seal-entry.js';

/** A person in the log: the name that stands there, and the key of what is sealed. */
export interface Person {
  pseudonym: string;
  key: PersonKey;
}

const DATA_KEY_BYTES = 32;
const PSEUDONYM_BYTES = 16;

interface PersonRow {
  account_id: string;
  pseudonym: string | null;
  wrapped_key: Buffer | null;
}

/**
 * The keys of people, each wrapped by the master key from the configuration: a copy of the database alone opens nothing.
 * Nothing is remembered between calls, so a key that was destroyed is gone everywhere at once.
 */
export class PersonKeys {
  readonly #masterKey: KeyObject;
  readonly #clock: Clock;

  constructor(deps: { masterKey: Buffer; clock: Clock }) {
    this.#masterKey = createSecretKey(deps.masterKey);
    this.#clock = deps.clock;
  }

  /**
   * Refuses a key that is not the one of this ledger: a single process with another would seal what nobody else can open,
   * and could not open what is there. The first process that comes leaves its mark.
   */
  async confirmMasterKey(database: DataSource): Promise<void> {
    const [oldest] = await queryRows<PersonRow>(
      database,
      `SELECT account_id, pseudonym, wrapped_key FROM person_keys WHERE wrapped_key IS NOT NULL LIMIT 1`,
    );
    if (oldest !== undefined) this.#unwrap(oldest);
    const value = createHmac('sha256', this.#masterKey)
      .update('spell ledger: check of the master key')
      .digest();
    await queryRows(
      database,
      `INSERT INTO ledger_master_key (check_value) VALUES ($1) ON CONFLICT DO NOTHING`,
      [value],
    );
    const [row] = await queryRows<{ check_value: Buffer }>(
      database,
      'SELECT check_value FROM ledger_master_key',
    );
    if (row?.check_value.equals(value) !== true)
      throw new Error('SPELL_LEDGER_MASTER_KEY is not the key of the ledger in this database');
  }

  /** The person of an account; null when nothing is sealed for it, or nothing can be opened any more. */
  async find(database: DataSource | EntityManager, accountId: string): Promise<Person | null> {
    const [row] = await queryRows<PersonRow>(
      database,
      `SELECT account_id, pseudonym, wrapped_key FROM person_keys WHERE account_id = $1`,
      [accountId],
    );
    return row === undefined ? null : this.#unwrap(row);
  }

  /** The people behind these names, as far as their keys are still there. */
  async findByPseudonyms(database: DataSource, names: readonly string[]): Promise<Map<string, Person>> {
    const rows = await queryRows<PersonRow>(
      database,
      `SELECT account_id, pseudonym, wrapped_key FROM person_keys WHERE pseudonym = ANY($1::text[])`,
      [names],
    );
    const people = rows.map((row) => this.#unwrap(row)).filter((person) => person !== null);
    return new Map(people.map((person) => [person.pseudonym, person]));
  }

  /**
   * The people of these accounts, new ones made. Locks their rows until the end of the transaction, so that no key is
   * destroyed while something is being sealed under it. An account whose key was destroyed has null.
   */
  async lock(manager: EntityManager, accountIds: readonly string[]): Promise<Map<string, Person | null>> {
    const rows = await this.#lockRows(manager, accountIds);
    const known = new Set(rows.map((row) => row.account_id));
    const unknown = accountIds.filter((id) => !known.has(id));
    if (unknown.length > 0) {
      await this.#make(manager, unknown);
      rows.push(...(await this.#lockRows(manager, unknown)));
    }
    return new Map(rows.map((row) => [row.account_id, this.#unwrap(row)]));
  }

  #lockRows(manager: EntityManager, accountIds: readonly string[]): Promise<PersonRow[]> {
    return queryRows<PersonRow>(
      manager,
      `SELECT account_id, pseudonym, wrapped_key FROM person_keys WHERE account_id = ANY($1::uuid[])
        ORDER BY account_id FOR SHARE`,
      [accountIds],
    );
  }

  async #make(manager: EntityManager, accountIds: readonly string[]): Promise<void> {
    const wrapped = accountIds.map((id) =>
      encrypt(this.#masterKey, randomBytes(DATA_KEY_BYTES), Buffer.from(id)),
    );
    await queryRows(
      manager,
      `INSERT INTO person_keys (account_id, pseudonym, wrapped_key, created_at)
       SELECT made.*, $4 FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS made ON CONFLICT (account_id) DO NOTHING`,
      [accountIds, accountIds.map(makePseudonym), wrapped, this.#clock.now()],
    );
  }

  #unwrap(row: PersonRow): Person | null {
    if (row.pseudonym === null || row.wrapped_key === null) return null;
    const dataKey = decrypt(this.#masterKey, row.wrapped_key, Buffer.from(row.account_id));
    if (dataKey === null)
      throw new Error('SPELL_LEDGER_MASTER_KEY is not the key under which people’s keys were wrapped');
    return { pseudonym: row.pseudonym, key: toPersonKey(dataKey) };
  }
}

export function makePseudonym(): string {
  return randomBytes(PSEUDONYM_BYTES).toString('base64url');
}

/**
 * Erases a person from the ledger: what was sealed for them can be opened by nobody again, and nothing connects their
 * entries with them. The entries themselves stay, and the log verifies as before. Facts that come later are recorded
 * without content, under a name used once. Repeatable. One short transaction of its own, never part of a longer one: as
 * long as the row is locked, no batch with a fact of theirs can be written, and none behind it.
 */
export async function destroyPersonKey(
  deps: { database: DataSource; clock: Clock },
  accountId: string,
): Promise<void> {
  await queryRows(
    deps.database,
    `INSERT INTO person_keys (account_id, created_at, destroyed_at) VALUES ($1, $2, $2)
     ON CONFLICT (account_id) DO UPDATE SET pseudonym = NULL, wrapped_key = NULL, destroyed_at = $2
      WHERE person_keys.destroyed_at IS NULL`,
    [accountId, deps.clock.now()],
  );
}
