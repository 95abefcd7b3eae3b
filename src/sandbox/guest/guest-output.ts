import { GATHER_FUEL } from '../sandbox-limits.js';
import { logLimitNotice, UNCOUNTED_EVENTS } from '../wire/messages.js';
import { sendLog, sendOutput } from './answers.js';
import { GatheringStream } from './gathering-stream.js';

interface OutputLimits {
  maxOutputBytes: number;
  maxLogBytes: number;
  maxEvents: number;
}

/**
 * Both streams of one cast, under their limits. They are flushed together, so what is written to stdout and
 * to stderr keeps its order to within GATHER_FUEL; a guest switching between them for every byte makes no more
 * frames than one that does not. When to flush is told by the guest's own fuel, never by a clock: the same cast
 * makes the same pieces wherever it runs.
 */
export class GuestOutput {
  readonly #output = new GatheringStream((bytes) => this.#send(sendOutput, bytes));
  readonly #log = new GatheringStream((bytes) => this.#send(sendLog, bytes));
  readonly #maxLogBytes: number;
  #outputLeft: number;
  #logLeft: number;
  #eventsLeft: number;
  #logIsCut = false;
  #isRefused = false;
  #fuelAtFlush: bigint | null = null;

  constructor({ maxOutputBytes, maxLogBytes, maxEvents }: OutputLimits) {
    this.#outputLeft = maxOutputBytes;
    this.#logLeft = maxLogBytes;
    this.#maxLogBytes = maxLogBytes;
    this.#eventsLeft = maxEvents;
  }

  /** Nothing waits to be sent. */
  get isEmpty(): boolean {
    return this.#output.isEmpty && this.#log.isEmpty;
  }

  /** A piece was refused by the limit of events, and the run must end. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** False when the limit was passed: what fits has been taken, and the run must end. */
  writeOutput(bytes: Uint8Array): boolean {
    const fits = bytes.subarray(0, this.#outputLeft);
    this.#outputLeft -= fits.length;
    this.#output.write(fits);
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
  }

  /** Called around every host call, so that nothing waits longer than until the guest is next heard of. */
  flushIfDue(fuelUsed: bigint): void {
    if (this.#fuelAtFlush !== null && fuelUsed - this.#fuelAtFlush < GATHER_FUEL) return;
    this.#fuelAtFlush = fuelUsed;
    this.#flushBoth();
  }

  /** Before the guest sleeps: what it wrote is seen first. */
  flushNow(fuelUsed: bigint): void {
    this.#fuelAtFlush = fuelUsed;
    this.#flushBoth();
  }

  /** When the guest has ended: the last piece of each stream is sent whatever the limit of events says. */
  flush(): void {
    this.#eventsLeft = UNCOUNTED_EVENTS;
    this.#flushBoth();
  }

  #flushBoth(): void {
    this.#output.flush();
    this.#log.flush();
  }

  #send(send: (bytes: Uint8Array) => void, bytes: Uint8Array): void {
    if (this.#isRefused) return;
    if (this.#eventsLeft === 0) this.#isRefused = true;
    else send(bytes);
    this.#eventsLeft -= 1;
  }
}
