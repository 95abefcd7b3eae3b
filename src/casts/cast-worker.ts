import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BlobChanged,
  errorText,
  newId,
  sha256,
  type BlobStore,
  type Clock,
  type DataSource,
  type EventStreams,
  type Logger,
  type PubSub,
} from '../platform/index.js';
import { declaredArguments, declaredEnvironment } from '../provenance/index.js';
import {
  CLOCK_START_NS,
  seedOf,
  temporaryTrees,
  type SandboxOutcome,
  type SandboxPool,
} from '../sandbox/index.js';
import { readResources, type ResolvedVersion, type VersionResolver } from '../spells/index.js';
import { EVENTS_KEPT_MS, LARGE_EVENTS_BYTES, LARGE_EVENTS_KEPT_MS } from './cast.js';
import { endingOf } from './cast-ending.js';
import { finishedEvent } from './cast-events.js';
import type { CastMetrics } from './cast-metrics.js';
import { giveUpLease } from './cast-store.js';
import { ClaimAhead } from './claim-ahead.js';
import { CastClaims, readInput, type ClaimedCast } from './claim-casts.js';
import { EventWriter } from './event-writer.js';
import { findLastSequence } from './last-sequence.js';
import { LeaseKeeper, type RunningCast } from './lease-keeper.js';
import { chargeMicros } from './charge.js';
import { placeOutput, toResult } from './result.js';
import type { CastSettlements, Settlement } from './settle-casts.js';
import { settleWhileLeased } from './settle-while-leased.js';
import { runLimits, runMode } from './run-identity.js';
import { runTerms } from './run-terms.js';
import { Slots } from './slots.js';

/** The pub/sub channel that carries the ids of casts to stop. */
export const CANCEL_CHANNEL = 'casts-cancel';

// How long a stopping worker lets short casts end by themselves; longer ones are begun again elsewhere.
const DRAIN_MS = 2_000;
const DRAIN_LOOK_MS = 20;
// Far more than a batch of settlements takes; when so many wait for PostgreSQL, it has enough to do.
const SETTLING_MAX = 256;
const SETTLING_BYTES_MAX = 32 * 1024 * 1024;

export interface CastWorkerDeps {
  database: DataSource;
  blobs: BlobStore;
  streams: EventStreams;
  pubsub: PubSub;
  sandbox: SandboxPool;
  versions: VersionResolver;
  settlements: CastSettlements;
  clock: Clock;
  logger: Logger;
  metrics: CastMetrics;
  attemptsMax: number;
  /** How many casts the sandbox runs at the same time. */
  sandboxes: number;
}

