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
