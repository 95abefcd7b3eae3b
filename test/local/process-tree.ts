import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 15;

interface ProcessStatus {
  parent: number;
  state: string;
  /** With the pid it is unique: a pid alone may be given to somebody else. */
  startedAt: string;
}

async function readStatus(pid: number): Promise<ProcessStatus | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // The name stands in parentheses and may hold anything; the fields begin behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startedAt: fields[19] ?? '' };
}

/** Remembers every process that a process has ever had below it. */
export class ProcessTree {
  readonly #seen = new Map<number, string>();
  #isWatching = true;
  readonly #watching: Promise<void>;

  constructor(root: number) {
    this.#watching = this.#watch(root);
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Those that are still there. */
  async left(): Promise<number[]> {
    const left: number[] = [];
    for (const [pid, startedAt] of this.#seen) {
      const status = await readStatus(pid);
      if (status?.startedAt === startedAt && status.state !== 'Z') left.push(pid);
    }
    return left;
  }

  async stop(): Promise<void> {
    this.#isWatching = false;
    await this.#watching;
  }

  async #watch(root: number): Promise<void> {
    while (this.#isWatching) {
      const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
      const statuses = new Map<number, ProcessStatus>();
      for (const pid of names) {
        const status = await readStatus(pid);
        if (status !== null) statuses.set(pid, status);
      }
      // Parents have lower numbers than their children unless numbers have wrapped, which a test may overlook.
      const below = new Set([root]);
      for (const [pid, { parent, startedAt }] of [...statuses].toSorted(([a], [b]) => a - b)) {
        if (!below.has(parent)) continue;
        below.add(pid);
        this.#seen.set(pid, startedAt);
      }
      await delay(LOOK_EVERY_MS);
    }
  }
}