/** Runs casts: claims, feeds the sandbox, writes events, settles. The queue only says which row to look at. */
export class CastWorker {
  readonly #deps: CastWorkerDeps;
  readonly #workerId: string;
  readonly #running = new Map<string, RunningCast>();
  readonly #claims: CastClaims;
  readonly #slots: Slots;
  readonly #ahead: ClaimAhead;
  readonly #leases: LeaseKeeper;
  #settling = 0;
  #settlingBytes = 0;
  #isStopping = false;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: CastWorkerDeps) {
    this.#deps = deps;
    this.#workerId = `${hostname()}/${process.pid}/${newId(deps.clock)}`;
    this.#claims = new CastClaims({ ...deps, workerId: this.#workerId });
    this.#slots = new Slots(deps.sandboxes);
    this.#ahead = new ClaimAhead(deps.sandboxes);
    this.#leases = new LeaseKeeper({ ...deps, running: this.#running, ahead: this.#ahead });
  }

  /** What stands in the rows of the casts it has in hand. */
  get id(): string {
    return this.#workerId;
  }

  /** How many casts this worker wants in hand now; more are taken while they are short. */
  get castsInHand(): number {
    return this.#ahead.castsInHand;
  }

  /**
   * The same for what is accepted in this process. Casts that have run and are being settled keep nobody from the sandboxes, so
   * they come on top of these, as far as their outputs can be held.
   */
  get ownCastsInHand(): number {
    const settling = this.#settlingBytes > SETTLING_BYTES_MAX ? 0 : Math.min(this.#settling, SETTLING_MAX);
    return this.#ahead.ownCastsInHand + settling;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#deps.pubsub.subscribe(CANCEL_CHANNEL, (id) =>
      this.#running.get(id)?.cancel.abort(),
    );
    this.#leases.start();
  }

  /** Waits a while for what runs, then gives the rest back. The caller has stopped the jobs before, and stops the sandbox after. */
  async stop(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_MS;
    while (this.#running.size > 0 && performance.now() < deadlineMs) await delay(DRAIN_LOOK_MS);
    this.#isStopping = true;
    this.#leases.stop();
    this.#unsubscribe();
    const rest = [...this.#running];
    await Promise.all(rest.map(([id, cast]) => giveUpLease(this.#deps.database, id, cast.attempt)));
  }

  /**
   * Runs the cast if it may be claimed, or as it was given into this worker's hands when it was accepted. Never throws:
   * what failed here is found by the sweep.
   */
  async run(castId: string, inHand: ClaimedCast | null = null): Promise<void> {
    let claim = inHand;
    let ownAttempt: number | null = null;
    let lostBecause: string | null = null;
    try {
      for (;;) {
        claim ??= await this.#claims.claim({ id: castId, ownAttempt });
        if (claim === null) break;
        const lost = await this.#runAttempt(claim, lostBecause);
        if (lost === null) return;
        ownAttempt = claim.attempts;
        lostBecause = lost;
        claim = null;
      }
    } catch (error) {
      this.#deps.logger.error({ castId, error: errorText(error) }, 'cast attempt broke off');
    }
  }

  /** Answers why the sandbox was lost, or null when the attempt is over for this worker. */
  async #runAttempt(claim: ClaimedCast, lostBecause: string | null): Promise<string | null> {
    const events = new EventWriter({
      ...this.#deps,
      castId: claim.id,
      attempt: claim.attempts,
      lastSequence:
        claim.attempts === 1 ? claim.lastSequence : await findLastSequence(this.#deps.streams, claim),
    });
    const running: RunningCast = {
      attempt: claim.attempts,
      events,
      cancel: new AbortController(),
      claimedAtMs: performance.now(),
      begunAtMs: null,
      inputDigest: null,
      renewedAtMs: performance.now(),
      isFenced: false,
    };
    // A stall longer than the lease can bring this worker its own cast again; the older attempt is over then.
    this.#running.get(claim.id)?.cancel.abort();
    this.#running.set(claim.id, running);
    try {
      if (claim.attempts > 1) events.retried(lostBecause ?? 'the worker of the last attempt was lost');
      const version = await this.#deps.versions.byId(claim.spellVersionId);
      const output: Buffer[] = [];
      const outcome = await this.#runInTurn(claim, version, running, output);
      if (outcome.kind === 'lost' && !running.isFenced && !this.#isStopping) {
        this.#deps.metrics.attempts.inc({ outcome: 'lost' });
        // The next attempt writes to the same stream, and Redis refuses what comes out of order.
        await events.flush();
        return outcome.message;
      }
      if (outcome.kind !== 'lost') {
        const bytes = Buffer.concat(output);
        this.#settling += 1;
        this.#settlingBytes += bytes.length;
        await this.#settle(claim, version, running, outcome, bytes).finally(() => {
          this.#settling -= 1;
          this.#settlingBytes -= bytes.length;
        });
      }
      return null;
    } finally {
      events.giveUp();
      if (this.#running.get(claim.id) === running) this.#running.delete(claim.id);
    }
  }

  /** Waits for a sandbox to be free. Who is cancelled meanwhile never begins. */
  async #runInTurn(
    claim: ClaimedCast,
    version: ResolvedVersion,
    running: RunningCast,
    output: Buffer[],
  ): Promise<SandboxOutcome> {
    if (!(await this.#slots.take(running.cancel.signal))) return NOT_BEGUN;
    try {
      running.begunAtMs = performance.now();
      running.events.started();
      const outcome = await this.#runSandbox(claim, version, running, output).catch(refuseChangedModule);
      this.#ahead.observe(outcome.durationMs);
      return outcome;
    } finally {
      this.#slots.giveBack();
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
    const limits = runLimits(manifest, claim.limits);
    const input = claim.input ?? (await readInput(this.#deps.database, claim.id));
    running.inputDigest = sha256(input);
    return sandbox.run({
      moduleDigest: preparedDigest,
      loadModule: () => blobs.get(preparedDigest),
      ...(hasResources
        ? { resourcesDigest: packageDigest, loadResources: () => readResources(blobs, version.version) }
        : {}),
      input,
      args: declaredArguments(manifest),
      env: declaredEnvironment(manifest, claim.id),
      limits,
      trees: temporaryTrees(limits.maxTmpBytes),
      mode: runMode(manifest),
      clockStartNs: CLOCK_START_NS,
      randomSeed: seedOf(version.version.moduleDigest, running.inputDigest),
      onOutput: (chunk) => {
        output.push(chunk);
        running.events.output(chunk);
      },
      onLog: (chunk) => running.events.log(chunk),
      needsFreshProcess: claim.attempts > 1,
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
    const { blobs, clock, logger, metrics } = this.#deps;
    if (running.isFenced) {
      metrics.attempts.inc({ outcome: 'fenced' });
      return;
    }
    const { manifest } = version.version;
    const inputDigest =
      running.inputDigest ?? sha256(claim.input ?? (await readInput(this.#deps.database, claim.id)));
    const result = await toResult(manifest.io.output_format, outcome, output);
    // A sandbox process is not trusted with the bill: what it says is held to what was reserved.
    const fuelUsed = clampFuel(outcome.fuelUsed, claim.limits.maxFuel);
    // Every event of the attempt is readable before the cast is final, so no watcher can miss one.
    const [placed] = await Promise.all([placeOutput(blobs, result.output), running.events.flush()]);
    const settlement: Settlement = {
      id: claim.id,
      accountId: claim.accountId,
      attempt: claim.attempts,
      from: 'RUNNING',
      status: result.status,
      finishedAt: clock.now(),
      terms: runTerms(version.version, { ...claim, inputDigest }),
      inputDigest: running.inputDigest,
      ...placed,
      error: result.error,
      exitCode: result.exitCode,
      fuelUsed,
      memoryPeakBytes: outcome.memoryPeakBytes,
      durationMs: Math.round(outcome.durationMs),
      costMicros: chargeMicros(manifest.pricing, claim.limits.maxFuel, result, fuelUsed),
      finalSequence: running.events.lastSequence + 1,
    };
    const stands = await settleWhileLeased(this.#deps, running, () => this.#isStopping, settlement);
    metrics.attempts.inc({ outcome: stands ? 'settled' : 'fenced' });
    if (!stands) return;
    metrics.settled.inc({ status: result.status, code: result.error?.code ?? '' });
    metrics.runSeconds.observe(outcome.durationMs / 1_000);
    metrics.secondsToFinal.observe((settlement.finishedAt.getTime() - claim.queuedAt.getTime()) / 1_000);
    this.#announceFinal(running, claim, settlement);
    const { id: castId, accountId } = claim;
    const { status, durationMs } = settlement;
    logger.info(
      { castId, accountId, operation: 'cast', status, code: result.error?.code, durationMs },
      'cast settled',
    );
  }

  /** The final event is a courtesy by now: whoever misses it reads the final state from PostgreSQL. */
  #announceFinal(running: RunningCast, claim: ClaimedCast, settlement: Settlement): void {
    const ending = endingOf(settlement, claim.startedAt);
    const event = finishedEvent({ ...settlement, attempts: claim.attempts }, ending);
    const keptMs = (settlement.outputBytes ?? 0) > LARGE_EVENTS_BYTES ? LARGE_EVENTS_KEPT_MS : EVENTS_KEPT_MS;
    running.events
      .finish(event, keptMs)
      .catch((error: unknown) =>
        this.#deps.logger.warn({ castId: claim.id, error: errorText(error) }, 'final event not announced'),
      );
  }
}

function clampFuel(fuelUsed: bigint | null, maxFuel: bigint): bigint | null {
  if (fuelUsed === null) return null;
  return fuelUsed < 0n ? 0n : fuelUsed > maxFuel ? maxFuel : fuelUsed;
}

const NOT_BEGUN: SandboxOutcome = {
  kind: 'canceled',
  fuelUsed: null,
  memoryPeakBytes: 0,
  durationMs: 0,
};

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
