import { z } from 'zod';

/**
 * The only reader of the environment. Everything is parsed once; all problems are reported together; a variable
 * that begins with SPELL_ and is not known here is a problem too, because a mistyped setting changes nothing.
 */
const wholeNumber = (least: number, most: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))
    .default(fallback);

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    );

const NO_EXTRAS = { search: '', hash: '', username: '' };

const schema = z.object({
  // Where local mode looks for a Redis server.
  PATH: z.string().default(''),
  // Where the API listens.
  PORT: wholeNumber(0, 65_535, 4000),
  SPELL_HOST: z.string().min(1).default('127.0.0.1'),
  // What clients see in download addresses; made from host and port when absent, which needs a host that has an address.
  SPELL_PUBLIC_URL: url('http:', 'https:')
    .refine((text) => {
      const { search, hash, username } = URL.canParse(text) ? new URL(text) : NO_EXTRAS;
      return search === '' && hash === '' && username === '' && !/[?#]/.test(text);
    }, 'must have no query, no fragment and no user: paths are appended to it')
    .optional(),
  // Browser origins that may call the API and open sockets, separated by commas. The API's own origin always may.
  SPELL_ALLOWED_ORIGINS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((origin) => origin.trim())
        .filter((origin) => origin !== ''),
    )
    .pipe(
      z.array(
        z
          .string()
          .refine(
            (text) => URL.canParse(text) && new URL(text).origin === text,
            'must be origins like https://app.example.com, separated by commas',
          ),
      ),
    ),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  REDIS_URL: url('redis:', 'rediss:').optional(),
  SPELL_REDIS_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 lower-case letters, digits and hyphens')
    .default('spell'),
  SPELL_DATABASE_POOL: wholeNumber(2, 200, 10),
  // Where blobs are kept, and in local mode also the databases.
  SPELL_DATA_DIR: z.string().min(1).default('.spell'),
  // Signs download addresses: 64 hex digits. Made at first start in local mode.
  SPELL_LINK_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits (32 random bytes)')
    .optional(),
  // The name of the ledger, for ever the first line of its checkpoints: its address without https://, as in
  // spell.example.com/v1/ledger.
  SPELL_LEDGER_ORIGIN: z
    .string()
    .regex(/^[^\s+\p{Cc}]{1,200}$/u, 'must be 1 to 200 characters, no spaces and no plus signs')
    .optional(),
  // Ed25519 seeds that sign checkpoints: 64 hex digits each, separated by commas; two during a rotation. Made at first
  // start in local mode.
  SPELL_LEDGER_SIGNING_KEYS: z
    .string()
    .regex(
      /^[0-9a-f]{64}(,[0-9a-f]{64}){0,3}$/,
      'must be 1 to 4 keys of 64 hex digits (32 random bytes), separated by commas',
    )
    .transform((text) => text.split(',').map((key) => Buffer.from(key, 'hex')))
    .optional(),
  // Ledger keys that sign no more, as verifiers know them: <name>+<id>+<base64> each, separated by commas.
  SPELL_LEDGER_RETIRED_KEYS: z
    .string()
    .regex(
      /^([^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}(,[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44})*)?$/,
      'must be verifier keys, <name>+<8 hex digits>+<base64>, separated by commas',
    )
    // A name may hold a comma, the rest of a key cannot: a key ends after its base64.
    .transform((text) => text.match(/[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}/g) ?? [])
    .transform((keys) => keys.map((key) => key.replace(/^,/, '')))
    .default([]),
  // Wraps the keys under which people's content in the ledger is sealed: 64 hex digits. Made at first start in local mode.
  SPELL_LEDGER_MASTER_KEY: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits (32 random bytes)')
    .optional(),
  // Sandbox processes of a worker. More than one per core gain nothing for casts that compute.
  SPELL_SANDBOXES: wholeNumber(1, 256, 2),
  // Connections that one API process holds open; sockets and streams are nine tenths of them at most.
  SPELL_CONNECTIONS_MAX: wholeNumber(10, 1_000_000, 10_000),
  // Casts that one account may request per second from one API process.
  SPELL_CASTS_PER_SECOND: wholeNumber(1, 100_000, 5_000),
  // How long an idempotency key answers with the cast it made.
  SPELL_IDEMPOTENCY_DAYS: wholeNumber(1, 3_650, 30),
  // Lets webhooks go to http and to addresses that are not public: for tests and networks of one's own only.
  SPELL_WEBHOOK_ALLOW_PRIVATE: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
  // How often a cast may be begun before it fails with WORKER_LOST.
  SPELL_ATTEMPTS_MAX: wholeNumber(1, 10, 3),
  SPELL_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

export interface Config {
  searchPath: string;
  port: number;
  host: string;
  publicUrl: string | null;
  allowedOrigins: string[];
  databaseUrl: string | null;
  redisUrl: string | null;
  redisPrefix: string;
  databasePool: number;
  dataDir: string;
  linkKey: Buffer | null;
  ledgerOrigin: string | null;
  ledgerSigningKeys: Buffer[] | null;
  ledgerRetiredKeys: string[];
  ledgerMasterKey: Buffer | null;
  sandboxes: number;
  connectionsMax: number;
  castsPerSecond: number;
  idempotencyDays: number;
  allowPrivateWebhooks: boolean;
  attemptsMax: number;
  logLevel: string;
}

/** A configuration in which everything that a process of its own needs is present. */
export type ServerConfig = Config & {
  databaseUrl: string;
  redisUrl: string;
  linkKey: Buffer;
  ledgerOrigin: string;
  ledgerSigningKeys: Buffer[];
  ledgerMasterKey: Buffer;
};

export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(`the environment is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Environment = Record<string, string | undefined>;

export function readConfig(environment: Environment = process.env): Config {
  const parsed = schema.safeParse(environment);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  problems.push(...unknownVariables(environment));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const values = parsed.data;
  return {
    searchPath: values.PATH,
    port: values.PORT,
    host: values.SPELL_HOST,
    publicUrl: values.SPELL_PUBLIC_URL?.replace(/\/$/, '') ?? null,
    allowedOrigins: values.SPELL_ALLOWED_ORIGINS,
    databaseUrl: values.DATABASE_URL ?? null,
    redisUrl: values.REDIS_URL ?? null,
    redisPrefix: values.SPELL_REDIS_PREFIX,
    databasePool: values.SPELL_DATABASE_POOL,
    dataDir: values.SPELL_DATA_DIR,
    linkKey: values.SPELL_LINK_KEY === undefined ? null : Buffer.from(values.SPELL_LINK_KEY, 'hex'),
    ledgerOrigin: values.SPELL_LEDGER_ORIGIN ?? null,
    ledgerSigningKeys: values.SPELL_LEDGER_SIGNING_KEYS ?? null,
    ledgerRetiredKeys: values.SPELL_LEDGER_RETIRED_KEYS,
    ledgerMasterKey:
      values.SPELL_LEDGER_MASTER_KEY === undefined
        ? null
        : Buffer.from(values.SPELL_LEDGER_MASTER_KEY, 'hex'),
    sandboxes: values.SPELL_SANDBOXES,
    connectionsMax: values.SPELL_CONNECTIONS_MAX,
    castsPerSecond: values.SPELL_CASTS_PER_SECOND,
    idempotencyDays: values.SPELL_IDEMPOTENCY_DAYS,
    allowPrivateWebhooks: values.SPELL_WEBHOOK_ALLOW_PRIVATE,
    attemptsMax: values.SPELL_ATTEMPTS_MAX,
    logLevel: values.SPELL_LOG_LEVEL,
  };
}

const NEEDED_BY_SERVERS = [
  'DATABASE_URL',
  'REDIS_URL',
  'SPELL_LINK_KEY',
  'SPELL_LEDGER_ORIGIN',
  'SPELL_LEDGER_SIGNING_KEYS',
  'SPELL_LEDGER_MASTER_KEY',
];

function isServerConfig(config: Config): config is ServerConfig {
  const { databaseUrl, redisUrl, linkKey, ledgerOrigin, ledgerSigningKeys, ledgerMasterKey } = config;
  return ![databaseUrl, redisUrl, linkKey, ledgerOrigin, ledgerSigningKeys, ledgerMasterKey].includes(null);
}

// They listen everywhere and are no address: a link made of them leads nowhere.
const WILDCARD_HOSTS = new Set(['0.0.0.0', '::', '[::]', '0', '*']);

/** For `api` and `worker`, which bring no services of their own. */
export function readServerConfig(environment: Environment = process.env): ServerConfig {
  const missing = NEEDED_BY_SERVERS.filter((name) => environment[name] === undefined);
  const absent = missing.map((name) => `${name}: is needed`);
  const host = environment['SPELL_HOST'] ?? '';
  if (WILDCARD_HOSTS.has(host) && environment['SPELL_PUBLIC_URL'] === undefined)
    absent.push(`SPELL_PUBLIC_URL: is needed, because SPELL_HOST ${host} is not an address for links`);
  try {
    const config = readConfig(environment);
    if (!isServerConfig(config) || absent.length > 0) throw new ConfigError(absent);
    return config;
  } catch (error) {
    if (error instanceof ConfigError && error.problems !== absent)
      throw new ConfigError([...absent, ...error.problems]);
    throw error;
  }
}

function unknownVariables(environment: Environment): string[] {
  const known = new Set(Object.keys(schema.shape));
  const unknown = Object.keys(environment).filter((name) => name.startsWith('SPELL_') && !known.has(name));
  return unknown.map((name) => `${name}: is not a setting of this program`);
}
