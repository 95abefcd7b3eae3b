import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after } from 'node:test';
import { ApiClient } from '../support/client.js';
import { startHarness, type Harness } from '../support/harness.js';
import { spawnProcess, type SpawnedProcess } from '../support/processes.js';
import { Seed } from '../support/seed.js';

const HEALTH_EVERY_MS = 250;

/** The platform as in production: an API and a worker, each a process of its own. */
export interface Platform {
  harness: Harness;
  seed: Seed;
  api: SpawnedProcess;
  worker: SpawnedProcess;
  health: HealthWatch;
}

export async function startPlatform(): Promise<Platform> {
  const harness = await startHarness({ roles: ['api'] });
  const [api, worker] = await Promise.all([
    spawnProcess('api', harness.environment),
    spawnProcess('worker', { ...harness.environment, SPELL_SANDBOXES: '2' }),
  ]);
  const client = (apiKey?: string) => new ApiClient(api.url, apiKey ?? null);
  const seed = new Seed({ ...harness.app, client });
  return { harness, seed, api, worker, health: new HealthWatch([api, worker]) };
}

/** Asks both processes how they are, again and again. */
export class HealthWatch {
  readonly #processes: readonly SpawnedProcess[];
  #answers = 0;
  #worst: string | null = null;
  #isStopping = false;
  readonly #done: Promise<void>;

  constructor(processes: readonly SpawnedProcess[]) {
    this.#processes = processes;
    this.#done = this.#watch();
    after(() => this.#stop());
  }

  /** Never restarted, and well whenever asked; answers how often that was. */
  async assertWell(): Promise<number> {
    await this.#stop();
    assert.equal(this.#worst, null);
    for (const { child } of this.#processes)
      assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
    return this.#answers;
  }

  #stop(): Promise<void> {
    this.#isStopping = true;
    return this.#done;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      for (const { url } of this.#processes) {
        const status = await fetch(`${url}/healthz`).then((answer) => answer.status, String);
        if (status === 200) this.#answers += 1;
        else this.#worst ??= `${url}: ${status}`;
      }
      await delay(HEALTH_EVERY_MS);
    }
  }
}
