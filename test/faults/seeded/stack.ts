import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrations } from '../../../migrations/index.js';
import { entities } from '../../../src/app.js';
import { SecretDigests } from '../../../src/keys/index.js';
import { PersonKeys, type LedgerDeps } from '../../../src/ledger/index.js';
import {
  connectPostgres,
  createLogger,
  migrate,
  systemClock,
  type DataSource,
} from '../../../src/platform/index.js';
import { ApiClient } from '../../support/client.js';
import type { ProcessRole, spawnProcess } from '../../support/processes.js';
import { Seed } from '../../support/seed.js';
import { delay, guestsOf, type OwnRedis } from '../support.js';
import type { KillablePostgres } from './killable-postgres.js';
import type { Fault } from './plan.js';
import { SupervisedProcess } from './supervised-process.js';

interface StackOptions {
  postgres: KillablePostgres;
  redis: OwnRedis;
  spawn: typeof spawnProcess;
}

/** When what Redis held was lost: from the moment before the kill. */
export interface Loss {
  atMs: number;
}

const SANDBOXES_PER_WORKER = '2';

/** Two APIs, two workers, a PostgreSQL and a Redis, all of which can be killed and come back. */
export class Stack {
  readonly database: DataSource;
  readonly seed: Seed;
  readonly ledger: LedgerDeps;
  readonly apis: readonly SupervisedProcess[];
  readonly workers: readonly SupervisedProcess[];
  readonly redisLosses: Loss[] = [];
  readonly #options: StackOptions;
  readonly #dataDir: string;
  // Resolves when the server that is down now, and those that go down after it, are back.
  #allBack: Promise<void> = Promise.resolve();

  readonly #removeData = () => rmSync(this.#dataDir, { recursive: true, force: true });

