import { createHash } from 'node:crypto';
import type { SandboxUsage } from '../sandbox/index.js';
import type { RunEnd } from './run-exit.js';

/** Where a guest's streams go, and what is remembered of them. */
export class RunOutput {
  readonly #isJson: boolean;
  readonly #hash = createHash('sha256');
  readonly #brokenPipe = new AbortController();
  #outputBytes = 0;
  #logBytes = 0;

  constructor(isJson: boolean) {
    this.#isJson = isJson;
    // Like any program in a pipeline, a run ends when nobody reads it any longer.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => this.#brokenPipe.abort());
  }

  get brokenPipe(): AbortSignal {
    return this.#brokenPipe.signal;
  }

  output(chunk: Buffer): void {
    this.#outputBytes += chunk.length;
    this.#hash.update(chunk);
    if (!this.#isJson) process.stdout.write(chunk);
  }

  log(chunk: Buffer): void {
    this.#logBytes += chunk.length;
    process.stderr.write(chunk);
  }

  note(text: string): void {
    process.stderr.write(`spell: ${text}\n`);
  }

  /** The one line about an end that the guest did not choose, or the one object about any. */
  end(end: RunEnd, usage: SandboxUsage, times: { prepareMs: number; totalMs: number }): void {
    if (end.kind === 'failed') this.note(`${end.code}: ${end.message.replaceAll(/\s+/g, ' ')}`);
    if (!this.#isJson) return;
    const report = {
      exit: end.kind === 'exited' ? end.exitCode : null,
      error: end.kind === 'failed' ? { code: end.code, message: end.message } : null,
      fuelUsed: usage.fuelUsed === null ? null : String(usage.fuelUsed),
      memoryPeakBytes: usage.memoryPeakBytes,
      prepareMs: round(times.prepareMs),
      runMs: round(usage.durationMs),
      totalMs: round(times.totalMs),
      outputBytes: this.#outputBytes,
      outputDigest: `sha256:${this.#hash.digest('hex')}`,
      logBytes: this.#logBytes,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
