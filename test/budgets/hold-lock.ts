import type { DataSource } from '../../src/platform/index.js';

/** Holds what this statement locks, on a connection of its own, until the answered function is called. */
export async function holdLock(
  database: DataSource,
  sql: string,
  parameters: unknown[],
): Promise<() => Promise<void>> {
  const runner = database.createQueryRunner();
  await runner.startTransaction();
  await runner.query(sql, parameters);
  return async () => {
    await runner.commitTransaction();
    await runner.release();
  };
}

const WAITING = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

const WITHIN_MS = 5_000;

/** Resolves when a session of this database waits for a lock. */
export async function untilSomebodyWaits(database: DataSource): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  while ((await database.query<unknown[]>(WAITING)).length === 0) {
    if (performance.now() > deadlineMs) throw new Error(`nobody waits for a lock within ${WITHIN_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
