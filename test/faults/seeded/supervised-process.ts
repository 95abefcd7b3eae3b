import { setTimeout as delay } from 'node:timers/promises';
import { spawnProcess, type ProcessRole, type SpawnedProcess } from '../../support/processes.js';

interface SupervisedOptions {
  name: string;
  role: ProcessRole;
  environment: Record<string, string>;
  spawn: typeof spawnProcess;
}

const RESTART_DELAY_MS = 250;
// PostgreSQL may be away for a few seconds, and a start during that time fails.
const STARTS_MAX = 20;
// The last lines are what explains a failure.
const SAID_CHARACTERS_MAX = 12_000;
// A worker lets short casts end for two seconds, and then some.
const STOP_WITHIN_MS = 12_000;

/** A process of the platform that is started again whenever it is gone, as an init system does. */
export class SupervisedProcess {
  readonly name: string;
  /** Ends that nobody asked for: a defect, whatever was killed elsewhere. */
  readonly unasked: string[] = [];
  readonly #options: SupervisedOptions;
  #current: SpawnedProcess | null = null;
  #starting: Promise<void>;
  #isOver = false;
  #said = '';

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#starting = this.#start();
    // Heard by whoever waits for it to be up.
    this.#starting.catch(() => undefined);
  }

  /** Where it listens, or null while it is down. */
  get url(): string | null {
    return this.#current?.url ?? null;
  }

  get pid(): number | null {
    return this.#current?.child.pid ?? null;
  }

  /** The end of what it said, over all of its starts. */
  get lastWords(): string {
    return this.#said;
  }

  isUp(): Promise<void> {
    return this.#starting;
  }

  /** Kills it (or, with SIGTERM, tells it to stop) and starts it again after that time. False when it was down anyway. */
  async takeDown(signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<boolean> {
    const process = this.#current;
    if (process === null) return false;
    this.#current = null;
    this.#said += `--- ${signal} ---\n`;
    const up = Promise.withResolvers<void>();
    this.#starting = up.promise;
    this.#starting.catch(() => undefined);
    if (signal === 'SIGKILL') await process.kill();
    else await terminateOrKill(process);
    void delay(downMs).then(() => this.#start().then(up.resolve, up.reject));
    return true;
  }

  /** Stops it where it is and lets it go on after that time. False when it is down. */
  pause(forMs: number): boolean {
    const process = this.#current;
    if (process === null) return false;
    process.child.kill('SIGSTOP');
    this.#said += '--- SIGSTOP ---\n';
    // What was started before goes first; who waits for it to be up waits for the end of the pause too.
    this.#starting = this.#starting
      .then(() => delay(forMs))
      .then(() => {
        process.child.kill('SIGCONT');
        return this.#current === process ? undefined : this.#starting;
      });
    this.#starting.catch(() => undefined);
    return true;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#starting.catch(() => undefined);
    const process = this.#current;
    this.#current = null;
    await process?.kill();
  }

  async #start(): Promise<void> {
    const { role, environment, spawn } = this.#options;
    for (let starts = 1; !this.#isOver; starts += 1) {
      try {
        this.#adopt(await spawn(role, environment));
        return;
      } catch (error) {
        this.#said += `${String(error)}\n`;
        if (starts === STARTS_MAX) throw error;
        await delay(RESTART_DELAY_MS);
      }
    }
  }

  #adopt(started: SpawnedProcess): void {
    this.#current = started;
    const listen = (chunk: Buffer) =>
      (this.#said = (this.#said + chunk.toString()).slice(-SAID_CHARACTERS_MAX));
    started.child.stdout?.on('data', listen);
    started.child.stderr?.on('data', listen);
    started.child.once('exit', (code, signal) => {
      if (this.#current !== started || this.#isOver) return;
      this.unasked.push(`${this.name} ended by itself with ${code ?? signal}`);
      this.#current = null;
      this.#starting = this.#start();
      this.#starting.catch(() => undefined);
    });
  }
}

async function terminateOrKill(process: SpawnedProcess): Promise<void> {
  // One that is paused would not hear it.
  process.child.kill('SIGCONT');
  const ended = new Promise<boolean>((resolve) => process.child.once('exit', () => resolve(true)));
  process.child.kill('SIGTERM');
  if (!(await Promise.race([ended, delay(STOP_WITHIN_MS, false, { ref: false })]))) await process.kill();
}
