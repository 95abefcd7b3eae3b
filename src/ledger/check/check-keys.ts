import { queryRows, type DataSource } from '../../platform/index.js';
import { noteVerifier } from '../note/note-key.js';
import type { LogKeys } from '../signing-keys.js';
import { LogProblem } from './log-problem.js';

/** The published keys are those of the configuration: whoever can write to the database must not be able to add one. */
export async function checkKeys(
  database: DataSource,
  { origin, keys }: { origin: string; keys: LogKeys },
): Promise<void> {
  const rows = await queryRows<{ name: string; key_id: Buffer; public_key: Buffer }>(
    database,
    `SELECT name, key_id, public_key FROM ledger_keys`,
  );
  const known = [...keys.signers, ...keys.retired];
  for (const row of rows) {
    const id = row.key_id.toString('hex');
    if (row.name !== origin || !noteVerifier(origin, row.public_key).keyId.equals(row.key_id))
      throw new LogProblem(`the key ${id} was changed`);
    if (!known.some(({ publicKey }) => publicKey.equals(row.public_key)))
      throw new LogProblem(
        `the key ${id} stands among the log's and is not in the configuration of this process`,
      );
  }
  const isThere = (publicKey: Buffer) => rows.some((row) => row.public_key.equals(publicKey));
  const gone = keys.retired.find(({ publicKey }) => !isThere(publicKey));
  if (gone !== undefined) throw new LogProblem(`the key ${gone.keyId.toString('hex')} is gone`);
  // A key of this process that has not signed yet may be missing; not all of them, for the log has begun.
  if (!keys.signers.some(({ publicKey }) => isThere(publicKey)))
    throw new LogProblem('no key that signs is among the published ones');
}
