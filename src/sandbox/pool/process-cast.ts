import type { SandboxOutcome, SandboxRun, SandboxVerdict } from '../sandbox-run.js';
import { PREPARE_TIMEOUT_MS } from '../sandbox-limits.js';
import {
  FrameType,
  logLimitNotice,
  UNCOUNTED_EVENTS,
  type FinishedMessage,
  type FuelMessage,
  type StartedMessage,
} from '../wire/messages.js';
import { CpuWatch } from './cpu-watch.js';
import { describeExit, type ProcessExit, type SandboxProcess } from './sandbox-process.js';

/** Node counts a timer from the millisecond that has begun, so one of 700 ms can end after 699.1. No cast gets less than its limit. */
const TIMER_EARLY_MS = 1;

/**
 * One cast on one process, from its request to its outcome. Whatever ends it early kills the process, and only
 * the first ending counts.
 */
export class ProcessCast {
  readonly #run: SandboxRun;
  readonly #process: SandboxProcess;
  readonly #outcome = Promise.withResolvers<SandboxOutcome>();
  #timer: NodeJS.Timeout | undefined;
  #cpuWatch: CpuWatch | undefined;
  #startedMs: number | null = null;
  #memoryBytes = 0;
  /** As last reported; null until the guest starts. */
  #fuelUsed: bigint | null = null;
  #outputLeft: number;
  #logLeft: number;
  #eventsLeft: number;

  constructor(run: SandboxRun, process: SandboxProcess) {
    this.#run = run;
    this.#process = process;
    this.#outputLeft = run.limits.maxOutputBytes;
    this.#logLeft = run.limits.maxLogBytes + logLimitNotice(run.limits.maxLogBytes).length;
    this.#eventsLeft = (run.limits.maxEvents ?? Number.MAX_SAFE_INTEGER) + UNCOUNTED_EVENTS;
  }

