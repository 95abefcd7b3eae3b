import { setImmediate } from 'node:timers/promises';
import { queryRows, type Clock, type EntityManager } from '../platform/index.js';
import { packEntries, type NewEntry } from './pack-entries.js';
import { writeLeaf, NO_PREVIOUS } from './leaf.js';
import type { FullTile, LogState } from './log-state.js';
import { hashLeafText } from './merkle/hash.js';
import { writeCheckpoint } from './note/checkpoint.js';
import type { NoteSigner } from './note/note-key.js';
import { makePseudonym, type Person, type PersonKeys } from './person-keys.js';
import { writePrivatePart } from './private-part.js';
import { commit, hashSubject, sealEntry } from './seal-entry.js';
import { CHUNK_MAX, OF_TAKEN, TAKEN, isFull, takeFacts, type WaitingFact } from './take-facts.js';

/** Writes entries and takes the next facts: one statement, so that PostgreSQL never waits for this process in between. */
function writeAndTake(manager: EntityManager, entries: NewEntry[], limit: number): Promise<WaitingFact[]> {
  const { first, bytes, starts, leafBytes, sealedBytes } = packEntries(entries);
  return queryRows<WaitingFact>(
    manager,
    `WITH written AS (
       INSERT INTO ledger_entries (sequence, leaf, subject_hash, sealed)
       SELECT $2::bigint + place - 1, convert_from(substring($3::bytea FROM start FOR leaf_bytes), 'UTF8'),
              CASE WHEN sealed_bytes > 0 THEN substring($3::bytea FROM start + leaf_bytes FOR 32) END,
              CASE WHEN sealed_bytes > 0 THEN substring($3::bytea FROM start + leaf_bytes + 32 FOR sealed_bytes) END
         FROM unnest($4::int[], $5::int[], $6::int[]) WITH ORDINALITY AS packed (start, leaf_bytes, sealed_bytes, place)),
     ${TAKEN} ${OF_TAKEN}`,
    [limit, first, bytes, starts, leafBytes, sealedBytes],
  );
}

export interface Batch {
  state: LogState;
  /** The first of them, taken already. */
  facts: WaitingFact[];
  /** How many more it may take. */
  takeMax: number;
  people: PersonKeys;
  signers: readonly NoteSigner[];
  origin: string;
  clock: Clock;
}

/**
 * Appends facts to the log: entries, the tiles they fill, and the checkpoint over all of it. While PostgreSQL writes one piece
 * and takes the next but one, the one between is made here. Answers how many there were.
 */
export async function writeBatch(manager: EntityManager, batch: Batch): Promise<number> {
  const { state, people, signers, origin, clock } = batch;
  const previousSize = state.size;
  const persons = new Map<string, Person | null>();
  const tiles: FullTile[] = [];
  let left = batch.takeMax;
  const toTake = (facts: WaitingFact[]): number => (isFull(facts) ? Math.min(CHUNK_MAX, left) : 0);
  let facts = batch.facts;
  await lockPeople(manager, people, { facts, persons });
  let coming = toTake(facts) > 0 ? takeFacts(manager, toTake(facts)) : Promise.resolve([]);
  while (facts.length > 0) {
    await leaves(coming);
    const entries = facts.map((fact) => {
      const { entry, leafHash } = toEntry(fact, state, persons.get(fact.account_id) ?? null);
      tiles.push(...state.append(leafHash));
      return entry;
    });
    facts = await coming;
    left -= facts.length;
    await lockPeople(manager, people, { facts, persons });
    coming = writeAndTake(manager, entries, toTake(facts));
  }
  await coming;
  if (tiles.length > 0) await insertTiles(manager, tiles);
  const note = writeCheckpoint({ origin, size: state.size, root: state.root() }, signers);
  await insertCheckpoint(manager, { size: state.size, previousSize, note, now: clock.now() });
  return state.size - previousSize;
}

/** Lets a statement leave, so that PostgreSQL works on it while this process is busy with something else. */
async function leaves(statement: Promise<unknown>): Promise<void> {
  // A failure is met where the answer is awaited; until then it must not pass for one that nobody handles.
  statement.catch(() => undefined);
  await Promise.race([statement, setImmediate()]);
}

/** Each person's key is read once in a batch, and stays as it is until the end of it. */
async function lockPeople(
  manager: EntityManager,
  people: PersonKeys,
  { facts, persons }: { facts: WaitingFact[]; persons: Map<string, Person | null> },
): Promise<void> {
  const ids = new Set(facts.map((fact) => fact.account_id));
  const unknown = [...ids].filter((id) => !persons.has(id)).sort();
  if (unknown.length === 0) return;
  for (const [id, person] of await people.lock(manager, unknown)) persons.set(id, person);
}

function toEntry(
  fact: WaitingFact,
  state: LogState,
  person: Person | null,
): { entry: NewEntry; leafHash: Buffer } {
  const { account_id: accountId, kind, subject, content } = fact;
  const commitment = commit(writePrivatePart({ accountId, subject, content }));
  const leaf = writeLeaf({
    version: 1,
    sequence: state.size,
    kind,
    at: fact.occurred_at.toISOString(),
    account: person?.pseudonym ?? makePseudonym(),
    commitment: commitment.commitment,
    previous: state.lastLeafHash?.toString('hex') ?? NO_PREVIOUS,
  });
  const leafHash = hashLeafText(leaf);
  // Nobody is left to read what happens after an erasure; that something happened stays in the log all the same.
  const secret =
    person === null
      ? null
      : {
          subjectHash: hashSubject(person.key, kind, subject),
          sealed: sealEntry(person.key, leafHash, commitment),
        };
  return { entry: { sequence: state.size, leaf, secret }, leafHash };
}

async function insertTiles(manager: EntityManager, tiles: FullTile[]): Promise<void> {
  await queryRows(
    manager,
    `INSERT INTO ledger_tiles (level, index, root, hashes) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[])`,
    [
      tiles.map((tile) => tile.level),
      tiles.map((tile) => tile.index),
      tiles.map((tile) => tile.root),
      tiles.map((tile) => tile.hashes),
    ],
  );
}

/** The unique constraint on `previous_size` lets every checkpoint be extended once: of two sequencers, one fails here. */
export async function insertCheckpoint(
  manager: EntityManager,
  checkpoint: { size: number; previousSize: number | null; note: string; now: Date },
): Promise<void> {
  await queryRows(
    manager,
    `INSERT INTO ledger_checkpoints (size, previous_size, note, created_at) VALUES ($1, $2, $3, $4)`,
    [checkpoint.size, checkpoint.previousSize, checkpoint.note, checkpoint.now],
  );
}
