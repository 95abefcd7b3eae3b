import type { SandboxPool } from '../sandbox/index.js';
import {
  Counter,
  Gauge,
  Histogram,
  LATENCY_BUCKETS_S,
  orAfter,
  type JobQueue,
  type Registry,
} from '../platform/index.js';

/** What operators see of casts. Queue depth is asked for when it is scraped, not kept. */
export class CastMetrics {
  readonly accepted: Counter;
  readonly refused: Counter<'scope'>;
  readonly settled: Counter<'status' | 'code'>;
  readonly attempts: Counter<'outcome'>;
  readonly secondsToFinal: Histogram;
  readonly runSeconds: Histogram;
  readonly watchers: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.accepted = new Counter({
      name: 'spell_casts_accepted_total',
      help: 'Casts committed by this process.',
      registers,
    });
    this.refused = new Counter({
      name: 'spell_casts_over_budget_total',
      help: 'Casts this process refused with BUDGET_EXCEEDED, by the scope of the budget.',
      labelNames: ['scope'],
      registers,
    });
    this.settled = new Counter({
      name: 'spell_casts_settled_total',
      help: 'Casts this process brought to a final state.',
      labelNames: ['status', 'code'],
      registers,
    });
    this.attempts = new Counter({
      name: 'spell_cast_attempts_total',
      help: 'Attempts run by this process, by how they ended: settled, lost or fenced.',
      labelNames: ['outcome'],
      registers,
    });
    this.secondsToFinal = new Histogram({
      name: 'spell_cast_seconds',
      help: 'From accepted to final, seconds.',
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    this.runSeconds = new Histogram({
      name: 'spell_sandbox_run_seconds',
      help: 'Time in the sandbox, seconds.',
      buckets: LATENCY_BUCKETS_S,
      registers,
    });
    this.watchers = new Gauge({
      name: 'spell_cast_watchers',
      help: 'Subscriptions and waits open in this process.',
      registers,
    });
  }
}

// A scrape must not hang with Redis.
const DEPTH_WITHIN_MS = 500;

export function registerQueueDepth(registry: Registry, queue: JobQueue): void {
  new Gauge({
    name: 'spell_queue_jobs',
    help: 'Jobs in the cast queue, by state.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const depth = await orAfter(queue.depth(), DEPTH_WITHIN_MS, null);
      // Without Redis there is no depth to tell; the other metrics are told all the same.
      this.reset();
      if (depth === null) return;
      this.set({ state: 'waiting' }, depth.waiting);
      this.set({ state: 'active' }, depth.active);
    },
  });
}

export function registerSandboxMetrics(registry: Registry, sandbox: SandboxPool): void {
  new Gauge({
    name: 'spell_sandbox_processes',
    help: 'Sandbox processes by state, casts waiting for one, and processes started and ended so far.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { idle, busy, waiting, spawned, killed } = sandbox.stats();
      for (const [state, count] of Object.entries({ idle, busy, waiting, spawned, killed }))
        this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'spell_sandbox_isolation',
    help: 'What the operating system adds to the isolation of guests, by layer: 1 when it is in force.',
    labelNames: ['layer'],
    registers: [registry],
    collect() {
      if (sandbox.isolation === null) return;
      const { user, network, noNewPrivileges, sealed } = sandbox.isolation;
      const layers = { user: user !== 'as the pool', network, noNewPrivileges, sealed };
      for (const [layer, isInForce] of Object.entries(layers)) this.set({ layer }, isInForce ? 1 : 0);
    },
  });
}
