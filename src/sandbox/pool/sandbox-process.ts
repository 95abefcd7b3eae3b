import { setTimeout as delay } from 'node:timers/promises';
import {
  MODULE_CACHE_BYTES,
  RESOURCE_CACHE_BYTES,
  START_TIMEOUT_MS,
  STDERR_TAIL_BYTES,
} from '../sandbox-limits.js';
import { FrameReader } from '../wire/frame-reader.js';
import { FrameType, type ReadyMessage } from '../wire/messages.js';
import { HeldDigests } from './held-digests.js';
import type { Isolation, Launch } from './isolation.js';
import { sealProcess } from './seal-process.js';
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
  /** What the memory of a module that it holds starts with, once it has told. */
  readonly startBytes = new Map<string, number>();
  readonly exited: Promise<ProcessExit>;
  castCount = 0;
  /** As it told when it was ready, before it had seen any guest. */
  pid = 0;
  /** By the wall clock, in all of its casts. */
  busyMs = 0;
  /** Whether the operating system lets it open nothing more; null until it is ready. */
  isSealed: boolean | null = null;
  readonly #isolation: Isolation;
  readonly #launch: Launch;
  readonly #pipes: GuestPipes;
  readonly #started = Promise.withResolvers<void>();
  #listener: CastListener | null = null;
  #errors = '';
  #isAlive = true;

  constructor(maxGuestMemoryBytes: number, isolation: Isolation, program?: string) {
    this.#isolation = isolation;
    this.#launch = isolation.launch();
    this.#pipes = spawnGuest(maxGuestMemoryBytes, this.#launch, program);
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
    const { sealer } = this.#isolation;
    this.isSealed = sealer !== null && (await sealProcess(sealer, this.pid, this.#launch.owner));
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
    if (type === FrameType.ready) this.#onReady(JSON.parse(payload.toString()) as ReadyMessage);
    else this.#listener?.onFrame(type, payload);
  }

  /** Heard once: what a guest that broke out says of itself is nothing to go by. */
  #onReady({ pid }: ReadyMessage): void {
    if (this.pid !== 0) return;
    this.pid = pid;
    this.#started.resolve();
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