  /**
   * A warm process does not tell when it starts the guest, nor with how much memory: it starts when it gets the request, and
   * `startBytes` is known. Null for one that tells.
   */
  async perform(requestPieces: readonly Uint8Array[], startBytes: number | null): Promise<SandboxOutcome> {
    const { signal } = this.#run;
    const cancel = (): void => this.#killWith({ kind: 'canceled' });
    const message = `Preparing the module took longer than ${PREPARE_TIMEOUT_MS} ms.`;
    this.#setDeadline(PREPARE_TIMEOUT_MS, message);
    signal?.addEventListener('abort', cancel, { once: true });
    this.#process.send(requestPieces, {
      onFrame: (type, payload) => this.#onFrame(type, payload),
      onExit: (exit) => this.#settle(exitVerdict(exit, this.#process.castCount > 1)),
      onGarbage: (reason) => this.#settle({ kind: 'lost', message: `The sandbox process sent ${reason}.` }),
    });
    if (startBytes !== null) this.#begin(startBytes);
    try {
      return await this.#outcome.promise;
    } finally {
      clearTimeout(this.#timer);
      this.#cpuWatch?.stop();
      signal?.removeEventListener('abort', cancel);
      this.#process.release();
    }
  }

  #onFrame(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.started:
        return this.#onStarted(parse<StartedMessage>(payload));
      case FrameType.fuel:
        this.#fuelUsed = BigInt(parse<FuelMessage>(payload).fuelUsed);
        return;
      case FrameType.output:
        return this.#onOutput(payload);
      case FrameType.log:
        return this.#onLog(payload);
      case FrameType.finished:
        return this.#onFinished(parse<FinishedMessage>(payload));
      default:
        throw new Error(`a frame of type ${type}`);
    }
  }

  #onStarted({ memoryBytes }: StartedMessage): void {
    if (!Number.isSafeInteger(memoryBytes)) throw new Error('a start without a size of memory');
    this.#process.startBytes.set(this.#run.moduleDigest, memoryBytes);
    this.#begin(memoryBytes);
  }

  #begin(memoryBytes: number): void {
    const { timeoutMs, maxCpuMs = timeoutMs } = this.#run.limits;
    this.#startedMs = performance.now();
    this.#fuelUsed = 0n;
    this.#memoryBytes = memoryBytes;
    this.#setDeadline(timeoutMs, `The guest ran longer than ${timeoutMs} ms.`);
    if (maxCpuMs < timeoutMs) this.#watchCpu(maxCpuMs);
  }

  /** The process keeps these limits itself; a process that does not is not to be trusted any further. */
  #onOutput(chunk: Buffer): void {
    this.#outputLeft -= chunk.length;
    this.#eventsLeft -= 1;
    if (this.#outputLeft < 0 || this.#eventsLeft < 0) return this.#killWith(tooMuch('output'));
    this.#deliver(() => this.#run.onOutput(chunk));
  }

  #onLog(chunk: Buffer): void {
    this.#logLeft -= chunk.length;
    this.#eventsLeft -= 1;
    if (this.#logLeft < 0 || this.#eventsLeft < 0) return this.#killWith(tooMuch('log'));
    this.#deliver(() => this.#run.onLog(chunk));
  }

  /** A listener that throws is the caller's own fault, so run() rejects with what it threw. */
  #deliver(callListener: () => void): void {
    try {
      callListener();
    } catch (error) {
      this.#process.kill();
      this.#process.release();
      this.#outcome.reject(error);
    }
  }

  #onFinished(report: FinishedMessage): void {
    const { verdict, fuelUsed, memoryPeakBytes, durationMs } = report;
    if (!Number.isSafeInteger(memoryPeakBytes) || !Number.isFinite(durationMs))
      throw new Error('a report without numbers');
    const used = fuelUsed === null ? null : BigInt(fuelUsed);
    this.#outcome.resolve({ ...verdict, fuelUsed: used, memoryPeakBytes, durationMs });
  }

  #watchCpu(maxCpuMs: number): void {
    const message = `The guest used more than ${maxCpuMs} ms of CPU time.`;
    const verdict = { kind: 'failed', code: 'DEADLINE_EXCEEDED', message } as const;
    this.#cpuWatch = new CpuWatch(this.#process.pid, maxCpuMs, () => this.#killWith(verdict));
  }

  #setDeadline(timeoutMs: number, message: string): void {
    clearTimeout(this.#timer);
    const verdict = { kind: 'failed', code: 'DEADLINE_EXCEEDED', message } as const;
    this.#timer = setTimeout(() => this.#killWith(verdict), timeoutMs + TIMER_EARLY_MS);
  }

  #killWith(verdict: SandboxVerdict): void {
    this.#process.kill();
    this.#process.release();
    this.#settle(verdict);
  }

  #settle(verdict: SandboxVerdict): void {
    const durationMs = this.#startedMs === null ? 0 : performance.now() - this.#startedMs;
    this.#outcome.resolve({
      ...verdict,
      fuelUsed: this.#fuelUsed,
      memoryPeakBytes: this.#memoryBytes,
      durationMs,
    });
  }
}

function parse<T>(payload: Buffer): T {
  return JSON.parse(payload.toString()) as T;
}

function tooMuch(what: string): SandboxVerdict {
  return {
    kind: 'failed',
    code: 'OUTPUT_TOO_LARGE',
    message: `The sandbox sent more ${what} than its limit.`,
  };
}

/**
 * V8 ends its process when it cannot get memory. In a process of its own that is the guest's doing and would happen again;
 * where others ran before, it may be what the engine still does for one of them, so the cast is run again in a new one.
 */
function exitVerdict(exit: ProcessExit, wasUsedBefore: boolean): SandboxVerdict {
  if (!/out of memory|heap limit|Array buffer allocation failed/i.test(exit.errors))
    return { kind: 'lost', message: `The sandbox process ended: ${describeExit(exit)}` };
  if (wasUsedBefore)
    return { kind: 'lost', message: 'The sandbox process, which others had used before, ran out of memory.' };
  return {
    kind: 'failed',
    code: 'MEMORY_EXCEEDED',
    message: 'The guest used up the memory of its process.',
  };
}
