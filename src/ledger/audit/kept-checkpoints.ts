import { join } from 'node:path';
import type { Checkpoint } from '../note/checkpoint.js';
import type { FileSource } from './file-source.js';
import { Finding } from './finding.js';
import { believeCheckpoint, readNeeded, type Belief } from './read-checkpoint.js';
import { writeWhole } from './write-whole.js';

/** Where checkpoints are kept that a mirror has seen before: a log must still contain each of them. */
const FOLDER = 'checkpoints';

// A size, or a size and the beginning of a root that did not go with what was kept already. Other files are not ours:
// half of one that a kill left there must not be taken for a checkpoint.
const NAME = /^(0|[1-9]\d{0,15})(\.fork-[0-9a-f]{16})?$/;
const FORK_DIGITS = 16;

export interface KeptCheckpoint extends Checkpoint {
  file: string;
}

/** By their sizes. */
export async function readKept(
  source: FileSource,
  belief: Belief,
  headSize: number,
): Promise<KeptCheckpoint[]> {
  const kept: KeptCheckpoint[] = [];
  for (const name of await source.list(FOLDER)) {
    const [, size, fork] = NAME.exec(name) ?? [];
    if (size === undefined) continue;
    const file = `${FOLDER}/${name}`;
    const checkpoint = believeCheckpoint(await readNeeded(source, file), file, belief);
    if (checkpoint.size !== Number(size))
      throw new Finding(null, file, `holds a checkpoint of ${checkpoint.size} entries`);
    if (checkpoint.size > headSize)
      throw new Finding(
        { first: headSize, last: checkpoint.size - 1 },
        file,
        fork === undefined
          ? `the log had ${checkpoint.size} entries once and has only ${headSize} now`
          : 'the log has signed this too, and the copy here could not be continued to it',
      );
    kept.push({ ...checkpoint, file });
  }
  return kept.toSorted((one, other) => one.size - other.size);
}

/** Keeps a checkpoint that goes with the ones before it. One that is there already stays as it is. */
export async function keepCheckpoint(folder: string, { size }: Checkpoint, note: Buffer): Promise<void> {
  await writeWhole(join(folder, FOLDER, String(size)), note, { isKept: true });
}

/** Keeps one that does not, beside them: two signed checkpoints that contradict each other are what convicts a log. */
export async function keepFork(folder: string, { size, root }: Checkpoint, note: Buffer): Promise<string> {
  const file = `${FOLDER}/${size}.fork-${root.toString('hex').slice(0, FORK_DIGITS)}`;
  await writeWhole(join(folder, file), note, { isKept: true });
  return file;
}
