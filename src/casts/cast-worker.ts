import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BlobChanged,
  errorText,
  newId,
  orAfter,
  type BlobStore,
  type Clock,
  type DataSource,
  type EventStreams,
  type Logger,
  type PubSub,
} from '../platform/index.js';
import { declaredEnvironment } from '../provenance/index.js';
import type { SandboxOutcome, SandboxPool } from '../sandbox/index.js';
import { readResources, type ResolvedVersion, type VersionResolver } from '../spells/index.js';
import {
  EVENTS_KEPT_MS,
  HEARTBEAT_MS,
  LARGE_EVENTS_BYTES,
  LARGE_EVENTS_KEPT_MS,
  LEASE_MS,
  LOG_BYTES_MAX,
  SEQUENCE_GAP,
} from './cast.js';
import { finishedEvent, fromStreamEntry, streamName, toStreamEntry } from './cast-events.js';
import type { CastMetrics } from './cast-metrics.js';
import {
  claimCast,
  giveUpLease,
  renewLeases,
  settleCast,
  type ClaimedCast,
  type Settlement,
} from './cast-store.js';
import { EventWriter } from './event-writer.js';
import { chargeMicros, placeOutput, toResult } from './result.js';

/** The pub/sub channel that carries the ids of casts to stop. */
export const CANCEL_CHANNEL = 'casts-cancel';

// How long a stopping worker lets short casts end by themselves; longer ones are begun again elsewhere.
const DRAIN_MS = 2_000;
const DRAIN_LOOK_MS = 20;
// Well below the lease: a worker that waited for Redis longer would lose the cast it has just claimed.
const LAST_EVENT_WITHIN_MS = 1_000;

export interface CastWorkerDeps {
  database: DataSource;
  blobs: BlobStore;
  streams: EventStreams;
  pubsub: PubSub;
  sandbox: SandboxPool;
  versions: VersionResolver;
  clock: Clock;
  logger: Logger;
  metrics: CastMetrics;
  attemptsMax: number;
}

interface RunningCast {
  attempt: number;
  events: EventWriter;
  cancel: AbortController;
  /** When the lease was last known to be good, on this process's own clock. */
  renewedAtMs: number;
  /** Set when the lease was found to be somebody else's: nothing more is written for this cast. */
  isFenced: boolean;
}

