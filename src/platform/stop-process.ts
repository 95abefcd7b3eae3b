import { setTimeout as delay } from 'node:timers/promises';

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
