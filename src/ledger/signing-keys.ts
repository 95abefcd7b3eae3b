import { queryRows, type DataSource, type EntityManager } from '../platform/index.js';
import { formatVerifierKey, type NoteSigner, type NoteVerifier } from './note/note-key.js';

/** A key of the log as it is published: for whoever verifies checkpoints, old ones too. */
export interface PublishedKey {
  /** `<name>+<id>+<base64>`, as verifiers of the C2SP formats take it. */
  verifierKey: string;
  keyId: string;
  addedAt: Date;
  /** It signs checkpoints from this size on … */
  addedSize: number;
  retiredAt: Date | null;
  /** … up to this size. Null while it is in use. */
  retiredSize: number | null;
}

interface KeyRow {
  name: string;
  key_id: Buffer;
  public_key: Buffer;
  added_at: Date;
  added_size: string;
  retired_at: Date | null;
  retired_size: string | null;
}

/** Every key that ever signed for the log, oldest first. Keys are few: they change by hand, years apart. */
export async function readKeys(database: DataSource | EntityManager): Promise<PublishedKey[]> {
  const rows = await queryRows<KeyRow>(
    database,
    `SELECT * FROM ledger_keys ORDER BY added_size, added_at, key_id`,
  );
  return rows.map((row) => ({
    verifierKey: formatVerifierKey({ name: row.name, keyId: row.key_id, publicKey: row.public_key }),
    keyId: row.key_id.toString('hex'),
    addedAt: row.added_at,
    addedSize: Number(row.added_size),
    retiredAt: row.retired_at,
    retiredSize: row.retired_size === null ? null : Number(row.retired_size),
  }));
}

/** The keys that this process believes: from its configuration alone, because whoever may write to the database is not to choose. */
export interface LogKeys {
  /** They sign each checkpoint, all of them: two during a rotation. */
  signers: readonly NoteSigner[];
  /** They have signed, and sign no more. */
  retired: readonly NoteVerifier[];
}

/** Those of them that may have signed a checkpoint of this size: a retired one for sizes up to its last. */
export async function readVerifiers(
  database: DataSource | EntityManager,
  { signers, retired }: LogKeys,
  size: number,
): Promise<NoteVerifier[]> {
  const ended = await queryRows<{ public_key: Buffer }>(
    database,
    `SELECT public_key FROM ledger_keys WHERE retired_size < $1`,
    [size],
  );
  return [...signers, ...retired].filter(
    ({ publicKey }) => !ended.some((row) => row.public_key.equals(publicKey)),
  );
}

/** Refuses a retirement that would retire nothing: a setting with a slip in it must not look as if it had worked. */
export async function confirmRetiredKeys(
  database: DataSource,
  { origin, keys }: { origin: string; keys: LogKeys },
): Promise<void> {
  const published = await readKeys(database);
  for (const key of keys.retired) {
    const id = key.keyId.toString('hex');
    if (key.name !== origin)
      throw new Error(`SPELL_LEDGER_RETIRED_KEYS: the key ${id} is of the log ${key.name}, not of ${origin}`);
    if (!published.some(({ verifierKey }) => verifierKey === formatVerifierKey(key)))
      throw new Error(`SPELL_LEDGER_RETIRED_KEYS: the key ${id} has never signed for this log`);
    if (keys.signers.some(({ publicKey }) => publicKey.equals(key.publicKey)))
      throw new Error(`SPELL_LEDGER_RETIRED_KEYS: the key ${id} is also among those that sign`);
  }
}

/** Records the keys of this process and the retirements it was told of. */
export async function enrolKeys(
  manager: EntityManager,
  { keys, size, now }: { keys: LogKeys; size: number; now: Date },
): Promise<void> {
  const { signers, retired } = keys;
  await queryRows(
    manager,
    `INSERT INTO ledger_keys (name, key_id, public_key, added_at, added_size)
     SELECT made.*, $4::timestamptz, $5::bigint FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS made ON CONFLICT DO NOTHING`,
    [
      signers.map(({ name }) => name),
      signers.map(({ keyId }) => keyId),
      signers.map(({ publicKey }) => publicKey),
      now,
      size,
    ],
  );
  await queryRows(
    manager,
    `UPDATE ledger_keys SET retired_at = $2, retired_size = $3 WHERE public_key = ANY($1::bytea[]) AND retired_at IS NULL`,
    [retired.map(({ publicKey }) => publicKey), now, size],
  );
}

/** The keys that may sign now. A retired one signs nothing again, also in a process that was started before and has it. */
export async function liveSigners(
  manager: EntityManager,
  signers: readonly NoteSigner[],
): Promise<NoteSigner[]> {
  const retired = await queryRows<{ key_id: Buffer }>(
    manager,
    `SELECT key_id FROM ledger_keys WHERE retired_at IS NOT NULL`,
  );
  const live = signers.filter(({ keyId }) => !retired.some((row) => row.key_id.equals(keyId)));
  if (live.length === 0)
    throw new Error('every key in SPELL_LEDGER_SIGNING_KEYS is retired: nothing can be signed');
  return live;
}
