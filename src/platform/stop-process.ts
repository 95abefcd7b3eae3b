import { execFile, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { orAfter } from './deadline.js';

const LOOK_EVERY_MS = 50;

/** Asks a process that is no child of ours to stop and waits until it is gone. Does nothing when it is gone already. */
export async function stopProcess(pid: number, signal: NodeJS.Signals, withinMs: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, signal);
  for (let waitedMs = 0; isAlive(pid); waitedMs += LOOK_EVERY_MS) {
    if (waitedMs > withinMs)
      throw new Error(`process ${pid}, left over from an earlier start, does not stop`);
    await delay(LOOK_EVERY_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Asks a child to stop, kills it when it takes longer than that, and resolves when it is gone. */
export async function stopChild(
  child: ChildProcess,
  signal: NodeJS.Signals,
  withinMs: number,
): Promise<void> {
  // Without a number it was never started.
  if (hasEnded(child) || child.pid === undefined) return;
  const ended = new Promise<true>((resolve) => child.once('exit', () => resolve(true)));
  child.kill(signal);
  if (!(await orAfter(ended, withinMs, false))) child.kill('SIGKILL');
  await ended;
}

/**
 * A detached child outlives us. Whoever exits without having stopped it in order, by a second Ctrl-C or a mistake, at
 * least tells it to end.
 */
export function endWithUs(child: ChildProcess, signal: NodeJS.Signals): void {
  const end = () => child.kill(signal);
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

/** The command line of a process, or nothing when there is no such process. */
export async function commandOf(pid: number): Promise<string> {
  const known = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (known !== null) return known;
  // Where there is no /proc, as on a Mac.
  const asked = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return asked.then(
    ({ stdout }) => stdout,
    () => '',
  );
}

// The last lines are what explains a failure.
const SAID_CHARACTERS_MAX = 4_000;

export function collectText(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-SAID_CHARACTERS_MAX)));
  return () => text.trim();
}