  private constructor(options: StackOptions, database: DataSource, dataDir: string) {
    this.#options = options;
    this.#dataDir = dataDir;
    process.once('exit', this.#removeData);
    this.database = database;
    const [masterKey, linkKey] = [randomBytes(32), randomBytes(32)];
    this.ledger = {
      database,
      clock: systemClock,
      people: new PersonKeys({ masterKey, clock: systemClock }),
      logger: createLogger({ level: 'error', name: 'check' }),
    };
    const environment = {
      DATABASE_URL: options.postgres.url,
      REDIS_URL: options.redis.url,
      SPELL_DATA_DIR: dataDir,
      SPELL_LINK_KEY: linkKey.toString('hex'),
      SPELL_LEDGER_ORIGIN: 'ledger.test',
      SPELL_LEDGER_SIGNING_KEYS: randomBytes(32).toString('hex'),
      SPELL_LEDGER_MASTER_KEY: masterKey.toString('hex'),
      SPELL_SANDBOXES: SANDBOXES_PER_WORKER,
    };
    const supervise = (role: ProcessRole, name: string) =>
      new SupervisedProcess({ name, role, environment, spawn: options.spawn });
    // The second runs what it accepts itself, as far as it has places, so what is killed with it is also casts in hand.
    this.apis = [supervise('api', 'api-1'), supervise('single', 'single-1')];
    this.workers = [supervise('worker', 'worker-1'), supervise('worker', 'worker-2')];
    this.seed = new Seed({
      database,
      clock: systemClock,
      digests: new SecretDigests(linkKey),
      client: (key) => new ApiClient(this.urlOf(0), key ?? null),
    });
  }

  static async start(options: StackOptions): Promise<Stack> {
    const database = await connectPostgres({
      url: options.postgres.url,
      poolSize: 5,
      entities,
      migrations,
      applicationName: 'faults',
    });
    await migrate(database);
    const dataDir = await mkdtemp(join(tmpdir(), 'spell-faults-data-'));
    const stack = new Stack(options, database, dataDir);
    await stack.isWhole();
    return stack;
  }

  get processes(): SupervisedProcess[] {
    return [...this.apis, ...this.workers];
  }

  /** The address of an API: the one asked for, or another while that one is down. */
  urlOf(preferred: number): string {
    const order = [...this.apis.slice(preferred % this.apis.length), ...this.apis];
    // Port 9 is nobody's: what happens when all are down is a refused connection.
    return order.find(({ url }) => url !== null)?.url ?? 'http://127.0.0.1:9';
  }

  /** Resolves when every process and server is up at the same time. */
  async isWhole(): Promise<void> {
    let back: Promise<void>;
    do {
      back = this.#allBack;
      await back;
    } while (back !== this.#allBack);
    await Promise.all(this.processes.map((process) => process.isUp()));
  }

  /** Answers in words what was done. */
  async strike(fault: Fault): Promise<string> {
    switch (fault.kind) {
      case 'api':
        return this.#takeDown(this.apis, fault, 'SIGKILL');
      case 'worker':
        return this.#takeDown(this.workers, fault, 'SIGKILL');
      case 'stop-worker':
        return this.#takeDown(this.workers, fault, 'SIGTERM');
      case 'pause-worker':
        return this.#pause(fault);
      case 'sandbox':
        return this.#killSandbox(fault);
      case 'redis':
        this.redisLosses.push({ atMs: Date.now() });
        await this.#bounce(this.#options.redis, fault);
        return `Redis killed, all of it lost, back after ${fault.downMs} ms`;
      case 'postgres':
        await this.#bounce(this.#options.postgres, fault);
        return `PostgreSQL killed, started again after ${fault.downMs} ms`;
    }
  }

  /** Ends everything. Never throws: each part is ended, whatever happened to the others. */
  async end(): Promise<void> {
    await Promise.allSettled(this.processes.map((process) => process.end()));
    await this.#allBack;
    await this.database.destroy().catch(() => undefined);
    process.off('exit', this.#removeData);
    this.#removeData();
  }

  async #takeDown(
    among: readonly SupervisedProcess[],
    fault: Fault,
    signal: 'SIGKILL' | 'SIGTERM',
  ): Promise<string> {
    const victim = among[fault.which % among.length];
    if (victim === undefined) throw new Error('nobody to take down');
    const { name, pid } = victim;
    const wasUp = await victim.takeDown(signal, fault.downMs);
    if (!wasUp) return `${name} was down already`;
    return `${name} (process ${pid}) ${signal}, started again after ${fault.downMs} ms`;
  }

  #pause(fault: Fault): string {
    const victim = this.workers[fault.which % this.workers.length];
    if (victim?.pause(fault.downMs) !== true) return `${victim?.name} was down already`;
    return `${victim.name} (process ${victim.pid}) paused for ${fault.downMs} ms`;
  }

  async #killSandbox(fault: Fault): Promise<string> {
    const owner = this.workers[fault.which % this.workers.length];
    const guests = owner?.pid ? await guestsOf(owner.pid) : [];
    const victim = guests[fault.which % Math.max(1, guests.length)];
    if (owner === undefined || victim === undefined) return `no sandbox of ${owner?.name} to kill`;
    try {
      process.kill(victim, 'SIGKILL');
      return `sandbox ${victim} of ${owner.name} killed`;
    } catch {
      return `sandbox ${victim} of ${owner.name} had just ended`;
    }
  }

  /** One after the other, in the order of the faults: what is down cannot be killed, and comes back once. */
  async #bounce(server: { kill(): Promise<void>; start(): Promise<void> }, fault: Fault): Promise<void> {
    const back = this.#allBack.then(() => takeDownAndBack(server, fault.downMs));
    this.#allBack = back.catch(() => undefined);
    await back;
  }
}

async function takeDownAndBack(
  server: { kill(): Promise<void>; start(): Promise<void> },
  downMs: number,
): Promise<void> {
  await server.kill();
  await delay(downMs);
  await server.start();
}
