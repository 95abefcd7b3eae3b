import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAccount } from './accounts/index.js';
import { startApp, type RunningApp } from './app.js';
import type { Config, ServerConfig } from './config.js';
import { lockFolder } from './folder-lock.js';
import { issueApiKey } from './keys/index.js';
import { formatVerifierKey, noteSigner } from './ledger/index.js';
import { startEmbeddedPostgres, startEmbeddedRedis } from './platform/index.js';

export interface LocalApp extends RunningApp {
  apiKey: string;
  /** How to use it, for the terminal. */
  help: string;
}

interface LocalOptions {
  /** Told what happens, a line at a time. */
  say(line: string): void;
  /** Whether the example spells are there from the start. */
  publishesExamples: boolean;
  /** Breaks the start off and undoes what there is of it. */
  signal?: AbortSignal;
}

const CONNECTIONS_MAX = 100;
const LOGIN = 'local';
const EXAMPLES = fileURLToPath(new URL('../../spells/', import.meta.url));

/** The whole platform on one machine: databases, API and worker, an account with a key, the example spells. */
export async function startLocal(config: Config, options: LocalOptions): Promise<LocalApp> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    await mkdir(config.dataDir, { recursive: true });
    closers.push(await lockFolder(config.dataDir));
    const databaseUrl = config.databaseUrl ?? (await startPostgres(config, options, closers));
    const redisUrl = config.redisUrl ?? (await startRedis(config, options, closers));
    const keys = await keepKeys(config);
    options.signal?.throwIfAborted();
    const app = await startApp({ ...config, databaseUrl, redisUrl, ...keys }, ['api', 'worker']);
    closers.push(() => app.stop());
    options.signal?.throwIfAborted();
    const apiKey = await keepApiKey(config.dataDir, app);
    if (options.publishesExamples) await publishExamples(app.url, apiKey, options.signal);
    await writeLocalFile(config.dataDir, app.url, apiKey);
    await writeVerifierKeys(config.dataDir, keys);
    return { ...app, apiKey, stop, help: describe(app.url, apiKey) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPostgres(
  config: Config,
  options: LocalOptions,
  closers: (() => Promise<void>)[],
): Promise<string> {
  const folder = join(config.dataDir, 'postgres');
  const postgres = await startEmbeddedPostgres({
    folder,
    isDurable: true,
    connectionsMax: CONNECTIONS_MAX,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  closers.push(() => postgres.stop());
  options.say(`PostgreSQL  ${postgres.url.replace(/:[^:@/]+@/, ':…@')}`);
  return postgres.url;
}

async function startRedis(
  config: Config,
  options: LocalOptions,
  closers: (() => Promise<void>)[],
): Promise<string> {
  const redis = await startEmbeddedRedis(join(config.dataDir, 'redis'), config.searchPath, options.signal);
  closers.push(() => redis.stop());
  options.say(`Redis       ${redis.url}  ${redis.description}`);
  return redis.url;
}

/** Replaces a file in one step: a kill in the middle leaves the old one, never half of the new. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const LOCAL_ORIGIN = 'spell.local/v1/ledger';

/** Made once: download addresses stay valid over a restart, the ledger goes on, and what it sealed can be opened. */
async function keepKeys(
  config: Config,
): Promise<Pick<ServerConfig, 'linkKey' | 'ledgerOrigin' | 'ledgerSigningKeys' | 'ledgerMasterKey'>> {
  const { dataDir } = config;
  return {
    linkKey: config.linkKey ?? (await keepKey(dataDir, 'link-key')),
    ledgerOrigin: config.ledgerOrigin ?? LOCAL_ORIGIN,
    ledgerSigningKeys: config.ledgerSigningKeys ?? [await keepKey(dataDir, 'ledger-signing-key')],
    ledgerMasterKey: config.ledgerMasterKey ?? (await keepKey(dataDir, 'ledger-master-key')),
  };
}

async function keepKey(dataDir: string, name: string): Promise<Buffer> {
  const path = join(dataDir, name);
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}\s*$/.test(known)) return Buffer.from(known.trim(), 'hex');
  const key = randomBytes(32);
  await writeWhole(path, `${key.toString('hex')}\n`);
  return key;
}

/** The key of the last start if it still works, else a new one of the same account. */
async function keepApiKey(dataDir: string, app: RunningApp): Promise<string> {
  const text = await readFile(join(dataDir, 'local.json'), 'utf8').catch(() => '');
  const [, apiKey] = /"apiKey": "(spell_\w+)"/.exec(text) ?? [];
  if (apiKey !== undefined && (await isAccepted(app.url, apiKey))) return apiKey;
  const account = await openAccount(app, { login: LOGIN });
  const issued = await issueApiKey(app, {
    accountId: account.id,
    name: 'local',
    scopes: ['admin'],
    expiresAt: null,
  });
  return issued.secret;
}

async function isAccepted(url: string, apiKey: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/keys?first=1`, { headers: { authorization: `Bearer ${apiKey}` } });
  return response.ok;
}

/** Publishes the packages below spells/; those that are published already stay as they are. */
async function publishExamples(url: string, apiKey: string, signal: AbortSignal | undefined): Promise<void> {
  const names = await readdir(EXAMPLES).catch(() => []);
  for (const name of names) {
    const tar = await readFile(join(EXAMPLES, name, `${name}.spell.tar`)).catch(() => null);
    if (tar === null) continue;
    const response = await fetch(`${url}/v1/spells`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ package_base64: tar.toString('base64') }),
      ...(signal === undefined ? {} : { signal }),
    });
    // An example that was changed without a new version is a conflict with what is published: the old one stays.
    if (!response.ok && response.status !== 409) throw new Error(`${name}: ${await response.text()}`);
  }
}

async function writeLocalFile(dataDir: string, url: string, apiKey: string): Promise<void> {
  const graphql = `${url}/graphql`;
  const content = { graphql, ws: graphql.replace(/^http/, 'ws'), apiKey };
  await writeWhole(join(dataDir, 'local.json'), `${JSON.stringify(content, null, 2)}\n`);
}

/** The keys that `spell verify` believes on this machine. */
async function writeVerifierKeys(
  dataDir: string,
  { ledgerOrigin, ledgerSigningKeys }: Pick<ServerConfig, 'ledgerOrigin' | 'ledgerSigningKeys'>,
): Promise<void> {
  const keys = ledgerSigningKeys.map((seed) => formatVerifierKey(noteSigner(ledgerOrigin, seed)));
  await writeWhole(join(dataDir, 'ledger.vkey'), `${keys.join('\n')}\n`);
}

function describe(url: string, apiKey: string): string {
  return `
Ready.
  GraphQL   ${url}/graphql     (open it in a browser for a page to try queries; WebSockets on the same address)
  REST      ${url}/v1/openapi.json
  API key   ${apiKey}     (account "${LOGIN}", all scopes; kept in .spell/local.json)

Cast a spell:
  curl -s ${url}/v1/cast -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\
    -d '{"spell_name":"com.spellplatform.primes","payload":{"limit":100}}'

Ctrl-C stops everything; the data stays in .spell/.`;
}
