import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { runCast } from '../operations/cast/run-cast.js';
import type { ApiClient } from '../support/client.js';

/** Somebody else who casts a harmless spell all along, one cast after the other. */
export class Neighbour {
  readonly #client: ApiClient;
  readonly #spell: string;
  readonly #pauseMs: number;
  #latenciesMs: number[] = [];
  #isStopping = false;
  #done: Promise<void> = Promise.resolve();

  constructor(client: ApiClient, spell: string, pauseMs: number) {
    this.#client = client;
    this.#spell = spell;
    this.#pauseMs = pauseMs;
  }

  start(): void {
    this.#done = this.#castOn();
    // Whoever stops it hears of the failure; until then nobody listens.
    this.#done.catch(() => undefined);
  }

  /** Once so many of its casts have ended; rejects when that takes longer than `withinMs`. */
  async untilServed(count: number, withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (this.#latenciesMs.length < count) {
      assert.ok(
        performance.now() < deadlineMs,
        `${this.#latenciesMs.length} casts of ${count} in ${withinMs} ms`,
      );
      await delay(this.#pauseMs);
    }
  }

  /** The latencies since the last time this was asked, in milliseconds, shortest first. */
  takeLatencies(): number[] {
    return this.#latenciesMs.splice(0).sort((one, other) => one - other);
  }

  /** Rejects when one of its casts did not end well. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#done;
  }

  async #castOn(): Promise<void> {
    for (let number = 0; !this.#isStopping; number++) {
      const input = `neighbour ${number}`;
      const startMs = performance.now();
      const cast = await runCast(this.#client, { spell: this.#spell, input });
      this.#latenciesMs.push(performance.now() - startMs);
      assert.deepEqual([cast.status, cast.output, cast.attempts], ['SUCCEEDED', input, 1]);
      await delay(this.#pauseMs);
    }
  }
}

export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