/** Runs casts: claims, feeds the sandbox, writes events, settles. The queue only says which row to look at. */
export class CastWorker {
  readonly #deps: CastWorkerDeps;
  readonly #workerId: string;
  readonly #running = new Map<string, RunningCast>();
  #heartbeat: NodeJS.Timeout | null = null;
  #isStopping = false;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: CastWorkerDeps) {
    this.#deps = deps;
    this.#workerId = `${hostname()}/${process.pid}/${newId(deps.clock)}`;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#deps.pubsub.subscribe(CANCEL_CHANNEL, (id) =>
      this.#running.get(id)?.cancel.abort(),
    );
    this.#heartbeat = setInterval(() => void this.#renewLeases(), HEARTBEAT_MS);
  }

  /** Waits a while for what runs, then gives the rest back. The caller has stopped the jobs before, and stops the sandbox after. */
  async stop(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_MS;
    while (this.#running.size > 0 && performance.now() < deadlineMs) await delay(DRAIN_LOOK_MS);
    this.#isStopping = true;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#unsubscribe();
    const rest = [...this.#running];
    await Promise.all(rest.map(([id, cast]) => giveUpLease(this.#deps.database, id, cast.attempt)));
  }

  /** Runs the cast if it may be claimed. Never throws: what failed here is found by the sweep. */
  async run(castId: string): Promise<void> {
    let ownAttempt: number | null = null;
    let lostBecause: string | null = null;
    try {
      for (;;) {
        const claim = await this.#claim(castId, ownAttempt);
        if (claim === null) break;
        const lost = await this.#runAttempt(claim, lostBecause);
        if (lost === null) return;
        ownAttempt = claim.attempts;
        lostBecause = lost;
      }
    } catch (error) {
      this.#deps.logger.error({ castId, error: errorText(error) }, 'cast attempt broke off');
    }
  }

  #claim(id: string, ownAttempt: number | null): Promise<ClaimedCast | null> {
    const { database, clock, attemptsMax } = this.#deps;
    const claim = {
      id,
      workerId: this.#workerId,
      leaseMs: LEASE_MS,
      attemptsMax,
      now: clock.now(),
      ownAttempt,
    };
    return claimCast(database, claim);
  }

  /** Answers why the sandbox was lost, or null when the attempt is over for this worker. */
  async #runAttempt(claim: ClaimedCast, lostBecause: string | null): Promise<string | null> {
    const events = new EventWriter({
      ...this.#deps,
      castId: claim.id,
      attempt: claim.attempts,
      lastSequence: await this.#lastSequence(claim),
    });
    const running: RunningCast = {
      attempt: claim.attempts,
      events,
      cancel: new AbortController(),
      renewedAtMs: performance.now(),
      isFenced: false,
    };
    // A stall longer than the lease can bring this worker its own cast again; the older attempt is over then.
    this.#running.get(claim.id)?.cancel.abort();
    this.#running.set(claim.id, running);
    try {
      if (claim.attempts > 1) events.retried(lostBecause ?? 'the worker of the last attempt was lost');
      events.started();
      const version = await this.#deps.versions.byId(claim.spellVersionId);
      const output: Buffer[] = [];
      const outcome = await this.#runSandbox(claim, version, running, output).catch(refuseChangedModule);
      if (outcome.kind === 'lost' && !running.isFenced && !this.#isStopping) {
        this.#deps.metrics.attempts.inc({ outcome: 'lost' });
        // The next attempt writes to the same stream, and Redis refuses what comes out of order.
        await events.flush();
        return outcome.message;
      }
      if (outcome.kind !== 'lost')
        await this.#settle(claim, version, running, outcome, Buffer.concat(output));
      return null;
    } finally {
      events.giveUp();
      if (this.#running.get(claim.id) === running) this.#running.delete(claim.id);
    }
  }

  async #runSandbox(
    claim: ClaimedCast,
    version: ResolvedVersion,
    running: RunningCast,
    output: Buffer[],
  ): Promise<SandboxOutcome> {
    const { blobs, sandbox } = this.#deps;
    const { packageDigest, preparedDigest, manifest } = version.version;
    const hasResources = manifest.runtime.policy.fs_read.length > 0;
    return sandbox.run({
      moduleDigest: preparedDigest,
      loadModule: () => blobs.get(preparedDigest),
      ...(hasResources
        ? { resourcesDigest: packageDigest, loadResources: () => readResources(blobs, version.version) }
        : {}),
      input: claim.input,
      args: [version.key],
      env: declaredEnvironment(manifest, claim.id),
      limits: { ...claim.limits, maxLogBytes: LOG_BYTES_MAX },
      clockStartNs: BigInt(claim.queuedAt.getTime()) * 1_000_000n,
      randomSeed: Buffer.from(claim.id.replaceAll('-', ''), 'hex'),
      onOutput: (chunk) => {
        output.push(chunk);
        running.events.output(chunk);
      },
      onLog: (chunk) => running.events.log(chunk),
      signal: running.cancel.signal,
    });
  }

  async #settle(
    claim: ClaimedCast,
    version: ResolvedVersion,
    running: RunningCast,
    outcome: Exclude<SandboxOutcome, { kind: 'lost' }>,
    output: Buffer,
  ): Promise<void> {
    const { database, blobs, clock, logger, metrics } = this.#deps;
    if (running.isFenced) {
      metrics.attempts.inc({ outcome: 'fenced' });
      return;
    }
    const result = toResult(version, outcome, output);
    // A sandbox process is not trusted with the bill: what it says is held to what was reserved.
    const fuelUsed = clampFuel(outcome.fuelUsed, claim.limits.maxFuel);
    // Every event of the attempt is readable before the cast is final, so no watcher can miss one.
    const [placed] = await Promise.all([placeOutput(blobs, result.output), running.events.flush()]);
    const settlement: Settlement = {
      id: claim.id,
      attempt: claim.attempts,
      status: result.status,
      finishedAt: clock.now(),
      ...placed,
      error: result.error,
      fuelUsed,
      memoryPeakBytes: outcome.memoryPeakBytes,
      durationMs: Math.round(outcome.durationMs),
      costMicros: chargeMicros(version, claim.limits, result, fuelUsed),
      finalSequence: running.events.lastSequence + 1,
    };
    const stands = await settleCast(database, settlement);
    metrics.attempts.inc({ outcome: stands ? 'settled' : 'fenced' });
    if (!stands) return;
    metrics.settled.inc({ status: result.status, code: result.error?.code ?? '' });
    metrics.runSeconds.observe(outcome.durationMs / 1_000);
    metrics.secondsToFinal.observe((settlement.finishedAt.getTime() - claim.queuedAt.getTime()) / 1_000);
    this.#announceFinal(claim, settlement);
    const { id: castId, accountId } = claim;
    const { status, durationMs } = settlement;
    logger.info(
      { castId, accountId, operation: 'cast', status, code: result.error?.code, durationMs },
      'cast settled',
    );
  }

  /** The final event is a courtesy by now: whoever misses it reads the final state from PostgreSQL. */
  #announceFinal(claim: ClaimedCast, settlement: Settlement): void {
    const event = finishedEvent({ ...settlement, attempts: claim.attempts });
    const keptMs = (settlement.outputBytes ?? 0) > LARGE_EVENTS_BYTES ? LARGE_EVENTS_KEPT_MS : EVENTS_KEPT_MS;
    this.#deps.streams
      .append(streamName(claim.id), [toStreamEntry(event)], keptMs)
      .catch((error: unknown) =>
        this.#deps.logger.warn({ castId: claim.id, error: errorText(error) }, 'final event not announced'),
      );
  }

  /** Where the numbers of the last attempt ended: from the stream, or from the last heartbeat when Redis was lost. */
  async #lastSequence(claim: ClaimedCast): Promise<number> {
    if (claim.attempts === 1) return claim.lastSequence;
    const last = await orAfter(this.#deps.streams.last(streamName(claim.id)), LAST_EVENT_WITHIN_MS, null);
    if (last === null) return claim.lastSequence + SEQUENCE_GAP;
    return Math.max(fromStreamEntry(last).sequence, claim.lastSequence);
  }

  /** Without PostgreSQL a lease runs out unseen: what may be somebody else's by now is stopped before it writes more. */
  #fenceOverdue(): void {
    for (const cast of this.#running.values()) {
      if (performance.now() - cast.renewedAtMs < LEASE_MS - HEARTBEAT_MS) continue;
      cast.isFenced = true;
      cast.cancel.abort();
    }
  }

  async #renewLeases(): Promise<void> {
    if (this.#running.size === 0) return;
    const beats = [...this.#running].map(([id, cast]) => ({
      id,
      attempt: cast.attempt,
      lastSequence: cast.events.lastSequence,
    }));
    try {
      const renewed = await renewLeases(this.#deps.database, beats, LEASE_MS);
      for (const { id, attempt } of beats) {
        const cast = this.#running.get(id);
        const lease = renewed.get(id);
        if (cast === undefined || cast.attempt !== attempt) continue;
        // Our own settlement on its way looks the same from here; the database decides which of the two it was.
        cast.isFenced = lease === undefined;
        cast.renewedAtMs = performance.now();
        if (lease === undefined || lease.isCancelRequested) cast.cancel.abort();
      }
    } catch (error) {
      this.#deps.logger.warn({ error: errorText(error), running: beats.length }, 'leases not renewed');
      this.#fenceOverdue();
    }
  }
}

function clampFuel(fuelUsed: bigint | null, maxFuel: bigint): bigint | null {
  if (fuelUsed === null) return null;
  return fuelUsed < 0n ? 0n : fuelUsed > maxFuel ? maxFuel : fuelUsed;
}

/** Bytes that are not what was published are never run, and running again would not make them so. */
function refuseChangedModule(error: unknown): SandboxOutcome {
  if (!(error instanceof BlobChanged)) throw error;
  const message = 'the stored module is not the one that was published';
  return {
    kind: 'failed',
    code: 'POLICY_VIOLATION',
    message,
    fuelUsed: null,
    memoryPeakBytes: 0,
    durationMs: 0,
  };
}
