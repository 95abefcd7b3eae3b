import {
  DataSource,
  type EntityManager,
  type EntityTarget,
  type MigrationInterface,
  type ObjectLiteral,
} from 'typeorm';

export type { DataSource, EntityManager };

export interface PostgresOptions {
  url: string;
  poolSize: number;
  entities: EntityTarget<ObjectLiteral>[];
  migrations: (new () => MigrationInterface)[];
  applicationName: string;
}

// A statement that runs longer than this is a defect on the way of a cast; it must not hold a pool slot.
const STATEMENT_TIMEOUT_MS = 15_000;
// A caller that cannot get a connection in this time gets UNAVAILABLE instead of waiting without end.
const CONNECT_TIMEOUT_MS = 10_000;

export async function connectPostgres(options: PostgresOptions): Promise<DataSource> {
  const database = new DataSource({
    type: 'postgres',
    url: options.url,
    poolSize: options.poolSize,
    applicationName: options.applicationName,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    entities: options.entities as never[],
    migrations: options.migrations,
    migrationsTransactionMode: 'each',
    synchronize: false,
    extra: {
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    },
  });
  return database.initialize();
}

// Any fixed number: it names "migrating this database" among PostgreSQL's advisory locks.
const MIGRATION_LOCK = 7_113_552;

/** Runs what is missing. Processes that start at the same moment wait for each other. */
export async function migrate(database: DataSource): Promise<void> {
  const runner = database.createQueryRunner();
  await runner.connect();
  try {
    // Waiting for another process's long migration is no slow statement.
    await runner.query('SET statement_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await database.runMigrations();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await runner.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`).catch(() => undefined);
    await runner.release();
  }
}

/**
 * One statement outside any transaction of ours: PostgreSQL commits it whole or not at all, which is
 * the cheapest transaction there is. Rows of an UPDATE or INSERT … RETURNING come back as rows.
 */
export async function queryRows<Row>(
  database: DataSource | EntityManager,
  sql: string,
  parameters: unknown[] = [],
): Promise<Row[]> {
  const result: unknown = await database.query(sql, parameters);
  // TypeORM answers UPDATE and DELETE with [rows, count] and everything else with rows.
  const isPair =
    Array.isArray(result) && result.length === 2 && Array.isArray(result[0]) && typeof result[1] === 'number';
  return (isPair ? (result as [Row[], number])[0] : result) as Row[];
}

/**
 * Did the statement itself fail, for its data or in a deadlock, so that it is certain that nothing of it was done? An error of the
 * connection is none of these: the commit may have happened, and only its answer is lost.
 */
export function isStatementError(error: unknown): boolean {
  return /^(22|23|P0|40)[0-9A-Z]{3}$/.test(sqlStateOf(error));
}

// A lock that was waited for too long, a circle of waiting, and a change that came first.
const LOST_RACES: ReadonlySet<string> = new Set(['55P03', '40P01', '40001']);

/** Was somebody else in the way, so that the same statement may succeed a moment later? Nothing of it was done. */
export function isLostRace(error: unknown): boolean {
  return LOST_RACES.has(sqlStateOf(error));
}

/** The five characters by which PostgreSQL names what went wrong; empty for anything else. */
function sqlStateOf(error: unknown): string {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: { code?: unknown } };
  const sqlState = driverError?.code ?? code;
  return typeof sqlState === 'string' ? sqlState : '';
}

/** Connections in use, idle and waited for, read from the pool of the driver. */
export function poolUsage(database: DataSource): { total: number; idle: number; waiting: number } {
  const pool = (
    database.driver as unknown as { master: { totalCount: number; idleCount: number; waitingCount: number } }
  ).master;
  return { total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount };
}
