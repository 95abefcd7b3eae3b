import { AppError, queryRows, type DataSource } from '../platform/index.js';
import type { SecretDigests } from './secret-digests.js';
import { verifySecret } from './secret-hash.js';

// Each waits for one Argon2 computation of those before it, some 30 ms; beyond this nobody wants to wait.
const WAITING_MAX = 100;

interface StoredSecret {
  id: string;
  secret_hash: string;
  secret_digest: Buffer | null;
}

/** Says whether a secret is that of a key: by the digest when it is wrong, by Argon2id when it may be right. */
export class SecretProver {
  readonly #database: DataSource;
  readonly #digests: SecretDigests;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(database: DataSource, digests: SecretDigests) {
    this.#database = database;
    this.#digests = digests;
  }

  /** Is it wrong, as far as can be said at once? The work is the same whether the key exists or not. */
  isWrong(secret: string, key: StoredSecret | undefined): boolean {
    return this.#digests.compare(secret, key?.secret_digest ?? null) === 'wrong' || key === undefined;
  }

  async isRight(secret: string, key: StoredSecret): Promise<boolean> {
    const verdict = this.#digests.compare(secret, key.secret_digest);
    if (verdict !== 'unknown') return verdict === 'right' && verifySecret(secret, key.secret_hash);
    const isRight = await this.#inTurn(() => verifySecret(secret, key.secret_hash));
    if (isRight) await this.#keepDigest(secret, key);
    return isRight;
  }

  /**
   * Keys without a digest are guessed at one after the other: whoever floods one of them keeps one thread busy, and its
   * owner waits but is not locked out.
   */
  async #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    if (this.#waiting >= WAITING_MAX) throw new AppError('UNAVAILABLE', 'too much is waiting, try again');
    this.#waiting += 1;
    const mine = this.#last.then(work).finally(() => (this.#waiting -= 1));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #keepDigest(secret: string, key: StoredSecret): Promise<void> {
    // Nothing is lost when this fails: the next first use tries again.
    await queryRows(this.#database, 'UPDATE api_keys SET secret_digest = $2 WHERE id = $1', [
      key.id,
      this.#digests.of(secret),
    ]).catch(() => undefined);
  }
}
