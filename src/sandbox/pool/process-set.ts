import { SandboxStoppedError } from '../sandbox-errors.js';
import { MAX_RESTART_DELAY_MS, PROCESS_BUSY_MS, RESTART_DELAY_MS } from '../sandbox-limits.js';
import type { SandboxRun } from '../sandbox-run.js';
import { Isolation, type SandboxIsolation } from './isolation.js';
import { SandboxProcess } from './sandbox-process.js';
import { GUEST_PROGRAM } from './spawn-guest.js';

interface ProcessSetOptions {
  count: number;
  maxCastsPerProcess: number;
  maxGuestMemoryBytes: number;
  onIdle(): void;
}

/** Keeps a number of processes alive, replacing whichever ends, and knows which of them are idle. */
export class ProcessSet {
  readonly #options: ProcessSetOptions;
  readonly #all = new Set<SandboxProcess>();
  /** The one used longest ago comes first. */
  readonly #idle = new Set<SandboxProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #isolation: Isolation | null = null;
  #isStopping = false;
  #failedStarts = 0;
  #spawned = 0;
  #killed = 0;

  constructor(options: ProcessSetOptions) {
    this.#options = options;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  get counts(): { spawned: number; killed: number } {
    return { spawned: this.#spawned, killed: this.#killed };
  }

  /** null until it has started. Sealed only if every process that is ready is. */
  get isolation(): SandboxIsolation | null {
    if (this.#isolation === null) return null;
    return { ...this.#isolation.inForce, sealed: [...this.#all].every(({ isSealed }) => isSealed !== false) };
  }

  /** Resolves when all processes are ready; rejects, leaving none behind, when one of them cannot start. */
  async start(): Promise<void> {
    this.#isolation = await Isolation.find(process.execPath, GUEST_PROGRAM);
    // Stopped meanwhile: what were started now nobody would stop any more.
    if (this.#isStopping) throw new SandboxStoppedError();
    const starting = Array.from({ length: this.#options.count }, () => this.#spawn());
    try {
      await Promise.all(starting);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The idle process that holds most of what the run needs; or one that nobody has used, which may have to be made first. */
  takeFor(run: SandboxRun): SandboxProcess | undefined {
    if (run.needsFreshProcess === true) return this.#takeFresh();
    let best: SandboxProcess | undefined;
    let bestWarmth = -1;
    for (const process of this.#idle) {
      const warmth = warmthFor(process, run);
      if (warmth <= bestWarmth) continue;
      best = process;
      bestWarmth = warmth;
    }
    if (best !== undefined) this.#idle.delete(best);
    return best;
  }

  /** Replaces the one used longest ago when none is fresh; `onIdle` tells when the new one is ready. */
  #takeFresh(): SandboxProcess | undefined {
    for (const process of this.#idle)
      if (process.castCount === 0) {
        this.#idle.delete(process);
        return process;
      }
    const [oldest] = this.#idle;
    if (oldest === undefined) return undefined;
    this.#idle.delete(oldest);
    oldest.kill();
    return undefined;
  }

  giveBack(process: SandboxProcess): void {
    const { castCount, busyMs } = process;
    if (castCount >= this.#options.maxCastsPerProcess || busyMs >= PROCESS_BUSY_MS) process.kill();
    if (!process.isAlive || this.#isStopping) return;
    this.#idle.add(process);
    this.#options.onIdle();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    const exits = [...this.#all].map((process) => process.exited);
    for (const process of this.#all) process.kill();
    await Promise.all(exits);
  }

  /** Rejects when the process never became ready. */
  async #spawn(): Promise<void> {
    const process = this.#launch();
    let wasReady = false;
    void process.exited.then(() => this.#replace(process, wasReady));
    await process.untilReady();
    wasReady = true;
    this.#failedStarts = 0;
    this.giveBack(process);
  }

  #replace(process: SandboxProcess, wasReady: boolean): void {
    this.#all.delete(process);
    this.#idle.delete(process);
    this.#killed += 1;
    if (this.#isStopping) return;
    if (wasReady) this.#spawnAgain();
    else this.#spawnLater();
  }

  /** Throws when the machine has no more processes or descriptors to give. */
  #launch(): SandboxProcess {
    try {
      if (this.#isolation === null) throw new Error('The processes were never started.');
      const process = new SandboxProcess(this.#options.maxGuestMemoryBytes, this.#isolation);
      this.#all.add(process);
      this.#spawned += 1;
      return process;
    } catch (error) {
      this.#spawnLater();
      throw error;
    }
  }

  /** Something is wrong with the machine or the build: starting over and over would make it worse. */
  #spawnLater(): void {
    const delayMs = Math.min(MAX_RESTART_DELAY_MS, RESTART_DELAY_MS * 2 ** this.#failedStarts);
    this.#failedStarts += 1;
    if (this.#isStopping) return;
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      this.#spawnAgain();
    }, delayMs);
    this.#restarts.add(timer);
  }

  /** A failure needs no handling here: it plans the next attempt itself. */
  #spawnAgain(): void {
    this.#spawn().catch(() => undefined);
  }
}

/** A module must be compiled, resources only copied: the module counts more. */
function warmthFor({ modules, resources }: SandboxProcess, run: SandboxRun): number {
  const hasModule = modules.has(run.moduleDigest) ? 2 : 0;
  const hasResources = run.resourcesDigest !== undefined && resources.has(run.resourcesDigest) ? 1 : 0;
  return hasModule + hasResources;
}
