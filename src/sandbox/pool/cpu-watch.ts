import { readFileSync } from 'node:fs';

/** Linux tells CPU time in hundredths of a second, on every architecture. */
const MS_PER_TICK = 10;

/** Never looks more often than the kernel's numbers change. */
const LOOK_AGAIN_MS = MS_PER_TICK;

/**
 * Ends a run that has used up its CPU time. It cannot have used more than the wall clock says on its main thread, so it is
 * looked at again only when it could have; a sleeping guest costs next to nothing to watch.
 */
export class CpuWatch {
  readonly #pid: number;
  readonly #maxCpuMs: number;
  readonly #startMs = performance.now();
  readonly #usedBeforeMs: number | null;
  #timer: NodeJS.Timeout | undefined;

  constructor(pid: number, maxCpuMs: number, onPassed: () => void) {
    this.#pid = pid;
    this.#maxCpuMs = maxCpuMs;
    this.#usedBeforeMs = processCpuMs(pid);
    this.#lookIn(maxCpuMs, onPassed);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #lookIn(waitMs: number, onPassed: () => void): void {
    this.#timer = setTimeout(() => {
      const leftMs = this.#maxCpuMs - this.#usedMs();
      if (leftMs <= 0) onPassed();
      else this.#lookIn(Math.max(leftMs, LOOK_AGAIN_MS), onPassed);
    }, waitMs);
  }

  /** Where the system does not say (it has no /proc), the wall clock counts: too strict, but never without a limit. */
  #usedMs(): number {
    const nowMs = processCpuMs(this.#pid);
    if (nowMs === null || this.#usedBeforeMs === null) return performance.now() - this.#startMs;
    return nowMs - this.#usedBeforeMs;
  }
}

/** What all threads of a process have used so far (proc(5), fields 14 and 15 of stat); null where nobody knows. */
function processCpuMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may contain anything, spaces and parentheses too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  } catch {
    return null;
  }
}
