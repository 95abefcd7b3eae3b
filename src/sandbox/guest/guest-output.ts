import { GATHER_MS } from '../sandbox-limits.js';
import { logLimitNotice } from '../wire/messages.js';
import { sendLog, sendOutput } from './answers.js';
import { GatheringStream } from './gathering-stream.js';

/**
 * Both streams of one cast, under their limits. They are flushed together, so what is written to stdout and
 * to stderr keeps its order to within GATHER_MS; a guest switching between them for every byte makes no more
 * frames than one that does not.
 */
export class GuestOutput {
  readonly #output = new GatheringStream(sendOutput);
  readonly #log = new GatheringStream(sendLog);
  readonly #maxLogBytes: number;
  #outputLeft: number;
  #logLeft: number;
  #logIsCut = false;
  #lastFlushMs = 0;

  constructor(limits: { maxOutputBytes: number; maxLogBytes: number }) {
    this.#outputLeft = limits.maxOutputBytes;
    this.#logLeft = limits.maxLogBytes;
    this.#maxLogBytes = limits.maxLogBytes;
  }

  /** False when the limit was passed: what fits has been written, and the run must end. */
  writeOutput(bytes: Uint8Array): boolean {
    const fits = bytes.subarray(0, this.#outputLeft);
    this.#outputLeft -= fits.length;
    this.#output.write(fits);
    this.flushIfDue();
    return fits.length === bytes.length;
  }

  writeLog(bytes: Uint8Array): void {
    const fits = bytes.subarray(0, this.#logLeft);
    this.#logLeft -= fits.length;
    this.#log.write(fits);
    if (fits.length < bytes.length && !this.#logIsCut) {
      this.#logIsCut = true;
      this.#log.write(logLimitNotice(this.#maxLogBytes));
    }
    this.flushIfDue();
  }

  /** Called at every host call, so that nothing waits longer than until the guest is next heard of. */
  flushIfDue(): void {
    if (this.#output.isEmpty && this.#log.isEmpty) return;
    if (performance.now() - this.#lastFlushMs >= GATHER_MS) this.flush();
  }

  flush(): void {
    this.#output.flush();
    this.#log.flush();
    this.#lastFlushMs = performance.now();
  }
}
