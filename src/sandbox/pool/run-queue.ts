import { SandboxBusyError } from '../sandbox-errors.js';
import type { SandboxRun } from '../sandbox-run.js';
import type { SandboxProcess } from './sandbox-process.js';

/** Why a run left the queue without a process. */
type NoProcess = 'canceled' | 'stopped';

interface WaitingRun {
  run: SandboxRun;
  take(process: SandboxProcess | NoProcess): void;
}

/** Runs that wait for a process, first come, first served. */
export class RunQueue {
  readonly #maxWaiting: number;
  readonly #waiting: WaitingRun[] = [];

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Resolves with the process the run got, or why it got none. */
  wait(run: SandboxRun): Promise<SandboxProcess | NoProcess> {
    const { length } = this.#waiting;
    if (length >= this.#maxWaiting) return Promise.reject(new SandboxBusyError(length));
    return new Promise((resolve) => {
      const cancel = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        resolve('canceled');
      };
      const entry: WaitingRun = {
        run,
        take: (process) => {
          run.signal?.removeEventListener('abort', cancel);
          resolve(process);
        },
      };
      run.signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(entry);
    });
  }

  get first(): WaitingRun | undefined {
    return this.#waiting[0];
  }

  removeFirst(): void {
    this.#waiting.shift();
  }

  stopAll(): void {
    for (const entry of this.#waiting.splice(0)) entry.take('stopped');
  }
}
