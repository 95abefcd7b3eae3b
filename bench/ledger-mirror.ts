import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  LogState,
  NO_PREVIOUS,
  formatVerifierKey,
  hashLeaf,
  tilePath,
  tilesOf,
  writeBundle,
  writeCheckpoint,
  writeLeaf,
  type NoteSigner,
} from '../src/ledger/index.js';

/**
 * What `spell mirror` would fetch from a log of this size, made without the database: entries that commit to nothing in
 * particular, chained, hashed and put into tiles by the code that does it in the sequencer. Seconds instead of minutes.
 */
export async function writeMirror(folder: string, size: number, signer: NoteSigner): Promise<void> {
  const write = async (path: string, bytes: Buffer | string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  };
  const state = new LogState();
  const levels: Buffer[][] = [[]];
  let leaves: string[] = [];
  for (let sequence = 0; sequence < size; sequence += 1) {
    const leaf = entryAt(sequence, state.lastLeafHash);
    leaves.push(leaf);
    for (const { level, root } of state.append(hashLeaf(Buffer.from(leaf))))
      (levels[level + 1] ??= []).push(root);
    levels[0]?.push(state.lastLeafHash ?? Buffer.of());
    if (leaves.length < 256 && sequence < size - 1) continue;
    const index = Math.floor(sequence / 256);
    await write(tilePath({ level: 'entries', index, width: leaves.length }), writeBundle(leaves));
    leaves = [];
  }
  for (const tile of tilesOf(size)) {
    const first = tile.index * 256;
    await write(tilePath(tile), Buffer.concat(levels[tile.level]?.slice(first, first + tile.width) ?? []));
  }
  await write('checkpoint', writeCheckpoint({ origin: signer.name, size, root: state.root() }, [signer]));
  await write(
    'keys',
    JSON.stringify({ keys: [{ verifier_key: formatVerifierKey(signer), retired_size: null }] }),
  );
}

function entryAt(sequence: number, previous: Buffer | null): string {
  return writeLeaf({
    version: 1,
    sequence,
    kind: 'cast.settled',
    at: '2026-11-22T10:00:00.123Z',
    account: 'A'.repeat(22),
    commitment: sequence.toString(16).padStart(64, '0'),
    previous: previous?.toString('hex') ?? NO_PREVIOUS,
  });
}
