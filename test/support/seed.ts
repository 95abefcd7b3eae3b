import { randomBytes } from 'node:crypto';
import { openAccount, type Scope } from '../../src/accounts/index.js';
import { issueApiKey, type SecretDigests } from '../../src/keys/index.js';
import type { Clock, DataSource } from '../../src/platform/index.js';
import { ApiClient } from './client.js';
import { PublishSpellDocument } from './gql/graphql.js';
import { buildPackage, type PackageOptions } from './packages.js';

interface SeedDeps {
  database: DataSource;
  clock: Clock;
  digests: SecretDigests;
  client: (apiKey?: string) => ApiClient;
}

export interface SeededAccount {
  accountId: string;
  apiKey: string;
  keyPrefix: string;
  client: ApiClient;
}

/** Makes what a test starts from: accounts with keys through the operations, spells through the API. */
export class Seed {
  readonly #deps: SeedDeps;

  constructor(deps: SeedDeps) {
    this.#deps = deps;
  }

  /** A new account with one key. */
  async account(scopes: Scope[] = ['admin'], expiresAt: Date | null = null): Promise<SeededAccount> {
    const account = await openAccount(this.#deps, { login: `login-${randomBytes(6).toString('hex')}` });
    return this.key(account.id, scopes, expiresAt);
  }

  /** A further key of an account. */
  async key(accountId: string, scopes: Scope[], expiresAt: Date | null = null): Promise<SeededAccount> {
    const issued = await issueApiKey(this.#deps, { accountId, name: 'seeded', scopes, expiresAt });
    return {
      accountId,
      apiKey: issued.secret,
      keyPrefix: issued.apiKey.prefix,
      client: this.#deps.client(issued.secret),
    };
  }

  /** Publishes a package under a fresh key (or the one given) and answers that key. */
  async spell(maker: SeededAccount, options: PackageOptions): Promise<string> {
    const key = options.key ?? `com.example.seed-${randomBytes(6).toString('hex')}`;
    const packageBase64 = (await buildPackage({ ...options, key })).toString('base64');
    await maker.client.get(PublishSpellDocument, { input: { packageBase64 } });
    return key;
  }
}
