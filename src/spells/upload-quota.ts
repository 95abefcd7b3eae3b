import { AppError, Places, queryRows, type DataSource } from '../platform/index.js';

// Sixteen packages of the largest size: a maker publishes what was uploaded, and it stops counting.
const WAITING_BYTES_MAX = 1024 * 1024 * 1024;
// What is on its way is not counted yet, so it is only a few at a time that may go over.
const AT_ONCE_MAX = 4;
const TRY_AGAIN_S = 5;

/** What lies here for an account without being published, so that nobody fills the disk with uploads. */
export class UploadQuota {
  readonly #database: DataSource;
  readonly #places = new Places(AT_ONCE_MAX);

  constructor(database: DataSource) {
    this.#database = database;
  }

  /** Does the work of one upload if the account has room for it. */
  async take<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    const leave = this.#places.take(accountId);
    if (leave === null) {
      throw new AppError('RATE_LIMITED', `at most ${AT_ONCE_MAX} uploads at once, try again`, {
        retryAfterSeconds: TRY_AGAIN_S,
      });
    }
    try {
      await this.#requireRoom(accountId);
      return await work();
    } finally {
      leave();
    }
  }

  async #requireRoom(accountId: string): Promise<void> {
    const [row] = await queryRows<{ bytes: string }>(
      this.#database,
      `SELECT coalesce(sum(size_bytes), 0) AS bytes FROM uploads AS u
        WHERE account_id = $1 AND NOT EXISTS (SELECT 1 FROM spell_versions AS v WHERE v.package_digest = u.digest)`,
      [accountId],
    );
    if (Number(row?.bytes) < WAITING_BYTES_MAX) return;
    const text = `uploads that wait to be published take ${row?.bytes} bytes, the most is ${WAITING_BYTES_MAX}`;
    throw new AppError('PAYLOAD_TOO_LARGE', `${text}: publish some, or wait a day until they are dropped`);
  }
}
