import { setTimeout as delay } from 'node:timers/promises';
import {
  MODULE_CACHE_BYTES,
  RESOURCE_CACHE_BYTES,
  START_TIMEOUT_MS,
  STDERR_TAIL_BYTES,
} from '../sandbox-limits.js';
import { FrameReader } from '../wire/frame-reader.js';
import { FrameType } from '../wire/messages.js';
import { HeldDigests } from './held-digests.js';
import { spawnGuest, type GuestPipes } from './spawn-guest.js';

/** How a process ended. */
export interface ProcessExit {
  /** As a shell puts it: 128 and the signal's number for a process that was killed. */
  code: number | null;
  /** The end of what it wrote to stderr: V8 says there why it gave up. */
  errors: string;
}

/** The one cast a process is working on. */
interface CastListener {
  onFrame(type: number, payload: Buffer): void;
  /** The process wrote something that is no frame. */
  onGarbage(reason: string): void;
  onExit(exit: ProcessExit): void;
}

/** One sandbox process: it can be sent a request, and it can be killed. */
export class SandboxProcess {
  readonly modules = new HeldDigests(MODULE_CACHE_BYTES);
  readonly resources = new HeldDigests(RESOURCE_CACHE_BYTES);
  readonly exited: Promise<ProcessExit>;
  castCount = 0;
  readonly #pipes: GuestPipes;
  readonly #started = Promise.withResolvers<void>();
  #listener: CastListener | null = null;
  #errors = '';
  #isAlive = true;

  constructor(maxGuestMemoryBytes: number) {
    this.#pipes = spawnGuest(maxGuestMemoryBytes);
    this.#listenToPipes();
    this.exited = this.#whenExited();
    void this.exited.then((exit) => this.#listener?.onExit(exit));
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Resolves when the process waits for requests; rejects when it never will. */
  async untilReady(): Promise<void> {
    const timeout = new AbortController();
    const tooLate = delay(START_TIMEOUT_MS, undefined, { signal: timeout.signal }).then(
      () => this.kill(),
      () => undefined,
    );
    const died = this.exited.then((exit) => {
      throw new Error(`A sandbox process ended before it was ready: ${describeExit(exit)}`);
    });
    await Promise.race([this.#started.promise, died]).finally(() => timeout.abort());
    await tooLate;
  }

  send(pieces: readonly Uint8Array[], listener: CastListener): void {
    this.#listener = listener;
    this.castCount += 1;
    this.#pipes.requests.cork();
    for (const piece of pieces) this.#pipes.requests.write(piece);
    this.#pipes.requests.uncork();
  }

  /** After this nothing a process still says about its last cast is heard. */
  release(): void {
    this.#listener = null;
  }

  kill(): void {
    this.#isAlive = false;
    this.#pipes.lifeline.destroy();
  }

  #listenToPipes(): void {
    const { errors, requests, answers, lifeline } = this.#pipes;
    const reader = new FrameReader((type, payload) => this.#onFrame(type, payload));
    answers.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#onGarbage(String(error));
      }
    });
    errors.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('latin1')).slice(-STDERR_TAIL_BYTES);
    });
    // A pipe to a process that was killed breaks; what matters is that the process has exited.
    for (const pipe of [errors, requests, answers, lifeline]) pipe.on('error', () => undefined);
  }

  #onFrame(type: number, payload: Buffer): void {
    if (type === FrameType.ready) this.#started.resolve();
    else this.#listener?.onFrame(type, payload);
  }

  #onGarbage(reason: string): void {
    this.#listener?.onGarbage(reason);
    this.kill();
  }

  #whenExited(): Promise<ProcessExit> {
    const { child, requests, lifeline } = this.#pipes;
    const bury = (): void => {
      this.#isAlive = false;
      lifeline.destroy();
      requests.destroy();
    };
    return new Promise((resolve) => {
      child.once('exit', bury);
      // "close" comes after the pipes are drained: frames sent just before the end are heard first.
      child.once('close', (code) => resolve({ code, errors: this.#errors }));
      child.once('error', (error) => {
        bury();
        resolve({ code: null, errors: String(error) });
      });
    });
  }
}

export function describeExit({ code, errors }: ProcessExit): string {
  return errors === '' ? `exit code ${code}` : `exit code ${code}; it said: ${errors.trim()}`;
}
